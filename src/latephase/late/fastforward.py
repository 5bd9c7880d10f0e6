"""The chain of pieces that takes every trial from its initialisation to the horizon.

In each round a trial is handed to the fastest piece that is valid where it stands:
a decoupled phase (exact, O(1)), a slide (O(1), first order), else ordinary steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latephase.core import Outcome, Regime

from . import decoupled, stepping
from .course import Course
from .phase import Phase
from .phase import phase as phase_from
from .regimes import one_dead_for_ever, sliding_statuses, statuses, terminal_regime
from .response import SLIDING, Response, pattern_code, pattern_status
from .state import State, margins

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]

_WORTHWHILE = 64  # a decoupled phase shorter than this is stepped through
_CHATTER_FACTOR = 16.0  # covers the error of a slide entered at a given chatter, by brute force
_MOST_ROUNDS = 1000  # pieces after which a run counts as unsettled
_KICKS = 32  # rounds of chatter followed exactly before a one-dead run is called sliding


@dataclass
class Journey:
    """How far every trial has come: outcome and regime (T,) objects (None while under way),
    entry (T,) time of entry into the regime with its logarithm, state at the end, steps (T,) taken,
    stretch (T,) of them since the last fast piece, rounds (T,) of the chain."""

    state: State
    outcome: NDArray[np.object_]
    regime: NDArray[np.object_]
    entry: Array
    log_entry: Array
    steps: NDArray[np.int64]
    stretch: NDArray[np.int64]
    rounds: NDArray[np.int64]

    @property
    def under_way(self) -> NDArray[np.bool_]:
        """Trials that have no outcome yet, (T,)."""
        return np.array([outcome is None for outcome in self.outcome], bool)


def fast_forward(
    course: Course, state: State, max_steps: int, progress: Progress | None = None
) -> Journey:
    """Run all trials to the horizon or into a regime that is never left."""
    trials = state.time.size
    journey = unmoved(state)
    _record_start(course, state)
    open_trials = np.arange(trials)
    while open_trials.size:
        _round(course, journey, open_trials, max_steps)
        open_trials = np.flatnonzero(journey.under_way)
        if progress:
            # Those whose budget for steps is used up are followed by the chain afterwards.
            exhausted = sum(o is Outcome.budget_exhausted for o in journey.outcome)
            progress(trials - open_trials.size - exhausted, trials)
    _name_chatter(course, journey)
    return journey


def unmoved(state: State) -> Journey:
    """Journeys that have not begun."""
    trials = state.time.size
    return Journey(
        state,
        np.full(trials, None, object),
        np.full(trials, None, object),
        np.full(trials, np.nan),
        np.full(trials, np.nan),
        *np.zeros((3, trials), np.int64),
    )


def _name_chatter(course: Course, journey: Journey) -> None:
    """Runs with one dead neuron whose chatter was still followed kick by kick at the horizon."""
    if course.geometry.gram_sign > 0:
        a = journey.state.preactivations
        chatters = np.array([o is Outcome.transient for o in journey.outcome], bool)
        chatters &= one_dead_for_ever(course.geometry, a, course.log_step)
        journey.outcome[chatters], journey.regime[chatters] = Outcome.settled, Regime.one_dead
        journey.entry[chatters] = journey.state.time[chatters]
        journey.log_entry[chatters] = journey.state.log_time[chatters]


def _record_start(course: Course, state: State) -> None:
    if course.clock.time.size and course.clock.time[0] == 0:
        stepping.record_now(course, np.arange(state.time.size), state, 0)


def _round(course: Course, journey: Journey, rows: NDArray[np.int64], max_steps: int) -> None:
    """Move every open trial by one piece."""
    codes = _choose(course, journey, rows, max_steps)
    to_step = [rows[codes < 0]]
    for code in np.unique(codes[codes >= 0]):
        group = rows[codes == code]
        phase = phase_from(course, journey.state[group], int(code))
        short = phase.n < _WORTHWHILE
        if course.geometry.gram_sign == 0:
            short[:] = False
        to_step.append(group[short])
        if not short.all():
            _follow(course, journey, group[~short], phase[~short], int(code))
    _step(course, journey, np.concatenate(to_step), max_steps)
    journey.rounds[rows] += 1
    lost = rows[(journey.rounds[rows] >= _MOST_ROUNDS) & journey.under_way[rows]]
    journey.outcome[lost] = Outcome.budget_exhausted


def _choose(
    course: Course, journey: Journey, rows: NDArray[np.int64], max_steps: int
) -> NDArray[np.int64]:
    """The pattern (its code) whose scalar maps may be followed from here, or -1: step."""
    s = journey.state[rows]
    strict = pattern_code(statuses(s.preactivations))
    exact = _each(course, strict, lambda reply: reply.exact)
    if course.geometry.gram_sign == 0:
        return strict
    status, chatter = sliding_statuses(course.geometry, s.preactivations, course.log_step)
    codes = pattern_code(status) if course.geometry.gram_sign > 0 else strict
    approximable = _each(course, codes, lambda r: not r.exact and bool((r.rates >= 0).all()))
    ready = approximable & _ready(course, journey, rows, codes, chatter, max_steps)
    _widen(course, journey, rows[ready], codes[ready], chatter[ready])
    return np.where(ready, codes, np.where(exact, strict, -1))


def _each(
    course: Course, codes: NDArray[np.int64], question: Callable[[Response], bool]
) -> NDArray[np.bool_]:
    """The answer of each code's response to a question, (R,)."""
    unique, inverse = np.unique(codes, return_inverse=True)
    answers = np.array([question(course.response(int(c))) for c in unique], bool)
    return answers[inverse]


