"""The chain for any shallow network: ordinary steps and modes in turn, up to the horizon.

Gradient descent is stepped while a step is large, then its mode is followed by the modified flow;
gradient flow is followed from the start. `caution` divides what counts as small: a run is compared
with a more cautious one to see how far it may be off.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from latephase.core import LogTime, Outcome
from latephase.core.arrays import Floats, Ints
from latephase.late.modes.mode import Mode
from latephase.late.modes.modified import pace
from latephase.late.modes.segment import BALANCED, Segment, follow
from latephase.late.modes.setting import Instant, Setting, lengths
from latephase.late.pattern import SLIDING

from .next_piece import Steps, next_piece
from .state import Chain, Goal
from .watched import report

_SHORTEST, _LONGEST = 32, 4096  # steps in a row
_MOST_ROUNDS = 50_000
_BRIEF = 7.0  # a mode that lasts less than e^-7 of the time is brief
_CHURNS = 300  # brief modes in a row, and one for each pair, after which a run counts as unresolved
_GRACE = 2  # times in a row that a pair may end modes at once before its guards are loosened:
_LOOSEST = 20  # to the solver's tolerance, doubled each time, so often at most
_STUCK = 50  # modes in a row that end where they began
_SLIDE_SHARE = 1e-4  # of the chatter allowed on slides: the solver's tolerance there
_MOST_WORK = 30_000  # steps of the solver, about five seconds
_RISE = 1e-6  # of 1 + |ln L|: a flow whose loss rises by more has lost its digits
_KICKS = 16.0  # kicks of the chatter by which a slide may be off for ever, by brute force


def run_chain(
    setting: Setting,
    theta: Floats,
    times: list[LogTime],
    until: LogTime,
    goal: Goal,
    signs: Ints | None = None,
) -> Chain:
    """Run a network from theta (m, d + 1) to `until`, recording it at the sorted `times`.

    signs (m, n): of its pre-activations, where they are not those of theta.
    """
    chain = Chain.start(setting, theta, times, until, goal, signs)
    quiet = np.errstate(over="ignore", under="ignore", invalid="ignore")  # the outcome says it
    with _libraries().limit(limits=1, user_api="blas"), quiet:
        for _ in range(_MOST_ROUNDS):
            _record_here(chain)
            report(chain)
            if chain.log_left == -math.inf or chain.outcome is not None:
                break
            try:
                _round(chain)
            except (ArithmeticError, ValueError, np.linalg.LinAlgError):
                # Numbers beyond float64 in some matrix: the samples so far stand.
                chain.outcome = Outcome.budget_exhausted
        else:
            chain.outcome = Outcome.budget_exhausted
    return chain


@cache
def _libraries() -> ThreadpoolController:
    """The BLAS that is loaded: more threads only wait for one another on matrices of this size."""
    return ThreadpoolController()


def _round(chain: Chain) -> None:
    """One piece: steps where they are needed, else the mode to its end."""
    here, must_step = next_piece(chain)
    if must_step:
        if chain.steps >= chain.goal.max_steps:
            chain.outcome = Outcome.budget_exhausted
        else:
            _step(chain)
        return
    _follow(chain, here)


def _step(chain: Chain) -> None:
    """Ordinary steps: as many as were taken in a row already, but not past the next sample."""
    from .plain_steps import stepped  # imports JAX: only where steps are needed

    count = _count(chain)
    moved = stepped(chain.setting, chain.theta, chain.low, chain.step_error, count)
    chain.theta, chain.low, chain.step_error = moved.theta, moved.low, moved.error
    _charge(chain, moved.doubt)
    chain.lost = chain.lost or bool(moved.lost.any())
    chain.now, chain.status = chain.now.plus(count), None
    chain.slid, chain.let_go = np.zeros_like(chain.slid), np.full_like(chain.let_go, -1)
    chain.steps += count
    chain.stretch += count
    if not np.isfinite(chain.theta).all():
        chain.outcome = Outcome.overflowed


def _count(chain: Chain) -> int:
    count = min(max(chain.stretch, _SHORTEST), _LONGEST, chain.goal.max_steps - chain.steps)
    following = chain.times[chain.reached] if chain.reached < len(chain.times) else chain.until
    log_ahead = chain.now.log_until(following)
    if log_ahead < math.log(count):
        count = max(round(math.exp(log_ahead)), 1)
    return count


def _follow(chain: Chain, here: Mode) -> None:
    """Follow the mode to its end or to the horizon, recording the samples on the way."""
    if here.sliding:
        here = _on_kinks(chain, here)
    elif chain.setting.discrete:
        _charge_hurry(chain)
    logs = np.array([chain.now.log_until(t) for t in chain.times[chain.reached :]])
    order = chain.goal.slide_order if here.sliding else chain.goal.order
    order = order if chain.setting.discrete else 0
    balanced = BALANCED / chain.goal.caution
    tolerance = _solver_tolerance(chain, here)
    slack = np.asarray(tolerance * (2.0 ** np.clip(chain.churn - _GRACE, 0, _LOOSEST) - 1))
    found = follow(here, order, logs, chain.log_left, tolerance, balanced, slack, chain.least)
    finite = bool(np.isfinite(here.parameters(found.beta)).all())
    if finite and _rises(chain, here, found):
        chain.outcome = Outcome.inaccurate
        return
    _record(chain, here, found)
    _arrive(chain, here, found)
    if not finite:
        chain.outcome = Outcome.overflowed


def _rises(chain: Chain, here: Mode, found: Segment) -> bool:
    """Whether the loss has risen along a mode, where it cannot: rounding has taken over.

    It cannot under a flow, nor under steps below 2 / curvature.
    """
    setting = chain.setting
    before = float(setting.loss.log_loss(here.margins))
    after = float(setting.loss.log_loss(here.margins_at(found.beta)))
    if not setting.discrete:
        seen = float(setting.log_loss(here.parameters(found.beta)))  # without digits, another one
        after = max(after, seen) if np.isfinite(seen) else math.nan
        before = min(before, chain.lowest)
        chain.lowest = min(before, after)
    elif pace(here).log_rate > 0:
        return False
    return not after <= before + _RISE * (1 + abs(before))


def _solver_tolerance(chain: Chain, here: Mode) -> float:
    """The solver's tolerance: well below the goal's, so that the comparison shows the latter."""
    fine = 1e-11 if chain.goal.tolerance >= 1e-11 else max(chain.goal.tolerance, 1e-13)
    if chain.setting.discrete and here.sliding:  # its chatter leaves out far more
        return max(fine, _SLIDE_SHARE * chain.goal.slide_tolerance / chain.goal.caution)
    return max(fine * (4 if chain.setting.discrete else 100) / chain.goal.caution**2, 1e-13)


def _on_kinks(chain: Chain, here: Mode) -> Mode:
    """Put sliding pairs on their kinks, along the way that their points kick them."""
    theta = chain.theta.copy()
    sliding = here.status == SLIDING
    if chain.setting.discrete:
        steps = Steps.of(chain.setting, theta, chain.setting.preactivations(theta))
        before = np.zeros_like(sliding) if chain.status is None else chain.status == SLIDING
        _charge(chain, (_KICKS * steps.kick * (sliding & ~before)).max(axis=1))
    for j in map(int, np.flatnonzero(sliding.any(axis=1))):
        off = chain.setting.neuron(j, here.status[j], here.held).off
        theta[j] = off @ (off.T @ theta[j])
    chain.theta = theta
    return here.entered(theta)


def _charge_hurry(chain: Chain) -> None:
    """Add to the doubt what descent may do a step earlier than the flow that follows it, where no
    steps are left for a pair in chatter that soon meets its kink."""
    a = chain.setting.preactivations(chain.theta)
    steps = Steps.of(chain.setting, chain.theta, a)
    _charge(chain, (_KICKS * steps.kick * steps.hurried(a)).max(axis=1))


def _charge(chain: Chain, moved: Floats) -> None:
    """Add to the doubt that neurons may be `moved` (m,) off, and to that of the margins."""
    chain.doubt = chain.doubt + moved
    chain.margin_doubt = chain.margin_doubt + chain.setting.reach(moved)


def _arrive(chain: Chain, here: Mode, found: Segment) -> None:
    """Move the chain to the end of a segment."""
    before = chain.now
    chain.entry = before
    chain.theta = here.parameters(found.beta)
    chain.low = np.zeros_like(chain.theta)
    whole = chain.setting.discrete and not here.sliding
    chain.work += found.work
    chain.now = (
        _horizon(chain)
        if found.log_time >= chain.log_left
        else before.later(found.log_time, whole=whole or chain.setting.discrete)
    )
    chain.stuck = chain.stuck + 1 if found.log_time <= -30 else 0
    brief = found.log_time < before.log - _BRIEF
    chain.churned = chain.churned + 1 if brief else 0
    chain.churn = np.where(found.broken, chain.churn + brief, chain.churn * brief)
    churns = chain.churned > _CHURNS + here.status.size
    if found.failed or chain.stuck > _STUCK or churns or chain.work > _MOST_WORK:
        chain.outcome = Outcome.budget_exhausted
    chain.held = chain.held | found.resting
    chain.slid = (here.status == SLIDING) | found.broken
    chain.broken = found.broken
    was, is_zero = (lengths(t) <= chain.zero for t in (here.theta, chain.theta))
    chain.vanished = chain.turned & is_zero & ~was
    chain.let_go = found.let_go
    chain.status = here.status
    chain.stretch = 0


def _horizon(chain: Chain) -> Instant:
    value = chain.until.value
    return Instant(value if value is not None and value < 2**53 else None, chain.until.log)


def _record_here(chain: Chain) -> None:
    """Record the samples that the chain stands at."""
    while chain.reached < len(chain.times):
        if chain.now.log_until(chain.times[chain.reached]) > -math.inf:
            return
        _store(chain, chain.theta)


def _record(chain: Chain, here: Mode, found: Segment) -> None:
    chain.flowed = True
    for beta in found.sampled:
        _store(chain, here.parameters(beta))


def _store(chain: Chain, theta: Floats) -> None:
    if np.isfinite(theta).all():
        chain.recorded[chain.reached] = theta
        chain.recorded_doubt[chain.reached] = chain.doubt
        chain.recorded_margin_doubt[chain.reached] = chain.margin_doubt
        chain.recorded_rounding[chain.reached] = chain.step_error
        chain.recorded_lost[chain.reached] = chain.lost
        chain.followed[chain.reached] = chain.flowed
    chain.reached += 1
