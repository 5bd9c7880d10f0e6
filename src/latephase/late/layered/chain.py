"""Any network of two trained layers from start to horizon: ordinary steps and modes in turn.

A leaner sibling of `late/chain`, whose decisions and moves are written for modes that are linear in
their parameters: here the pulls on a kink depend on output weights that move.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from dataclasses import field as given

import numpy as np

from latephase.core import LogTime, Outcome
from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.chain.instant import AT_START, Instant
from latephase.late.chain.kicks import KICKS
from latephase.late.modes.dynamics import lengths
from latephase.late.pattern import SLIDING, Statuses

from .chatter import let_go, of_margins, share, with_kicks
from .crossings import Crossings, moments, put_back
from .dynamics import LayeredDynamics
from .follow import AT_REST, follow
from .mode import LayeredMode
from .segment import LayeredSegment

_SHORTEST, _LONGEST = 32, 4096  # steps in a row
_MOST_ROUNDS = 20_000
_BRIEF = 7.0  # a mode that lasts less than e^-7 of the time is brief
_MOST_BRIEF = 300  # in a row, and one for each pair, after which a run counts as unresolved
_MOST_WORK = 30_000  # steps of the solver
_EDGE = 2.0  # relaxation per step from which what is left of an error grows
_CHAOS = 1e-7  # a difference of wild steps beyond which chance decides: of four nudges of the same
# run three ended 6e-4 from the truth, one 3e-2
_GRACE, _LOOSEST = 2, 20  # times in a row that a pair may end modes at once before its guards
# are loosened to the solver's tolerance, doubled each time, so often at most


@dataclass(frozen=True)
class LayeredControls:
    """How well a run is followed: relative errors of smooth and of sliding phases, the step budget,
    and by what its thresholds are divided (`caution`) when it is made a second time.

    slides_in_full: whether other neurons are followed to full order beside one that slides, which
    chatter makes a method of first order: of the two runs that are compared the better one does.
    """

    tolerance: float
    slide_tolerance: float
    max_steps: int
    caution: float = 1.0
    slides_in_full: bool = False

    def solver_tolerance(self, *, discrete: bool) -> float:
        """Well below the tolerance asked for, so that comparing two runs shows the latter."""
        fine = 1e-11 if self.tolerance >= 1e-11 else max(self.tolerance, 1e-13)
        return max(fine * (4 if discrete else 10) / self.caution**2, 1e-13)


@dataclass(frozen=True)
class LayeredTask:
    """What is asked of a run and stays fixed; times sorted;  signs (m, n): the exact ones of the
    first pre-activations."""

    dynamics: LayeredDynamics
    controls: LayeredControls
    times: list[LogTime]
    until: LogTime
    signs: Ints


@dataclass(frozen=True)
class LayeredState:
    """Where a run stands.

    now;  state, low (m, k + 1);  passed: samples that lie behind;  last: the mode that ended, with
    met (m, n), the pairs at whose guards, and released_to (m, n);  brief_ends (m, n), brief_modes,
    steps, in_a_row, work: as in `late/chain`.
    """

    now: Instant
    state: Floats
    low: Floats
    brief_ends: Ints
    passed: int = 0
    last: Statuses | None = None
    met: Bools | None = None
    released_to: Statuses | None = None
    brief_modes: int = 0
    steps: int = 0
    in_a_row: int = 0
    work: int = 0
    outcome: Outcome | None = None


@dataclass
class LayeredChain:
    """A run under way, and once it has ended: samples (S, m, k + 1), NaN where not reached, by_flow
    (S,): whether a flow has carried the run there, kicks (S, 2): errors of chatter left out, of
    neurons for ever and of margins at the moment, rounding (S,): that of neurons in steps;  trusted
    (S,): the difference of two runs up to which it tells an error: once steps have been `wild`,
    beyond 2 / curvature, where rounding grows, what exceeds the `chatter` since then is chance;
    entry, mode: the last one, and the time at which it began;  nudge: by what share of itself the
    state is moved before steps, to see what becomes of rounding; by its signs kicks are, too;
    crossings: of kinks by steps;  beside: those of the run that this one is compared with."""

    task: LayeredTask
    at: LayeredState
    samples: Floats
    by_flow: Bools
    kicks: Floats
    rounding: Floats
    trusted: Floats
    kicked: float = 0.0
    rounded: float = 0.0
    chatter: float = 0.0
    wild: bool = False
    flowed: bool = False
    entry: Instant = AT_START
    mode: LayeredMode | None = None
    nudge: Floats | float = 0.0
    crossings: Crossings = given(default_factory=Crossings)
    beside: Crossings | None = None
    tell: Callable[[float], None] | None = given(default=None, repr=False)

    def run(self) -> LayeredChain:
        """To the horizon, or where the run ends before."""
        from .decision import decide

        whole = np.logaddexp(0.0, self.task.until.log)
        for _ in range(_MOST_ROUNDS):
            self._record_here()
            if self.tell:
                self.tell(float(np.logaddexp(0.0, self.at.now.log) / whole) if whole > 0 else 1.0)
            if self.at.outcome is not None or self.at.now.log_until(self.task.until) == -math.inf:
                return self
            try:
                mode, kicks = decide(self.task, self.at)
                if mode is None:
                    self.chatter = max(self.chatter, share(kicks, self.at.state))
                    self._step()
                else:
                    if kicks.any():
                        self.kicked += KICKS * share(kicks, self.at.state)
                    self._follow(mode, kicks)
            except (ArithmeticError, ValueError, np.linalg.LinAlgError):
                # Numbers beyond float64 in some matrix: the samples so far stand.
                self.at = replace(self.at, outcome=Outcome.budget_exhausted)
        self.at = replace(self.at, outcome=Outcome.budget_exhausted)
        return self

    def _record_here(self) -> None:
        at, times = self.at, self.task.times
        while at.passed < len(times) and at.now.log_until(times[at.passed]) == -math.inf:
            self._write(at.passed, at.state, 0.0)
            at = replace(at, passed=at.passed + 1)
        self.at = at

    def _write(self, row: int, state: Floats, chatter: float) -> None:
        if np.isfinite(state).all():
            self.samples[row], self.by_flow[row] = state, self.flowed
            self.kicks[row], self.rounding[row] = (self.kicked, chatter), self.rounded
            self.trusted[row] = max(_CHAOS, KICKS * self.chatter) if self.wild else math.inf

    def _step(self) -> None:
        """Ordinary steps: as many as were taken in a row already, but not past the next sample."""
        from .steps import steps  # imports JAX: only where steps are needed

        at, task, budget = self.at, self.task, self.task.controls.max_steps
        if at.steps >= budget:
            self.at = replace(at, outcome=Outcome.budget_exhausted)
            return
        count = min(max(at.in_a_row, _SHORTEST), _LONGEST, budget - at.steps)
        ahead = task.times[at.passed] if at.passed < len(task.times) else task.until
        log_ahead = at.now.log_until(ahead)
        if log_ahead < math.log(count):
            count = max(round(math.exp(log_ahead)), 1)
        self.nudge = -self.nudge  # again and again: chaos forgets the start
        start = at.state * (1 + self.nudge)
        state, low, rounding, crossed = steps(task.dynamics, start, at.low, count)
        crossed = crossed + at.now.as_float
        late = self._late(crossed)
        if late.any():
            count = round(float(np.ceil(crossed[late].min()) - at.now.as_float))
            state, low, rounding, _ = steps(task.dynamics, start, at.low, count)
            state = put_back(task.dynamics, state, late)
        norms = lengths(state)
        self.rounded += float(np.where(norms > 0, rounding / norms, 0.0).max())
        if task.dynamics.relaxation(state) > _EDGE:
            self.wild, self.chatter = True, 0.0
        self.at = replace(
            at,
            now=at.now.plus(count),
            state=state,
            low=low,
            last=None,
            steps=at.steps + count,
            in_a_row=at.in_a_row + count,
            outcome=None if np.isfinite(state).all() else Outcome.overflowed,
        )

    def _follow(self, mode: LayeredMode, kicks: Floats) -> None:
        """Follow a mode to its end or to the horizon, recording the samples on the way; kicks (m,):
        those of chatter that it leaves out from here on."""
        at, task, discrete = self.at, self.task, self.task.dynamics.method.discrete
        if mode.sliding:
            mode = with_kicks(mode.on_kinks, kicks, at.now.log, np.sign(self.nudge))
        logs = np.array([at.now.log_until(t) for t in task.times[at.passed :]])
        log_left = at.now.log_until(task.until)
        order = self.order(mode)
        tolerance = task.controls.solver_tolerance(discrete=discrete)
        doublings = np.clip(at.brief_ends - _GRACE, 0, _LOOSEST)
        loose = np.asarray(tolerance * (2.0**doublings - 1))
        cap = AT_REST - math.log(task.controls.caution)
        found = follow(mode, order, logs, log_left, tolerance, loose, cap)
        if discrete and mode.sliding and np.any(self.nudge):
            found = replace(found, state=let_go(mode, found))
        self.flowed, self.entry, self.mode = True, at.now, mode
        chatter = of_margins(mode, found.sampled) if discrete else np.zeros(len(found.sampled))
        for k, state in enumerate(found.sampled):
            self._write(at.passed + k, state, float(chatter[k]))
        self._arrive(mode, found, log_left)

    def _late(self, crossed: Floats) -> Bools:
        """The first of the pairs that have crossed at times (m, n) which cross at the same step as
        in the run beside this one by chance; that one only notes them."""
        if self.beside is None or self.wild:
            self.crossings.note(crossed)
            return np.zeros(crossed.shape, bool)
        return self.beside.taken(crossed)

    def order(self, mode: LayeredMode) -> int:
        """Of the modified flow that a mode is followed by."""
        chatters = mode.sliding and not self.task.controls.slides_in_full
        return 2 if self.task.dynamics.method.discrete and not chatters else 0

    def _arrive(self, mode: LayeredMode, found: LayeredSegment, log_left: float) -> None:
        at, whole = self.at, self.task.dynamics.method.discrete
        brief = found.log_time < at.now.log - _BRIEF
        brief_modes, work = (at.brief_modes + 1) * brief, at.work + found.work
        most = _MOST_BRIEF + mode.status.size
        ended = found.log_time >= log_left
        beyond = found.rough and not ended and self._outlasts(at.now.later(found.log_time, whole))
        unresolved = found.failed or brief_modes > most or work > _MOST_WORK or beyond
        outcome = Outcome.budget_exhausted if unresolved else None
        finite = bool(np.isfinite(found.state).all())
        now = Instant.at(self.task.until) if ended else at.now.later(found.log_time, whole)
        state = found.state
        if whole and finite and not (ended or mode.sliding):
            crossed = moments(mode, state, now.as_float)
            state = put_back(mode.dynamics, state, self._late(crossed))
        self.at = replace(
            at,
            now=now,
            state=state,
            low=np.zeros_like(found.state),
            passed=at.passed + len(found.sampled),
            last=mode.status,
            met=found.triggered,
            released_to=found.released_to,
            brief_ends=np.where(found.triggered, at.brief_ends + brief, at.brief_ends * brief),
            brief_modes=brief_modes,
            in_a_row=0,
            work=work,
            outcome=outcome if finite else Outcome.overflowed,
        )

    def _outlasts(self, now: Instant) -> bool:
        """Whether steps that are too long for a flow outlast the budget: curvature that has grown
        to 1 / step in a time t takes another t to get beyond 2, or to come back."""
        at, task = self.at, self.task
        left = task.controls.max_steps - at.steps
        passed = at.passed + sum(now.log_until(t) == -math.inf for t in task.times[at.passed :])
        ahead = task.times[passed] if passed < len(task.times) else task.until
        return left <= 0 or min(now.log, now.log_until(ahead)) > math.log(left)


def begun(
    dynamics: LayeredDynamics,
    start: Floats,
    times: list[LogTime],
    until: LogTime,
    controls: LayeredControls,
    nudge: Floats | float = 0.0,
) -> LayeredChain:
    """A run at t = 0 at a state (m, d + 2) in the user's coordinates;  nudge (m, k + 1)."""
    frame = dynamics.frame
    theta, low = frame.coordinates(start[:, :-1])
    signs = frame.signs(start[:, :-1])
    if dynamics.method.discrete:  # a flow looks at signs only once
        theta = frame.on_their_sides(theta, signs)
    state = np.concatenate([theta, start[:, -1:]], axis=1)
    low = np.concatenate([low, np.zeros((len(low), 1))], axis=1)
    at = LayeredState(AT_START, state, low, np.zeros(signs.shape, int))
    task = LayeredTask(dynamics, controls, times, until, signs)
    samples = np.full((len(times), *state.shape), np.nan)
    return LayeredChain(task, at, samples, *_unwritten(len(times)), nudge=nudge)


def _unwritten(count: int) -> tuple[Bools, Floats, Floats, Floats]:
    return np.zeros(count, bool), np.zeros((count, 2)), np.zeros(count), np.full(count, np.inf)


def statuses_of(at: LayeredState, dynamics: LayeredDynamics) -> Statuses:
    """Statuses (m, n) where a run stands: a neuron let go of a kink may rest an ulp off it."""
    seen = dynamics.statuses(dynamics.preactivations(at.state))
    if at.last is None or at.met is None or not dynamics.bends:
        return seen
    switching = np.asarray(at.met.any(axis=1))[:, None]
    return np.where(switching & (at.last != SLIDING), seen, at.last)
