"""The pieces that take every trial from its start to the horizon, in turn.

While steps are large they are made one by one.  Then a trial whose neurons are active on one point
each follows two orbits, to any time, and another one the flow that its steps follow.
"""

from __future__ import annotations

import numpy as np

from latephase.core import Outcome
from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.engine import Progress

from .flow import Motion
from .follow_flow import SLOW, follow_flow
from .follow_steps import follow_steps
from .orbit import SMALL
from .serve import Served, serve
from .state import LayeredPairState
from .task import LayeredJourney, LayeredPairTask, alone


def run_pieces(
    task: LayeredPairTask, state: LayeredPairState, max_steps: int, progress: Progress | None = None
) -> LayeredJourney:
    """Run all trials to the horizon or for ever."""
    journey = LayeredJourney.begun(state)
    trials = np.arange(state.error.size)
    for column in np.flatnonzero(task.times.log == -np.inf):
        task.samples.write(trials, np.full(trials.size, column), state, journey.exact)
    while (rows := journey.under_way).size:
        _round(task, journey, rows, max_steps)
        if progress:
            progress(trials.size - journey.under_way.size, trials.size)
    return journey


def _round(task: LayeredPairTask, journey: LayeredJourney, rows: Ints, max_steps: int) -> None:
    """Move open trials by one piece: those that are to be stepped first, for the other pieces cost
    as much for a few as for many."""
    s = journey.state[rows]
    a = s.preactivations(task.geometry)
    single, decoupled = alone(a > 0)
    pushes = _pushes(task, s[decoupled], single[..., decoupled])
    lost = np.flatnonzero(decoupled)[np.isnan(pushes)]  # margins beyond float64
    if lost.size:
        journey.outcome[rows[lost]] = Outcome.overflowed
        return
    fast = np.zeros(rows.size, bool)
    if task.discrete:
        motion = Motion(task.geometry, a, s.output_weights, a > 0, task.log_step)
        fast = ~decoupled & ((motion.log_rate() > np.log(SLOW)) | motion.nears_kink())
        fast[decoupled] = pushes > np.log(SMALL)
    if fast.any():
        follow_steps(task, journey, rows[fast], max_steps)
    elif not decoupled.all():
        follow_flow(task, journey, rows[~decoupled])
    else:
        serve(task, journey, rows)


def _pushes(task: LayeredPairTask, s: LayeredPairState, single: Bools) -> Floats:
    """ln of the largest push of the orbits of trials (R,); -inf where nothing moves."""
    pushes = np.full(s.error.size, -np.inf)
    for i in (0, 1):
        here = single[:, i].any(axis=0)
        push = Served(task, s[here], single[:, i, here], i).orbits.log_push
        pushes[here] = np.maximum(pushes[here], push)
    return pushes
