"""The half slide, made rigorous: one neuron on its kink, the other coming up to its own.

In the order in which neuron 2 is kicked to and fro at x1, r = a21, and neuron 1 serves x1 alone:
s_1 = e^a11/(step k11) and s_2 = e^B/(step D/k11), B = a22 - (k12/k11) a21, obey scalar maps up to
the chatter, while a12 < 0 rises by k12/k11 times what a11 does.  The induction is that of the
double slide with one kink.  Source: docs/certificates.md, "entry".
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isfinite

from latephase.core.balls import arb, exact, whole_part

from .hold import MOST_LOG, Shape
from .sandwich import excess
from .step import Balls

_ROUNDS = 12
_WIDER = 1.001


@dataclass(frozen=True)
class Half:
    """The constants of the induction, exact."""

    sigma: Fraction
    theta: Fraction
    top: Fraction  # of s_1
    top_2: Fraction
    up: Fraction
    low: Fraction


@dataclass(frozen=True)
class HalfSlide:
    """A half slide from its start a on, in the order of the module; levels: s_1, s_2 there."""

    shape: Shape
    a: Balls
    levels: tuple[arb, arb]

    @staticmethod
    def of(shape: Shape, a: Balls) -> HalfSlide:
        """From pre-activations in canonical order."""
        here, s = shape.ordered(a), shape.system
        rates = shape.step * exact(s.k11), shape.step * exact(s.determinant / s.k11)
        second = here[1][1] - shape.rho * here[1][0]
        return HalfSlide(shape, here, (here[0][0].exp() / rates[0], second.exp() / rates[1]))

    def slacks(self, c: Half) -> tuple[tuple[arb, arb], tuple[arb, arb]]:
        """s_1 after n steps lies within s_1(0) + n + [-first, second] H(n), and likewise s_2."""
        sigma, theta, up, low = exact(c.sigma), exact(c.theta), exact(c.up), exact(c.low)
        rho = self.shape.rho
        return (arb(0), excess(up, sigma, theta)), (rho * up, excess(rho * low, sigma, theta))

    def kicks(self, c: Half) -> tuple[tuple[arb, arb], tuple[arb, arb]]:
        """Lower and upper bounds, per step and 1/N, of what r falls and rises by."""
        s, sigma, theta, top = self.shape.system, exact(c.sigma), exact(c.theta), exact(c.top)
        top_2 = exact(c.top_2)
        up, low, rho = exact(c.up), exact(c.low), self.shape.rho
        first = 1 / top, (up / sigma).exp() / theta  # of step k11 l1
        share = exact(s.k12 * s.k11 / s.determinant)
        second = (
            share * (-rho * up / sigma).exp() / top_2,
            share * (rho * low / sigma).exp() / theta,
        )
        return (first[0] - second[1], first[1] - second[0]), second

    def holds(self, c: Half, steps: int) -> bool:
        """Whether the induction is proved for so many steps, in which a12 stays below 0."""
        if not (c.sigma > 1 and 0 < c.theta < 1 < min(c.top, c.top_2) and min(c.up, c.low) >= 0):
            return False
        sigma, theta, tops = exact(c.sigma), exact(c.theta), (exact(c.top), exact(c.top_2))
        (a11, a12), (r, a22) = self.a
        (fall, rise), up, low, after = self.kicks(c), exact(c.up), exact(c.low), 1 + 1 / sigma
        kept = -low <= sigma * r and sigma * r <= up
        kept = kept and up >= after * rise[1] and low >= after * fall[1]
        kept = kept and (sigma + 1) * fall[0] >= up and (sigma + 1) * rise[0] >= low
        for s, top, (less, more) in zip(self.levels, tops, self.slacks(c), strict=True):
            above = s - theta * sigma - less / sigma >= 0 and sigma * (1 - theta) >= less
            below = top * sigma - s - more / sigma >= 0 and sigma * (top - 1) >= more
            kept = kept and above and below
        second = a22 - self.shape.rho * r > self.shape.rho * low / sigma
        highest = self._levels_at(c, exact(steps))[0].upper()
        under = a12 + self.shape.rho * (highest / self.levels[0]).log() < 0
        return bool(kept and a11 > 0 and second and under)

    def _levels_at(self, c: Half, n: arb) -> tuple[arb, arb]:
        """s_1 and s_2 after n steps; they only grow."""
        sigma = exact(c.sigma)
        harmonic = 1 / sigma + ((sigma + n) / sigma).log()
        first, second = (
            (s + n - less * harmonic)
            .lower()
            .max(s.lower())
            .union((s + n + more * harmonic).upper())
            for s, (less, more) in zip(self.levels, self.slacks(c), strict=True)
        )
        return first, second

    def after(self, c: Half, n: arb) -> Balls:
        """The pre-activations after n steps, in canonical order."""
        shape, s = self.shape, self.shape.system
        first, second = self._levels_at(c, n)
        r = (-exact(c.low)).union(exact(c.up)) / (exact(c.sigma) + n)
        a11 = (shape.step * exact(s.k11) * first).log()
        a12 = self.a[0][1] + shape.rho * (first / self.levels[0]).log()
        a22 = (shape.step * exact(s.determinant / s.k11) * second).log() + shape.rho * r
        return shape.ordered(((a11, a12), (r, a22)))

    def search(self) -> Half | None:
        """Constants for which the induction might hold, or None."""
        sizes = [float(s.mid()) for s in self.levels]
        theta, tops, up, low = 0.99, [1.01, 1.01], 0.0, 0.0
        guess, sigma = None, sizes[0]
        for _ in range(_ROUNDS):
            numbers = (sigma, theta, *tops, up, low)
            if not (all(map(isfinite, numbers)) and sigma > 1 and theta > 0.125 and max(tops) < 8):
                return None
            guess = Half(*map(Fraction, numbers))
            (fall, rise), after = self.kicks(guess), 1 + 1 / sigma
            r = sigma * float(self.a[1][0].mid())
            up = _WIDER * max(after * float(rise[1].mid()), r)
            low = _WIDER * max(after * float(fall[1].mid()), -r)
            (_, first), (down, second) = self.slacks(guess)
            less, *more = (_WIDER * float(x.mid()) / sigma for x in (down, first, second))
            theta = min(1 - less, (min(sizes) - less) / sigma) / _WIDER
            tops = [
                max(1 + m, (size + m) / sigma) * _WIDER for m, size in zip(more, sizes, strict=True)
            ]
        return guess

    def steps(self, c: Half) -> int:
        """About how many steps a12 stays below 0; 0 if it does not, or for too many."""
        growth = -self.a[0][1] / self.shape.rho
        if not (growth > 0 and growth < MOST_LOG):
            return 0
        n, spread = self.levels[0] * growth.expm1(), self.slacks(c)[0][1]
        return max(0, whole_part((n - 3 * spread * (1 + (1 + n).log())).lower()) or 0)
