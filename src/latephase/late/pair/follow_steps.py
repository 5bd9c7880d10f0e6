"""Piece: ordinary gradient-descent steps, valid always, exact up to rounding, ends when told.

It carries trials through coupled phases and chatter to where a faster piece takes over.
"""

from __future__ import annotations

import numpy as np

from latephase.core import Outcome
from latephase.core.arrays import Bools, Ints
from latephase.core.workers import in_threads
from latephase.late.pattern import SLIDING
from latephase.problem import TwoPointGeometry
from latephase.problem.geometry import SIGN, two_sum

from .advance import advance_pair
from .follow_kicks import steps_until_ready
from .regimes import CHATTER_FACTOR, pushes, sliding_statuses
from .state import Journey, PairState, SteppedPair, later, margin_errors
from .task import PairTask

_SHORTEST, _LONGEST = 16, 16_384
_ALONE = 4  # times as many steps as were made in a row, where one neuron is dead
_SOON = 16_384  # steps to a slide that are made at once
_LOOKS = 16  # samples that are taken on the way, at least
_MOST_LOOKED_AT = 1 << 20  # of all trials
_RECORDED_AT_ONCE = 1 << 15  # samples: fewer spend their time on waiting for the interpreter
_LATER = 1.001  # chatter is not quite as smooth as 1/t


