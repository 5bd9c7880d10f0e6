"""The chain for any shallow network: ordinary steps and modes in turn, up to the horizon.

Gradient descent is stepped while a step is large, then its mode is followed by the modified flow;
gradient flow is followed from the start. `caution` divides what counts as small: a run is compared
with a more cautious one to see how far it may be off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from latephase.core import LogTime, Outcome

from .filippov import Statuses, kink_statuses
from .mode import Mode, mode, statuses
from .modified import pace
from .response import SLIDING
from .segment import BALANCED, Segment, follow
from .setting import Array, Instant, Setting

_SHORTEST, _LONGEST = 32, 4096  # steps in a row
_PATIENCE = 16_384  # steps after which a smooth phase is followed though its error exceeds the goal
_CALM = math.log(0.5)  # relaxation per step below which the modified flow may be trusted at all
_MOST_ROUNDS = 50_000
_WORTHWHILE = 64  # a mode that a chattering pair ends sooner than this is stepped through
_KICKED = 200  # rounds of chatter that are followed kick by kick
_BRIEF = 7.0  # a mode that lasts less than e^-7 of the time is brief
_CHURNS = 300  # brief modes in a row, and one for each pair, after which a run counts as unresolved
_STUCK = 50  # modes in a row that end where they began
_KICKS = 8.0  # kicks of the chatter by which a slide may be off for ever, by brute force


@dataclass(frozen=True)
class Goal:
    """What is asked of a chain: relative errors of smooth and of sliding phases, the step budget,
    the order of the modified flow, and by what its thresholds are divided (`caution`)."""

    tolerance: float
    slide_tolerance: float
    max_steps: int
    order: int = 2
    caution: float = 1.0


@dataclass
class Chain:
    """A run under way, and what it has recorded: theta (S, m, d + 1) and doubt (S, m), NaN where
    not reached; doubt is an absolute error of (w_j, b_j) that chatter leaves, followed (S,) tells
    whether a flow has carried the run there.

    now: the clock;  theta, low: parameters and their low parts;  status (m, n): of the last mode
    followed, None after steps;  slid (m, n): pairs that were on their kinks when it ended;
    let_go (m, n): status to which a slide has just gone over, else -1;  held
    (n,): points at rest;  stretch: steps in a row;  stuck: modes in a row that ended at once;
    churned: brief ones in a row;
    flowed: whether a mode has been followed yet;  kicked: rounds in which
    chatter was too large to be averaged;  step_error: absolute, of rounding in the steps taken."""

    setting: Setting
    goal: Goal
    times: list[LogTime]
    until: LogTime
    theta: Array
    recorded: Array
    recorded_doubt: Array
    followed: NDArray[np.bool_]
    slid: NDArray[np.bool_]
    held: NDArray[np.bool_]
    let_go: NDArray[np.int64]
    doubt: Array
    low: Array
    now: Instant = field(default_factory=Instant.start)
    reached: int = 0
    status: Statuses | None = None
    step_error: float = 0.0
    steps: int = 0
    stretch: int = 0
    stuck: int = 0
    flowed: bool = False
    churned: int = 0
    kicked: int = 0
    entry: Instant = field(default_factory=Instant.start)
    outcome: Outcome | None = None

    @property
    def log_left(self) -> float:
        """ln of the time left to the horizon."""
        return self.now.log_until(self.until)


def run_chain(
    setting: Setting, theta: Array, times: list[LogTime], until: LogTime, goal: Goal
) -> Chain:
    """Run a network from theta (m, d + 1) to `until`, recording it at the sorted `times`."""
    m, n = setting.signs.shape
    samples = len(times)
    chain = Chain(
        setting,
        goal,
        times,
        until,
        theta.copy(),
        recorded=np.full((samples, *theta.shape), np.nan),
        recorded_doubt=np.full((samples, m), np.nan),
        followed=np.zeros(samples, bool),
        slid=np.zeros((m, n), bool),
        held=np.zeros(n, bool),
        let_go=np.full((m, n), -1),
        doubt=np.zeros(m),
        low=np.zeros_like(theta),
    )
    with _libraries().limit(limits=1, user_api="blas"), np.errstate(over="ignore", under="ignore"):
        for _ in range(_MOST_ROUNDS):
            _record_here(chain)
            if chain.log_left == -math.inf or chain.outcome is not None:
                break
            _round(chain)
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


def next_piece(chain: Chain) -> tuple[Mode, bool]:
    """The mode to follow from here, and whether gradient descent must be stepped instead."""
    setting, theta = chain.setting, chain.theta
    a = setting.preactivations(theta)
    if not setting.discrete:
        near = chain.slid if chain.status is not None else a == 0
        base = statuses(a) if chain.status is None else chain.status
        log_pull = setting.log_pull(setting.margins(theta))
        found = kink_statuses(setting, base, near, log_pull)
        found = np.where((found == SLIDING) & (chain.let_go >= 0), chain.let_go, found)
        return mode(setting, theta, found, chain.held), False
    return _next_of_descent(chain, a)


def _next_of_descent(chain: Chain, a: Array) -> tuple[Mode, bool]:
    """A slide whose chatter is small, else the pattern as a step sees it."""
    setting = chain.setting
    steps = Steps.of(setting, chain.theta, a)
    sliding = _sliding(chain, a, steps) & (chain.let_go < 0)
    seen = np.where(chain.let_go >= 0, chain.let_go, statuses(a))
    if sliding.any():
        calm = _calm(chain, steps, sliding)
        if calm:
            status = np.where(sliding, SLIDING, seen)
            return mode(setting, chain.theta, status, chain.held), False
        chain.kicked += 1
    here = mode(setting, chain.theta, seen, chain.held)
    brief = sliding & (steps.left(a) < _WORTHWHILE)
    return here, bool(brief.any()) or _rough(chain, here)


@dataclass(frozen=True)
class Steps:
    """What one step of gradient descent does at a network.

    rise (m, n): to the pre-activations;  kick (m, n): how far point i moves (w_j, b_j) when neuron
    j is active there;  swing (m, n): how far a step may carry a pre-activation over its kink.
    """

    rise: Array
    kick: Array
    swing: Array

    @classmethod
    def of(cls, setting: Setting, theta: Array, a: Array) -> Steps:
        """The step at theta (m, d + 1) with pre-activations a (m, n)."""
        gram = setting.points @ setting.points.T
        pull = np.exp(np.minimum(setting.log_pull(setting.margins(theta)), 700.0))
        rise = (setting.signs * (a > 0) * pull) @ gram
        lengths = np.sqrt(np.diag(gram))
        kick = np.abs(setting.signs) * pull * lengths
        swing = np.abs(rise) + kick * lengths
        return cls(rise, kick, swing)

    def left(self, a: Array) -> Array:
        """Steps until a pre-activation reaches its kink at its present speed, (m, n)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            left = -a / self.rise
        return np.where(left >= 0, left, np.inf)


