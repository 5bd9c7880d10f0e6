"""The limit of a run, read off where it has come to its asymptotic path.

What is still to come across the support is known to leading order only, so that a limit that is
read off early is wrong by the square of what is left: by 42 % of the constant at t = 10^20, of a
run that comes to its path like t^-0.05.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latephase.core.arrays import Floats
from latephase.late.chain.ending import FAR
from latephase.late.modes.dynamics import Dynamics
from latephase.late.modes.follow import follow, on_kinks
from latephase.late.modes.mode import Mode
from latephase.late.pattern import SLIDING
from latephase.problem import Problem

from .mode import ModeLimit, mode_limit

_FORGOTTEN = 40.0  # -ln of what is left of a deviation that is less than rounding
_ON_PATH = 2.0**-44  # of parameters: a deviation whose product with what is to come is rounding
_TOLERANCE = 1e-11
_ORDER = 2  # of the modified flow of gradient descent


class Reading(NamedTuple):
    """Where a mode leads, and ln of the time at which that was read off."""

    limit: ModeLimit
    log_t: float


def read_off(
    problem: Problem, pattern: NDArray[np.integer], theta: Floats, log_t: float
) -> Reading | None:
    """Where the mode `pattern` (m, n) leads a run from theta (m, k) at time t; None if its loss
    does not tend to 0.  Errors: InputError, as of `mode_limit`.

    Where that is too early the mode is followed on to where deviations, which fall like t^-rate,
    are less than rounding: a run and its limit then say the same, whatever its horizon.
    """
    told = problem.data, problem.network
    found = mode_limit(pattern, theta, *told, log_t, problem.method.log_step)
    if found is None:
        return None
    later = _later(problem, found, theta, log_t)
    moved = None if later is None else _followed(problem, pattern, theta, later)
    if later is None or moved is None:
        return Reading(found, log_t)
    log_t = float(np.logaddexp(log_t, later))
    again = mode_limit(pattern, moved, *told, log_t, problem.method.log_step)
    assert again is not None  # of the same mode
    return Reading(again, log_t)


def _later(problem: Problem, found: ModeLimit, theta: Floats, log_t: float) -> float | None:
    """ln of the time after which a run is on its path; None where it is, or never comes to one, or
    where no point moves it across the support."""
    if not found.settled or found.degenerate or (found.multipliers > 0).all():
        return None
    path = found.direction * log_t
    off, size = theta - path - found.offset, np.abs(path) + np.abs(found.offset)
    if (np.abs(off).max(axis=1) <= _ON_PATH * size.max(axis=1)).all():
        return None
    network = problem.network.with_parameters(theta)
    served = problem.data.labels * network(problem.data.inputs)
    starts = float(served[found.multipliers > 0].max()) - problem.method.log_step
    return min(max(log_t, starts) + _FORGOTTEN / max(found.rate, _FORGOTTEN / FAR), FAR)


@np.errstate(over="ignore", under="ignore", invalid="ignore")  # as a run is followed
def _followed(
    problem: Problem, pattern: NDArray[np.integer], theta: Floats, log_time: float
) -> Floats | None:
    """theta (m, k) after the mode has lasted for exp(log_time) more; None if it is left."""
    dynamics, status = Dynamics.of(problem), pattern.astype(np.int8)
    entered, _ = dynamics.frame.coordinates(theta)
    mode = on_kinks(Mode.of(dynamics, entered, status, np.zeros(len(dynamics.labels), bool)))
    order = _ORDER if problem.method.discrete and not (status == SLIDING).any() else 0
    found = follow(mode, order, np.zeros(0), log_time, _TOLERANCE)
    if found.failed or found.triggered.any() or found.resting.any():
        return None
    later = dynamics.frame.parameters(theta, entered, found.theta)
    return later if math.isfinite(found.log_time) and np.isfinite(later).all() else None
