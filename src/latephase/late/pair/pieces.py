"""The exact pieces that take every trial from its initialisation to the horizon, in turn.

In each round a trial is handed to the fastest piece that is valid where it stands:
the kicks of a neuron whose partner is dead (O(1), to the horizon), a decoupled phase (exact, O(1)),
a slide (O(1), first order), else ordinary steps.
"""

from __future__ import annotations

import numpy as np

from latephase.core import Outcome, Regime
from latephase.core.arrays import Ints
from latephase.late.engine import Progress
from latephase.late.pattern import pattern_code, statuses

from .follow_kicks import follow_kicks
from .follow_phase import follow_phase, record_phases
from .follow_steps import follow_steps, record_now
from .phase import Phase, ends_within, phase_from
from .regimes import half_slide, one_dead_for_ever, sliding_statuses, terminal_regime
from .state import Journey, PairState, unmoved
from .task import PairTask
from .validity import WORTHWHILE, each, has_rates, is_self_similar, may_slide, widen

_MOST_ROUNDS = 1000  # pieces after which a run counts as unsettled
_COUNTED = 2.0**52  # time up to which a step changes it


def run_pieces(
    task: PairTask, state: PairState, max_steps: int, progress: Progress | None = None
) -> Journey:
    """Run all trials to the horizon or into a regime that is never left."""
    trials = np.arange(state.time.size)
    journey, open_trials = unmoved(state), trials
    if task.times.time.size and task.times.time[0] == 0:
        record_now(task, trials, state, np.zeros_like(trials))
    while open_trials.size:
        _round(task, journey, open_trials, max_steps)
        open_trials = journey.still(open_trials)
        if progress:
            # Those whose budget for steps is used up are followed by modes afterwards.
            exhausted = np.count_nonzero(journey.having(Outcome.budget_exhausted))
            progress(trials.size - open_trials.size - int(exhausted), trials.size)
    record_phases(task)
    if task.geometry.gram_sign > 0:
        # One neuron is dead, and the other's chatter was still followed kick by kick at the end.
        end = journey.state
        chatters = journey.having(Outcome.transient)
        chatters &= one_dead_for_ever(task.geometry, end.preactivations, task.method.log_step)
        journey.settle(chatters, Regime.one_dead, end.time[chatters], end.log_time[chatters])
    return journey


def _round(task: PairTask, journey: Journey, rows: Ints, max_steps: int) -> None:
    """Move every open trial by one piece, and by a step where that has ended."""
    rows = follow_kicks(task, journey, rows)
    codes = _choose(task, journey, rows, max_steps)
    to_step, steps = [rows[codes < 0]], task.geometry.gram_sign != 0
    for code in np.unique(codes[codes >= 0]).tolist():
        group = rows[codes == code]
        if steps:  # most phases are short, which is told sooner than how long they are
            short = ends_within(task, journey.state.preactivations[..., group], code, WORTHWHILE)
            to_step.append(group[short])
            group = group[~short]
        if not group.size:
            continue
        phase = phase_from(task, journey.state[group], code)
        short = (phase.n < WORTHWHILE) & steps
        to_step.append(group[short])
        if not short.all():
            _follow(task, journey, group[~short], phase[~short], code)
            to_step.append(_stepped_at_once(task, journey, group[~short]))
    follow_steps(task, journey, np.concatenate(to_step), max_steps)
    journey.rounds[rows] += 1
    lost = journey.still(rows[journey.rounds[rows] >= _MOST_ROUNDS])
    journey.outcome[lost] = Outcome.budget_exhausted


def _stepped_at_once(task: PairTask, journey: Journey, rows: Ints) -> Ints:
    """Those of the trials (R,) whose piece has just ended that make an ordinary step: at a kink
    that was crossed no other piece is due, unless all patterns are decoupled."""
    if task.geometry.gram_sign == 0:
        return rows[:0]
    rows = journey.still(rows)
    return np.asarray(rows[journey.state.time[rows] < _COUNTED])


def _choose(task: PairTask, journey: Journey, rows: Ints, max_steps: int) -> Ints:
    """The pattern (its code) whose scalar maps may be followed from here, or -1: step."""
    s = journey.state[rows]
    strict = pattern_code(statuses(s.preactivations))
    if task.geometry.gram_sign == 0:
        return strict
    exact = each(task, strict, lambda reply: reply.exact)
    status, push = sliding_statuses(task.geometry, s.preactivations, task.method.log_step)
    codes = pattern_code(status) if task.geometry.gram_sign > 0 else strict
    coupled = each(task, strict, has_rates) & ~exact
    coupled[coupled] = is_self_similar(task, s[coupled], strict[coupled], push[coupled])
    slides = each(task, codes, lambda r: r.sliding and has_rates(r)) & ~coupled
    slides[slides] = may_slide(task, journey, rows[slides], codes[slides], push[slides], max_steps)
    codes = np.where(slides, codes, np.where(coupled | exact, strict, -1))
    ready = slides | coupled
    widen(task, journey, rows[ready], codes[ready], push[ready])
    return codes


def _follow(task: PairTask, journey: Journey, rows: Ints, phase: Phase, code: int) -> None:
    """Fast-forward rows to the end of their phase, past the horizon, or for ever."""
    # A first step c exp(-m) may leave float64.
    end = phase.state.parameters
    for p, track in phase.orbits.items():
        end = end + phase.response.per_margin[0][:, :, p, None] * track.base
    jumped = ~np.asarray(np.isfinite(end).all(axis=(0, 1)))
    if jumped.any():
        journey.outcome[rows[jumped]] = Outcome.overflowed
        rows, phase = rows[~jumped], phase[~jumped]

    before, after = phase.state, follow_phase(task, rows, phase)
    journey.state[rows], journey.stretch[rows] = after, 0
    forever, regime = np.isinf(phase.log_n), terminal_regime(task.geometry, code)
    settled = forever & (regime is not None)
    if phase.response.exact:  # its pattern may have stood before that was noticed
        begun, log_begun = journey.since[rows], journey.log_since[rows]
    else:
        begun, log_begun = before.time, before.log_time
    journey.settle(rows[settled], regime, begun[settled], log_begun[settled])
    journey.since[rows], journey.log_since[rows] = after.time, after.log_time
    beyond = ~settled & (forever | task.times.are_over(after.time, after.log_time))
    journey.outcome[rows[beyond]] = Outcome.transient
    half = half_slide(task.geometry, code)
    if half:  # how it goes on is known
        journey.settle(rows[beyond], half[2], after.time[beyond], after.log_time[beyond])
