"""Robustness margin on the line, for any number of neurons and many networks at once.

N is piecewise linear with kinks at -b_j / w_j, and may vanish on an interval or a half-line, so
the margin is found from the kinks and not from a formula for the boundary.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from latephase.core.arrays import Bools, Floats
from latephase.core.errors import InputError
from latephase.problem.geometry import two_product, two_sum

from .accurate_sums import cross_product, has_vanished, if_right, is_tame, line_value, rescaled
from .exact.on_line import settled

_DOUBT = 1e-13  # share of its terms below which a sum is done again in rationals


def margin_on_line(
    weights: ArrayLike,
    biases: ArrayLike,
    output_weights: ArrayLike,
    inputs: ArrayLike,
    labels: ArrayLike,
    negative_slope: float = 0.0,
) -> Floats:
    """Robustness margins (...) of shallow networks on the line, in units of x.

    weights (..., m, 1), biases (..., m), output_weights (m,) or (..., m), inputs (n, 1), labels
    (n,).  0 where an input is misclassified or on the boundary, inf where N has no zero.
    Rigour: exact.  A few tens of ulp; networks whose sums cancel, and numbers beyond 1e70 or below
    1e-70, are measured one by one in rational arithmetic.
    Raises InputError for inputs of more than one feature.
    """
    parts = (weights, biases, output_weights, inputs, labels)
    w, b, outer, points, signs = (np.asarray(part, float) for part in parts)
    if points.ndim == 2 and points.shape[1] != 1:
        do = "measure wider inputs with another method"
        raise InputError("inputs with one feature", points, do)
    if w.shape != (*b.shape, 1) or outer.shape not in (b.shape[-1:], b.shape):
        expected = "weights (..., m, 1), biases (..., m) and output weights (m,) or (..., m)"
        raise InputError(expected, (w.shape, b.shape, outer.shape), "reshape them")
    w, points, signs = w[..., 0], points.ravel(), signs.ravel()
    given, (w, b) = (w, b), rescaled(w, b, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        network = _Network(w, b, outer, negative_slope)
        each = [network.margin_at(x, y) for x, y in zip(points, signs, strict=True)]
        doubtful = network.doubtful | ~is_tame(np.concatenate([points, [negative_slope]]))
        doubtful |= ~is_tame(outer, -1) | has_vanished(given, (w, b), -1)
        margins = np.minimum.reduce(each)
    return settled(margins, doubtful, *given, outer, points, signs, negative_slope)


class _Network:
    """N as a piecewise-linear function with its sign at each kink (..., m).

    doubtful (...): where a sum cancelled so far that its sign or its digits may be wrong
    """

    def __init__(self, weights: Floats, biases: Floats, outer: Floats, leak: float) -> None:
        self.weights, self.biases, self.leak = weights, biases, leak
        self.output_weights = outer if outer.ndim == 1 else outer[..., None, :]
        self.steep = (np.abs(weights) * np.abs(outer)).sum(axis=-1)
        self.high = (np.abs(biases) * np.abs(outer)).sum(axis=-1)
        self.doubtful = ~(is_tame(weights, -1) & is_tame(biases, -1))
        self.signs = self._signs_at_kinks()

    def _signs_at_kinks(self) -> Floats:
        """Sign of N at the kink of each neuron (..., m); meaningless for neurons of weight 0.

        At the kink of neuron k, |w_k| times the pre-activation of neuron j is a determinant, whose
        sign float64 decides exactly: kinks that round to the same number are no special case.
        """
        w, b = self.weights, self.biases
        heights = cross_product(w[..., :, None], b[..., None, :], w[..., None, :], b[..., :, None])
        heights *= np.sign(w[..., :, None])
        active = heights > 0
        value = self._sum(active, heights)[0]
        size = np.abs(w) * self.high[..., None] + np.abs(b) * self.steep[..., None]
        self._doubt(value, size, active)
        return np.sign(value)

    def _doubt(self, total: Floats, size: Floats, active: Bools) -> None:
        """Doubt the networks of which a sum (..., k) over active neurons, or all, cancels."""
        close = np.abs(total) <= _DOUBT * size
        if close.any():
            some = (size > 0) if self.leak else active.any(axis=-1)
            close &= (total != 0) | some  # a sum of nothing is 0 for certain
            self.doubtful = self.doubtful | close.any(axis=-1)

    def margin_at(self, x: float, y: float) -> Floats:
        """Distance (...) from x to the zero set, or 0 if N(x) has not the sign y."""
        preactivations = line_value((self.weights, 0.0), (self.biases, 0.0), x)
        active = (preactivations > 0)[..., None, :]
        slope, intercept = self._lines(active)
        output = line_value(slope, intercept, x)
        reach = (self.steep * abs(x) + self.high)[..., None]
        self._doubt(output, reach, active)

        # The kinks in order, and the line of N on each of the m + 1 pieces between them. They are
        # seen from x, where kinks near x are told apart; a neuron of weight 0 has its kink at inf.
        kinks = np.where(self.weights == 0, np.inf, -preactivations / self.weights)
        order = np.argsort(kinks, axis=-1, kind="stable")
        rank = np.argsort(order, axis=-1, kind="stable")[..., None, :]
        piece = np.arange(rank.shape[-1] + 1)[:, None]
        w, b = self.weights[..., None, :], self.biases[..., None, :]
        active = np.where(w > 0, piece > rank, np.where(w < 0, piece <= rank, b > 0))
        slope, intercept = self._lines(active)
        values = line_value(slope, intercept, x)
        self._doubt(slope[0][..., [0, -1]], self.steep[..., None], active[..., [0, -1], :])

        # Signs of N (..., m + 2) at -inf, the kinks and +inf; pieces between opposite ones cross 0.
        far_left = np.where(slope[0] != 0, -np.sign(slope[0]), np.sign(intercept[0]))[..., :1]
        far_right = np.where(slope[0] != 0, np.sign(slope[0]), np.sign(intercept[0]))[..., -1:]
        at_kinks = np.take_along_axis(np.where(self.weights == 0, far_right, self.signs), order, -1)
        left = np.concatenate([far_left, at_kinks], -1)
        right = np.concatenate([at_kinks, far_right], -1)
        crosses = left * right < 0
        self._doubt(np.where(crosses, slope[0], np.inf), self.steep[..., None], active)
        self._doubt(np.where(crosses, values, np.inf), reach, active)

        # The nearest zero. An interval of zeros counts by its ends (a point inside it is
        # misclassified anyway), and every kink is where some piece starts. Opposite signs but no
        # slope: kinks that round to the same number as seen from a far x, in the wrong order; any
        # point between them will do.
        far, kinks = np.full((*kinks.shape[:-1], 1), np.inf), np.take_along_axis(kinks, order, -1)
        start, end = np.concatenate([-far, kinks], -1), np.concatenate([kinks, far], -1)
        roots = np.where(slope[0] == 0, 0.0, -values / slope[0])
        crossing = np.where(crosses, np.abs(np.clip(roots, start, end)), np.inf)
        nearest = np.where(left == 0, np.abs(start), crossing).min(axis=-1)
        return if_right(nearest, y * output[..., 0])

    def _lines(self, active: Bools) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
        """Slope and intercept (..., k) of N where the neurons `active` (..., k, m) are."""
        weights, biases = self.weights[..., None, :], self.biases[..., None, :]
        return self._sum(active, weights), self._sum(active, biases)

    def _sum(self, active: Bools, values: Floats) -> tuple[Floats, Floats]:
        """Sum of output weight * gain * value over neurons (last axis), to twice the precision."""
        outer, leak = self.output_weights, self.leak
        products, errors = two_product(outer, values)
        others, other_errors = np.zeros_like(products), np.zeros_like(errors)
        if leak:  # of inactive neurons
            high, low = two_product(outer, np.full_like(outer, leak))
            others, other_errors = two_product(high, values)
            other_errors = other_errors + low * values
        total = np.zeros(active.shape[:-1])
        error = np.zeros(active.shape[:-1])
        for j in range(active.shape[-1]):
            on = active[..., j]
            total, lost = two_sum(total, np.where(on, products[..., j], others[..., j]))
            error += lost + np.where(on, errors[..., j], other_errors[..., j])
        return two_sum(total, error)
