"""The Fatou coordinate of m <- m + c exp(-m) in balls, with its proved remainder.

s = exp(m) / c obeys s <- s exp(1/s).  Phi_K(s) = s - ln(s)/2 + sum_{k<=K} a_k s^-k grows by 1 in
each step, up to a defect whose sum over *all* later steps is at most `remainder(K, S0)` from any
s >= S0 on.  Gradient flow obeys s' = 1: Phi(s) = s, no remainder.
Source: docs/theory.md, "Fatou coordinate".
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import factorial

from latephase.certificates.verdict import Undecided
from latephase.core.balls import arb, bits, exact, plus_minus


@dataclass(frozen=True)
class FatouSeries:
    """Terms K of the coordinate and level S0 from which it is used; flow: Phi(s) = s."""

    terms: int
    level: int
    flow: bool = False

    @staticmethod
    def of_descent() -> FatouSeries:
        """Enough terms for the precision in force: the remainder is about 2^(-3/4 bits)."""
        if bits() <= 64:
            return FatouSeries(8, 20)
        return FatouSeries(24, 20) if bits() <= 128 else FatouSeries(48, 50)

    def remainder(self) -> arb:
        """R with |Phi(s_n) - Phi(s_0) - n| <= R for all n, if s_0 >= level.  Rigour: proved."""
        return arb(0) if self.flow else _remainder_ball(self.terms, self.level, bits())

    def phi(self, s: arb) -> arb:
        """Phi_K(s)."""
        return s if self.flow else s - s.log() / 2 + self.tail(s)

    def tail(self, s: arb) -> arb:
        """sum_k a_k s^-k, by Horner's rule."""
        inverse, total = 1 / s, arb(0)
        for a in reversed(_coefficient_balls(self.terms, bits())):
            total = (total + a) * inverse
        return total

    def roughly(self, value: arb) -> arb:
        """A wide ball around all s >= level with Phi_K(s) in the ball `value`, at little cost.

        s = value + ln(s)/2 - tail(s) lies in [value, 13/12 value] since 0 < ln(s)/2 - tail(s) and
        ln(s) / 2 < s / 13 for s >= 20.
        """
        if self.flow:
            return value
        if not value > 18:  # Phi(20) = 18.51
            raise Undecided("a level below the range of the Fatou coordinate")
        return value.union(value * 13 / 12)

    def inverse(self, value: arb) -> arb:
        """The ball of all s >= level with Phi_K(s) in the ball `value`, by contraction: each round
        shrinks the rough one by a factor of about 2 s."""
        s, accuracy = self.roughly(value), -1
        if self.flow:
            return s
        while s.rel_accuracy_bits() > accuracy:
            accuracy = s.rel_accuracy_bits()
            s = value + s.log() / 2 - self.tail(s)
        return s


@cache
def coefficients(terms: int) -> tuple[Fraction, ...]:
    """a_1 .. a_terms, exact."""
    a: list[Fraction] = []
    for j in range(2, terms + 2):
        a.append(_defect(j, tuple(a)) / (j - 1))
    return tuple(a)


@cache
def _coefficient_balls(terms: int, precision: int) -> tuple[arb, ...]:
    return tuple(exact(a) for a in coefficients(terms))


def _defect(j: int, a: tuple[Fraction, ...]) -> Fraction:
    """Coefficient of s^-j in Phi(F(s)) - Phi(s) - 1 for the given a_k."""
    total = Fraction(1, factorial(j + 1))
    for k, a_k in enumerate(a[: j - 1], start=1):
        total += a_k * Fraction((-k) ** (j - k), factorial(j - k))
    return total


@cache
def _remainder(terms: int, level: int) -> Fraction:
    """B (S0^(-K-2) + S0^(-K-1)/(K+1)), B = sum_{j>=K+2} |e_j| S0^(K+2-j) with a geometric tail.

    The sum over the steps is at most the first term and an integral, since s_i >= s_0 + i.
    """
    a, s0, last = coefficients(terms), Fraction(level), 6 * terms + 20
    head = sum(abs(_defect(j, a)) * s0 ** (terms + 2 - j) for j in range(terms + 2, last))
    edge = Fraction(1, factorial(last + 1)) + sum(
        abs(a_k) * Fraction(k ** (last - k), factorial(last - k)) for k, a_k in enumerate(a, 1)
    )
    ratio = Fraction(terms, last - terms + 1) / s0  # of successive terms, from `last` on
    bound = head + edge * s0 ** (terms + 2 - last) / (1 - ratio)
    return bound * (s0 ** (-terms - 2) + s0 ** (-terms - 1) / (terms + 1))


@cache
def _remainder_ball(terms: int, level: int, precision: int) -> arb:
    return exact(_remainder(terms, level)).abs_upper()


@dataclass(frozen=True)
class Orbit:
    """m_t = ln(c s_t) with Phi(s_t) = phase + t, up to the remainder, from some time on.

    Times are steps (or flow time) since the initialisation.
    """

    series: FatouSeries
    log_c: arb
    phase: arb

    def coordinate(self, t: arb) -> arb:
        """Phi(s_t)."""
        return self.phase + t + plus_minus(self.series.remainder())

    def level(self, t: arb) -> arb:
        """s_t."""
        return self.series.inverse(self.coordinate(t))

    def rough_level(self, t: arb) -> arb:
        """s_t in a ball that is up to 8 % wide."""
        return self.series.roughly(self.coordinate(t))

    def value(self, t: arb) -> arb:
        """m_t."""
        return self.log_c + self.level(t).log()
