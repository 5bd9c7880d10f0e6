"""The exact pieces that take every trial from its initialisation to the horizon, in turn.

In each round a trial is handed to the fastest piece that is valid where it stands:
a decoupled phase (exact, O(1)), a slide (O(1), first order), else ordinary steps.
"""

from __future__ import annotations

import numpy as np

from latephase.core import Outcome, Regime
from latephase.core.arrays import Ints
from latephase.late.engine import Progress
from latephase.late.pattern import pattern_code, statuses

from .follow_phase import follow_phase
from .follow_steps import follow_steps, record_now
from .phase import Phase, phase_from
from .regimes import half_slide, one_dead_for_ever, sliding_statuses, terminal_regime
from .state import Journey, PairState, unmoved
from .task import PairTask
from .validity import WORTHWHILE, each, has_rates, is_self_similar, may_slide, widen

_MOST_ROUNDS = 1000  # pieces after which a run counts as unsettled


def run_pieces(
    task: PairTask, state: PairState, max_steps: int, progress: Progress | None = None
) -> Journey:
    """Run all trials to the horizon or into a regime that is never left."""
    trials = np.arange(state.time.size)
    journey, open_trials = unmoved(state), trials
    if task.times.time.size and task.times.time[0] == 0:
        record_now(task, trials, state, 0)
    while open_trials.size:
        _round(task, journey, open_trials, max_steps)
        open_trials = np.flatnonzero(journey.under_way)
        if progress:
            # Those whose budget for steps is used up are followed by modes afterwards.
            exhausted = sum(o is Outcome.budget_exhausted for o in journey.outcome)
            progress(trials.size - open_trials.size - exhausted, trials.size)
    if task.geometry.gram_sign > 0:
        # One neuron is dead, and the other's chatter was still followed kick by kick at the end.
        end = journey.state
        chatters = np.array([o is Outcome.transient for o in journey.outcome], bool)
        chatters &= one_dead_for_ever(task.geometry, end.preactivations, task.method.log_step)
        journey.settle(chatters, Regime.one_dead, end.time[chatters], end.log_time[chatters])
    return journey


def _round(task: PairTask, journey: Journey, rows: Ints, max_steps: int) -> None:
    """Move every open trial by one piece."""
    codes = _choose(task, journey, rows, max_steps)
    to_step = [rows[codes < 0]]
    for code in np.unique(codes[codes >= 0]).tolist():
        group = rows[codes == code]
        phase = phase_from(task, journey.state[group], code)
        short = (phase.n < WORTHWHILE) & (task.geometry.gram_sign != 0)
        to_step.append(group[short])
        if not short.all():
            _follow(task, journey, group[~short], phase[~short], code)
    follow_steps(task, journey, np.concatenate(to_step), max_steps)
    journey.rounds[rows] += 1
    lost = rows[(journey.rounds[rows] >= _MOST_ROUNDS) & journey.under_way[rows]]
    journey.outcome[lost] = Outcome.budget_exhausted


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
    journey.state[rows] = after
    journey.stretch[rows] = 0
    forever, regime = np.isinf(phase.log_n), terminal_regime(task.geometry, code)
    settled = forever & (regime is not None)
    journey.settle(rows[settled], regime, before.time[settled], before.log_time[settled])
    beyond = ~settled & (forever | task.times.are_over(after.time, after.log_time))
    journey.outcome[rows[beyond]] = Outcome.transient
    half = half_slide(task.geometry, code)
    if half:  # how it goes on is known
        journey.settle(rows[beyond], half[2], after.time[beyond], after.log_time[beyond])
