"""The checker's own law of the robustness margin: its limit, its constant, its rates.

Source: docs/certificates-general.md, "constant" and "rate".
"""

from __future__ import annotations

from collections.abc import Iterable

from latephase.certificates.check.claims import Wrong, need
from latephase.certificates.check.enclosures import ONE, ZERO
from latephase.certificates.check.settled.kinks import Exact
from latephase.certificates.check.settled.late import GeneralLate
from latephase.certificates.check.settled.margin import Face, Place, Shape, Vector, product
from latephase.core.balls import Rational, RationalMatrix, arb


class MarginLaws:
    """The limit of the margin, its constant and rates."""

    def __init__(self, late: GeneralLate) -> None:
        self.late = late
        self.w = late.direction()
        m = range(len(self.w))
        self.frozen = [not any(self.w[j]) for j in m]
        # Neurons of one kink and side are one, in the limit.
        self.one: dict[int, list[int]] = {}
        for j in m:
            if not self.frozen[j]:
                same = next((i for i in self.one if _ratio(self.w[j], self.w[i])), j)
                self.one.setdefault(same, []).append(j)
        self.feet: list[Place] = []

    def limit(self, reach: arb) -> tuple[arb, arb]:
        """(lower, upper) of the limit; keeps its nearest feet, which must be certain."""
        outer, heads = self.late.path.problem.v, list(self.one)
        summed = [
            sum((outer[j] * _ratio(self.w[j], self.w[i]) for j in self.one[i]), Rational(0))
            for i in heads
        ]
        rows = [[arb(x) for x in self.w[i]] for i in heads]
        shape = Shape(self.late, rows, [arb(v) for v in summed])
        low, high = shape.margin(reach)
        need(low > 0, "the limit does not have every input on its side")
        near = [self._named(place, heads) for place in shape.feet(reach) if not place.far > high]
        squares = [self._square(place) for place in near]
        least = min(squares)
        self.feet = [f for f, square in zip(near, squares, strict=True) if square == least]
        need(all(f.certain for f in self.feet), "the nearest feet of the limit are not certain")
        for i in (i for f in self.feet for i in f.face[1]):
            need(len(self.one[i]) == 1, "a nearest foot on kinks that come apart")
        return low, high

    def constant(self) -> tuple[arb, arb]:
        """The constant, and what its summands come to if none cancels another."""
        turning = self.late.parameters(self.late.ever())
        changes, sizes = zip(*(self._change(place, turning) for place in self.feet), strict=True)
        least = changes[0]
        for change in changes[1:]:
            least = least.min(change)
        return -least, sum(sizes, ZERO)

    def rate(self, start: arb) -> tuple[arb, arb]:
        """(lower, upper) of (limit - margin) ln t for all ln t >= start."""
        late, t = self.late, start.exp()
        need(t >= late.path.steps + 1, "log_from is too early")
        turning = late.parameters(late.since(t))
        late_share = ZERO.union(1 / start)
        rows, outputs = [], []
        for j, still in enumerate(self.frozen):
            turn, v = turning[j], arb(late.path.problem.v[j])
            moved = [arb(a) + late_share * b for a, b in zip(self.w[j], turn, strict=True)]
            rows.append(turn if still else moved)
            outputs.append(v * late_share if still else v)
        shape = Shape(late, rows, outputs)
        need(shape.on_their_sides(), "an input that is not on its side")
        # The feet of the limit are certain all the time, and whatever else is possible is farther.
        now = [self._again(shape, place, turning) for place in self.feet]
        reach = now[0].far.upper()
        for place in now[1:]:
            reach = reach.min(place.far.upper())
        known = {self._name(place.face) for place in now}
        for place in shape.feet(reach):
            need(self._name(place.face) in known, "another foot may be nearer")
            need(place.certain, "a nearest foot is not certain")
        low, high = arb("-inf"), arb("-inf")
        for place in now:
            fall = -self._change(place, turning)[0]
            low, high = low.max(fall.lower()), high.max(fall.upper())
        return low, high

    def _again(self, shape: Shape, place: Place, turning: list[Vector]) -> Place:
        """A foot of the limit in another network, with the signs that frozen neurons have there."""
        i, kinks, signs = place.face
        z = [*place.p, ONE] if shape.biased else place.p
        full = tuple(
            bool(product(turning[j], z) > 0) if self.frozen[j] else s for j, s in enumerate(signs)
        )
        found = shape.foot((i, kinks, full), shape.heights(shape.inputs[i]), arb("inf"))
        if found is None or not found.certain:
            raise Wrong("a nearest foot of the limit is not certain all the time")
        return found

    def _name(self, face: Face) -> tuple[object, ...]:
        i, kinks, signs = face
        return i, kinks, tuple(s for s, f in zip(signs, self.frozen, strict=True) if not f)

    def _named(self, place: Place, heads: list[int]) -> Place:
        i, kinks, signs = place.face
        on = {j for head, s in zip(heads, signs, strict=True) if s for j in self.one[head]}
        full = tuple(j in on for j in range(len(self.w)))
        return place._replace(face=(i, tuple(heads[a] for a in kinks), full))

    def _square(self, place: Place) -> Rational:
        """The square of a distance, exactly."""
        p, (i, kinks, signs) = self.late.path.problem, place.face
        rows = [self.w[j] for j in kinks]
        if not place.plain:
            on_kink = {j for head in kinks for j in self.one[head]}
            parts = [
                Rational(0) if j in on_kink else v * p.gain(s)
                for j, (v, s) in enumerate(zip(p.v, signs, strict=True))
            ]
            rows = [*rows, [_sum(parts, column) for column in zip(*self.w, strict=True)]]
        values = [_sum(row, p.z[i]) for row in rows]
        normals = [row[: p.d] for row in rows]
        gram = RationalMatrix([[_sum(a, b) for b in normals] for a in normals])
        try:
            pulls = gram.solve(RationalMatrix([[b] for b in values])).entries()
        except ZeroDivisionError:
            raise Wrong("a nearest foot that is not determined") from None
        return _sum(pulls, values)

    def _change(self, place: Place, turning: list[Vector]) -> tuple[arb, arb]:
        """The rate at which a distance changes with e, and the sizes of its summands."""
        p, (_, kinks, signs) = self.late.path.problem, place.face
        z = [*place.p, ONE] if p.biased else place.p
        turned = [product(row, z) for row in turning]
        gains = [ZERO] * len(turned)
        for j, still in enumerate(self.frozen):
            if j in kinks:
                continue
            on = signs[j]
            if still:
                need(turned[j] > 0 or turned[j] <= 0, "the side of a frozen neuron is open")
                on = bool(turned[j] > 0)
            need(not (place.plain and on), "a plain that tilts")
            gains[j] = arb(p.v[j] * p.gain(on))

        def summed(pulls: Vector, gains: Vector, turned: Vector) -> arb:
            pushes = [turned[j] for j in kinks] + ([] if place.plain else [product(gains, turned)])
            return product(pulls, pushes) / place.far

        most = [product(_sizes(row), _sizes(z)) for row in turning]
        large = summed(_sizes(place.pulls), _sizes(gains), most)
        return summed(place.pulls, gains, turned), large


def _sizes(x: Vector) -> Vector:
    return [abs(a) for a in x]


def _ratio(row: Exact, other: Exact) -> Rational:
    """row / other if it is a positive number; else 0."""
    at = next(c for c, x in enumerate(other) if x)
    ratio = row[at] / other[at]
    same = all(a == ratio * b for a, b in zip(row, other, strict=True))
    return ratio if ratio > 0 and same else Rational(0)


def _sum(x: Iterable[Rational], y: Iterable[Rational]) -> Rational:
    return sum((a * b for a, b in zip(x, y, strict=True)), Rational(0))
