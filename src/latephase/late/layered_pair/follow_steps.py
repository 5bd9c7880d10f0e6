"""Piece: ordinary steps, until trials serve their points alone or slowly enough for a flow."""

from __future__ import annotations

import numpy as np

from latephase.core import Outcome
from latephase.core.arrays import Ints
from latephase.core.workers import in_threads

from .compiled import COMPILED
from .steps import one_step
from .task import LayeredJourney, LayeredPairTask

if COMPILED:
    from .by_kernel import make_steps_by_kernel

_CHUNK = 32  # steps until it is asked again which piece is due
_ROWS = 1024  # trials of one part: what a step takes of them fits the cache


def follow_steps(
    task: LayeredPairTask, journey: LayeredJourney, rows: Ints, max_steps: int
) -> None:
    """Step rows on, and retire those that overflow, reach the horizon or use up the budget."""
    chunks = np.clip(max_steps - journey.steps[rows], 1, _CHUNK)  # no trial minds another's budget
    parts = []
    for chunk in np.unique(chunks).tolist():
        alike = rows[chunks == chunk]
        parts += [(alike[k : k + _ROWS], chunk) for k in range(0, alike.size, _ROWS)]

    def make(part: tuple[Ints, int]) -> None:
        with np.errstate(all="ignore"):  # threads do not inherit it
            _make_steps(task, journey, *part)

    in_threads(make, parts)
    journey.outcome[journey.still(rows[journey.steps[rows] >= max_steps])] = (
        Outcome.budget_exhausted
    )


def _make_steps(task: LayeredPairTask, journey: LayeredJourney, rows: Ints, chunk: int) -> None:
    """Make steps of trials (R,), and retire those that overflow or reach the horizon."""
    (make_steps_by_kernel if COMPILED else _step_by_step)(task, journey, rows, chunk)
    journey.steps[rows] += chunk
    time = np.rint(np.exp(journey.state.log_time[rows]))
    finite = np.isfinite(journey.state.moved[:, rows]).all(axis=0)
    journey.outcome[rows[time >= task.times.horizon]] = Outcome.transient
    journey.outcome[rows[~finite]] = Outcome.overflowed


def _step_by_step(task: LayeredPairTask, journey: LayeredJourney, rows: Ints, chunk: int) -> None:
    """Step all trials at once, and record them."""
    s = journey.state[rows]
    time = np.rint(np.exp(s.log_time))
    column = task.next_sample(s.log_time)
    active = s.preactivations(task.geometry) > 0
    ends = np.append(task.times.time, np.inf)
    for _ in range(chunk):
        s = one_step(task.geometry, s, task.log_step)
        time += 1
        s.log_time = np.log(time)
        now = s.preactivations(task.geometry) > 0
        turned = (now != active).any(axis=(0, 1))
        journey.log_entry[rows[turned]], active = s.log_time[turned], now
        due = time == ends[column]
        if due.any():
            task.samples.write(rows[due], column[due], s[due], journey.exact[rows[due]])
            column += due
    journey.state[rows] = s
