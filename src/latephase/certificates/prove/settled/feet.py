"""The robustness margin of a network whose parameters are balls.

The nearest point p to an input with y N(p) <= 0 is the foot of the input on a *face*: the affine
space where the neurons of F are on their kinks and the affine function that N is around p is 0.
Faces are gone through; a foot counts unless a sign at it is proved to be another.
Source: docs/certificates-general.md, "values".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import NamedTuple

import numpy as np

from latephase.certificates.verdict import Undecided
from latephase.core.arrays import Floats
from latephase.core.balls import BallMatrix, arb, length, root

_MOST_FREE, _MOST_FACES = 12, 20_000
_HALVINGS = 40
_BEYOND = (1 + 2.0**-30, 1 + 2.0**-10, 1.02, 1.2, 2.0)  # times where it is in floats

Vector = list[arb]


@dataclass(frozen=True)
class BallNetwork:
    """N(x) = sum_j v_j sigma(rows_j . x), with 1 appended to x where `biased`; all balls."""

    rows: list[Vector]
    outputs: Vector
    slope: arb
    biased: bool

    def lifted(self, x: Vector) -> Vector:
        return [*x, arb(1)] if self.biased else x

    def heights(self, x: Vector) -> Vector:
        """Pre-activations (m,)."""
        z = self.lifted(x)
        return [_dot(row, z) for row in self.rows]

    def value(self, x: Vector) -> arb:
        """N(x), however many signs are open."""
        total = arb(0)
        for v, a in zip(self.outputs, self.heights(x), strict=True):
            total = total + v * (a.max(arb(0)) + self.slope * a.min(arb(0)))
        return total


class Foot(NamedTuple):
    """Of input `point` on the face (kinks, signs): where, how far, whether certainly on it.

    flat: N is 0 on all of the face's cell;  weights: (A A')^-1 b, of the kinks, then of N.
    """

    point: int
    kinks: tuple[int, ...]
    signs: tuple[bool, ...]
    flat: bool
    place: Vector
    distance: arb
    weights: Vector
    certain: bool


def margin(network: BallNetwork, inputs: Floats, labels: Sequence[int]) -> arb | None:
    """The smallest distance of an input from where it is not on its side; None if not enclosed."""
    found = nearest(network, inputs, labels)
    if found is None:
        return None
    if not found:
        return arb(0)
    low, high = found[0].distance, arb("inf")
    for foot in found:
        low = low.min(foot.distance)
        high = high.min(foot.distance.upper()) if foot.certain else high
    enclosed = low.lower().union(high).nonnegative_part()
    return enclosed if enclosed.is_finite() else None


def nearest(network: BallNetwork, inputs: Floats, labels: Sequence[int]) -> list[Foot] | None:
    """The feet that may be nearest of all, [] if an input is not on its side, None if not known."""
    points = [[arb(float(x)) for x in row] for row in inputs]
    for x, y in zip(points, labels, strict=True):
        side = y * network.value(x)
        if side <= 0:
            return []
        if not side > 0:
            return None
    reach = _reach(network, inputs, points, labels)
    found = None if reach is None else _within(network, points, reach)
    certain = [foot.distance.upper() for foot in found or () if foot.certain]
    # Again, within the nearest certain one, as who reads the file does: what was looked at before
    # was farther, where more signs are open, or nearer, by a point that the file does not name.
    return _within(network, points, min(certain)) if certain else None


def _within(network: BallNetwork, points: list[Vector], reach: arb) -> list[Foot] | None:
    """The feet that may be within reach, and within that of the certain ones before them."""
    found: list[Foot] = []
    for i, x in enumerate(points):
        feet = _feet(network, i, x, reach)
        if feet is None:
            return None
        found += feet
        for foot in feet:
            reach = reach.min(foot.distance.upper()) if foot.certain else reach
    return found


def _reach(
    network: BallNetwork, inputs: Floats, points: list[Vector], labels: Sequence[int]
) -> arb | None:
    """A distance within which a point is on the wrong side, looked for in floats, then proved."""
    rows = np.array([[float(x) for x in row] for row in network.rows])
    outer, slope = np.array([float(v) for v in network.outputs]), float(network.slope)

    def value(x: Floats) -> float:
        a = rows @ (np.append(x, 1.0) if network.biased else x)
        return float(outer @ np.where(a > 0, a, slope * a))

    best: arb | None = None
    for i, x in enumerate(inputs):
        for other in inputs[[y != labels[i] for y in labels]]:
            near, far = 0.0, 1.0
            for _ in range(_HALVINGS):
                middle = (near + far) / 2
                inside = labels[i] * value(x + middle * (other - x)) > 0
                near, far = (middle, far) if inside else (near, middle)
            ways = [arb(float(b)) - a for a, b in zip(points[i], other, strict=True)]
            for beyond in _BEYOND:
                share = arb(min(far * beyond, 1.0))
                there = [a + share * way for a, way in zip(points[i], ways, strict=True)]
                if labels[i] * network.value(there) <= 0:
                    reach = (share * length(ways)).upper()
                    best = reach if best is None else best.min(reach)
                    break
    return best


def _feet(network: BallNetwork, i: int, x: Vector, reach: arb) -> list[Foot] | None:
    """The feet of an input that may be within reach; None where one is not determined."""
    dim, heights = len(x), network.heights(x)
    free = [
        j
        for j, (a, row) in enumerate(zip(heights, network.rows, strict=True))
        if not abs(a) > length(row[:dim]) * reach
    ]
    many = len(free) > _MOST_FREE
    if many or sum(1 for _ in _faces(free, [False] * len(heights), dim)) > _MOST_FACES:
        return None
    fixed = [bool(a > 0) for a in heights]
    found = []
    for kinks, signs in _faces(free, fixed, dim):
        try:
            foot = _foot(network, i, x, heights, kinks, signs, reach)
        except Undecided:
            return None
        if foot is not None:
            found.append(foot)
    return found


def _faces(
    free: list[int], fixed: list[bool], dim: int
) -> Iterator[tuple[tuple[int, ...], tuple[bool, ...]]]:
    for r in range(min(dim, len(free)) + 1):
        for kinks in combinations(free, r):
            others = [j for j in free if j not in kinks]
            corner = r == dim  # of a plain where N is 0: nothing else is active there
            for choice in product((False,) if corner else (False, True), repeat=len(others)):
                signs = list(fixed)
                for j, s in zip(others, choice, strict=True):
                    signs[j] = s
                for j in kinks:
                    signs[j] = False
                yield kinks, tuple(signs)


def _foot(
    network: BallNetwork, i: int, x: Vector, heights: Vector, kinks: tuple[int, ...],
    signs: tuple[bool, ...], reach: arb,
) -> Foot | None:  # fmt: skip
    """The foot on one face; None if it is out of reach or has another sign.  Raises Undecided."""
    dim = len(x)
    others = [j for j in range(len(signs)) if j not in kinks]
    flat = network.slope == 0 and not any(signs[j] for j in others)
    if len(kinks) == dim and not flat:
        return None
    rows, values = [network.rows[j][:dim] for j in kinks], [heights[j] for j in kinks]
    if not flat:
        gains = [(network.outputs[j] * (1 if signs[j] else network.slope), j) for j in others]
        row = [sum((g * network.rows[j][c] for g, j in gains), arb(0)) for c in range(dim)]
        value = sum((g * heights[j] for g, j in gains), arb(0))
        if value.abs_lower() > _dot(row, row).abs_upper().sqrt() * reach:
            return None
        rows, values = [*rows, row], [*values, value]
    try:
        weights, distance = _solved(rows, values)
    except Undecided:
        if any(_apart(network, x, heights, j, signs, others, reach) for j in kinks):
            return None
        raise
    if distance > reach:
        return None
    # Is it on the face?  A sign that is open does not speak against it.
    place = [
        a - sum((w * row[c] for w, row in zip(weights, rows, strict=True)), arb(0))
        for c, a in enumerate(x)
    ]
    there = network.heights(place)
    sides = [there[j] if signs[j] else -there[j] for j in others]
    if any(side < 0 for side in sides):
        return None
    certain = all(side > 0 for side in sides)
    return Foot(i, kinks, signs, flat, place, distance, weights, certain)


def _apart(
    network: BallNetwork, x: Vector, heights: Vector, kink: int, signs: tuple[bool, ...],
    others: list[int], reach: arb,
) -> bool:  # fmt: skip
    """Whether some other neuron has another sign than that on all of the kink within reach."""
    normal = network.rows[kink][: len(x)]
    square = _dot(normal, normal)
    if not square > 0:
        return False
    share = heights[kink] / square
    radius = root(reach * reach - share * heights[kink])
    for j in others:
        row = network.rows[j][: len(x)]
        slant = _dot(row, normal)
        middle = heights[j] - share * slant
        along = root(_dot(row, row) - slant * slant / square) * radius
        if middle + along < 0 if signs[j] else middle - along > 0:
            return True
    return False


def _solved(rows: list[Vector], values: Vector) -> tuple[Vector, arb]:
    """(A A')^-1 b and the distance, the square root of its product with b."""
    if not rows:
        return [], arb(0)
    if len(rows) == 1:
        square = _dot(rows[0], rows[0])
        if not square > 0:
            raise Undecided("a face")
        return [values[0] / square], abs(values[0]) / square.sqrt()
    try:
        matrix = BallMatrix([[_dot(a, b) for b in rows] for a in rows])
        weights = matrix.solve(BallMatrix([[b] for b in values])).entries()
    except ZeroDivisionError:
        raise Undecided("a face") from None
    return list(weights), root(_dot(weights, values))


def _dot(x: Sequence[arb], y: Sequence[arb]) -> arb:
    return sum((a * b for a, b in zip(x, y, strict=True)), arb(0))
