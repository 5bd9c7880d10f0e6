"""Piece: ordinary gradient-descent steps, valid always, exact up to rounding, ends when told.

It carries trials through coupled phases and chatter to where a faster piece takes over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.problem.geometry import two_sum

from .course import Course
from .regimes import CHATTER_FACTOR, pushes
from .response import SIGN
from .state import State, later, margin_errors

if TYPE_CHECKING:
    from latephase.training.two_points import SteppedPair

_SHORTEST, _LONGEST = 16, 4096


def step(
    course: Course,
    trials: Ints,
    state: State,
    stretch: Ints,
    left: Ints,
) -> tuple[State, Ints]:
    """Step each trial on, to its next sample at the furthest, and record that; returns the states
    and the numbers of steps.  stretch (R,): steps in a row so far, which set the length of a
    chunk;  left (R,): steps left in the budget."""
    from latephase.training.two_points import advance_pair  # imports JAX: only where it is needed

    counts = _counts(course, state, stretch, left)
    g = course.geometry
    lengths = np.sqrt([g.k11, g.k22])[:, None]
    felt = (margin_errors(state) / lengths).max(axis=0)
    moved = advance_pair(
        state.preactivations,
        state.preactivation_error,
        np.maximum(state.error.max(axis=0), felt),
        counts,
        gram=np.array([[g.k11, g.k12], [g.k12, g.k22]]),
        step_size=course.method.step_size,
    )
    time, log_time = later(state.time, state.log_time, counts.astype(float), np.log(counts))
    after = State(
        *_carried(course, state, moved.received),
        moved.preactivations,
        time,
        log_time,
        _error(state, moved),
        moved.preactivation_error,
        state.chatter_error,
        state.time_error,
        state.exact,
        state.undecided,
    )
    _doubt(course, after, moved.undecided)
    _record(course, trials, after)
    return after, counts


def _doubt(course: Course, s: State, undecided: Bools) -> None:
    """Widen the errors of trials where rounding may have decided a sign.

    On the wrong side of a neuron whose right side is out of reach a kick came a step late or early;
    anywhere else a neuron may have lived or died by it, and nothing is known.
    """
    push = pushes(course.geometry, s.preactivations, course.log_step)
    loose = undecided.any(axis=(0, 1))
    for j in (0, 1):
        dying = undecided[j, j] | (s.preactivations[j, j] <= 2 * push.kick)
        s.undecided |= undecided[j].any(axis=0) & dying
    s.exact &= ~loose
    s.error += loose * CHATTER_FACTOR * push.chatter
    s.chatter_error += loose * CHATTER_FACTOR * push.kick


def _carried(course: Course, state: State, received: Floats) -> tuple[Floats, Floats]:
    """Parameters (2, 2, T) after neuron j has received step * loss (2, 2, T) from point i, and
    their low parts."""
    points = np.array([[course.geometry.x1, 1.0], [course.geometry.x2, 1.0]])
    gained: Floats = np.einsum("jit,ji,ic->jct", received, SIGN, points)
    return two_sum(state.parameters, state.low + gained)


def _error(state: State, moved: SteppedPair) -> Floats:
    """Absolute error of the parameters, (2, T): what steps add, and rounding once."""
    still = (moved.received == 0).all(axis=1)
    rounding = 2.0**-52 * np.abs(state.parameters).max(axis=1)
    return np.where(still, state.error, moved.parameter_error + rounding)


def _counts(course: Course, s: State, stretch: Ints, left: Ints) -> Ints:
    """As many steps as were taken in a row already, but not past the next sample or the budget."""
    chunk = np.minimum(np.clip(stretch, _SHORTEST, _LONGEST), np.maximum(left, 1))
    times = np.append(course.clock.time, np.inf)
    ahead = np.minimum(times[course.clock.index_after(s.time, s.log_time)], course.clock.horizon)
    ahead = np.nan_to_num(ahead - s.time, nan=np.inf)
    counts: Ints = np.minimum(chunk, np.maximum(ahead, 1.0)).astype(np.int64)
    return counts


def _record(course: Course, trials: Ints, s: State) -> None:
    """Record the trials that have just arrived at a sample."""
    column = course.clock.index_after(s.time, s.log_time) - 1
    for index in np.unique(column[column >= 0]):
        here = (column == index) & (s.time == course.clock.time[index])
        if here.any():
            record_now(course, trials[here], s[here], int(index))


def record_now(course: Course, trials: Ints, s: State, index: int) -> None:
    """Record states at the sample they stand at."""
    columns = slice(index, index + 1)
    given = bool(course.clock.time[index] == 0)
    inside = np.ones((trials.size, 1), bool)
    parameters, a = s.parameters[..., None], s.preactivations[..., None]
    off = margin_errors(s) + s.chatter_error
    course.write(
        trials, columns, inside, parameters, a, s.error[..., None], off[..., None], s, given=given
    )
