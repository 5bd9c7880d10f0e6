"""Gradient descent for x1 x2 < -1 from whole boxes of initial networks at once, in doubles.

Let kappa = -k12 > 0.  A neuron has a right and a wrong pre-activation, and a step adds

    to the right ones   step_size (l k_right [right > 0] + l' kappa [wrong > 0])    >= 0
    to the wrong ones  -step_size (l kappa [right > 0] + l' k_wrong [wrong > 0])    <= 0

with l, l' the losses at the points where it is right and wrong.  So right sides rise and wrong ones
fall for ever, a pattern that is left never comes back, and every wrong side is <= 0 after finitely
many steps: docs/theory.md, "Shares of an initializer".  Within a pattern all moves are combinations
of A1 and A2, the sums of step_size l1 and step_size l2, and

    A_i <- A_i + step_size exp(-u_i - g_i1 A_1 - g_i2 A_2),  u the margins at the start, g >= 0:

more of one sum makes less of both.  So the upper bound of A1 goes with the lower one of A2: both
are orbits of corners of the box, and boxes do not swell while a pattern stands.

Patterns are taken in the order in which they can follow each other.  What leaves a pattern, at
whichever step, goes into one box of the pattern it enters: nothing depends on the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints

from .boxes import RIGHT1, RIGHT2, SIDES, WRONG1, WRONG2, Boxes, contract
from .enclosed import down, up
from .moves import Moves, Pattern, falls_of, most, stepped
from .points import Repelling


def followed(points: Repelling, start: Boxes, steps: int) -> dict[Pattern, Boxes]:
    """The boxes in which training ends, by final pattern: what is not reached is empty.

    Rigour: proved.  Up to `steps` steps are made within a pattern; what has not left it by then is
    bounded by what its wrong sides have left to fall.  Right sides in a final pattern are those at
    the entry, null parts those for ever.
    """
    n = start.lower.shape[1]
    boxes = {pattern: Boxes.empty(n) for pattern in PATTERNS}
    everywhere = np.arange(n)
    for pattern in PATTERNS:
        _enter(points, boxes, pattern, None, everywhere, start, np.full((2, n), np.inf))
    for pattern in PATTERNS:
        if not final(pattern):
            for places, left, falls in _leaving(points, pattern, boxes[pattern], steps):
                for later in _later(pattern):
                    _enter(points, boxes, later, pattern, places, left, falls)
    return {pattern: box for pattern, box in boxes.items() if final(pattern)}


def final(pattern: Pattern) -> bool:
    """Whether it is never left: no wrong side is active."""
    return not (pattern[1] or pattern[3])


def _rank(pattern: Pattern) -> int:
    right1, wrong1, right2, wrong2 = pattern
    return right1 + right2 - wrong1 - wrong2


PATTERNS: list[Pattern] = sorted(
    [(a, b, c, d) for a, b, c, d in product((0, 1), repeat=4)], key=_rank
)


def _later(pattern: Pattern) -> list[Pattern]:
    """The patterns that one step may lead to from there."""
    falls = (False, True, False, True)
    return [
        other
        for other in PATTERNS
        if other != pattern
        and all(
            b <= a if fall else b >= a for a, b, fall in zip(pattern, other, falls, strict=True)
        )
    ]


def _enter(
    points: Repelling,
    boxes: dict[Pattern, Boxes],
    pattern: Pattern,
    before: Pattern | None,
    places: Ints,
    found: Boxes,
    falls: Floats,
) -> None:
    """Add to the boxes of a pattern what of the boxes found is in it.

    falls: (2, n), by how much the wrong sides fell at most in the last step, which says how far
    below 0 they can be where they were active before.
    """
    inside = np.ones(len(places), dtype=bool)
    for active, side in zip(pattern, SIDES, strict=True):
        inside &= found.upper[side] > 0 if active else found.lower[side] <= 0
    if not inside.any():
        return
    lower, upper = found.lower[:, inside], found.upper[:, inside]
    for active, side in zip(pattern, SIDES, strict=True):
        if active:
            lower[side] = np.maximum(lower[side], 0.0)
        else:
            upper[side] = np.minimum(upper[side], 0.0)
    for neuron, side in enumerate((WRONG1, WRONG2)):
        was_active = before is not None and before[2 * neuron + 1]
        if was_active and not pattern[2 * neuron + 1]:
            lower[side] = np.maximum(lower[side], -falls[neuron, inside])
    contract(points, lower, upper)
    left = Boxes(lower, upper)
    there = left.reached
    boxes[pattern].take_in(places[inside][there], left.at(there))


def _leaving(
    points: Repelling, pattern: Pattern, start: Boxes, steps: int
) -> Iterator[tuple[Ints, Boxes, Floats]]:
    """(places, boxes, falls) of what may leave a pattern, step by step.  Falls as in `_enter`."""
    moves = Moves.of(points, pattern)
    places = np.flatnonzero(start.reached)
    start = start.at(places)
    margins = _margins(pattern, start)
    sums = np.zeros((2, len(places))), np.zeros((2, len(places)))
    falls = np.zeros((2, len(places)))
    for _ in range(steps):
        if not len(places):
            return
        sums, increments = stepped(points.step_size, moves, margins, sums)
        falls = falls_of(moves, increments)
        now = moves.after(start, sums, SIDES)
        leaves, stays = _flips(pattern, now)
        if leaves.any():
            there = np.flatnonzero(leaves)
            part = sums[0][:, there], sums[1][:, there]
            yield (
                places[there],
                moves.after(start.at(there), part, tuple(range(8))),
                falls[:, there],
            )
        if not stays.all():
            places, start = places[stays], start.at(stays)
            margins = margins[0][:, stays], margins[1][:, stays]
            sums, falls = (sums[0][:, stays], sums[1][:, stays]), falls[:, stays]
    if len(places):
        _, increments = stepped(points.step_size, moves, margins, sums)
        falls = falls_of(moves, increments)
        last = sums[0], most(points, pattern, start, sums[1], increments)
        yield places, moves.after(start, last, tuple(range(8))), falls


def _flips(pattern: Pattern, now: Boxes) -> tuple[Bools, Bools]:
    """Whether some networks of each box may have left a pattern, and some may be in it, (n,)."""
    leaves, stays = (
        np.zeros(now.lower.shape[1], dtype=bool),
        np.ones(now.lower.shape[1], dtype=bool),
    )
    for k, (active, side) in enumerate(zip(pattern, SIDES, strict=True)):
        inactive, above = now.lower[side] <= 0, now.upper[side] > 0
        if k % 2 and active:  # wrong sides only fall
            leaves, stays = leaves | inactive, stays & above
        if not (k % 2 or active):  # right sides only rise
            leaves, stays = leaves | above, stays & inactive
    return leaves, stays


def _margins(pattern: Pattern, boxes: Boxes) -> tuple[Floats, Floats]:
    """Bounds of both margins, (2, n) each: right side minus wrong side, where they are active."""
    r1, w1, r2, w2 = pattern
    zero = np.zeros(boxes.lower.shape[1])
    bounds = []
    for near, far in ((boxes.lower, boxes.upper), (boxes.upper, boxes.lower)):
        first = (near[RIGHT1] if r1 else zero) - (far[WRONG2] if w2 else zero)
        second = (near[RIGHT2] if r2 else zero) - (far[WRONG1] if w1 else zero)
        bounds.append(np.stack([first, second]))
    return down(bounds[0]), up(bounds[1])
