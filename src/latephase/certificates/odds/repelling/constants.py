"""P(trained and |C| <= c) where x1 x2 < -1, for normal weights and biases.

C = offset + weight1 null1 + weight2 null2 with the final null parts, and a null part moves only
while the wrong side of its neuron is active.  So by the wrong sides at the start:

    neither active  C is a combination of two independent variables, known cell by cell
    one active      boxes of what that neuron meets; the null part of the other, a normal, in closed
                    form, cut where its wrong side would be active
    both active     boxes in all four dimensions

Both {|C| <= c} and {|C| > c} are bounded from below: what is trained and not in one of them is in
the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints

from .adaptive import Evaluate, integrated
from .axes import Range, box_mass
from .boxes import FREE1, FREE2, NULL1, NULL2, RIGHT1, WRONG1, WRONG2, Boxes
from .enclosed import down, multiplied, times, up
from .points import Bounds, Repelling
from .runs import followed
from .shares import ABSENT, BEYOND, STEPS, NormalPair, boxes_of, product, widened

CELLS = 1 << 12
MOST = 1 << 17  # boxes of an integral: half a minute in four dimensions
TRAINED = (1, 0, 1, 0)


def constants_within(
    pair: NormalPair, at: Sequence[float], trained: Bounds, wanted: float
) -> list[Bounds]:
    """Bounds of P(trained and |C| <= c) for each c, given those of P(trained).  Rigour: proved.

    `wanted`, the largest difference, sets the work; it is rarely reached below 5e-2.
    """
    c = np.array(at)[:, None]
    w1, f1, w2, f2 = pair.wrong1, pair.free1, pair.wrong2, pair.free2
    parts = [_neither_active(pair, c)]
    for one in (pair, pair.mirrored):
        far = one.right1.reach, one.wrong2.reach, one.free2.reach
        parts.append(integrated(_one_active(one, c), [0, 0, -far[2]], far, wanted / 4, MOST))
    parts.append(
        integrated(
            _both_active(pair, c),
            [0, -f1.reach, 0, -f2.reach],
            [w1.reach, f1.reach, w2.reach, f2.reach],
            wanted / 2,
            MOST,
        )
    )
    least = np.sum([part[0] for part in parts], axis=0)
    most = np.sum([part[1] for part in parts], axis=0) + BEYOND
    k = len(at)
    upper = np.minimum(most[:k], trained[1] - least[k:])
    return [widened(float(a), float(b)) for a, b in zip(least[:k], upper, strict=True)]


def windows(points: Repelling, null2: Range, c: Floats) -> tuple[Range, Range]:
    """The null1 for which |C| <= c whatever null2 in its range, and for some: (k, n) each.

    null2: (n,); c: (k, 1).
    """
    rest = multiplied(null2, points.weight2)
    low, high = down(rest[0] + points.offset[0]), up(rest[1] + points.offset[1])
    surely = up(-c - low), down(c - high)  # bounds of weight1 null1
    maybe = down(-c - high), up(c - low)
    a, b = points.weight1
    if b < 0:  # divided by it, ends change places
        surely, maybe, a, b = (-surely[1], -surely[0]), (-maybe[1], -maybe[0]), -b, -a
    inner = (
        up(np.maximum(surely[0] / a, surely[0] / b)),
        down(np.minimum(surely[1] / a, surely[1] / b)),
    )
    outer = down(np.minimum(maybe[0] / a, maybe[0] / b)), up(np.maximum(maybe[1] / a, maybe[1] / b))
    return inner, outer


def _one_active(pair: NormalPair, c: Floats) -> Evaluate:
    """Bounds for boxes of (right1, wrong2, free2): neuron 1 has an inactive wrong side."""
    axes = [pair.right1, pair.wrong2, pair.free2]

    def evaluate(lower: Floats, upper: Floats) -> Range:
        rows = {row: (lower[i], upper[i]) for i, row in enumerate((RIGHT1, WRONG2, FREE2))}
        start = boxes_of({WRONG1: ABSENT, **rows}, lower.shape[1])
        ends, sure, maybe = _trained(pair.points, start)
        null2 = np.where(maybe, ends.lower[NULL2], 0.0), np.where(maybe, ends.upper[NULL2], 0.0)
        inner, outer = windows(pair.points, null2, c)
        # Its wrong side is inactive: null1 <= tilt1 right1.
        last = times((lower[0], upper[0]), pair.points.tilt1)
        within = pair.null1.window(inner[0], np.minimum(inner[1], last[0]))[0]
        touching = pair.null1.window(outer[0], np.minimum(outer[1], last[1]))[1]
        whole = pair.null1.below(*last)
        chances = (
            np.concatenate([within, np.maximum(whole[0] - touching, 0.0)]) * sure,
            np.concatenate([touching, np.maximum(whole[1] - within, 0.0)]) * maybe,
        )
        return product(box_mass(lower, upper, axes), chances)

    return evaluate


def _both_active(pair: NormalPair, c: Floats) -> Evaluate:
    """Bounds for boxes of (wrong1, free1, wrong2, free2): both wrong sides are active."""
    axes = [pair.wrong1, pair.free1, pair.wrong2, pair.free2]

    def evaluate(lower: Floats, upper: Floats) -> Range:
        rows = {row: (lower[i], upper[i]) for i, row in enumerate((WRONG1, FREE1, WRONG2, FREE2))}
        within, touching = _judged(pair.points, boxes_of(rows, lower.shape[1]), c)
        return product(box_mass(lower, upper, axes), (within, touching))

    return evaluate


def _judged(points: Repelling, start: Boxes, c: Floats) -> Range:
    """Whether all, and whether some, networks of each box are trained and have |C| <= c, > c.

    0 and 1, (2 k, n).
    """
    ends, sure, maybe = _trained(points, start)
    nulls = [
        (np.where(maybe, ends.lower[row], 0.0), np.where(maybe, ends.upper[row], 0.0))
        for row in (NULL1, NULL2)
    ]
    first, second = multiplied(nulls[0], points.weight1), multiplied(nulls[1], points.weight2)
    low = down(down(first[0] + second[0]) + points.offset[0])
    high = up(up(first[1] + second[1]) + points.offset[1])
    most = np.maximum(-low, high)
    least = np.maximum(np.maximum(low, -high), 0.0)
    return (
        np.concatenate([sure & (most <= c), sure & (least > c)]).astype(float),
        np.concatenate([maybe & (least <= c), maybe & (most > c)]).astype(float),
    )


def _trained(points: Repelling, start: Boxes) -> tuple[Boxes, Bools, Bools]:
    """Where training ends if both neurons live, and whether they surely and possibly do, (n,)."""
    ends = followed(points, start, STEPS)
    others = np.any([end.reached for pattern, end in ends.items() if pattern != TRAINED], axis=0)
    maybe = ends[TRAINED].reached
    return ends[TRAINED], maybe & ~others, maybe


def _neither_active(pair: NormalPair, c: Floats) -> Range:
    """Bounds (2 k,) where both wrong sides are inactive at the start."""
    ends1, *masses1 = _null_cells(pair)
    ends2, *masses2 = _null_cells(pair.mirrored)
    sums = [np.concatenate([[0.0], np.cumsum(masses)]) for masses in masses1]
    inner, outer = windows(pair.points, (ends2[:-1], ends2[1:]), c)
    within = np.maximum(
        _sum(sums[0], np.searchsorted(ends1, inner[1], "right") - 1)
        - _sum(sums[0], np.searchsorted(ends1, inner[0], "left")),
        0.0,
    )
    touching = np.maximum(
        _sum(sums[1], np.searchsorted(ends1, outer[1], "left"))
        - _sum(sums[1], np.searchsorted(ends1, outer[0], "right") - 1),
        0.0,
    )
    slack = CELLS * 2.0**-50
    least = np.sum(masses2[0] * within, axis=1) * (1 - slack)
    most = np.sum(masses2[1] * touching, axis=1) * (1 + slack) + BEYOND
    whole = pair.angle[0] * pair.angle[0], pair.angle[1] * pair.angle[1]
    return (
        np.concatenate([least, np.maximum(whole[0] - most, 0.0)]) * (1 - slack),
        np.concatenate([most, whole[1] - least]) * (1 + slack),
    )


def _sum(sums: Floats, places: Ints) -> Floats:
    return np.asarray(sums[np.clip(places, 0, CELLS)])


def _null_cells(pair: NormalPair) -> tuple[Floats, Floats, Floats]:
    """Ends of cells of null1, (CELLS + 1,), and bounds of P(right1 > 0, wrong1 <= 0, null1 there).

    wrong1 <= 0 means right1 >= null1 / tilt1.
    """
    ends = np.linspace(-pair.null1.reach, pair.null1.reach, CELLS + 1)
    cells = pair.null1.between(ends[:-1], ends[1:])
    tilt = pair.points.tilt1
    positive = np.maximum(ends, 0.0)
    low, high = down(positive / tilt[1]), up(positive / tilt[0])
    below = pair.right1.below(low, high)
    return ends, *product(cells, (1 - below[1][1:], 1 - below[0][:-1]))
