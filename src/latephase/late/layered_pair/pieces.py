"""The pieces that take every trial from its start to the horizon, in turn.

Where every neuron serves one point for ever, or is dead, orbits say the rest; before that steps
are made one by one while they are large, and then the flow that they follow.
"""

from __future__ import annotations

import numpy as np

from latephase.core import Outcome
from latephase.core.arrays import Floats, Ints
from latephase.late.engine import Progress

from .flow import Motion
from .follow_flow import SLOW, follow_flow
from .follow_steps import follow_steps
from .orbit import SMALL
from .serve import fill_served, orbits_of
from .state import LayeredState
from .task import LayeredJourney, LayeredTask, ending, serving


def run_pieces(
    task: LayeredTask, state: LayeredState, max_steps: int, progress: Progress | None = None
) -> LayeredJourney:
    """Run all trials to the horizon or for ever."""
    journey = LayeredJourney.begun(state)
    trials = np.arange(state.error.size)
    at_start = np.flatnonzero(task.times.log == -np.inf)
    for column in at_start:
        task.samples.write(trials, np.full(trials.size, column), state, journey.exact)
    while (rows := journey.under_way).size:
        _round(task, journey, rows, max_steps)
        if progress:
            progress(trials.size - journey.under_way.size, trials.size)
    fill_served(task, journey, np.flatnonzero(journey.served))
    return journey


def _round(task: LayeredTask, journey: LayeredJourney, rows: Ints, max_steps: int) -> None:
    """Move every open trial by one piece."""
    s = journey.state[rows]
    a, v = s.preactivations(task.geometry), s.output_weights
    serves, final = serving(a > 0, v)
    arrived = final & np.isnan(journey.log_entry[rows])
    journey.log_entry[rows[arrived]] = s.log_time[arrived]
    ready = final.copy()
    if task.discrete:
        ready[final] = _pushes(task, s[final], serves[..., final]) <= np.log(SMALL)
    for k in np.flatnonzero(ready):
        row = rows[k]
        journey.outcome[row], journey.regime[row] = ending(serves[..., k])
    journey.served[rows[ready]] = True
    slow = ~final
    if task.discrete:
        slow &= Motion(task.geometry, a, v, a > 0, task.log_step).log_rate() <= np.log(SLOW)
    rest = ~ready & ~slow
    if rest.any():  # those that are slow wait for one another: a flow costs as much for many
        follow_steps(task, journey, rows[rest], max_steps)
    elif slow.any():
        follow_flow(task, journey, rows[slow])


def _pushes(task: LayeredTask, s: LayeredState, serves: np.ndarray) -> Floats:
    """ln of the largest push of the orbits of trials (R,); -inf where nothing moves."""
    pushes = np.full(s.error.size, -np.inf)
    for i in (0, 1):
        here = serves[:, i].any(axis=0)
        push = orbits_of(task, s[here], serves[:, i, here], i).log_push
        pushes[here] = np.maximum(pushes[here], push)
    return pushes
