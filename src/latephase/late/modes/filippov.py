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

import math

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.late.pattern import ACTIVE, INACTIVE, SLIDING, Statuses

from . import follow
from .dynamics import Dynamics
from .linear_algebra import DEPENDENT, nearest_sum
from .mode import Mode

if follow.COMPILED:
    from .by_kernel import turned_by_kernel

_VANISHED = 1e-290  # a pull below it holds nothing


def kink_statuses(dynamics: Dynamics, status: Statuses, near: Bools, log_pull: Floats) -> Statuses:
    """Statuses (m, n) in which the pairs `near` their kink (m, n) move on consistently.

    log_pull (n,): logarithms of the points' pulls, of which only the ratios count.
    """
    result = status.copy()
    for j in np.logical_or.reduce(near, axis=1).nonzero()[0].tolist():
        result[j] = neuron_statuses(dynamics, j, status[j], near[j], log_pull)
    return result


def neuron_statuses(
    dynamics: Dynamics, j: int, status: Statuses, near: Bools, log_pull: Floats
) -> Statuses:
    """The same of neuron j alone, of statuses (n,), `near` some kinks (n,)."""
    near = dynamics.kinks.complete((near & dynamics.kinks.lies)[None])[0]
    if not dynamics.bends or not np.count_nonzero(near):
        return status
    if follow.COMPILED and not dynamics.kinks.shared:
        found = turned_by_kernel(dynamics, j, status, near, log_pull)
        if found is not None:
            return found
    # A point that is never fitted pulls e^2300 times as much as those the neuron serves.
    serving = (dynamics.gains(status) > 0) | (near & (dynamics.signs[j] > 0))
    top = float(log_pull[serving].max(initial=-np.inf))
    top = top if math.isfinite(top) else float(log_pull.max())
    pull = np.exp(np.minimum(log_pull - top, 700.0))
    pulls, places = dynamics.signs[j] * pull, near.nonzero()[0].tolist()
    if len(places) > 1:
        return _of_neuron(dynamics, pulls, status, near)
    result = status.copy()
    result[places[0]] = _at_one_kink(dynamics, pulls, status, places[0])
    return result


def _at_one_kink(dynamics: Dynamics, pulls: Floats, status: Statuses, i: int) -> int:
    """What `_of_neuron` says of point i where a neuron is near that kink alone."""
    felt, most = pulls * dynamics.gains(status), -(1 - dynamics.slope) * float(pulls[i])
    felt[i] = dynamics.slope * pulls[i]
    rise = float(felt @ dynamics.points @ dynamics.points[i])  # seen from its inactive side
    if rise <= 0:
        return INACTIVE
    held = most > _VANISHED and rise < most * float(dynamics.point_lengths[i]) ** 2
    return SLIDING if held else ACTIVE


def _of_neuron(dynamics: Dynamics, pulls: Floats, status: Statuses, near: Bools) -> Statuses:
    """Statuses (n,) of one neuron; kinks of points that pull it up are only ever passed."""
    points, kinks = dynamics.points, dynamics.kinks
    jumps = kinks.totals((1 - dynamics.slope) * pulls)
    leads = near & kinks.leads
    up, down = np.flatnonzero(leads & (jumps >= 0)), np.flatnonzero(leads & (jumps < 0))
    held, most, below = near & (jumps < 0)[kinks.first], -jumps[down], points[down]
    inside = np.where(kinks.ratio > 0, INACTIVE, ACTIVE)  # each kink seen from its inactive side
    result = np.where(near, inside, status)
    for _ in range(2 * len(up) + 1):
        drive = (pulls * dynamics.gains(np.where(held, inside, result))) @ points
        velocity = drive
        if len(down):
            lengths = dynamics.point_lengths[down]
            multipliers = _shortest(below, lengths, drive, most)
            velocity = drive - multipliers @ below
            still = DEPENDENT * lengths * (math.sqrt(drive @ drive) + most * lengths)
            result[down] = _held(multipliers, most, below @ velocity, still)
        if not len(up):
            return np.where(near, kinks.alike(result), result)
        risen = np.where(points[up] @ velocity > 0, ACTIVE, INACTIVE)
        settled = (result[up] == risen).all()
        result[up] = risen
        result = np.where(near, kinks.alike(result), result)
        if settled:
            break
    return result