def _sliding(chain: Chain, a: Array, steps: Steps) -> NDArray[np.bool_]:
    """Pairs within a swing of their kink that Filippov's rule holds there."""
    near = chain.slid | (np.abs(a) <= steps.swing)
    log_pull = chain.setting.log_pull(chain.setting.margins(chain.theta))
    return kink_statuses(chain.setting, statuses(a), near, log_pull) == SLIDING


def _calm(chain: Chain, steps: Steps, sliding: NDArray[np.bool_]) -> bool:
    """Whether the chatter is small enough for a slide to be followed to first order.

    Chatter whose kicks do not shrink (of a point that is never fitted) is followed kick by kick
    for a while only; and so is any when the budget is used up.
    """
    norms = np.linalg.norm(chain.theta, axis=1)[:, None]
    size = (steps.kick / np.where(norms > 0, norms, np.inf))[sliding].max()
    spent = chain.kicked > _KICKED * chain.goal.caution or chain.steps >= chain.goal.max_steps
    return bool(size <= chain.goal.slide_tolerance / chain.goal.caution or spent)


def _rough(chain: Chain, here: Mode) -> bool:
    """Whether a step is still too large for the modified flow to follow the mode."""
    speed, goal = pace(here), chain.goal
    if speed.log_defect <= math.log(goal.tolerance) - 3 * math.log(goal.caution):
        return False
    patient = chain.stretch >= _PATIENCE * goal.caution or chain.steps >= goal.max_steps
    return not (patient and speed.log_rate < _CALM)


