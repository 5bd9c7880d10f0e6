"""A mode as a linear classifier: the constant gradients of its margins.

A *mode* is a pattern of statuses (m, n) - inactive, active, sliding - that is never left.  In it
training is linear: theta' = sum_i l_i g_i with l_i = -loss'(q_i), q_i = <g_i, theta>, and constant
gradients g_i, in which sliding kinks are built in as projections.

`late/modes` has these gradients too, in float64 and in the coordinates of a run, to follow it from
here to there.  What is asked here is where it leads in the end, which a projection of 1e-14 may
decide: so they are fractions of the given doubles wherever that is quick.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from latephase.core.arrays import Floats
from latephase.late.modes.kinks import Kinks
from latephase.late.pattern import SLIDING, gains
from latephase.problem import Dataset, ShallowReLU

from .exact import Vector, fraction, is_small, off_span, rational, rounded

Pattern = NDArray[np.integer]

SEPARATED = 1e-10  # a margin below this share of the longest gradient is rounding
_NOISE = 1e-14  # of a vector: a projection below it is rounding


@dataclass(frozen=True)
class LinearMode:
    """A pattern (m, n) with what it is a pattern of: points (n, k), signs v_j y_i (m, n), gradients
    (n, m, k) of its margins, the negative slope, and which points share their kinks."""

    pattern: Pattern
    points: Floats
    signs: Floats
    gradients: Floats
    slope: float = 0.0
    shared_kinks: Kinks | None = None

    @classmethod
    def of(cls, pattern: Pattern, data: Dataset, network: ShallowReLU) -> LinearMode:
        """The mode of a pattern (m, n) of a network of this kind on its data."""
        points, outer, slope = (
            network.points(data.inputs),
            network.output_weights,
            network.negative_slope,
        )
        gradients = mode_gradients(pattern, points, data.labels, outer, slope)
        kinks = Kinks.of(points, biased=network.biases is not None)
        return cls(pattern, points, np.outer(outer, data.labels), gradients, slope, kinks)

    @property
    def gains(self) -> Floats:
        """What part of each point's pull a neuron feels, (m, n); 0 where it slides."""
        return gains(self.pattern, self.slope)

    @cached_property
    def kinks(self) -> Kinks:
        """Which points share a kink: by default each has its own."""
        return self.shared_kinks or Kinks.of(self.points, biased=True)

    @property
    def flat(self) -> Floats:
        """The gradients (n, m (d + 1))."""
        return np.asarray(self.gradients.reshape(len(self.points), -1))

    def rows(self) -> list[Vector] | None:
        """The gradients as fractions, (n, m (d + 1)); None where that is not quick."""
        if not is_small(self.flat):
            return None
        rows: list[Vector] = [[] for _ in self.points]
        for status, signs, felt_share in zip(self.pattern, self.signs, self.gains, strict=True):
            kinks = self.points[status == SLIDING]
            felt = off_span(self.points, kinks) if len(kinks) else rational(self.points)
            for i, vector in enumerate(felt):
                factor = fraction(signs[i]) * fraction(felt_share[i])
                rows[i] += [factor * x for x in vector]
        return rows

    def on_kinks(self, theta: Floats) -> Floats:
        """theta (m, d + 1) with its sliding pre-activations put at 0, which they chatter around."""
        held = np.array(theta, dtype=np.float64)
        for j in np.flatnonzero((self.pattern == SLIDING).any(axis=1)):
            held[j] = off_kinks(held[[j]], self.points[self.pattern[j] == SLIDING])[0]
        return held


def mode_gradients(
    pattern: Pattern,
    points: Floats,
    labels: NDArray[np.integer],
    output_weights: Floats,
    slope: float = 0.0,
) -> Floats:
    """Gradients g_i (n, m, k) of the margins y_i N(x_i) by theta in a mode.

    pattern (m, n);  points z_i (n, k): (x_i, 1), or x_i without biases;  labels (n,);
    output_weights (m,).  (g_i)_j = gain_ji v_j y_i P_j z_i, gain 1 where active and the slope where
    inactive, where P_j takes off the span of the points at
    whose kinks neuron j slides: Filippov's sliding field [filippov1988].
    """
    pulls = gains(pattern, slope) * np.outer(output_weights, labels)
    gradients: Floats = np.einsum("ji,ic->ijc", pulls, points)
    for j in np.flatnonzero((pattern == SLIDING).any(axis=1)):
        gradients[:, j] = pulls[j, :, None] * off_kinks(points, points[pattern[j] == SLIDING])
    return gradients


def off_kinks(vectors: Floats, kinks: Floats) -> Floats:
    """Vectors (k, d + 1) less their component in the span of the kinks (k, d + 1).

    In rational arithmetic where that is quick: off (1e7, 1) the point (1e7 + 1, 1) keeps 1e-7, and
    off (1e-9, 1) a pre-activation needs a bias that is right to 1e-25.
    """
    if is_small(np.vstack([vectors, kinks])):
        return np.array([rounded(v) for v in off_span(vectors, kinks)])
    basis = span_basis(kinks / np.linalg.norm(kinks, axis=1, keepdims=True))
    found = vectors
    for _ in range(2):  # the second time takes off what rounding left
        found = found - found @ basis @ basis.T
    lost = np.linalg.norm(found, axis=1) <= _NOISE * np.linalg.norm(vectors, axis=1)
    return np.where(lost[:, None], 0.0, found)


def span_basis(rows: Floats) -> Floats:
    """An orthonormal basis (p, r) of the span of rows (k, p)."""
    _, sizes, right = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(right[sizes > SEPARATED * sizes.max(initial=0.0)].T)
