"""Kinks of neurons that serve points at rest: passed or held, by the motion that is left.

The pulls of points that are never fitted cancel out; what moves such a neuron is smaller than their
sum by hundreds of powers of e, far below its rounding. So Filippov's rule is asked of the projected
motion of the whole mode, with the pair on either side of its kink.
"""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.late.pattern import ACTIVE, INACTIVE, SLIDING

from .filippov import Statuses
from .mode import Mode, mode
from .modified import Field
from .neuron import DEPENDENT


def serving_held(here: Mode) -> Bools:
    """Neurons (m,) that are active at a point at rest."""
    return np.asarray((here.status[:, here.held] == ACTIVE).any(axis=1))


def statuses_by_motion(here: Mode, pairs: Bools) -> Statuses:
    """Statuses (m, n) after the pairs (m, n) have met their kinks, taken one by one."""
    status = here.status.copy()
    for j, i in np.argwhere(pairs):
        status[j, i] = _of_pair(here, status, int(j), int(i))
    return status


def _of_pair(here: Mode, status: Statuses, j: int, i: int) -> int:
    below, above = (_rise(here, status, j, i, side) > 0 for side in (INACTIVE, ACTIVE))
    if below and not above and here.setting.signs[j, i] < 0:
        return SLIDING
    if below == above:
        return ACTIVE if above else INACTIVE
    return ACTIVE if below else int(status[j, i])


def _rise(here: Mode, status: Statuses, j: int, i: int, side: int) -> float:
    """d a_ji / ds with the pair on one side of its kink."""
    tried = status.copy()
    tried[j, i] = side
    return float(_motion(here, tried)[j] @ here.setting.points[i])


def _motion(here: Mode, status: Statuses) -> Floats:
    """d theta / ds (m, k) with these statuses (m, n)."""
    trial = mode(here.setting, here.theta, status, here.held)
    if trial.live.size == 0:
        return np.zeros_like(here.theta)
    beta = Field.of(trial, 0)(0.0, np.zeros(trial.basis.shape[1]))
    return np.asarray((trial.basis @ beta).reshape(here.theta.shape))


def through_zero(here: Mode, j: int) -> Statuses:
    """Statuses (m, n) after neuron j has come to length 0, where all its kinks meet.

    It goes on as it came if that leads away from 0 on the other side too; else it stays, inactive.
    """
    points, along = here.setting.points, _motion(here, here.status)[j]
    rises = points @ along
    rises[np.abs(rises) <= DEPENDENT * np.linalg.norm(points, axis=1) * np.linalg.norm(along)] = 0.0
    status = here.status.copy()
    kept = (status[j] == SLIDING) & (rises == 0)
    status[j] = np.where(kept, SLIDING, np.where(rises > 0, ACTIVE, INACTIVE))
    if _motion(here, status)[j] @ along <= 0:
        status[j] = INACTIVE
    return status
