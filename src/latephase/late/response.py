"""How a network moves inside one activation pattern, as a linear response to the two losses.

Let A_p be the accumulated step * loss of point p.  While the pattern stands, everything is affine
in (A_1, A_2): the parameters, the pre-activations and the margins u_p = y_p N(x_p).  A pattern is
*decoupled* when u_1 depends on A_1 alone and u_2 on A_2 alone: that happens exactly when
k12 = 0 or no neuron is active on both points.  A kink held by sliding counts as half active: its
multiplier is the one that keeps the pre-activation still (Filippov).

Neuron j and point i count from 0 here; neuron 0 has output weight +1, point 0 has label +1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from latephase.problem import TwoPointGeometry

INACTIVE, ACTIVE, SLIDING = 0, 1, 2
SIGN = np.array([[1.0, -1.0], [-1.0, 1.0]])  # output weight of neuron j times label of point i
_WEIGHT = np.array([27, 9, 3, 1])

Codes = NDArray[np.int64]


def pattern_code(status: NDArray[np.int64]) -> Codes:
    """Base-3 code of statuses (2 neurons, 2 points, T)."""
    code: Codes = _WEIGHT @ status.reshape(4, -1)
    return code


def pattern_status(code: int) -> NDArray[np.int64]:
    """Statuses (2 neurons, 2 points) of a code."""
    return ((code // _WEIGHT) % 3).reshape(2, 2)


@dataclass(frozen=True)
class Response:
    """Linear response of one pattern: derivatives by A_p (last axis).

    parameters (2 neurons, 2 [weight, bias], 2);  preactivations (2 neurons, 2 points, 2);
    margins (2, 2).
    """

    status: NDArray[np.int64]
    parameters: NDArray[np.float64]
    preactivations: NDArray[np.float64]
    margins: NDArray[np.float64]

    @property
    def decoupled(self) -> bool:
        return self.margins[0, 1] == 0 == self.margins[1, 0]

    @property
    def sliding(self) -> bool:
        return bool((self.status == SLIDING).any())

    @property
    def exact(self) -> bool:
        """Whether the scalar maps hold without approximation."""
        return self.decoupled and not self.sliding

    @cached_property
    def rates(self) -> NDArray[np.float64]:
        """r_p of the scalar maps u_p <- u_p + step r_p exp(-u_p), (2,); 0 where point p is still.

        A coupled pattern approaches the self-similar solution exp(-u_p) = alpha_p / (step t),
        M alpha = 1, along which r_p = 1 / alpha_p; NaN if it has none.
        """
        if self.decoupled:
            return np.diag(self.margins).copy()
        alpha = np.linalg.solve(self.margins, np.ones(2)) if self._regular else np.full(2, -1.0)
        return 1 / alpha if (alpha > 0).all() else np.full(2, np.nan)

    @property
    def _regular(self) -> bool:
        scale = np.abs(self.margins).max() ** 2
        return bool(abs(np.linalg.det(self.margins)) > 1e-12 * scale)

    @cached_property
    def slopes(self) -> NDArray[np.float64]:
        """Pre-activation (j, i) per unit rise of margin p, (2, 2, 2).

        Along the self-similar solution both margins rise alike: margin 0 stands for both.
        """
        moving = self.rates > 0
        slopes = np.where(moving, self.preactivations / np.where(moving, self.rates, 1.0), 0.0)
        if self.decoupled:
            return slopes
        return np.stack([slopes.sum(axis=-1), np.zeros((2, 2))], axis=-1)

    @cached_property
    def gains(self) -> NDArray[np.float64]:
        """Accumulated step * loss A_p per rise of margin q, (2 p, 2 q): the margins that the scalar
        maps give and the parameters then agree, whatever the deviation they started from."""
        if self.decoupled:
            return np.diag(np.where(self.rates > 0, 1 / np.where(self.rates > 0, self.rates, 1), 0))
        return np.asarray(np.linalg.inv(self.margins), dtype=np.float64)

    def deviation(self, margins: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far margins (2, T) are from the self-similar solution; 0 in decoupled patterns."""
        if self.decoupled:
            return np.zeros(margins.shape[-1])
        off: NDArray[np.float64] = margins[1] - margins[0] - np.log(self.rates[1] / self.rates[0])
        return np.abs(off)


def response(geometry: TwoPointGeometry, code: int) -> Response:
    """The response of the pattern with this code.  Source: docs/theory.md, "Patterns"."""
    status = pattern_status(code)
    gram = np.array([[geometry.k11, geometry.k12], [geometry.k12, geometry.k22]])
    points = np.array([[geometry.x1, 1.0], [geometry.x2, 1.0]])
    pulls = SIGN[:, :, None] * _multipliers(status, gram)
    preactivations = np.einsum("jip,ik->jkp", pulls, gram)
    preactivations[status == SLIDING] = 0.0
    active = (SIGN * (status == ACTIVE))[:, :, None]
    return Response(
        status,
        np.einsum("jip,ic->jcp", pulls, points),
        preactivations,
        (active * preactivations).sum(axis=0),
    )


def _multipliers(status: NDArray[np.int64], gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of A_p neuron j feels through point i, (2, 2, 2)."""
    felt = np.zeros((2, 2, 2))
    for j in range(2):
        for i in range(2):
            if status[j, i] == ACTIVE:
                felt[j, i, i] = 1.0
            elif status[j, i] == SLIDING:
                felt[j, i, 1 - i] = gram[0, 1] / gram[i, i]
    return felt
