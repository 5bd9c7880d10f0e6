"""What ends a mode: the first pre-activation that arrives at 0, or the first slide that lets go.

Along a mode h = +-a_ji is convex or concave, as its slope is P + Q z and z is monotone: a zero at
which it falls is the first one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from latephase.certificates.prove.system import System
from latephase.certificates.verdict import Undecided
from latephase.core.balls import arb, bits, exact, plus_minus, point

from .curve import Curve
from .mode import NAMES, ON, SLIDING, Mode, State

_ITERATIONS, _DOUBLINGS = 100, 64
_ROOM = 12  # bits around a zero, in which Newton's interval step is tried


@dataclass(frozen=True)
class Way:
    """h = height + p r + q S(other) >= 0 of a pre-activation, and whether it leaves 0."""

    curve: Curve
    height: arb
    p: Fraction
    q: Fraction
    leaving: bool

    def at(self, r: arb) -> arb:
        return self.height + exact(self.p) * r + exact(self.q) * self.curve.other(r)

    def slope(self, r: arb) -> arb:
        return exact(self.p) + exact(self.q) * self.curve.ratio(r, self.curve.other(r))

    def falls_to_zero(self) -> arb | None:
        """The first zero, None where there is none.  Raises Undecided."""
        first, last = 1 if self.leaving else self._first(), self._last()
        if first >= 0 and last >= 0:
            return None
        if first >= 0:
            return self._zero(self._top().mid())  # up first, then down for ever
        if last < 0:
            return self._zero(arb(0))
        # Down first: to a least value, or to a limit.
        turn = self._turn() if last > 0 else None
        least = self._limit() if turn is None else self.at(turn)
        if least is not None and least > 0:
            return None
        if least is not None and not least < 0:
            raise Undecided("whether a pre-activation reaches 0")
        return self._zero(arb(0), turn)

    def _first(self) -> int:
        return _sign(exact(self.p) + exact(self.q) * self.curve.z)

    def _last(self) -> int:
        """The sign of the slope in the end."""
        end = self.curve.end
        slope = (self.q or self.p) if end is None else self.p + self.q * end
        return (slope > 0) - (slope < 0)

    def _turn(self) -> arb:
        return self.curve.meets(exact(-self.p / self.q))

    def _top(self) -> arb:
        """Where h is highest: it rises at first, and its slope ends below 0."""
        if not self._first() > 0:
            raise Undecided("whether a pre-activation leaves its kink")
        return self._turn()

    def _limit(self) -> arb | None:
        """The limit of h whose slope tends to 0; None for -infinity."""
        a, b, z, q = exact(self.curve.a), exact(self.curve.b), self.curve.z, exact(self.q)
        if self.curve.a < 0:
            return self.height + q * ((b * z / -a).log1p() / b if self.curve.b else z / -a)
        return self.height + q * (b * z / a).log() / b if self.curve.a else None

    def _zero(self, left: arb, right: arb | None = None) -> arb:
        """A ball around the zero after `left`, where h > 0, and before `right`, if given."""
        low, high = self._bracket(left, right)
        r = self._near(low, high, from_right=bool(left > 0))
        here, width = self.at(r), abs(r) * point(1, _ROOM - bits())
        width = width + 2 * (here / self.slope(r)).abs_upper()
        for _ in range(_ROOM):
            around = r + plus_minus(width)
            slope = self.slope(around)
            zero = r - here / slope
            if slope < 0 and around.contains_interior(zero) and zero > 0:
                return zero
            width = width * 4
        raise Undecided("when a pre-activation reaches 0")

    def _bracket(self, left: arb, right: arb | None) -> tuple[arb, arb]:
        """Parameters > 0 before and after the zero, wherever on a logarithmic scale it is."""
        r = 2 * left if left > 0 else (-self.height / self.slope(left)).mid()
        sought = not self.at(r) > 0  # whether one before the zero is
        if not sought and right is not None:
            return r, right.mid()
        for n in range(_DOUBLINGS):
            other = (r * point(1, -(2**n) if sought else 2**n)).mid()
            other = other.max(left).mid() if left > 0 else other
            if (self.at(other) > 0) == sought:
                return (other, r) if sought else (r, other)
            r = other
        raise Undecided("about when a pre-activation reaches 0")

    def _near(self, low: arb, high: arb, from_right: bool) -> arb:
        """The zero in a bracket: halved on the logarithmic scale, then by Newton's steps, which
        start on the right where h has a top on the left."""
        while not high < 2 * low:
            middle = (low * high).sqrt().mid()
            low, high = (middle, high) if self.at(middle) > 0 else (low, middle)
        r = high if from_right else low
        for _ in range(_ITERATIONS):
            here = self.at(r)
            move = (here / self.slope(r)).mid()
            if here.contains(0) or abs(move) <= abs(r) * point(1, _ROOM - bits()):
                break
            r = (r - move).mid()
        return r


def _sign(x: arb) -> int:
    if x > 0:
        return 1
    if x < 0:
        return -1
    if x.is_zero():
        return 0
    raise Undecided("whether a pre-activation rises")


def _ways(
    mode: Mode, curve: Curve, state: State, leaving: frozenset[int], of: range
) -> Iterator[tuple[int, arb]]:
    """Of the pre-activations in `of` that arrive at 0: which, and the parameter then."""
    for i in of:
        p, q = curve.turned(mode.velocities[i])
        if mode.signs[i] == SLIDING or p == q == 0:
            continue
        up = 1 if mode.signs[i] == ON else -1
        zero = Way(curve, up * state[i], up * p, up * q, i in leaving).falls_to_zero()
        if zero is not None:
            yield i, zero


def _releases(system: System, mode: Mode, curve: Curve, of: range) -> Iterator[tuple[int, arb]]:
    """Of the slides in `of` that let go: which, and the parameter then.

    a12 is held as long as z > k12/k22, a21 as long as 1/z > k12/k11; a slide is left with b >= 0 in
    both orders of the points, so that the parameter is S1.
    """
    for i in of:
        if mode.signs[i] != SLIDING:
            continue
        end, first = curve.end, NAMES[i] == "a12"
        share = system.k12 / (system.k22 if first else system.k11)
        if first and end is not None and end < share:
            yield i, curve.meets(exact(share))
        elif not first and (end is None or end * share > 1):
            yield i, curve.meets(exact(1 / share))


def first_end(
    system: System, mode: Mode, curve: Curve, state: State, leaving: frozenset[int], of: range
) -> tuple[int, arb] | None:
    """What ends the mode, and the parameter then; None where nothing does.  Raises Undecided."""
    ends = [*_ways(mode, curve, state, leaving, of), *_releases(system, mode, curve, of)]
    for i, r in ends:
        if all(r < other for j, other in ends if j != i):
            return i, r
    if ends:
        raise Undecided("which of two pre-activations reaches 0 first")
    return None
