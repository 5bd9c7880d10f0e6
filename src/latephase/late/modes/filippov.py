"""What a network does on its kinks: pass, or slide in Filippov's sense.

A neuron on the kink of a point that pulls it down (v_j y_i < 0) may be held there: inactive, the
other points push it up; active, the point pushes it back. Its velocity is then the shortest one
that multipliers mu in [0, 1] of the points on the kink can make, a least-squares problem with
bounds: its optimality conditions are the linear complementarity problem of several kinks at once.
Kinks of different neurons do not see one another, since a pre-activation of 0 adds nothing to N.
Source: docs/theory.md, "Any shallow network".
"""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import ACTIVE, INACTIVE, SLIDING

from .setting import Setting

Statuses = Ints


def kink_statuses(setting: Setting, status: Statuses, near: Bools, log_pull: Floats) -> Statuses:
    """Statuses (m, n) in which the pairs `near` their kink (m, n) move on consistently.

    log_pull (n,): logarithms of the points' pulls, of which only the ratios count.
    """
    result = status.copy()
    for j in np.flatnonzero(near.any(axis=1)):
        # A point that is never fitted pulls e^2300 times as much as those the neuron serves.
        serving = (status[j] == ACTIVE) | (near[j] & (setting.signs[j] > 0))
        top = log_pull[serving].max(initial=-np.inf)
        pull = np.exp(np.minimum(log_pull - (top if np.isfinite(top) else log_pull.max()), 700.0))
        result[j] = _neuron(setting.points, setting.signs[j] * pull, status[j], near[j])
    return result


def _neuron(points: Floats, pulls: Floats, status: Statuses, near: Bools) -> Statuses:
    """Statuses (n,) of one neuron; kinks of points that pull it up are only ever passed."""
    result = np.where(near, INACTIVE, status)
    up, down = near & (pulls >= 0), np.flatnonzero(near & (pulls < 0))
    for _ in range(2 * near.sum() + 1):
        serving = (result == ACTIVE) & ~(near & (pulls < 0))
        drive = (pulls * serving) @ points
        held = _held(points[down], drive, -pulls[down])
        velocity = drive - held @ points[down]
        result[down] = _ends(held, -pulls[down], points[down] @ velocity)
        rising = up & (points @ velocity > 0)
        if (result[up] == np.where(rising[up], ACTIVE, INACTIVE)).all():
            break
        result[up] = np.where(rising[up], ACTIVE, INACTIVE)
    return result


def _held(points: Floats, drive: Floats, most: Floats) -> Floats:
    """argmin |drive - x @ points| over 0 <= x <= most, (k,)."""
    if len(points) == 0:
        return np.zeros(0)
    if len(points) == 1:
        return np.clip(points @ drive / (points[0] @ points[0]), 0.0, most)
    from scipy.optimize import lsq_linear

    wide = np.maximum(most, 1e-300)
    return np.asarray(lsq_linear(points.T, drive, (np.zeros(len(wide)), wide), "bvls").x)


def _ends(held: Floats, most: Floats, rise: Floats) -> Statuses:
    """Active where the multiplier is 1, inactive where it is 0, sliding between."""
    status = np.where(held <= 0, INACTIVE, np.where(held >= most, ACTIVE, SLIDING))
    tiny = most <= 1e-290  # a pull that has vanished holds nothing
    return np.where(tiny, np.where(rise > 0, ACTIVE, INACTIVE), status).astype(np.int64)
