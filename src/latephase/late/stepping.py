"""Piece: ordinary gradient-descent steps, valid always, exact up to rounding, ends when told.

It carries trials through coupled phases and chatter to where a faster piece takes over.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .course import Course
from .state import State, later

Array = NDArray[np.float64]
_UNDECIDED = 1e-13  # a pre-activation below this share of its terms has no sign to rely on
_SHORTEST, _LONGEST = 16, 4096


def step(
    course: Course,
    trials: NDArray[np.int64],
    state: State,
    stretch: NDArray[np.int64],
    left: NDArray[np.int64],
) -> tuple[State, NDArray[np.int64]]:
    """Step each trial on, to its next sample at the furthest, and record that; returns the states
    and the numbers of steps.  stretch (R,): steps in a row so far, which set the length of a
    chunk;  left (R,): steps left in the budget."""
    from latephase.training import advance  # imports JAX: only where steps are needed

    counts = _counts(course, state, stretch, left)
    g = course.geometry
    moved = advance(
        state.parameters[:, 0].T[..., None],
        state.parameters[:, 1].T,
        counts,
        inputs=np.array([[g.x1], [g.x2]]),
        labels=np.array([1, -1]),
        output_weights=np.array([1.0, -1.0]),
        method=course.method,
        error=state.error.max(axis=0),
    )
    parameters = np.stack([moved.weights[..., 0].T, moved.biases.T], axis=1)
    a = g.preactivations(moved.weights[..., 0], moved.biases).transpose(1, 2, 0)
    time, log_time = later(state.time, state.log_time, counts.astype(float), np.log(counts))
    still = (parameters == state.parameters).all(axis=1)
    near = _near_a_kink(course, state.parameters, state.preactivations)
    if abs(course.geometry.k12) > _UNDECIDED:  # then an exact zero is left by more than rounding
        near &= state.preactivations != 0
    near |= _near_a_kink(course, parameters, a)
    doubtful = (near.any(axis=1) & ~still).any(axis=0)
    error = np.where(still, state.error, moved.error)
    error = np.where(doubtful, np.abs(parameters).max(axis=1), error)
    exact = state.exact & ~doubtful
    after = State(parameters, a, time, log_time, error, state.time_error, exact)
    _record(course, trials, after)
    return after, counts


def _near_a_kink(course: Course, parameters: Array, a: Array) -> NDArray[np.bool_]:
    """Where rounding decides the sign of a pre-activation, (2 neurons, 2 points, T).

    Steps of a tiny k12 are lost in the parameters then: of such runs nothing is claimed.
    """
    points = np.abs([course.geometry.x1, course.geometry.x2])[:, None]
    terms = np.abs(parameters[:, :1]) * points + np.abs(parameters[:, 1:])
    return np.asarray(np.abs(a) < _UNDECIDED * terms)


def _counts(
    course: Course, s: State, stretch: NDArray[np.int64], left: NDArray[np.int64]
) -> NDArray[np.int64]:
    """As many steps as were taken in a row already, but not past the next sample or the budget."""
    chunk = np.minimum(np.clip(stretch, _SHORTEST, _LONGEST), np.maximum(left, 1))
    times = np.append(course.clock.time, np.inf)
    ahead = np.minimum(times[course.clock.index_after(s.time, s.log_time)], course.clock.horizon)
    ahead = np.nan_to_num(ahead - s.time, nan=np.inf)
    counts: NDArray[np.int64] = np.minimum(chunk, np.maximum(ahead, 1.0)).astype(np.int64)
    return counts


def _record(course: Course, trials: NDArray[np.int64], s: State) -> None:
    """Record the trials that have just arrived at a sample."""
    column = course.clock.index_after(s.time, s.log_time) - 1
    for index in np.unique(column[column >= 0]):
        here = (column == index) & (s.time == course.clock.time[index])
        if here.any():
            record_now(course, trials[here], s[here], int(index))


def record_now(course: Course, trials: NDArray[np.int64], s: State, index: int) -> None:
    """Record states at the sample they stand at."""
    columns = slice(index, index + 1)
    inside = np.ones((trials.size, 1), bool)
    parameters, a = s.parameters[..., None], s.preactivations[..., None]
    course.write(trials, columns, inside, parameters, a, s.error[..., None], s.exact)
