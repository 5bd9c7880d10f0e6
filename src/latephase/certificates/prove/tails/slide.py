"""The double slide for all later times, from the constants of its sandwich.

With y = ln(s_B/s_A) + (1 + k12/k11) a21 - (1 + k12/k22) a12 and lean = ln(k22/k11), exactly

    x* - midpoint = (x1 - x2)/2 (lean + y) / ((a11 - a21) + (a22 - a12)).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from latephase.certificates.prove.system import System
from latephase.certificates.prove.walk.sandwich import Growth, Sandwich, growth, start_levels
from latephase.certificates.prove.walk.step import Balls, WalkState
from latephase.core.balls import arb, exact, plus_minus


@dataclass(frozen=True)
class LateSlide:
    """The tail of a double slide; see `rate`."""

    system: System
    constants: Sandwich
    growth: Growth
    levels: tuple[arb, arb]
    step: arb

    @staticmethod
    def of(system: System, state: WalkState, constants: Sandwich, step: arb) -> LateSlide:
        """The tail of a run whose sandwich starts in this state."""
        levels = start_levels(system, state, step)
        return LateSlide(system, constants, growth(system, constants), levels, step)

    @property
    def since(self) -> int:
        return self.constants.since

    @cached_property
    def lean(self) -> arb | None:
        """ln(k22/k11); None if exactly zero."""
        s = self.system
        return None if s.k11 == s.k22 else exact(s.k22 / s.k11).log()

    @cached_property
    def pace(self) -> arb:
        return 4 / exact(self.system.x1 - self.system.x2)

    @cached_property
    def offset(self) -> arb:
        """ln(step D) - ln(k11 k22)/2."""
        s = self.system
        return (self.step * exact(s.determinant)).log() - exact(s.k11 * s.k22).log() / 2

    @cached_property
    def _ratios(self) -> tuple[arb, arb]:
        s = self.system
        return exact(s.k12 / s.k22), exact(s.k12 / s.k11)

    @cached_property
    def _slack(self) -> arb:
        """s_A and s_B lie within this many H(n) of s_A(0) + n, s_B(0) + n."""
        g = self.growth
        both = g.slack_a[0].max(g.slack_a[1]).max(g.slack_b[0].max(g.slack_b[1]))
        return both.abs_upper()

    def _clock(self, t: arb) -> tuple[arb, arb]:
        """N = sigma + n, and a bound of the harmonic sum H(n)."""
        sigma = exact(self.constants.sigma)
        n = sigma + (t - self.since)
        return n, 1 / sigma + (n / sigma).log()

    def _kinks(self, n: arb) -> tuple[arb, arb]:
        """a12 and a21."""
        c = self.constants
        p = (-exact(c.low_p)).union(exact(c.up_p)) / n
        r = (-exact(c.low_r)).union(exact(c.up_r)) / n
        return p, r

    def _levels_at(self, t: arb) -> tuple[arb, arb]:
        """s_A, s_B, which only grow."""
        _, harmonic = self._clock(t)
        moved = t - self.since
        now = [level + moved + plus_minus(self._slack * harmonic) for level in self.levels]
        first, second = (
            s.lower().max(level.lower()).union(s.upper())
            for s, level in zip(now, self.levels, strict=True)
        )
        return first, second

    def _bound(self) -> tuple[arb, arb]:
        """(E0, E1) with N |y| <= E0 + E1 ln(N / sigma) at all times."""
        c, theta, sigma = self.constants, exact(self.constants.theta), exact(self.constants.sigma)
        p, r = exact(max(c.up_p, c.low_p)), exact(max(c.up_r, c.low_r))
        apart = abs(self.levels[1] - self.levels[0]) + 2 * self._slack / sigma
        kinks = (1 + self._ratios[1]) * r + (1 + self._ratios[0]) * p
        return apart / theta + kinks, 2 * self._slack / theta

    def lean_error(self, t: arb) -> arb:
        """(E0 + E1 ln(N/sigma))/N falls once ln(N/sigma) >= 1."""
        n, _ = self._clock(t)
        ratio = n / exact(self.constants.sigma)
        if not ratio > 3:
            return arb("inf")
        first, second = self._bound()
        return (first + second * ratio.log()) / n

    def offset_error(self, t: arb) -> arb:
        """e = (ln(s_A/t) + ln(s_B/t))/2 + parts of a12, a21."""
        n, harmonic = self._clock(t)
        # Then H >= ln 4 > 1.3 >= t/N, so that (|s - since| + slack H)/t falls.
        if not (t - self.since > exact(self.constants.sigma) * 3 and t < 1.3 * n):
            return arb("inf")
        drift = arb(0)
        for level in self.levels:
            off = abs(level - self.since) + self._slack * harmonic
            drift = drift - (-(off / t).abs_upper()).log1p()
        p, r = self._kinks(n)
        kinks = (1 - self._ratios[0]) * p.abs_upper() + (1 - self._ratios[1]) * r.abs_upper()
        return (drift + kinks) / 2

    def vanishing(self, t: arb, log_t: arb) -> tuple[str, arb, arb]:
        """t |y| / ln t <= (t/N) (E0 + E1 (ln t + ln(N / (sigma t)))) / ln t."""
        n, _ = self._clock(t)
        first, second = self._bound()
        ahead = (n / t).max(arb(1)) / exact(self.constants.sigma)
        logs = 1 + ahead.log().max(arb(0)) / log_t
        return "t", arb(0), (t / n).max(arb(1)) * (first / log_t + second * logs)

    def boundary_decides(self, t: arb) -> bool:
        """Always: a sandwich holds only where both points are on their sides and x* is defined."""
        return True

    def at(self, t: arb) -> Balls:
        """a_ji at t."""
        s, rate = self.system, self.step * exact(self.system.determinant)
        first, second = self._levels_at(t)
        p, r = self._kinks(self._clock(t)[0])
        a = (first * rate / exact(s.k22)).log() + self._ratios[0] * p
        b = (second * rate / exact(s.k11)).log() + self._ratios[1] * r
        return (a, p), (r, b)

    def gap(self, t: arb) -> arb:
        """x* - midpoint at t; ln(s_B / s_A) without cancellation."""
        (a, p), (r, b) = self.at(t)
        error = plus_minus(2 * self._slack * self._clock(t)[1])
        ratio = ((self.levels[1] - self.levels[0] + error) / self._levels_at(t)[0]).log1p()
        y = ratio + (1 + self._ratios[1]) * r - (1 + self._ratios[0]) * p
        lean = y if self.lean is None else self.lean + y
        return exact(self.system.half_gap) * lean / ((a - r) + (b - p))

    def deficit(self, t: arb) -> arb:
        """|x* - midpoint|."""
        return abs(self.gap(t))