def _held(multipliers: Floats, most: Floats, rises: Floats, still: Floats) -> Statuses:
    """Statuses (h,) of kinks that are held by multipliers of at most so much, while their
    pre-activations rise: active where a multiplier is 1, inactive where it is 0, sliding between; a
    solver may stop an ulp short of a bound, at a velocity that says on which side it is."""
    ends = np.where(multipliers >= most, ACTIVE, SLIDING)
    ends = np.where(multipliers <= 0, INACTIVE, ends)
    moves = (ends == SLIDING) & (np.abs(rises) > still)
    return np.where((most <= _VANISHED) | moves, np.where(rises > 0, ACTIVE, INACTIVE), ends)


def _shortest(points: Floats, sizes: Floats, drive: Floats, most: Floats) -> Floats:
    """argmin |drive - x @ points| over 0 <= x <= most, (k,), of points of these sizes: those that
    are out of bounds are put there and let go of where they pull inwards, until neither is left."""
    if len(points) == 1:
        return np.clip(points @ drive / sizes**2, 0.0, most)
    found = nearest_sum(points, sizes, drive)
    out = (found < 0) | (found > most)
    if not np.count_nonzero(out):
        return found
    free = np.ones(len(points), bool)
    still = DEPENDENT * sizes * (math.sqrt(drive @ drive) + most @ sizes)
    for _ in range(2 * len(points) + 2):
        if np.count_nonzero(out):
            found, free = np.clip(found, 0.0, most), free & ~out
            found[free] = nearest_sum(
                points[free], sizes[free], drive - found[~free] @ points[~free]
            )
            out = (found < 0) | (found > most)
            continue
        rises = points @ (drive - found @ points)
        inwards = ~free & np.where(found < most, rises > still, rises < -still)
        if not inwards.any():
            return found
        free |= inwards
        found[free] = nearest_sum(points[free], sizes[free], drive - found[~free] @ points[~free])
        out = (found < 0) | (found > most)
    from scipy.optimize import lsq_linear

    wide = np.maximum(most, 1e-300)
    return np.asarray(lsq_linear(points.T, drive, (np.zeros(len(wide)), wide), "bvls").x)


def statuses_by_motion(mode: Mode, pairs: Bools) -> Statuses:
    """Statuses (m, n) after `pairs` (m, n) of neurons that serve resting points have met their
    kinks, taken one by one."""
    status, dynamics, kinks = mode.status.copy(), mode.dynamics, mode.dynamics.kinks
    log_pull = dynamics.log_pull(mode.margins)
    pull = np.exp(log_pull - log_pull[pairs.any(axis=0)].max(initial=-np.inf))
    for j, i in np.argwhere(kinks.complete(pairs) & kinks.leads):
        sides = [kinks.turned(status, j, i, side) for side in (INACTIVE, ACTIVE)]
        below, above = (_motion(mode, tried)[j] @ dynamics.points[i] > 0 for tried in sides)
        if below and not above:  # each side leads to the kink; a pull upwards holds nothing there
            down = kinks.totals(dynamics.signs[j] * pull)[i] < 0
            status = kinks.turned(status, j, i, SLIDING if down else ACTIVE)
        elif below == above:
            status = kinks.turned(status, j, i, ACTIVE if above else INACTIVE)
    return status


def statuses_beyond_zero(mode: Mode, j: int) -> Statuses:
    """Statuses (n,) of neuron j after it has come to length 0, where all its kinks meet.

    It goes on as it came if that leads away from 0 on the other side too, and holds the kinks there
    that it slid on; else it is put to the rule at all of its kinks at once: a ReLU with bias stays,
    inactive.
    """
    dynamics, along = mode.dynamics, _motion(mode, mode.status)[j]
    points, log_pull = dynamics.points, dynamics.log_pull(mode.margins)
    rises = points @ along
    rises[np.abs(rises) <= DEPENDENT * np.linalg.norm(points, axis=1) * np.linalg.norm(along)] = 0.0
    status, asked = mode.status.copy(), np.zeros(mode.status.shape, bool)
    asked[j] = (status[j] == SLIDING) & (rises == 0)
    status[j] = np.where(asked[j], SLIDING, np.where(rises > 0, ACTIVE, INACTIVE))
    holds = kink_statuses(dynamics, status, asked, log_pull)[j] == status[j]
    if holds.all() and _motion(mode, status)[j] @ along > 0:
        return status[j]
    status[j], asked[j] = INACTIVE, True
    return kink_statuses(dynamics, status, asked, log_pull)[j]


def _motion(mode: Mode, status: Statuses) -> Floats:
    """The way in which theta (m, k) sets off with these statuses (m, n), of any length."""
    return Mode.of(mode.dynamics, mode.theta, status, mode.resting).direction()
