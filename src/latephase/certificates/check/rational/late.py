"""All later times of a specialised run, in rationals: its law, and bounds from a time on.

Source: docs/certificates.md, "orbits", "constant", "rate", "deficit"; the notation is that of the
page.
"""

from __future__ import annotations

from fractions import Fraction

from latephase.certificates.check.claims import need
from latephase.certificates.check.form import Body
from latephase.certificates.check.rational.interval import Interval
from latephase.certificates.check.rational.orbit import TERMS, inverse, phi, remainder, sigma
from latephase.certificates.check.rational.path import BOTH, RationalPath

Pair = list[Interval]


class Late:
    """Neuron j is active on point j alone: s_j = e^(m_j)/c_j, and Phi(s_j(t)) = phase_j + t."""

    def __init__(self, path: RationalPath, claim: Body) -> None:
        p = self.problem = path.problem
        self.bits, self.base, self.path = path.bits, path.t, path
        self.terms, self.level = claim["terms"], claim["level"]
        self.gap, self.frame = p.x1 - p.x2, 1 - p.x1 * p.x2
        self.kk = [p.k11, p.k22]
        nulls = self._nulls()
        self.null = [self._ball(x) for x in nulls]
        # The law.
        lean = p.x1 * nulls[1] - p.x2 * nulls[0]
        even = p.k11 == p.k22
        self.zero = p.mirror or (even and isinstance(lean, Fraction) and lean == 0)
        pace = self.frame * (p.x1 / p.k11 - p.x2 / p.k22)
        if not even:
            lean = self._ball(p.k22 / p.k11).log() + lean
        self.lean = self._ball(0 if self.zero else lean)
        self.constant = self._ball(0 if self.zero else lean / pace)
        self.pace, self.shares = pace, [p.x1 / p.k11, p.x2 / p.k22]
        self.c = [self._ball(p.eta * k) for k in self.kk]
        steep = self.frame / pace
        self.drift = self.null[0] / p.k11 - self.null[1] / p.k22
        logs = self.shares[0] * self.c[0].log() - self.shares[1] * self.c[1].log()
        self.offset = (logs + self.drift) * steep
        self.limit = (p.x1 + p.x2) / self.frame
        self.middle = (p.x1 + p.x2) / 2
        self.optimal = self.limit == self.middle
        self._orbits()

    def _ball(self, x: Interval | Fraction | int) -> Interval:
        return x if isinstance(x, Interval) else Interval.of(x, self.bits)

    def _nulls(self) -> list[Fraction | Interval]:
        """null_j: exactly, but where neuron j has been active on the other point."""
        p, (a1, a2) = self.problem, self.path.a
        if p.flow:
            landed = [min(p.a[j][1 - j], Fraction(0)) for j in BOTH]
            return [-p.k11 * landed[0] / self.gap, p.k22 * landed[1] / self.gap]
        moved = (a1[0] * p.k12 - a1[1] * p.k11, a2[0] * p.k22 - a2[1] * p.k12)
        return [moved[j] / self.gap if self.path.served[j] else p.null[j] for j in BOTH]

    def _orbits(self) -> None:
        """Phases with the terms of the file, and better ones with as many as there are."""
        p, a = self.problem, self.path.a
        own = [a[j][j].exp() for j in BOTH]
        self.error = self.small = self._ball(0)
        if p.flow:
            wrong = [a[1 - j][j].at_least(0) for j in BOTH]
            cosh = [(w.exp() + (-w).exp()) / 2 for w in wrong]
            self.phases = [e * x / k for e, x, k in zip(own, cosh, self.kk, strict=True)]
            self.better = self.phases
            return
        s = [e / c for e, c in zip(own, self.c, strict=True)]
        self.error, self.small = remainder(self.terms, self.level), remainder(TERMS, self.level)
        self.phases = [phi(x, self.terms, self.level) - self.base for x in s]
        self.better = [phi(x, TERMS, self.level) - self.base for x in s]

    def levels(self, t: Interval | int) -> Pair:
        """s_1 and s_2 at time t."""
        if self.problem.flow:
            return [x + t for x in self.better]
        return [inverse((x + t).widened(self.small), TERMS, self.level) for x in self.better]

    def sides(self, s: Pair) -> tuple[Interval, Interval, Interval, Interval]:
        """a11, a12, a21, a22."""
        p = self.problem
        m1, m2 = ((c * x).log() for c, x in zip(self.c, s, strict=True))
        a12 = (m1 * p.k12 - self.null[0] * self.gap) / p.k11
        return m1, a12, (m2 * p.k12 + self.null[1] * self.gap) / p.k22, m2

    def size(self, t: Interval) -> tuple[Interval, Interval]:
        """Bounds of |lean + y|, or of t |y| where lean is 0, from time t on."""
        p, s = self.problem, self.levels(t)
        a11, a12, a21, a22 = self.sides(s)
        grow = a22 >= a21 * (p.k12 / p.k11) and a11 >= a12 * (p.k12 / p.k22)
        need(grow and a11 * a22 > a12 * a21, "x* is not defined from log_from on")
        apart, blur = abs(self.phases[1] - self.phases[0]), 2 * self.error
        if p.same_orbits:
            apart = blur = self._ball(0)
        if self.zero and p.same_orbits:
            return apart, apart
        if self.zero:
            h1, h2 = self._off(t)
            most = h1.at_least(h2)
            need(most + 1 / t < Fraction(1, 2), "log_from is too early")
            return (apart - blur) / (1 + most), (apart + blur) / (1 - most - 1 / t)
        room = s[0].at_most(s[1]) - (0 if p.flow else 1)
        need(room > 0, "log_from is too early")
        y = (apart + blur) / room
        return abs(self.lean) - y, abs(self.lean) + y

    def _off(self, t: Interval) -> Pair:
        """H_1 and H_2."""
        far = [abs(x) for x in self.phases]
        if not self.problem.flow:
            far = [x + self.error + 1 + ((t + x + 1) * Fraction(13, 12)).log() / 2 for x in far]
        return [x / t for x in far]

    def strays(self, t: Interval) -> Interval:
        """E, from time t on."""
        off = self._off(t)
        need(all(h < 1 for h in off), "log_from is too early")
        far = [-(1 - h).log() * abs(x) for x, h in zip(self.shares, off, strict=True)]
        return (far[0] + far[1]) * abs(self.frame / self.pace)

    def _ratio(self, s: Pair) -> Interval:
        """y = ln(s_2/s_1), from the difference of the phases: nothing cancels."""
        if self.problem.same_orbits:
            return self._ball(0)
        y, apart = (s[1] / s[0]).log(), self.better[1] - self.better[0]
        if self.problem.flow:
            return log1p(apart / s[0])
        tails = [sigma(x, TERMS, self.level) for x in s]
        apart = (apart + tails[0] - tails[1]).widened(2 * self.small)
        for _ in range(4):
            y = log1p((apart + y / 2) / s[0])
        return y

    def deficit(self, t: int) -> tuple[Interval, Interval]:
        """The margin deficit at time t, and how far the file's own R may move it."""
        s = self.levels(t)
        a11, a12, a21, a22 = self.sides(s)
        least = s[0].at_most(s[1])
        if a11 * a22 > a12 * a21:
            spread = a11 * self.shares[0] - a22 * self.shares[1] + self.drift
            off = (self.lean + self._ratio(s)) / (spread * self.frame)
            return abs(off + (self.limit - self.middle)), abs(4 * self.error / (least * spread))
        need(a11 * a22 < a12 * a21, "where the boundary is is not decided")
        nearer = (a11 / (a11 - a12)).at_most(a22 / (a22 - a21))
        width = abs(self.gap)
        return (Fraction(1, 2) - nearer) * width, 4 * width * self.error / least


def log1p(z: Interval) -> Interval:
    """ln(1 + z), z > -1, however small: 2 artanh u, u = z/(2 + z)."""
    if z.reach.m == 0:
        return z
    if z.reach.top > -8:
        return (1 + z).log()
    u = z / (2 + z)
    square, terms = u * u, 1 + z.bits // (-2 * u.reach.top)
    total = Interval.of(0, z.bits)
    for n in range(terms, -1, -1):
        total = total * square + Fraction(1, 2 * n + 1)
    # The rest: u^2 to the power terms + 1, and less for all that follow.
    rest = Interval.of(1, z.bits)
    for _ in range(terms + 1):
        rest = rest * square
    return 2 * u * total.widened(rest)
