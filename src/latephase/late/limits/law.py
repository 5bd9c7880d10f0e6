"""The law of a run that any engine has followed to its last mode."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from latephase.core import Law, Outcome
from latephase.core.arrays import Floats
from latephase.core.errors import InputError
from latephase.late.pair.law import laws
from latephase.late.pair.regimes import terminal_regime
from latephase.late.pair.response import pattern_code
from latephase.problem import (
    Dataset,
    ShallowReLU,
    TwoPointGeometry,
    is_two_point,
)
from latephase.problem.methods import Method

from .curve import boundary_law
from .mode import mode_limit


def law_of(
    network: ShallowReLU,
    data: Dataset,
    method: Method,
    outcome: Outcome,
    pattern: NDArray[np.integer],
    theta: Floats,
    log_t: float,
) -> Law | None:
    """x* - limit_boundary ~ constant / (ln t + offset) of a run that stays in the mode `pattern`.

    network: its output weights;  theta (m, d + 1): (w_j, b_j) at time t.  Both losses have the same
    laws.  None unless the run is settled, its inputs are numbers, and its limit has one zero.
    Rigour: exact for two neurons of output weights 1, -1 on two points (closed forms); else that of
    `limit`.  Source: docs/theory.md, "The law of the late phase" and "Margins along the way".
    """
    if outcome is not Outcome.settled or data.d != 1:
        return None
    if is_two_point(data) and sorted(network.output_weights) == [-1.0, 1.0]:
        return _closed_form(network, data, pattern, theta, method.log_step)
    try:
        found = mode_limit(pattern, theta, data, network.output_weights, log_t, method.log_step)
    except InputError:
        return None
    if found is None or not found.settled:
        return None
    outer, size = network.output_weights, data.optimal_margin
    return boundary_law(found.direction, found.offset, outer, log_t, size)


def _closed_form(
    network: ShallowReLU,
    data: Dataset,
    pattern: NDArray[np.integer],
    theta: Floats,
    log_step: float,
) -> Law | None:
    """That of the pair's own engine: neurons and points in its order, the closed form by regime."""
    geometry = TwoPointGeometry.of(data)
    neurons = [0, 1] if network.output_weights[0] > 0 else [1, 0]
    status = pattern[neurons][:, list(geometry.order), None].astype(np.int64)
    a = geometry.preactivations(theta[neurons, 0], theta[neurons, 1])[..., None]
    regime = np.array([terminal_regime(geometry, int(pattern_code(status)[0]))], dtype=object)
    found = laws(geometry, regime, a, log_step)
    values = [float(v[0]) for v in (found.limit_boundary, found.constant, found.offset)]
    return None if math.isnan(values[1]) else Law(*values)
