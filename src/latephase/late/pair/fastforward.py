"""The chain of pieces that takes every trial from its initialisation to the horizon.

In each round a trial is handed to the fastest piece that is valid where it stands:
a decoupled phase (exact, O(1)), a slide (O(1), first order), else ordinary steps.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from latephase.core import Outcome, Regime
from latephase.core.arrays import Bools, Ints

from . import decoupled, stepping
from .course import Course
from .gates import WORTHWHILE, each, has_rates, is_self_similar, may_slide, widen
from .phase import Phase
from .phase import phase as phase_from
from .regimes import half_slide, one_dead_for_ever, sliding_statuses, statuses, terminal_regime
from .response import pattern_code
from .state import Journey, State, unmoved

Progress = Callable[[int, int], None]

_MOST_ROUNDS = 1000  # pieces after which a run counts as unsettled


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


def _round(course: Course, journey: Journey, rows: Ints, max_steps: int) -> None:
    """Move every open trial by one piece."""
    codes = _choose(course, journey, rows, max_steps)
    to_step = [rows[codes < 0]]
    for code in np.unique(codes[codes >= 0]):
        group = rows[codes == code]
        phase = phase_from(course, journey.state[group], int(code))
        short = phase.n < WORTHWHILE
        if course.geometry.gram_sign == 0:
            short[:] = False
        to_step.append(group[short])
        if not short.all():
            _follow(course, journey, group[~short], phase[~short], int(code))
    _step(course, journey, np.concatenate(to_step), max_steps)
    journey.rounds[rows] += 1
    lost = rows[(journey.rounds[rows] >= _MOST_ROUNDS) & journey.under_way[rows]]
    journey.outcome[lost] = Outcome.budget_exhausted


def _choose(course: Course, journey: Journey, rows: Ints, max_steps: int) -> Ints:
    """The pattern (its code) whose scalar maps may be followed from here, or -1: step."""
    s = journey.state[rows]
    strict = pattern_code(statuses(s.preactivations))
    exact = each(course, strict, lambda reply: reply.exact)
    if course.geometry.gram_sign == 0:
        return strict
    status, push = sliding_statuses(course.geometry, s.preactivations, course.log_step)
    codes = pattern_code(status) if course.geometry.gram_sign > 0 else strict
    coupled = each(course, strict, has_rates) & ~exact
    coupled[coupled] = is_self_similar(course, s[coupled], strict[coupled], push[coupled])
    slides = each(course, codes, lambda r: r.sliding and has_rates(r)) & ~coupled
    slides[slides] = may_slide(
        course, journey, rows[slides], codes[slides], push[slides], max_steps
    )
    codes = np.where(slides, codes, np.where(coupled | exact, strict, -1))
    ready = slides | coupled
    widen(course, journey, rows[ready], codes[ready], push[ready])
    return codes


def _follow(course: Course, journey: Journey, rows: Ints, phase: Phase, code: int) -> None:
    """Fast-forward rows to the end of their phase, past the horizon, or for ever."""
    jumped = _jumped_out(phase)
    if jumped.any():
        journey.outcome[rows[jumped]] = Outcome.overflowed
        rows, phase = rows[~jumped], phase[~jumped]
    after = decoupled.follow(course, rows, phase)
    forever = np.isinf(phase.log_n)
    regime = terminal_regime(course.geometry, code)
    settled = forever & (regime is not None)
    journey.outcome[rows[settled]], journey.regime[rows[settled]] = Outcome.settled, regime
    journey.entry[rows[settled]] = phase.state.time[settled]
    journey.log_entry[rows[settled]] = phase.state.log_time[settled]
    beyond = ~settled & (forever | course.clock.over(after.time, after.log_time))
    journey.outcome[rows[beyond]] = Outcome.transient
    half = half_slide(course.geometry, code)
    if half:  # how it goes on is known
        there = rows[beyond]
        journey.outcome[there], journey.regime[there] = Outcome.settled, half[2]
        journey.entry[there], journey.log_entry[there] = after.time[beyond], after.log_time[beyond]
    journey.state[rows] = after
    journey.stretch[rows] = 0


def _jumped_out(phase: Phase) -> Bools:
    """Whether a first step c exp(-m) leaves float64, (R,)."""
    end = phase.state.parameters
    for p, track in phase.orbits.items():
        end = end + phase.response.felt[0][:, :, p, None] * track.base
    return ~np.asarray(np.isfinite(end).all(axis=(0, 1)))


def _step(course: Course, journey: Journey, rows: Ints, max_steps: int) -> None:
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