def follow_steps(task: PairTask, journey: Journey, rows: Ints, max_steps: int) -> None:
    """Step rows on and record the samples on the way; retire those that overflow, reach the horizon
    or use up the budget."""
    if not rows.size:
        return
    before, g, times = journey.state[rows], task.geometry, task.times
    most = np.maximum(np.nan_to_num(times.horizon - before.time, nan=np.inf), 1.0)
    total = np.minimum(_chunk(task, journey, rows, before, max_steps), most)

    # Samples on the way, (look, trial), and after how many steps; the last look is the end.
    first = times.index_after(before.time, before.log_time)
    due = int((times.index_after(before.time + total, before.log_time) - first).max())
    looks = min(due, max(_LOOKS, _MOST_LOOKED_AT // rows.size)) + 1
    columns = first + np.arange(looks)[:, None]
    samples = np.append(times.time, np.full(looks, np.inf))
    ahead = np.maximum(np.nan_to_num(samples[columns] - before.time, nan=np.inf), 1.0)
    total = np.minimum(total, ahead[-1])
    counts = np.minimum(ahead, total).astype(np.int64)

    trial, look = np.nonzero((ahead <= total).T)
    everyone, lengths = np.arange(rows.size), np.sqrt(g.squares)[:, None]
    moved = advance_pair(
        before.preactivations,
        before.preactivation_error,
        np.maximum(before.error.max(axis=0), (margin_errors(before) / lengths).max(axis=0)),
        counts,
        np.append(look, np.full(rows.size, looks - 1)),
        np.append(trial, everyone),
        gram=g.gram,
        step_size=task.method.step_size,
    )
    seen, moved = moved.cut(slice(look.size)), moved.cut(slice(look.size, None))
    _record_looks(task, rows, before, seen, look, trial, counts, columns)
    after = _after(task, before, moved, counts[-1])
    differs = ((seen.preactivations > 0) != (after.preactivations[..., trial] > 0)).any(axis=(0, 1))
    _note_pattern(journey, rows, before, after, counts, look[differs], trial[differs])

    journey.steps[rows] += counts[-1]
    journey.stretch[rows] += counts[-1]
    finite = np.isfinite(after.parameters).all(axis=(0, 1))
    journey.outcome[rows[journey.steps[rows] >= max_steps]] = Outcome.budget_exhausted
    journey.outcome[rows[after.time >= times.horizon]] = Outcome.transient
    journey.outcome[rows[~finite]] = Outcome.overflowed
    journey.state[rows] = after


def _record_looks(
    task: PairTask,
    rows: Ints,
    before: PairState,
    seen: SteppedPair,
    look: Ints,
    trial: Ints,
    counts: Ints,
    columns: Ints,
) -> None:
    """Record what was seen of trials (P,) at looks (P,), unless it has left float64."""

    def record(begin: int) -> None:
        here = slice(begin, begin + _RECORDED_AT_ONCE)
        when, who = look[here], trial[here]
        with np.errstate(all="ignore"):  # threads do not inherit it
            there = _after(task, before[who], seen.cut(here), counts[when, who])
            finite = np.isfinite(there.parameters + there.preactivations).all(axis=(0, 1))
            if not finite.all():
                reached = np.flatnonzero(finite)
                there, who, when = there[reached], who[reached], when[reached]
            record_now(task, rows[who], there, columns[when, who])

    in_threads(record, range(0, look.size, _RECORDED_AT_ONCE))


def _chunk(task: PairTask, journey: Journey, rows: Ints, s: PairState, max_steps: int) -> Ints:
    """How many steps to make at once, (R,): one where a fast piece has just ended, for another may
    begin; then as many as were made in a row already, or more if one neuron is dead, but not far
    beyond where its kicks can be told in advance, or the chatter at which a slide begins, which
    falls like 1/t; all up to there where two kinks hold already; within the budget."""
    stretch = journey.stretch[rows]
    status, push = sliding_statuses(task.geometry, s.preactivations, task.method.log_step)
    holds = (status[0, 1] == SLIDING) & (status[1, 0] == SLIDING)
    calm = s.time * (push.chatter / task.slide_tolerance - 1)
    apart = 1 / task.slide_tolerance - 1 / push.chatter
    calm = np.where(holds, apart * _chatter_times_steps(task.geometry), calm) * _LATER
    calm = np.where(calm > 0, np.maximum(np.ceil(calm), stretch // np.where(holds, 64, 8)), np.inf)
    holds &= calm <= _SOON
    ready = steps_until_ready(task, s)
    chunk = np.where(ready < np.inf, np.minimum(_ALONE * stretch, ready), stretch)
    chunk = np.clip(chunk, _SHORTEST, _LONGEST)
    chunk = np.where(holds, _SOON, chunk)
    chunk = np.minimum(chunk, np.maximum(calm, _SHORTEST))
    chunk = np.where(stretch == 0, 1, chunk)
    return np.minimum(chunk, np.maximum(max_steps - journey.steps[rows], 1)).astype(np.int64)


def _chatter_times_steps(g: TwoPointGeometry) -> float:
    """What chatter tends to times the number of steps where two kinks hold."""
    longest = np.sqrt(max(g.k11, g.k22))
    return float(longest * np.sqrt(g.k11) * np.sqrt(g.k22) / g.determinant)


def _note_pattern(
    journey: Journey,
    rows: Ints,
    before: PairState,
    after: PairState,
    counts: Ints,
    look: Ints,
    trial: Ints,
) -> None:
    """Note since when trials (R,) have had the patterns that they have after the steps, as far as
    they were looked at: they had others at some looks (P,), ascending, of trials (P,)."""
    since = np.zeros(rows.size, np.int64)  # the look
    since[trial] = look + 1  # the last one counts
    changed = ((before.preactivations > 0) != (after.preactivations > 0)).any(axis=(0, 1))
    changed |= since > 0
    steps = counts[since, np.arange(rows.size)].astype(float)
    time, log_time = later(before.time, before.log_time, steps, np.log(steps))
    journey.since[rows] = np.where(changed, time, journey.since[rows])
    journey.log_since[rows] = np.where(changed, log_time, journey.log_since[rows])


def _after(task: PairTask, before: PairState, moved: SteppedPair, counts: Ints) -> PairState:
    """The states after steps in which neuron j has received step * loss (2, 2, T) from point i."""
    first, second = np.moveaxis(moved.received * SIGN[:, :, None], 1, 0)[:, :, None]
    points = task.geometry.points[:, :, None]
    gained = first * points[0] + second * points[1]
    time = later(before.time, before.log_time, counts.astype(float), np.log(counts))
    # The error of the parameters is what steps add, and rounding once.
    still = (moved.received == 0).all(axis=1)
    rounding = 2.0**-52 * np.abs(before.parameters).max(axis=1)
    after = PairState(
        *two_sum(before.parameters, before.low + gained),
        moved.preactivations,
        *time,
        np.where(still, before.error, moved.parameter_error + rounding),
        moved.preactivation_error,
        before.chatter_error,
        before.time_error,
        before.exact.copy(),
        before.undecided.copy(),
    )
    _widen_undecided(task, after, moved.undecided)
    return after


def _widen_undecided(task: PairTask, s: PairState, undecided: Bools) -> None:
    """Widen the errors of trials where rounding may have decided a sign.

    On the wrong side of a neuron whose right side is out of reach a kick came a step late or early;
    anywhere else a neuron may have lived or died by it, and nothing is known.
    """
    loose = np.flatnonzero(undecided.any(axis=(0, 1)))
    if not loose.size:
        return
    a, undecided = s.preactivations[..., loose], undecided[..., loose]
    push = pushes(task.geometry, a, task.method.log_step)
    for j in (0, 1):
        dying = undecided[j, j] | (a[j, j] <= 2 * push.kick)
        s.undecided[loose] |= undecided[j].any(axis=0) & dying
    s.exact[loose] = False
    s.error[:, loose] += CHATTER_FACTOR * push.chatter
    s.chatter_error[loose] += CHATTER_FACTOR * push.kick


def record_now(task: PairTask, trials: Ints, s: PairState, columns: Ints) -> None:
    """Record states (R,) of trials (R,), each at the sample it stands at, its column (R,)."""
    task.samples.write(
        task.geometry,
        trials,
        columns,
        np.ones((trials.size, 1), bool),
        s.parameters[..., None],
        s.preactivations[..., None],
        s.error[..., None],
        (margin_errors(s) + s.chatter_error)[..., None],
        s,
        given=task.times.time[columns, None] == 0,
    )
