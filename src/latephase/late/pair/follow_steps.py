"""Piece: ordinary gradient-descent steps, valid always, exact up to rounding, ends when told.

It carries trials through coupled phases and chatter to where a faster piece takes over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latephase.core import Outcome
from latephase.core.arrays import Bools, Ints
from latephase.problem.geometry import SIGN, two_sum

from .regimes import CHATTER_FACTOR, pushes
from .state import Journey, PairState, later, margin_errors
from .task import PairTask

if TYPE_CHECKING:
    from latephase.training.loops.two_points import SteppedPair

_SHORTEST, _LONGEST = 16, 4096


def follow_steps(task: PairTask, journey: Journey, rows: Ints, max_steps: int) -> None:
    """Step rows on, each to its next sample at the furthest, and record that; retire those that
    overflow, reach the horizon or use up the budget."""
    if not rows.size:
        return
    from latephase.training.loops.two_points import advance_pair  # imports JAX, not always needed

    before, g, times = journey.state[rows], task.geometry, task.times
    # As many steps as were taken in a row already, but not past the next sample or the budget.
    left = np.maximum(max_steps - journey.steps[rows], 1)
    chunk = np.minimum(np.clip(journey.stretch[rows], _SHORTEST, _LONGEST), left)
    samples = np.append(times.time, np.inf)
    ahead = np.minimum(samples[times.index_after(before.time, before.log_time)], times.horizon)
    ahead = np.nan_to_num(ahead - before.time, nan=np.inf)
    counts = np.minimum(chunk, np.maximum(ahead, 1.0)).astype(np.int64)

    lengths = np.sqrt(g.squares)[:, None]
    moved = advance_pair(
        before.preactivations,
        before.preactivation_error,
        np.maximum(before.error.max(axis=0), (margin_errors(before) / lengths).max(axis=0)),
        counts,
        gram=g.gram,
        step_size=task.method.step_size,
    )
    after = _after(task, before, moved, counts)
    _widen_undecided(task, after, moved.undecided)
    # The trials that have just arrived at a sample.
    column = times.index_after(after.time, after.log_time) - 1
    for index in np.unique(column[column >= 0]):
        here = (column == index) & (after.time == times.time[index])
        if here.any():
            record_now(task, rows[here], after[here], int(index))

    journey.steps[rows] += counts
    journey.stretch[rows] += counts
    finite = np.isfinite(after.parameters).all(axis=(0, 1))
    journey.outcome[rows[journey.steps[rows] >= max_steps]] = Outcome.budget_exhausted
    journey.outcome[rows[after.time >= times.horizon]] = Outcome.transient
    journey.outcome[rows[~finite]] = Outcome.overflowed
    journey.state[rows] = after


def _after(task: PairTask, before: PairState, moved: SteppedPair, counts: Ints) -> PairState:
    """The states after steps in which neuron j has received step * loss (2, 2, T) from point i."""
    gained = np.einsum("jit,ji,ic->jct", moved.received, SIGN, task.geometry.points)
    time = later(before.time, before.log_time, counts.astype(float), np.log(counts))
    # The error of the parameters is what steps add, and rounding once.
    still = (moved.received == 0).all(axis=1)
    rounding = 2.0**-52 * np.abs(before.parameters).max(axis=1)
    return PairState(
        *two_sum(before.parameters, before.low + gained),
        moved.preactivations,
        *time,
        np.where(still, before.error, moved.parameter_error + rounding),
        moved.preactivation_error,
        before.chatter_error,
        before.time_error,
        before.exact,
        before.undecided,
    )


def _widen_undecided(task: PairTask, s: PairState, undecided: Bools) -> None:
    """Widen the errors of trials where rounding may have decided a sign.

    On the wrong side of a neuron whose right side is out of reach a kick came a step late or early;
    anywhere else a neuron may have lived or died by it, and nothing is known.
    """
    push = pushes(task.geometry, s.preactivations, task.method.log_step)
    loose = undecided.any(axis=(0, 1))
    for j in (0, 1):
        dying = undecided[j, j] | (s.preactivations[j, j] <= 2 * push.kick)
        s.undecided |= undecided[j].any(axis=0) & dying
    s.exact &= ~loose
    s.error += loose * CHATTER_FACTOR * push.chatter
    s.chatter_error += loose * CHATTER_FACTOR * push.kick


def record_now(task: PairTask, trials: Ints, s: PairState, index: int) -> None:
    """Record states at the sample they stand at."""
    task.samples.write(
        task.geometry,
        trials,
        slice(index, index + 1),
        np.ones((trials.size, 1), bool),
        s.parameters[..., None],
        s.preactivations[..., None],
        s.error[..., None],
        (margin_errors(s) + s.chatter_error)[..., None],
        s,
        given=bool(task.times.time[index] == 0),
    )
