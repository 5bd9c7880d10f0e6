"""The law of the late phase: x* - x_inf ~ constant / (ln t + offset), and its limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latephase.core import Regime
from latephase.core.arrays import Floats
from latephase.problem import TwoPointGeometry


@dataclass(frozen=True)
class Laws:
    """The laws of many trials; NaN where a trial has none."""

    limit_boundary: Floats
    constant: Floats
    offset: Floats


def laws(
    geometry: TwoPointGeometry, regime: NDArray[np.object_], a: Floats, log_step: float
) -> Laws:
    """Laws of trials whose regimes and pre-activations (2, 2, T) after entry are given.

    Rigour: exact (closed forms in float64).  log_step: ln of the step size; 0 for gradient flow.
    Source: docs/theory.md, "The law of the late phase".
    """
    result = Laws(*(np.full(a.shape[-1], np.nan) for _ in range(3)))
    for name, law in _LAWS.items():
        rows = np.array([r is name for r in regime], bool)
        if rows.any():
            limit, constant, offset = map(np.asarray, law(geometry, a[..., rows], log_step))
            result.limit_boundary[rows] = limit
            result.constant[rows], result.offset[rows] = constant, offset
    return result


def _specialised(g: TwoPointGeometry, a: Floats, log_step: float) -> tuple[float, Floats, Floats]:
    """Neuron 1 serves x1 alone and neuron 2 serves x2 alone; the null components decide C."""
    null1 = (g.k12 * a[0, 0] - g.k11 * a[0, 1]) / (g.x1 - g.x2)  # w1 - x1 b1, conserved
    null2 = (g.k22 * a[1, 0] - g.k12 * a[1, 1]) / (g.x1 - g.x2)  # w2 - x2 b2, conserved
    apart = 1 - g.x1 * g.x2
    scale = (g.k11 / apart) * (g.k22 / apart) / (g.x1 - g.x2)
    constant = scale * (np.log1p(g.norm_gap / g.k11) + (g.x1 * null2 - g.x2 * null1))
    balance = (
        g.x1 * (log_step + np.log(g.k11)) / g.k11
        - g.x2 * (log_step + np.log(g.k22)) / g.k22
        + null1 / g.k11
        - null2 / g.k22
    )
    return g.x_inf, constant + 0.0, balance * (g.k11 / apart) * (g.k22 / (g.x1 - g.x2))


def _double_slide(g: TwoPointGeometry, a: Floats, log_step: float) -> tuple[float, float, float]:
    constant = g.half_gap / 2 * np.log1p(g.norm_gap / g.k11)
    offset = log_step + np.log(g.determinant) - (np.log(g.k11) + np.log(g.k22)) / 2
    return g.midpoint, constant + 0.0, offset


def _single_slide(g: TwoPointGeometry, a: Floats, log_step: float) -> tuple[float, float, float]:
    """The neuron of the input nearer to 0 serves both points, the other slides at that input.

    exp(-u_i) = alpha_i / (step t) with M alpha = 1, in units of 2 D: k_near + k12 at the far input
    and that plus |k22 - k11| + D / k_near at the near one.
    """
    near = g.k11 if g.excess[0] <= 0 else g.k22
    ahead = abs(g.norm_gap) + g.determinant / near  # of the two alpha, whose ratio may be near 1
    share = near + g.k12
    log_ratio = np.log1p(ahead / share) * (1 if g.excess[0] <= 0 else -1)
    log_product = np.log(share) + np.log(share + ahead) - 2 * np.log(2 * g.determinant)
    return g.midpoint, g.half_gap / 2 * log_ratio + 0.0, log_step - log_product / 2


_LAWS = {
    Regime.specialised: _specialised,
    Regime.double_slide: _double_slide,
    Regime.single_slide: _single_slide,
}
