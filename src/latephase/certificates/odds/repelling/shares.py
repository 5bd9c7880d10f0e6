"""P(trained), P(dead) and P(trained and |C| <= c) where x1 x2 < -1.

A neuron is dead in the end if its right side never becomes positive.  That is decided by its free
part, right + kappa / k_wrong wrong, which stands still until then: it dies if and only if

    wrong <= 0 and right <= 0 at the start, or
    wrong > 0 and free <= (kappa / k_wrong) L,

L <= 0 the place where its wrong side lands as long as its right side is not positive.  L depends on
the wrong side and on the other neuron only, and the free part, a normal that is independent of
both, is integrated in closed form.  Both are dead if and only if each would be by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Floats
from latephase.core.balls import arb, exact, precision

from .adaptive import integrated
from .axes import Normal, Range, box_mass
from .boxes import FREE2, RIGHT1, RIGHT2, WRONG1, WRONG2, Boxes
from .enclosed import down, times, up
from .points import BITS, Bounds, Repelling, doubles
from .runs import followed

ABSENT = (-1e300, -1e300)  # of a right side: a neuron that stays dead; of a wrong one: never active
STEPS = 64  # within a pattern; more are bounded together
MOST = 1 << 18  # boxes of an integral: then it has taken about twenty seconds
BEYOND = 2.0**-44  # more than the mass beyond the reach of four normals


@dataclass(frozen=True)
class NormalPair:
    """Two neurons whose weights and biases are normals of that deviation, on two points.

    angle    of the points with a 1 appended, over 2 pi: P(right > 0 and wrong <= 0) of a neuron
    The eight coordinates of `Boxes` are normals; right and null part of a neuron are independent,
    and so are wrong and free part.
    """

    points: Repelling
    angle: Bounds
    right1: Normal
    wrong1: Normal
    free1: Normal
    null1: Normal

    @staticmethod
    def of(points: Repelling, deviation: float) -> NormalPair:
        """The pair of that deviation."""
        with precision(BITS):
            scale = exact(deviation)
            axes = [
                Normal(doubles(scale * _ball(k).sqrt()))
                for k in (points.k11, points.k22, points.rest2, points.rest1)
            ]
            cosine = -_ball(points.kappa) / (_ball(points.k11) * _ball(points.k22)).sqrt()
            angle = doubles(cosine.acos() / (2 * arb.pi()))
        return NormalPair(points, angle, *axes)

    @property
    def mirrored(self) -> NormalPair:
        """The same with neurons and points exchanged."""
        axes = self.wrong1, self.right1, self.null1, self.free1
        return NormalPair(self.points.mirrored, self.angle, *axes)

    @property
    def idle(self) -> Bounds:
        """P(right <= 0 and wrong <= 0) of a neuron."""
        return widened(0.5 - self.angle[1], 0.5 - self.angle[0])

    @property
    def symmetric(self) -> bool:
        """Whether both neurons see the same."""
        return self.points.k11 == self.points.k22

    # Of neuron 2, which has the points exchanged.
    @property
    def right2(self) -> Normal:
        """Its right side."""
        return self.wrong1

    @property
    def wrong2(self) -> Normal:
        """Its wrong side."""
        return self.right1

    @property
    def free2(self) -> Normal:
        """Its free part."""
        return self.null1

    @property
    def null2(self) -> Normal:
        """Its null part."""
        return self.free1


def _ball(ends: Bounds) -> arb:
    return exact(ends[0]).union(exact(ends[1]))


def dead(pair: NormalPair, wanted: float) -> tuple[Bounds, Bounds]:
    """Bounds of P(neuron 1 ends dead), and of the same if it were alone.

    Rigour: proved.  `wanted`, the largest difference, sets the work.
    """
    w, r2, w2, f2 = pair.wrong1, pair.right2, pair.wrong2, pair.free2

    def alone(lower: Floats, upper: Floats) -> Range:
        rows = {WRONG1: (lower[0], upper[0]), RIGHT2: ABSENT, WRONG2: ABSENT}
        return product(box_mass(lower, upper, [w]), _dies(pair, rows, lower))

    def beside_right(lower: Floats, upper: Floats) -> Range:
        rows = {WRONG1: (lower[0], upper[0]), RIGHT2: (lower[1], upper[1]), WRONG2: ABSENT}
        wrong_side = pair.null2.below(*times((lower[1], upper[1]), pair.points.tilt2))
        masses = product(box_mass(lower, upper, [w, r2]), wrong_side)
        return product(masses, _dies(pair, rows, lower))

    def beside_wrong(lower: Floats, upper: Floats) -> Range:
        rows = {row: (lower[i], upper[i]) for i, row in enumerate((WRONG1, WRONG2, FREE2))}
        return product(box_mass(lower, upper, [w, w2, f2]), _dies(pair, rows, lower))

    # Neuron 2 is idle, only its right side is active, or its wrong side is.
    single, right, wrong = (
        _one_integral(*integral)
        for integral in (
            (alone, [0.0], [w.reach], wanted / 16),
            (beside_right, [0.0, 0.0], [w.reach, r2.reach], wanted / 4),
            (beside_wrong, [0.0, 0.0, -f2.reach], [w.reach, w2.reach, f2.reach], wanted / 2),
        )
    )
    ends = zip(pair.idle, single, right, wrong, strict=True)
    low, high = (idle * (1 + lone) + beside + between for idle, lone, beside, between in ends)
    low_alone, high_alone = (idle + lone for idle, lone in zip(pair.idle, single, strict=True))
    return widened(low, high), widened(low_alone, high_alone)


def shares(pair: NormalPair, wanted: float) -> tuple[Bounds, Bounds, Bounds]:
    """Bounds of P(trained), P(one dead) and P(both dead).  Rigour: proved."""
    first, alone1 = dead(pair, wanted / 2)
    second, alone2 = (first, alone1) if pair.symmetric else dead(pair.mirrored, wanted / 2)
    both = alone1[0] * alone2[0], alone1[1] * alone2[1]
    trained = 1 - first[1] - second[1] + both[0], 1 - first[0] - second[0] + both[1]
    one = first[0] + second[0] - 2 * both[1], first[1] + second[1] - 2 * both[0]
    return widened(*trained), widened(*one), widened(*both)


def boxes_of(rows: dict[int, Bounds | Range], n: int) -> Boxes:
    """n boxes with those rows; `contract` finds the others."""
    boxes = Boxes(np.full((8, n), -np.inf), np.full((8, n), np.inf))
    for row, (lower, upper) in rows.items():
        boxes.lower[row], boxes.upper[row] = lower, upper
    return boxes


def product(one: Range, other: Range) -> Range:
    """Bounds of the products of enclosed numbers >= 0."""
    return np.maximum(down(one[0] * other[0]), 0.0), up(one[1] * other[1])


def widened(lower: float, upper: float) -> Bounds:
    """Bounds in [0, 1] after a few roundings of numbers below 2."""
    return max(lower - 2.0**-48, 0.0), min(upper + 2.0**-48, 1.0)


def _dies(pair: NormalPair, rows: dict[int, Bounds | Range], like: Floats) -> Range:
    """Bounds of P(neuron 1 dies) given its active wrong side and neuron 2, (n,)."""
    ends = followed(pair.points, boxes_of({RIGHT1: ABSENT, **rows}, like.shape[1]), STEPS)
    least = np.min([end.lower[WRONG1] for end in ends.values()], axis=0)
    most = np.max([end.upper[WRONG1] for end in ends.values()], axis=0)
    possible = least <= most  # not for boxes that hold no network
    landing = np.where(possible, least, 0.0), np.where(possible, most, 0.0)
    low, high = pair.free1.below(*times(landing, pair.points.tilt2))
    return np.where(possible, low, 0.0), np.where(possible, high, 0.0)


def _one_integral(
    evaluate: Callable[[Floats, Floats], Range],
    lower: Sequence[float],
    upper: Sequence[float],
    wanted: float,
) -> Bounds:
    def as_row(low: Floats, high: Floats) -> Range:
        least, most = evaluate(low, high)
        return least[None], most[None]

    least, most = integrated(as_row, lower, upper, wanted, MOST)
    return float(least[0]), float(most[0]) + BEYOND
