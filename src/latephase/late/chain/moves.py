"""The two moves that a run is made of: ordinary steps, and a mode followed to its end.

Each takes the state and the account of a run to those at its end.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from latephase.core import Outcome
from latephase.core.arrays import Bools, Floats
from latephase.late.modes.dynamics import lengths
from latephase.late.modes.follow import BALANCED, follow
from latephase.late.modes.mode import Mode
from latephase.late.modes.modified import speed_of
from latephase.late.modes.segment import Segment
from latephase.late.pattern import SLIDING

from .account import Account
from .instant import Instant
from .kicks import KICKS, Kicks
from .state import ChainState, ChainTask, ModeEnd

_SHORTEST, _LONGEST = 32, 4096  # steps in a row
_BRIEF = 7.0  # a mode that lasts less than e^-7 of the time is brief
_INSTANT = -30.0  # ln of the time that a mode lasts which ends where it began
_MOST_BRIEF = 300  # in a row, and one for each pair, after which a run counts as unresolved
_MOST_INSTANT = 50  # in a row
_MOST_WORK = 30_000  # steps of the solver, about five seconds
_GRACE = 2  # times in a row that a pair may end modes at once before its guards are loosened:
_LOOSEST = 20  # to the solver's tolerance, doubled each time, so often at most
_SLIDE_SHARE = 1e-4  # of the chatter allowed on slides: the solver's tolerance there
_RISE = 1e-6  # of 1 + |ln L|: a flow whose loss rises by more has lost its digits


def move_by_steps(
    task: ChainTask, state: ChainState, account: Account
) -> tuple[ChainState, Account]:
    """Ordinary steps: as many as were taken in a row already, but not past the next sample."""
    try:  # imports JAX: only where steps are needed
        from .compiled_steps import compiled_steps
    except ValueError as error:  # of its environment; those of numbers end a run
        raise ImportError(str(error)) from error

    counts, budget = state.counts, task.controls.max_steps
    if counts.steps >= budget:
        return replace(state, outcome=Outcome.budget_exhausted), account
    count = min(max(counts.in_a_row, _SHORTEST), _LONGEST, budget - counts.steps)
    following = task.times[state.passed] if state.passed < len(task.times) else task.until
    log_ahead = state.now.log_until(following)
    if log_ahead < math.log(count):
        count = max(round(math.exp(log_ahead)), 1)

    theta = _off_zero(task, state)
    moved = compiled_steps(task.dynamics, theta, state.low, state.rounding, count)
    account = account.charged(task.dynamics, moved.kick_error)
    account = replace(account, sign_lost=account.sign_lost or bool(moved.sign_lost.any()))
    state = replace(
        state,
        theta=moved.theta,
        low=moved.low,
        rounding=moved.rounding,
        now=state.now.plus(count),
        last=None,
        outcome=None if np.isfinite(moved.theta).all() else Outcome.overflowed,
    )
    return state.counted(steps=counts.steps + count, in_a_row=counts.in_a_row + count), account


def _off_zero(task: ChainTask, state: ChainState) -> Floats:
    """theta (m, k) with neurons that slide at length 0 half a kick off it, as chatter has them: at
    0 itself a ReLU neuron would be dead."""
    theta, dynamics = state.theta, task.dynamics
    a = dynamics.preactivations(theta)
    slides = (
        (state.last.status == SLIDING) & ~dynamics.alive(a) if state.last is not None else a > a
    )
    if not slides.any():
        return theta
    theta, kick = theta.copy(), Kicks.of(dynamics, theta, a).kick
    for j in np.flatnonzero(slides.any(axis=1)):
        i = int(np.flatnonzero(slides[j])[0])
        theta[j] = kick[j, i] / 2 * dynamics.points[i] / dynamics.point_lengths[i]
    return theta


def move_by_mode(
    task: ChainTask, state: ChainState, account: Account, mode: Mode
) -> tuple[ChainState, Account]:
    """Follow the mode to its end or to the horizon, recording the samples on the way."""
    controls, dynamics, discrete = task.controls, task.dynamics, task.dynamics.method.discrete
    # Where it is entered: sliding pairs on their kinks.
    if discrete:
        account = account.charged(dynamics, _entry_error(task, state, mode))
    if mode.sliding:
        mode = mode.on_kinks()

    # The mode itself, with guards loosened where the same pairs end one brief mode after another.
    logs = state.now.logs_until(task.clock.after(state.passed))
    log_left = state.now.log_until(task.until)
    order = (controls.slide_order if mode.sliding else controls.order) if discrete else 0
    tolerance = _solver_tolerance(task, mode)
    slack = _slack(state, tolerance)
    balanced = BALANCED / controls.caution
    log_last = math.inf if state.last is None else state.last.log_time
    told = mode, order, logs, log_left, tolerance, balanced, slack, task.least_terms, log_last
    found = follow(*told)

    # Where it ended, unless the loss has risen where it cannot.
    theta = found.theta
    finite = bool(np.isfinite(theta).all())
    before, after = _log_losses(state, mode, found, theta)
    if not discrete and finite:
        state = replace(state, lowest_log_loss=min(before, after))
    may_rise = discrete and speed_of(mode).log_rate > 0  # steps beyond 2 / curvature
    if finite and not may_rise and not after <= before + _RISE * (1 + abs(before)):
        return replace(state, theta=mode.theta, outcome=Outcome.inaccurate), account
    account = replace(account, by_flow=True, entry=state.now)
    for sample in found.sampled:
        account.write(state.passed, sample, state.rounding)
        state = replace(state, passed=state.passed + 1)
    state = _arrived(task, state, mode, found, theta, log_left)
    return state if finite else replace(state, outcome=Outcome.overflowed), account


def _slack(state: ChainState, tolerance: float) -> Floats:
    """How far guards (m, n) are loosened."""
    brief = state.counts.brief_ends
    if brief.max() <= _GRACE:
        return np.zeros(brief.shape)
    return np.asarray(tolerance * (2.0 ** np.clip(brief - _GRACE, 0, _LOOSEST) - 1))


def _entry_error(task: ChainTask, state: ChainState, mode: Mode) -> Floats:
    """How far the mode of descent may take neurons (m,) off from its entry on: where pairs begin
    to slide, or where no steps are left for a pair in chatter that soon meets its kink."""
    a = task.dynamics.preactivations(state.theta)
    kicks = Kicks.of(task.dynamics, state.theta, a)
    if not mode.sliding:
        return kicks.late_kick(a)
    begins = mode.status == SLIDING
    if state.last is not None:
        begins &= state.last.status != SLIDING
    return np.asarray((KICKS * kicks.kick * begins).max(axis=1))


def _solver_tolerance(task: ChainTask, mode: Mode) -> float:
    """Well below the tolerance asked for, so that comparing two runs shows the latter."""
    controls, discrete = task.controls, task.dynamics.method.discrete
    fine = 1e-11 if controls.tolerance >= 1e-11 else max(controls.tolerance, 1e-13)
    if discrete and mode.sliding:  # its chatter leaves out far more
        return max(fine, _SLIDE_SHARE * controls.slide_tolerance / controls.caution)
    return max(fine * (4 if discrete else 100) / controls.caution**2, 1e-13)


def _log_losses(
    state: ChainState, mode: Mode, found: Segment, theta: Floats
) -> tuple[float, float]:
    """ln L before a mode, above which it cannot be after it, and after it; that of a flow also as
    theta (m, k) has it, which is another one where digits are lost."""
    dynamics = mode.dynamics
    after = float(dynamics.loss.log_loss(found.margins))
    if dynamics.method.discrete:
        return float(dynamics.loss.log_loss(mode.margins)), after
    seen = float(dynamics.log_loss(theta))
    after = max(after, seen) if math.isfinite(seen) else math.nan
    before = state.lowest_log_loss
    return before if before < math.inf else float(dynamics.loss.log_loss(mode.margins)), after


def _arrived(
    task: ChainTask, state: ChainState, mode: Mode, found: Segment, theta: Floats, log_left: float
) -> ChainState:
    """The state at the end of a segment, theta (m, k), that began at `state`."""
    counts = state.counts
    brief = found.log_time < state.now.log - _BRIEF
    instant = found.log_time <= _INSTANT
    brief_ends = counts.brief_ends
    counts = replace(
        counts,
        brief_ends=np.where(found.triggered, brief_ends + brief, brief_ends * brief),
        brief_modes=counts.brief_modes + 1 if brief else 0,
        instant_modes=counts.instant_modes + 1 if instant else 0,
        in_a_row=0,
        solver_steps=counts.solver_steps + found.work,
    )
    unresolved = (
        found.failed
        or counts.instant_modes > _MOST_INSTANT
        or counts.brief_modes > _MOST_BRIEF + mode.status.size
        or counts.solver_steps > _MOST_WORK
    )
    state = replace(
        state,
        theta=theta,
        low=np.zeros_like(theta),
        resting=state.resting | found.resting,
        counts=counts,
        now=Instant.at(task.until)
        if found.log_time >= log_left
        else state.now.later(found.log_time, whole=task.dynamics.method.discrete),
        last=ModeEnd(
            log_time=found.log_time,
            status=mode.status,
            on_kinks=(mode.status == SLIDING) | found.triggered,
            triggered=found.triggered,
            released_to=found.released_to,
            at_zero=_come_to_zero(task, mode, found),
        ),
    )
    return state.unresolved(task) if unresolved else state


def _come_to_zero(task: ChainTask, mode: Mode, found: Segment) -> Bools:
    """Neurons (m,) that a segment has brought to length 0 and that have ended it."""
    result = found.triggered.any(axis=1)
    result &= np.abs(found.theta).max(axis=1) <= task.zero_length  # hardly ever
    if result.any():
        was_zero, is_zero = (lengths(t) <= task.zero_length for t in (mode.theta, found.theta))
        result &= is_zero & ~was_zero
    return np.asarray(result)