def _ready(
    course: Course,
    journey: Journey,
    rows: NDArray[np.int64],
    codes: NDArray[np.int64],
    chatter: Array,
    max_steps: int,
) -> NDArray[np.bool_]:
    """Where a first-order slide is accurate enough: the chatter is small and the two margins rise
    alike.  A slide entered so late that no affordable number of steps would make them alike is
    followed too, and says so in its error; a coupled phase without slides is not, since it ends.
    With one neuron dead the chatter never shrinks: its first kicks are followed exactly."""
    deviation = _deviation(course, journey.state[rows], codes)
    late = (chatter * max_steps < 1) & (journey.state.log_time[rows] > np.log(max_steps))
    late &= _each(course, codes, lambda r: r.sliding)
    alike = (deviation <= 10 * course.slide_tolerance) | late
    one_dead = _each(course, codes, lambda r: r.sliding and r.rates.min() == 0)
    lasting = one_dead & (journey.rounds[rows] > _KICKS)
    return ((chatter <= course.slide_tolerance) & alike) | lasting


def _deviation(course: Course, s: State, codes: NDArray[np.int64]) -> Array:
    deviation = np.zeros(codes.size)
    for code in np.unique(codes):
        here = codes == code
        reply = course.response(int(code))
        level = margins(s.preactivations[..., here] * (reply.status != SLIDING)[:, :, None])
        deviation[here] = reply.deviation(level)
    return deviation


def _widen(
    course: Course,
    journey: Journey,
    rows: NDArray[np.int64],
    codes: NDArray[np.int64],
    chatter: Array,
) -> None:
    """Add to the error of trials about to slide what the slide leaves out."""
    deviation = _deviation(course, journey.state[rows], codes)
    doubt = _CHATTER_FACTOR * chatter + deviation
    for code in np.unique(codes):
        here = codes == code
        moves = np.abs(course.response(int(code)).parameters).max(axis=(1, 2)) > 0
        journey.state.error[:, rows[here]] += np.outer(moves, doubt[here])
    journey.state.exact[rows] = False
    _rest_on_kinks(course, journey.state, rows, codes)


def _rest_on_kinks(
    course: Course, state: State, rows: NDArray[np.int64], codes: NDArray[np.int64]
) -> None:
    """Put sliding pre-activations on their kink, where the shrinking chatter leaves them, along the
    direction in which it kicks them: what is left of a kick would spoil the law for ever."""
    g = course.geometry
    points = ((g.x1, g.k11), (g.x2, g.k22))
    for code in np.unique(codes):
        here = rows[codes == code]
        for j, i in np.argwhere(pattern_status(int(code)) == SLIDING):
            x, k = points[i]
            kick = state.preactivations[j, i, here] / k
            state.parameters[j, 0, here] -= kick * x
            state.parameters[j, 1, here] -= kick
            state.preactivations[j, 1 - i, here] -= kick * g.k12
            state.preactivations[j, i, here] = 0.0


def _follow(
    course: Course, journey: Journey, rows: NDArray[np.int64], phase: Phase, code: int
) -> None:
    """Fast-forward rows to the end of their phase, past the horizon, or for ever."""
    after = decoupled.follow(course, rows, phase)
    forever = np.isinf(phase.log_n)
    regime = terminal_regime(course.geometry, code)
    settled = forever & (regime is not None)
    journey.outcome[rows[settled]], journey.regime[rows[settled]] = Outcome.settled, regime
    journey.entry[rows[settled]] = phase.state.time[settled]
    journey.log_entry[rows[settled]] = phase.state.log_time[settled]
    beyond = ~settled & (forever | (after.log_time >= course.clock.log_horizon))
    journey.outcome[rows[beyond]] = Outcome.transient
    journey.state[rows] = after
    journey.stretch[rows] = 0


def _step(course: Course, journey: Journey, rows: NDArray[np.int64], max_steps: int) -> None:
    """Step rows on; retire those that overflow, reach the horizon or use up the budget."""
    if not rows.size:
        return
    left = max_steps - journey.steps[rows]
    after, counts = stepping.step(course, rows, journey.state[rows], journey.stretch[rows], left)
    journey.steps[rows] += counts
    journey.stretch[rows] += counts
    finite = np.isfinite(after.parameters).all(axis=(0, 1))
    journey.outcome[rows[journey.steps[rows] >= max_steps]] = Outcome.budget_exhausted
    journey.outcome[rows[after.time >= course.clock.horizon]] = Outcome.transient
    journey.outcome[rows[~finite]] = Outcome.overflowed
    journey.state[rows] = after
