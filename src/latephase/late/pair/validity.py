"""When a phase may be followed by scalar maps that hold to first order only, at what error.

Slides are entered when their chatter is small, coupled phases when both margins rise alike.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import SLIDING

from . import landing
from .course import Course
from .phase import rises
from .regimes import CHATTER_FACTOR, Pushes, half_slide
from .response import Response, pattern_status
from .state import Journey, State, margins

WORTHWHILE = 64  # a phase shorter than this is stepped through
_KICKS = 32  # rounds of chatter followed exactly before a one-dead run is called sliding
_CLEAR = 64.0  # kicks to the next kink before a slide, so that chatter does not decide about it
_LOOSE = 2.0  # the same where no number of steps changes it: no kick reaches it
_PATIENCE, _ROUNDS = 2048, 128  # steps in a row, or pieces, before no number is said to help
_ALIKE = 1e-12  # deviation that is rounding


def has_rates(reply: Response) -> bool:
    """Whether scalar maps exist: margins that rise alike, or each by itself."""
    return bool((reply.rates >= 0).all())


def each(course: Course, codes: Ints, question: Callable[[Response], bool]) -> Bools:
    """The answer of each code's response to a question, (R,)."""
    unique, inverse = np.unique(codes, return_inverse=True)
    answers = np.array([question(course.response(int(c))) for c in unique], bool)
    return answers[inverse]


def is_self_similar(course: Course, s: State, codes: Ints, push: Pushes) -> Bools:
    """Where both margins of a coupled phase without slides rise alike, so that scalar maps hold,
    and no kink is near.

    Steps hold the margins together the faster, the larger kicks are against the rise: what that can
    undo is waited for.  On points 10001, 10000 a deviation of 1e-3 would be one of 10^5 rises.
    """
    good = np.zeros(codes.size, bool)
    norms = np.array([course.geometry.k11, course.geometry.k22])
    for code in np.unique(codes):
        here, reply = codes == code, course.response(int(code))
        step, kick = push.step[:, here], push.kick[here]
        rise = (step * reply.rates[:, None]).max(axis=0)
        bend = (step * (reply.both * norms + reply.own)[:, None]).sum(axis=0)
        ahead = rises(reply, s.preactivations[..., here]).min(axis=(0, 1, 2))
        share = np.minimum(1.0, rise / kick)
        alike = np.maximum(10 * course.slide_tolerance * share, _ALIKE)
        deviation = _deviation(course, s[here], codes[here])
        good[here] = (deviation <= alike) & (bend <= 1) & (ahead >= WORTHWHILE * rise)
    return good


def may_slide(
    course: Course,
    journey: Journey,
    rows: Ints,
    codes: Ints,
    push: Pushes,
    max_steps: int,
) -> Bools:
    """Where a first-order slide is accurate enough: the chatter is small, no other kink is within
    its reach, and the two margins rise alike.

    A slide entered so late that no affordable number of steps would make it so is followed too, and
    says so in its error: on points 2021, 2020 chatter falls to 1e-4 after 10^14 steps.  With one
    neuron dead the chatter never shrinks: its first kicks are followed exactly."""
    s, tolerance = journey.state[rows], course.slide_tolerance
    deviation = _deviation(course, s, codes)
    room = _room(course, s, codes) / push.kick
    late = (push.chatter * max_steps < 1) & (s.log_time > np.log(max_steps))
    alike = (deviation <= 10 * tolerance) | late
    ready = (push.chatter <= tolerance) & alike & ((room >= _CLEAR) | late)
    one_dead = each(course, codes, lambda r: bool(r.rates.min() == 0))
    lasting = one_dead & (journey.rounds[rows] > _KICKS)
    hopeless = push.chatter * s.time > tolerance * max_steps * CHATTER_FACTOR
    tried = (journey.stretch[rows] >= _PATIENCE) | (journey.rounds[rows] >= _ROUNDS)
    hopeless &= tried & (deviation <= _LOOSE * push.kick) & (push.kick <= 1)
    return np.asarray(ready | ((lasting | hopeless) & (room >= _LOOSE)))


def _room(course: Course, s: State, codes: Ints) -> Floats:
    """How far the living neurons are from kinks that they do not slide on, (R,)."""
    room = np.full(codes.size, np.inf)
    living = np.asarray((s.preactivations > 0).any(axis=1, keepdims=True))
    for code in np.unique(codes):
        here = codes == code
        apart: Bools = course.response(int(code)).status != SLIDING
        half = half_slide(course.geometry, int(code))
        if half:  # nothing is decided at the kink that it falls to
            apart[half[0], 1 - half[0]] = False
        counted = living[..., here] & apart[..., None]
        distance = np.where(counted, np.abs(s.preactivations[..., here]), np.inf)
        room[here] = distance.min(axis=(0, 1))
    return room


def _deviation(course: Course, s: State, codes: Ints) -> Floats:
    """How far the margins are from rising alike, (R,)."""
    deviation = np.zeros(codes.size)
    for code in np.unique(codes):
        here = codes == code
        reply = course.response(int(code))
        level = margins(s.preactivations[..., here] * (reply.status != SLIDING)[:, :, None])
        deviation[here] = reply.deviation(level)
    return deviation


def widen(
    course: Course,
    journey: Journey,
    rows: Ints,
    codes: Ints,
    push: Pushes,
) -> None:
    """Add to the errors of trials about to slide what the slide leaves out."""
    deviation = _deviation(course, journey.state[rows], codes)
    for code in np.unique(codes):
        here, reply = codes == code, course.response(int(code))
        lasting = reply.rates.min() == 0  # one dead: kicks that never shrink add up
        chatter = CHATTER_FACTOR * reply.sliding * (2 if lasting else 1)
        moves = np.abs(reply.felt[0]).max(axis=1).sum(axis=1)
        kicked = chatter * push.chatter[here] * (moves > 0)[:, None]
        journey.state.error[:, rows[here]] += kicked + np.outer(moves, deviation[here])
        journey.state.chatter_error[rows[here]] += chatter * push.kick[here] + deviation[here]
    journey.state.exact[rows] = False
    _rest_on_kinks(course, journey.state, rows, codes)


def _rest_on_kinks(course: Course, state: State, rows: Ints, codes: Ints) -> None:
    """Put sliding pre-activations on their kink, where the shrinking chatter leaves them, along the
    direction in which it kicks them: what is left of a kick would spoil the law for ever."""
    for code in np.unique(codes):
        here = rows[codes == code]
        half = half_slide(course.geometry, int(code))
        if half:
            here = here[~_rest_on_half(course, state, here, int(code), half[0])]
        for j, i in np.argwhere(pattern_status(int(code)) == SLIDING):
            theta, a = state.parameters[j][:, here], state.preactivations[j][:, here]
            theta, a = landing.shifted(course.geometry, theta, a, i, -a[i])
            a[i] = 0.0
            state.parameters[j][:, here], state.preactivations[j][:, here] = theta, a


def _rest_on_half(course: Course, state: State, rows: Ints, code: int, active: int) -> Bools:
    """Put those on the one kink of a half slide that stay off the other one; which, (R,)."""
    theta, a = state.parameters[..., rows], state.preactivations[..., rows]
    size = np.abs(a).max(axis=(0, 1))
    theta, new = landing.onto_half_slide(course.response(code), theta, a, 1 - active)
    kicked = np.abs(new - a).max(axis=(0, 1)) > _ALIKE * size  # else it would be rounding
    off, a = np.asarray((new[active, 1 - active] > 0) & kicked), new
    state.parameters[..., rows[off]] = theta[..., off]
    state.preactivations[..., rows[off]] = a[..., off]
    return off
