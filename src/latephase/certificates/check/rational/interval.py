"""Intervals whose ends are m 2^e, in Python's integers: every operation rounds outward.

Nothing here is Arb's: logarithms and exponentials are of `elementary`.  Comparisons of intervals
are true where they are so of all their members; `not x > 0` is not `x <= 0`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple, Union

from latephase.certificates.check.rational import elementary


class Dyadic(NamedTuple):
    """m 2^e, exactly."""

    m: int
    e: int

    @property
    def top(self) -> int:
        """Where |m| 2^e < 2^top, not less than half of it."""
        return self.m.bit_length() + self.e


ZERO = Dyadic(0, 0)


def rounded(x: Dyadic, bits: int, up: bool) -> Dyadic:
    """The nearest of so many bits that is not below (up) or not above it."""
    spare = x.m.bit_length() - bits
    return x if spare <= 0 else Dyadic(_shifted(x.m, spare, up), x.e + spare)


def _shifted(m: int, by: int, up: bool) -> int:
    return -(-m >> by) if up else m >> by


def fixed(x: Dyadic, places: int, up: bool) -> int:
    """x 2^places, rounded to an integer; `x.top + places` bits, which the caller bounds."""
    by = x.e + places
    return x.m << by if by >= 0 else _shifted(x.m, -by, up)


def _sum(x: Dyadic, y: Dyadic, bits: int, up: bool) -> Dyadic:
    if x.m == 0 or y.m == 0:
        return rounded(x if y.m == 0 else y, bits, up)
    if x.top < y.top:
        x, y = y, x
    if x.top - y.top > bits + x.m.bit_length() + 2:
        # y is less than what is left of a digit of x: a larger one stands for it, or none.
        towards = (y.m > 0) == up
        y = Dyadic((1 if up else -1) if towards else 0, min(x.e, x.top - bits) - 2)
    e = min(x.e, y.e)
    return rounded(Dyadic((x.m << x.e - e) + (y.m << y.e - e), e), bits, up)


def _product(x: Dyadic, y: Dyadic, bits: int, up: bool) -> Dyadic:
    return rounded(Dyadic(x.m * y.m, x.e + y.e), bits, up)


def _quotient(x: Dyadic, y: Dyadic, bits: int, up: bool) -> Dyadic:
    spare = max(0, bits + 2 + y.m.bit_length() - x.m.bit_length())
    m, d = (x.m, y.m) if y.m > 0 else (-x.m, -y.m)
    m <<= spare
    return rounded(Dyadic(-(-m // d) if up else m // d, x.e - y.e - spare), bits, up)


def less(x: Dyadic, y: Dyadic, or_same: bool) -> bool:
    """x < y, or x <= y."""
    signs = (x.m > 0) - (x.m < 0), (y.m > 0) - (y.m < 0)
    if signs[0] != signs[1]:
        return signs[0] < signs[1]
    if x.top != y.top and signs[0]:
        return (x.top < y.top) == (signs[0] > 0)
    e = min(x.e, y.e)  # of one size: no further apart than their mantissas are long
    a, b = x.m << x.e - e, y.m << y.e - e
    return a <= b if or_same else a < b


class Interval:
    """[low, high], of `bits` bits where it is rounded."""

    __slots__ = ("bits", "high", "low")

    def __init__(self, low: Dyadic, high: Dyadic, bits: int) -> None:
        self.low, self.high, self.bits = low, high, bits

    @classmethod
    def of(cls, x: Fraction | int, bits: int) -> Interval:
        """Around a fraction; at it, however long, where it is a dyadic one."""
        top, bottom = x.numerator, x.denominator
        if bottom & (bottom - 1) == 0:
            at = Dyadic(top, 1 - bottom.bit_length())
            return cls(at, at, bits)
        above, below = Dyadic(top, 0), Dyadic(bottom, 0)
        low, high = (_quotient(above, below, bits, up) for up in (False, True))
        return cls(low, high, bits)

    def _with(self, other: Operand) -> Interval:
        return other if isinstance(other, Interval) else Interval.of(other, self.bits)

    def __neg__(self) -> Interval:
        (a, e), (b, f) = self.low, self.high
        return Interval(Dyadic(-b, f), Dyadic(-a, e), self.bits)

    def __abs__(self) -> Interval:
        if self.low.m >= 0:
            return self
        return -self if self.high.m <= 0 else Interval(ZERO, self.reach, self.bits)

    @property
    def reach(self) -> Dyadic:
        """The largest |x|."""
        low, high = Dyadic(-self.low.m, self.low.e), self.high
        return high if less(low, high, True) else low

    def __add__(self, other: Operand) -> Interval:
        y, bits = self._with(other), self.bits
        low, high = _sum(self.low, y.low, bits, False), _sum(self.high, y.high, bits, True)
        return Interval(low, high, bits)

    def __sub__(self, other: Operand) -> Interval:
        return self + -self._with(other)

    def __mul__(self, other: Operand) -> Interval:
        y, bits = self._with(other), self.bits
        if self.low.m >= 0 and y.low.m >= 0:
            pairs = [(self.low, y.low)], [(self.high, y.high)]
        else:
            both = [(a, b) for a in (self.low, self.high) for b in (y.low, y.high)]
            pairs = both, both
        return Interval(
            _least([_product(a, b, bits, False) for a, b in pairs[0]]),
            _most([_product(a, b, bits, True) for a, b in pairs[1]]),
            bits,
        )

    def __truediv__(self, other: Operand) -> Interval:
        """Raises ZeroDivisionError if the divisor may be 0."""
        y, bits = self._with(other), self.bits
        if y.low.m <= 0 <= y.high.m:
            raise ZeroDivisionError("an interval around 0")
        both = [(a, b) for a in (self.low, self.high) for b in (y.low, y.high)]
        return Interval(
            _least([_quotient(a, b, bits, False) for a, b in both]),
            _most([_quotient(a, b, bits, True) for a, b in both]),
            bits,
        )

    def __radd__(self, other: Fraction | int) -> Interval:
        return self + other

    def __rmul__(self, other: Fraction | int) -> Interval:
        return self * other

    def __rsub__(self, other: Fraction | int) -> Interval:
        return self._with(other) - self

    def __rtruediv__(self, other: Fraction | int) -> Interval:
        return self._with(other) / self

    def __lt__(self, other: Operand) -> bool:
        return less(self.high, self._with(other).low, False)

    def __le__(self, other: Operand) -> bool:
        return less(self.high, self._with(other).low, True)

    def __gt__(self, other: Operand) -> bool:
        return less(self._with(other).high, self.low, False)

    def __ge__(self, other: Operand) -> bool:
        return less(self._with(other).high, self.low, True)

    def exp(self) -> Interval:
        """Raises OverflowError beyond e^(2^64)."""
        ends = zip((self.low, self.high), (False, True), strict=True)
        low, high = (Dyadic(*_exp(x, self.bits, up)) for x, up in ends)
        return Interval(low, high, self.bits)

    def log(self) -> Interval:
        """Raises ValueError where it is not certain to be positive."""
        if self.low.m <= 0:
            raise ValueError("the logarithm of what may be 0")
        low, high = _log(self.low, self.bits, False), _log(self.high, self.bits, True)
        return Interval(low, high, self.bits)

    def widened(self, by: Interval) -> Interval:
        """With what is up to |by| away."""
        return Interval(
            _sum(self.low, Dyadic(-by.reach.m, by.reach.e), self.bits, False),
            _sum(self.high, by.reach, self.bits, True),
            self.bits,
        )

    def at_least(self, other: Operand) -> Interval:
        """The larger one of both."""
        y = self._with(other)
        return Interval(_most([self.low, y.low]), _most([self.high, y.high]), self.bits)

    def at_most(self, other: Operand) -> Interval:
        """The smaller one of both."""
        return -(-self).at_least(-self._with(other))

    @property
    def width(self) -> Interval:
        return Interval(self.high, self.high, self.bits) - Interval(self.low, self.low, self.bits)

    @property
    def middle(self) -> Interval:
        """Some point of it, near the middle."""
        low, high = (Interval(x, x, self.bits) for x in (self.low, self.high))
        at = ((low + high) / 2).low
        at = _most([at, self.low])
        return Interval(at, at, self.bits)


Operand = Union[Interval, Fraction, int]  # noqa: UP007 (of what is not defined yet)


def _least(ends: list[Dyadic]) -> Dyadic:
    found = ends[0]
    for x in ends[1:]:
        found = x if less(x, found, False) else found
    return found


def _most(ends: list[Dyadic]) -> Dyadic:
    found = ends[0]
    for x in ends[1:]:
        found = x if less(found, x, False) else found
    return found


def _exp(x: Dyadic, bits: int, up: bool) -> tuple[int, int]:
    if x.m == 0:
        return 1, 0
    if x.top > 64:
        raise OverflowError("an exponential beyond e^(2^64)")
    places = bits + 16 + max(x.top, 0)
    m, e = elementary.exp(fixed(x, places, up), places, up)
    return rounded(Dyadic(m, e), bits, up)


def _log(x: Dyadic, bits: int, up: bool) -> Dyadic:
    """Of 2^k f, 1 <= f < 2."""
    k = x.top - 1
    places = bits + 16
    f = fixed(Dyadic(x.m, x.e - k), places, up)
    m = k * elementary.log2(places + 64, up == (k > 0)) + (elementary.log(f, places, up) << 64)
    return rounded(Dyadic(m, -places - 64), bits, up)