def _step(chain: Chain) -> None:
    """Ordinary steps: as many as were taken in a row already, but not past the next sample."""
    from latephase.training import advance  # imports JAX: only where steps are needed

    s = chain.setting
    count = _count(chain)
    moved = advance(
        chain.theta[None, :, :-1],
        chain.theta[None, :, -1],
        np.array([count]),
        inputs=s.points[:, :-1],
        labels=s.labels,
        output_weights=s.outer,
        method=s.method,
        loss=s.loss.name,
        error=np.array([chain.step_error]),
        weights_low=chain.low[None, :, :-1],
        biases_low=chain.low[None, :, -1],
    )
    chain.theta = np.concatenate([moved.weights[0], moved.biases[0][:, None]], axis=1)
    chain.low = np.concatenate([moved.weights_low[0], moved.biases_low[0][:, None]], axis=1)
    chain.step_error = float(moved.error[0])
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
    logs = np.array([chain.now.log_until(t) for t in chain.times[chain.reached :]])
    order = 0 if here.sliding or not chain.setting.discrete else chain.goal.order
    balanced = BALANCED / chain.goal.caution
    found = follow(here, order, logs, chain.log_left, _solver_tolerance(chain), balanced)
    _record(chain, here, found)
    _arrive(chain, here, found)


def _solver_tolerance(chain: Chain) -> float:
    """The solver's tolerance: well below the goal's, so that the comparison shows the latter."""
    fine = 1e-11 if chain.goal.tolerance >= 1e-11 else max(chain.goal.tolerance, 1e-13)
    return fine if chain.setting.discrete else fine * 100 / chain.goal.caution**2


def _on_kinks(chain: Chain, here: Mode) -> Mode:
    """Put sliding pairs on their kinks, along the way that their points kick them."""
    theta, points = chain.theta.copy(), chain.setting.points
    sliding = here.status == SLIDING
    if chain.setting.discrete:
        steps = Steps.of(chain.setting, theta, chain.setting.preactivations(theta))
        before = np.zeros_like(sliding) if chain.status is None else chain.status == SLIDING
        fresh = sliding & ~before
        chain.doubt = chain.doubt + _KICKS * (steps.kick * fresh).max(axis=1)
    for j in np.flatnonzero(sliding.any(axis=1)):
        z = points[sliding[j]]
        theta[j] -= np.linalg.lstsq(z, z @ theta[j], rcond=None)[0]
    chain.theta = theta
    return mode(chain.setting, theta, here.status, chain.held)


def _arrive(chain: Chain, here: Mode, found: Segment) -> None:
    """Move the chain to the end of a segment."""
    before = chain.now
    chain.entry = before
    chain.theta = here.parameters(found.beta)
    chain.low = np.zeros_like(chain.theta)
    whole = chain.setting.discrete and not here.sliding
    chain.now = (
        _horizon(chain)
        if found.log_time >= chain.log_left
        else before.later(found.log_time, whole=whole or chain.setting.discrete)
    )
    chain.stuck = chain.stuck + 1 if found.log_time <= -30 else 0
    chain.churned = chain.churned + 1 if found.log_time < before.log - _BRIEF else 0
    churns = chain.churned > _CHURNS + here.status.size
    if found.failed or chain.stuck > _STUCK or churns:
        chain.outcome = Outcome.budget_exhausted
    chain.held = chain.held | found.resting
    chain.slid = (here.status == SLIDING) | found.broken
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


def _store(chain: Chain, theta: Array) -> None:
    if np.isfinite(theta).all():
        chain.recorded[chain.reached] = theta
        chain.recorded_doubt[chain.reached] = chain.doubt
        chain.followed[chain.reached] = chain.flowed
    chain.reached += 1
