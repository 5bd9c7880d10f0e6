"""The two moves that a run is made of: ordinary steps, and a mode followed to its end.

Each takes the state and the account of a run to those at its end.
"""

from __future__ import annotations

import math

import numpy as np

from latephase.core import Outcome
from latephase.core.arrays import Floats
from latephase.late.modes.balance import blur
from latephase.late.modes.dynamics import lengths
from latephase.late.modes.follow import BALANCED, follow, on_kinks
from latephase.late.modes.mode import Mode
from latephase.late.modes.modified import speed_of
from latephase.late.modes.segment import Segment
from latephase.late.pattern import SLIDING

from .account import Account
from .instant import Instant
from .kicks import KICKS, Kicks
from .state import ChainState, ChainTask, ModeEnd, altered, one_more

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
        return altered(state, outcome=Outcome.budget_exhausted), account
    count = min(max(counts.in_a_row, _SHORTEST), _LONGEST, budget - counts.steps)
    following = task.times[state.passed] if state.passed < len(task.times) else task.until
    log_ahead = state.now.log_until(following)
    if log_ahead < math.log(count):
        count = max(round(math.exp(log_ahead)), 1)

    theta = _off_zero(task, state)
    moved = compiled_steps(task.dynamics, theta, state.low, state.rounding, count)
    account = account.charged(moved.kick_error, task.dynamics.reach(moved.kick_error))
    lost = account.sign_lost or bool(moved.sign_lost.any())
    account = altered(account, drift=account.drift + moved.drift, sign_lost=lost)
    state = altered(
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
        kicks = _entry_error(task, state, mode)
        account = account.charged(kicks, dynamics.reach(kicks))
    if mode.sliding:
        mode = on_kinks(mode)

    # The mode itself, with guards loosened where the same pairs end one brief mode after another.
    logs = state.now.logs_until(task.clock.after(state.passed))
    log_left = state.now.log_until(task.until)
    order = (controls.slide_order if mode.sliding else controls.order) if discrete else 0
    tolerance = _solver_tolerance(task, mode)
    slack = _slack(task, state, tolerance)
    balanced = BALANCED / controls.caution
    log_last = math.inf if state.last is None else state.last.log_time
    told = mode, order, logs, log_left, tolerance, balanced, slack, task.least_terms, log_last
    found = follow(*told)

    # Where it ended, unless the loss has risen where it cannot.
    theta = found.theta
    finite = bool(np.isfinite(theta).all())
    seen = None if discrete else dynamics.margins(theta)
    before, after = _log_losses(state, mode, found, seen)
    if not discrete and finite:
        state = altered(state, lowest_log_loss=min(before, after))
    may_rise = discrete and speed_of(mode).log_rate > 0  # steps beyond 2 / curvature
    if finite and not may_rise and not after <= before + _RISE * (1 + abs(before)):
        return altered(state, theta=mode.theta, outcome=Outcome.inaccurate), account
    account = altered(account, by_flow=True, entry=state.now)
    off, seen_off = blur(mode, found.margins, found.log_time)
    for log, sample in zip(logs.tolist(), found.sampled, strict=False):
        share = math.exp(min(log - found.log_time, 0.0))
        account.charged(share * off, share * seen_off).write(state.passed, sample, state.rounding)
        state = altered(state, passed=state.passed + 1)
    if np.count_nonzero(off):
        account = account.charged(off, seen_off)
    state = _arrived(task, state, mode, found, seen, log_left)
    return state if finite else altered(state, outcome=Outcome.overflowed), account


def _slack(task: ChainTask, state: ChainState, tolerance: float) -> Floats:
    """How far guards (m, n) are loosened."""
    brief = {pair: k - _GRACE for pair, k in state.counts.brief_ends.items() if k > _GRACE}
    if not brief:
        return task.no_slack
    found = np.zeros(task.no_slack.shape)
    for pair, times in brief.items():
        found[pair] = tolerance * (2.0 ** min(times, _LOOSEST) - 1)
    return found


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
    state: ChainState, mode: Mode, found: Segment, seen: Floats | None
) -> tuple[float, float]:
    """ln L before a mode, above which it cannot be after it, and after it; that of a flow also at
    the margins that are `seen` (n,) at its theta, which are others where digits are lost."""
    dynamics = mode.dynamics
    if seen is None:
        before, after = dynamics.loss.log_loss(np.stack([mode.margins, found.margins])).tolist()
        return before, after
    after, seen_loss = dynamics.loss.log_loss(np.array([found.margins, seen])).tolist()
    after = max(after, seen_loss) if math.isfinite(seen_loss) else math.nan
    before = state.lowest_log_loss
    return before if before < math.inf else float(dynamics.loss.log_loss(mode.margins)), after


def _arrived(
    task: ChainTask,
    state: ChainState,
    mode: Mode,
    found: Segment,
    seen: Floats | None,
    log_left: float,
) -> ChainState:
    """The state at the end of a segment that began at `state`;  seen: margins there, of a flow."""
    counts, theta = state.counts, found.theta
    brief = found.log_time < state.now.log - _BRIEF
    instant = found.log_time <= _INSTANT
    if brief:
        brief_ends = one_more(counts.brief_ends, found.pairs)
    else:
        brief_ends = {p: k for p, k in counts.brief_ends.items() if p in found.pairs}
    counts = altered(
        counts,
        brief_ends=brief_ends,
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
    state = altered(
        state,
        theta=theta,
        low=np.zeros(theta.shape),
        resting=state.resting | found.resting,
        counts=counts,
        now=Instant.at(task.until)
        if found.log_time >= log_left
        else state.now.later(found.log_time, whole=task.dynamics.method.discrete),
        last=ModeEnd(
            log_time=found.log_time,
            status=mode.status,
            triggered=found.triggered,
            pairs=found.pairs,
            released_to=found.released_to,
            at_zero=_come_to_zero(task, mode, found),
            margins=seen,
        ),
    )
    return state.unresolved(task) if unresolved else state


def _come_to_zero(task: ChainTask, mode: Mode, found: Segment) -> list[int]:
    """Neurons that a segment has brought to length 0 and that have ended it."""
    result = []
    for j in sorted({j for j, _ in found.pairs}):
        least = task.zero_length[j]
        if np.maximum.reduce(np.abs(found.theta[j])) <= least:  # hardly ever
            before, after = lengths(mode.theta[j]), lengths(found.theta[j])
            result += [j] if after <= least < before else []
    return result
