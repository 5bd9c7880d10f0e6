"""What a network does on its kinks: pass, or slide in Filippov's sense.

A neuron on the kink of a point that pulls it down (v_j y_i < 0) may be held there: inactive, the
other points push it up; active, the point pushes it back. Its velocity is then the shortest one
that multipliers mu in [0, 1] of the points on the kink can make, a least-squares problem with
bounds: its optimality conditions are the linear complementarity problem of several kinks at once.
Kinks of different neurons do not see one another, since a pre-activation of 0 adds nothing to N.

A neuron that serves points at rest is asked otherwise. Their pulls cancel out, and what moves it is
smaller than their sum by hundreds of powers of e, far below its rounding: so the rule is put to the
projected motion of the whole mode, with the pair on either side of its kink.
Source: docs/theory.md, "Any shallow network".
"""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.late.pattern import ACTIVE, INACTIVE, SLIDING, Statuses

from .dynamics import Dynamics
from .linear_algebra import DEPENDENT
from .mode import Mode

_VANISHED = 1e-290  # a pull below it holds nothing


def kink_statuses(dynamics: Dynamics, status: Statuses, near: Bools, log_pull: Floats) -> Statuses:
    """Statuses (m, n) in which the pairs `near` their kink (m, n) move on consistently.

    log_pull (n,): logarithms of the points' pulls, of which only the ratios count.
    """
    result = status.copy()
    for j in np.flatnonzero(near.any(axis=1)):
        # A point that is never fitted pulls e^2300 times as much as those the neuron serves.
        serving = (status[j] == ACTIVE) | (near[j] & (dynamics.signs[j] > 0))
        top = log_pull[serving].max(initial=-np.inf)
        pull = np.exp(np.minimum(log_pull - (top if np.isfinite(top) else log_pull.max()), 700.0))
        result[j] = _of_neuron(dynamics.points, dynamics.signs[j] * pull, status[j], near[j])
    return result


def _of_neuron(points: Floats, pulls: Floats, status: Statuses, near: Bools) -> Statuses:
    """Statuses (n,) of one neuron; kinks of points that pull it up are only ever passed."""
    result = np.where(near, INACTIVE, status)
    up, down = near & (pulls >= 0), np.flatnonzero(near & (pulls < 0))
    most = -pulls[down]
    for _ in range(2 * near.sum() + 1):
        serving = (result == ACTIVE) & ~(near & (pulls < 0))
        drive = (pulls * serving) @ points
        multipliers = _shortest(points[down], drive, most)
        velocity = drive - multipliers @ points[down]
        # Active where a multiplier is 1, inactive where it is 0, sliding between.
        ends = np.where(multipliers >= most, ACTIVE, SLIDING)
        ends = np.where(multipliers <= 0, INACTIVE, ends)
        passed = np.where(points[down] @ velocity > 0, ACTIVE, INACTIVE)
        result[down] = np.where(most <= _VANISHED, passed, ends)
        risen = np.where(points[up] @ velocity > 0, ACTIVE, INACTIVE)
        if (result[up] == risen).all():
            break
        result[up] = risen
    return result


def _shortest(points: Floats, drive: Floats, most: Floats) -> Floats:
    """argmin |drive - x @ points| over 0 <= x <= most, (k,)."""
    if len(points) == 0:
        return np.zeros(0)
    if len(points) == 1:
        return np.clip(points @ drive / (points[0] @ points[0]), 0.0, most)
    found = np.linalg.lstsq(points.T, drive, rcond=None)[0]
    if (found >= 0).all() and (found <= most).all():
        return np.asarray(found)
    from scipy.optimize import lsq_linear

    wide = np.maximum(most, 1e-300)
    return np.asarray(lsq_linear(points.T, drive, (np.zeros(len(wide)), wide), "bvls").x)


def statuses_by_motion(mode: Mode, pairs: Bools) -> Statuses:
    """Statuses (m, n) after `pairs` (m, n) of neurons that serve resting points have met their
    kinks, taken one by one."""
    status = mode.status.copy()
    for j, i in np.argwhere(pairs):
        rises = []
        for side in (INACTIVE, ACTIVE):
            tried = status.copy()
            tried[j, i] = side
            rises.append(_motion(mode, tried)[j] @ mode.dynamics.points[i] > 0)
        below, above = rises
        if below and not above:  # each side leads to the kink; a pull upwards holds nothing there
            status[j, i] = SLIDING if mode.dynamics.signs[j, i] < 0 else ACTIVE
        elif below == above:
            status[j, i] = ACTIVE if above else INACTIVE
    return status


def statuses_beyond_zero(mode: Mode, j: int) -> Statuses:
    """Statuses (n,) of neuron j after it has come to length 0, where all its kinks meet.

    It goes on as it came if that leads away from 0 on the other side too; else it stays, inactive.
    """
    points, along = mode.dynamics.points, _motion(mode, mode.status)[j]
    rises = points @ along
    rises[np.abs(rises) <= DEPENDENT * np.linalg.norm(points, axis=1) * np.linalg.norm(along)] = 0.0
    status = mode.status.copy()
    kept = (status[j] == SLIDING) & (rises == 0)
    status[j] = np.where(kept, SLIDING, np.where(rises > 0, ACTIVE, INACTIVE))
    if _motion(mode, status)[j] @ along <= 0:
        status[j] = INACTIVE
    return status[j]


def _motion(mode: Mode, status: Statuses) -> Floats:
    """The direction in which theta (m, k) moves with these statuses (m, n)."""
    return Mode.of(mode.dynamics, mode.theta, status, mode.resting).direction()
