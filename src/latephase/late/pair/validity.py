"""When a phase may be followed by scalar maps that hold to first order only, at what error.

Slides are entered when their chatter is small, coupled phases when both margins rise alike.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import SLIDING

from .kinks import ALIKE, rest_on_kinks
from .phase import rises
from .regimes import CHATTER_FACTOR, Pushes, half_slide
from .response import Response
from .state import Journey, PairState
from .task import PairTask

WORTHWHILE = 512  # a phase shorter than this is stepped through: that takes less time
_KICKS = 16  # rounds of chatter followed exactly before a one-dead run is called sliding
_CLEAR = 64.0  # kicks to the next kink before a slide, so that chatter does not decide about it
_LOOSE = 2.0  # the same where no number of steps changes it: no kick reaches it
_PATIENCE, _ROUNDS = 2048, 128  # steps in a row, or pieces, before no number is said to help


def has_rates(reply: Response) -> bool:
    """Whether scalar maps exist: margins that rise alike, or each by itself."""
    return bool((reply.rates >= 0).all())


def each(task: PairTask, codes: Ints, question: Callable[[Response], bool]) -> Bools:
    """The answer of each code's response to a question, (R,)."""
    present = np.bincount(codes)
    answers = np.zeros(present.size, bool)
    for code in np.flatnonzero(present).tolist():
        answers[code] = question(task.response(code))
    return answers[codes]


def is_self_similar(task: PairTask, s: PairState, codes: Ints, push: Pushes) -> Bools:
    """Where both margins of a coupled phase without slides rise alike, so that scalar maps hold,
    and no kink is near.

    Steps hold the margins together the faster, the larger kicks are against the rise: what that can
    undo is waited for.  On points 10001, 10000 a deviation of 1e-3 would be one of 10^5 rises.
    """
    good = np.zeros(codes.size, bool)
    for _, here, reply in task.by_pattern(codes):
        step, kick, a = push.step[:, here], push.kick[here], s.preactivations[..., here]
        rise = (step * reply.rates[:, None]).max(axis=0)
        bend = (step * (reply.both * task.geometry.squares + reply.own)[:, None]).sum(axis=0)
        ahead = rises(reply, a).min(axis=(0, 1, 2))
        share = np.minimum(1.0, rise / kick)
        alike = np.maximum(10 * task.slide_tolerance * share, ALIKE)
        deviation = reply.deviation(reply.levels(a))
        good[here] = (deviation <= alike) & (bend <= 1) & (ahead >= WORTHWHILE * rise)
    return good


def may_slide(
    task: PairTask, journey: Journey, rows: Ints, codes: Ints, push: Pushes, max_steps: int
) -> Bools:
    """Where a first-order slide is accurate enough: the chatter is small, no other kink is within
    its reach, and the two margins rise alike.

    A slide entered so late that no affordable number of steps would make it so is followed too, and
    says so in its error: on points 2021, 2020 chatter falls to 1e-4 after 10^14 steps.  With one
    neuron dead the chatter never shrinks: its first kicks are followed exactly."""
    tolerance, time = task.slide_tolerance, journey.state.time[rows]
    calm = push.chatter <= tolerance
    one_dead = each(task, codes, lambda r: bool(r.rates.min() == 0))
    lasting = one_dead & (journey.rounds[rows] > _KICKS)
    hopeless = push.chatter * time > tolerance * max_steps * CHATTER_FACTOR
    tried = (journey.stretch[rows] >= _PATIENCE) | (journey.rounds[rows] >= _ROUNDS)
    hopeless &= tried & ~one_dead & (push.kick <= 1)

    slides = calm | lasting | hopeless
    some = np.flatnonzero(slides)  # few at first
    s, codes, push = journey.state[rows[some]], codes[some], push[some]
    deviation = _deviation(task, s, codes)
    room = _room(task, s, codes) / push.kick
    late = (push.chatter * max_steps < 1) & (s.log_time > np.log(max_steps))
    alike = (deviation <= 10 * tolerance) | late
    ready = calm[some] & alike & ((room >= _CLEAR) | late)
    ready |= (lasting[some] | (deviation <= _LOOSE * push.kick) & hopeless[some]) & (room >= _LOOSE)
    slides[some] = ready
    return np.asarray(slides)


def _room(task: PairTask, s: PairState, codes: Ints) -> Floats:
    """How far the living neurons are from kinks that they do not slide on, (R,)."""
    room = np.full(codes.size, np.inf)
    living = np.asarray((s.preactivations > 0).any(axis=1, keepdims=True))
    for code, here, reply in task.by_pattern(codes):
        apart = np.asarray(reply.status != SLIDING)
        half = half_slide(task.geometry, code)
        if half:  # nothing is decided at the kink that it falls to
            apart[half[0], 1 - half[0]] = False
        counted = living[..., here] & apart[..., None]
        distance = np.where(counted, np.abs(s.preactivations[..., here]), np.inf)
        room[here] = distance.min(axis=(0, 1))
    return room


def _deviation(task: PairTask, s: PairState, codes: Ints) -> Floats:
    """How far the margins are from rising alike, (R,)."""
    deviation = np.zeros(codes.size)
    for _, here, reply in task.by_pattern(codes):
        deviation[here] = reply.deviation(reply.levels(s.preactivations[..., here]))
    return deviation


def widen(task: PairTask, journey: Journey, rows: Ints, codes: Ints, push: Pushes) -> None:
    """Add to the errors of trials about to slide what the slide leaves out."""
    deviation = _deviation(task, journey.state[rows], codes)
    for _, here, reply in task.by_pattern(codes):
        lasting = reply.rates.min() == 0  # one dead: kicks that never shrink add up
        chatter = CHATTER_FACTOR * reply.sliding * (2 if lasting else 1)
        moves = np.abs(reply.per_margin[0]).max(axis=1).sum(axis=1)
        kicked = chatter * push.chatter[here] * (moves > 0)[:, None]
        journey.state.error[:, rows[here]] += kicked + np.outer(moves, deviation[here])
        journey.state.chatter_error[rows[here]] += chatter * push.kick[here] + deviation[here]
    journey.state.exact[rows] = False
    rest_on_kinks(task, journey.state, rows, codes)
