"""The mode of a settled run of two neurons on two points, from its regime."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latephase.core import Regime
from latephase.problem import Dataset, TwoPointGeometry

from .response import ACTIVE, INACTIVE, SLIDING


def regime_pattern(
    regime: Regime, data: Dataset, output_weights: NDArray[np.float64], theta: NDArray[np.float64]
) -> NDArray[np.int8]:
    """Statuses (2, 2) of the regime a run has settled in, neurons and points in the user's order.

    theta (2, 2): its last parameters (w_j, b_j), which decide where no slide does.
    """
    points = np.concatenate([data.inputs, np.ones((2, 1))], axis=1)
    pattern = np.where(theta @ points.T > 0, ACTIVE, INACTIVE).astype(np.int8)
    wrong = np.outer(output_weights, data.labels) < 0
    if regime is Regime.double_slide:
        pattern[wrong] = SLIDING
    if regime is Regime.single_slide:
        geometry = TwoPointGeometry.of(data)
        sliding_sign = -1.0 if geometry.k12 >= geometry.k11 else 1.0
        pattern[wrong] = ACTIVE
        pattern[wrong & (output_weights == sliding_sign)[:, None]] = SLIDING
    return pattern
