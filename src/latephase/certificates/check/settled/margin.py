"""The checker's own robustness margin of a network in balls.

Source: docs/certificates-general.md, "values".  The file says how far to
look, so that nothing is searched for: a margin is below its upper end if a foot is certain there,
and above its lower end if no foot that is possible is nearer.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

from latephase.certificates.check.claims import Wrong, need
from latephase.certificates.check.enclosures import ONE, ZERO
from latephase.certificates.check.settled.late import GeneralLate, Moment
from latephase.core.balls import BallMatrix, arb, length, root

FREE, FACES = 12, 20_000  # beyond which there is no enclosure

Vector = list[arb]
Face = tuple[int, tuple[int, ...], tuple[bool, ...]]  # input, neurons on their kinks, signs


class Place(NamedTuple):
    """A foot: its face, whether N is 0 on all of it, where it is, how far, (A A')^-1 b, certain."""

    face: Face
    plain: bool
    p: Vector
    far: arb
    pulls: Vector
    certain: bool


class Shape:
    """A network: rows (m, k), output weights, slope; `inputs` (n, d)."""

    def __init__(self, late: GeneralLate, rows: list[Vector], outputs: Vector) -> None:
        p = late.path.problem
        self.rows, self.outputs = rows, outputs
        self.slope, self.d, self.biased = arb(p.slope), p.d, p.biased
        self.inputs = [[arb(x) for x in row] for row in p.inputs]
        self.labels, self.neurons = p.y, range(len(rows))

    def heights(self, x: Vector) -> Vector:
        z = [*x, ONE] if self.biased else x
        return [product(row, z) for row in self.rows]

    def on_their_sides(self) -> bool:
        """Whether every input is on its side.  Wrong where that is not decided."""
        for x, y in zip(self.inputs, self.labels, strict=True):
            side = ZERO
            for j, a in enumerate(self.heights(x)):
                low = a.min(ZERO) * self.slope
                side = side + y * self.outputs[j] * (a.max(ZERO) + low)
            if side <= 0:
                return False
            need(side > 0, "whether an input is on its side is not decided")
        return True

    def feet(self, reach: arb) -> list[Place]:
        """All that may be within reach."""
        found = []
        for i, x in enumerate(self.inputs):
            heights = self.heights(x)
            free = [
                j
                for j, (a, row) in enumerate(zip(heights, self.rows, strict=True))
                if not abs(a) > length(row[: self.d]) * reach
            ]
            need(len(free) <= FREE, "too many kinks within reach")
            for number, (kinks, on) in enumerate(_choices(free, self.d), 1):
                need(number <= FACES, "too many faces within reach")
                signs = tuple(j in on if j in free else bool(heights[j] > 0) for j in self.neurons)
                place = self.foot((i, kinks, signs), heights, reach)
                found += [place] if place else []
        return found

    def foot(self, face: Face, heights: Vector, reach: arb) -> Place | None:
        """The foot of a face; None if it is certainly beyond reach or elsewhere."""
        i, kinks, signs = face
        others = [j for j in self.neurons if j not in kinks]
        plain = self.slope.is_zero() and not any(signs[j] for j in others)
        if len(kinks) == self.d and not plain:
            return None
        normals, values = [self.rows[j][: self.d] for j in kinks], [heights[j] for j in kinks]
        if not plain:
            part = [self.outputs[j] * (ONE if signs[j] else self.slope) for j in others]
            normals.append(
                [product(part, [self.rows[j][c] for j in others]) for c in range(self.d)]
            )
            values.append(product(part, [heights[j] for j in others]))
            if abs(values[-1]) > product(normals[-1], normals[-1]).abs_upper().sqrt() * reach:
                return None
        try:
            pulls, far = _projection(normals, values)
        except Wrong:
            if any(self._elsewhere(face, heights, kink, others, reach) for kink in kinks):
                return None
            raise
        p = list(self.inputs[i])
        for pull, normal in zip(pulls, normals, strict=True):
            p = [a - pull * b for a, b in zip(p, normal, strict=True)]
        there = self.heights(p)
        above, below = (
            [there[j] for j in others if signs[j]],
            [there[j] for j in others if not signs[j]],
        )
        if far > reach or any(a < 0 for a in above) or any(a > 0 for a in below):
            return None
        certain = all(a > 0 for a in above) and all(a < 0 for a in below)
        return Place(face, plain, p, far, pulls, certain)

    def _elsewhere(
        self, face: Face, heights: Vector, kink: int, others: list[int], reach: arb
    ) -> bool:
        """Whether a neuron has another sign on all of the disc that a kink has within reach."""
        i, _, signs = face
        normal = self.rows[kink][: self.d]
        size = product(normal, normal)
        if not size > 0:
            return False
        nearest = [
            a - heights[kink] / size * b for a, b in zip(self.inputs[i], normal, strict=True)
        ]
        radius = root(reach * reach - heights[kink] * heights[kink] / size)
        at = self.heights(nearest)
        for j in others:
            row = self.rows[j][: self.d]
            slant = product(row, normal)
            reach_along = radius * root(product(row, row) - slant * slant / size)
            if at[j] + reach_along < 0 if signs[j] else at[j] - reach_along > 0:
                return True
        return False

    def margin(self, reach: arb) -> tuple[arb, arb]:
        """(lower, upper) of the margin, which is claimed to be within reach."""
        if not self.on_their_sides():
            return ZERO, ZERO
        feet = self.feet(reach)
        sure = [place.far for place in feet if place.certain]
        need(sure, "no foot is certain within the upper end")
        low, high = sure[0].lower(), sure[0].upper()
        for place in feet:
            low = low.min(place.far.lower())
        for far in sure[1:]:
            high = high.min(far.upper())
        return low, high


def _choices(free: list[int], d: int) -> Iterator[tuple[tuple[int, ...], frozenset[int]]]:
    """Every choice of up to d kinks, and of which of the other free neurons are active."""
    for r in range(min(d, len(free)) + 1):
        for kinks in combinations(free, r):
            others = [j for j in free if j not in kinks]
            for size in range(1 if r == d else len(others) + 1):
                for on in combinations(others, size):
                    yield kinks, frozenset(on)


def _projection(normals: list[Vector], values: Vector) -> tuple[Vector, arb]:
    if not normals:
        return [], ZERO
    if len(normals) == 1:
        size = product(normals[0], normals[0])
        need(size > 0, "a face whose foot is not determined")
        return [values[0] / size], abs(values[0]) / size.sqrt()
    gram = BallMatrix([[product(a, b) for b in normals] for a in normals])
    try:
        pulls = list(gram.solve(BallMatrix([[b] for b in values])).entries())
    except ZeroDivisionError:
        raise Wrong("a face whose foot is not determined") from None
    return pulls, root(product(pulls, values))


def margin_in(late: GeneralLate, when: Moment, reach: arb) -> tuple[arb, arb]:
    """(lower, upper) of the robustness margin in a stretch of time."""
    outputs = [arb(v) for v in late.path.problem.v]
    return Shape(late, late.parameters(when), outputs).margin(reach)


def product(x: Vector, y: Vector) -> arb:
    """The inner product."""
    return sum((a * b for a, b in zip(x, y, strict=True)), ZERO)
