"""The specialised regime for all later times: two scalar orbits and what they leave unchanged.

(w_j, b_j) = m_j/k_jj (x_j, 1) + rho_j (1, -x_j) with rho_j = null_j / k_jj conserved, m_j = a_jj.
With s_j = e^m_j / c_j, c_j = step k_jj, and y = ln(s_2/s_1), exactly

    x* - x_inf = (lean + y) / ((1 - x1 x2)(w1 - w2)),   lean = ln(k22/k11) + x1 null_2 - x2 null_1.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from latephase.certificates.prove.system import System
from latephase.certificates.prove.walk.fatou import Orbit
from latephase.certificates.prove.walk.step import Balls, WalkState
from latephase.core.balls import arb, exact, plus_minus

from . import margins


@dataclass(frozen=True)
class LateOrbits:
    """The tail of a specialised run; see `rate`.

    exact_nulls: null_j = w_j - x_j b_j where it is exact, else None;  nulls: balls around them.
    """

    system: System
    orbits: tuple[Orbit, Orbit]
    exact_nulls: tuple[Fraction | None, Fraction | None]
    nulls: tuple[arb, arb]
    since: int

    @staticmethod
    def of(system: System, state: WalkState, orbits: tuple[Orbit, Orbit]) -> LateOrbits:
        """The tail of a run that is specialised in this state, for orbits from then on."""

        def null(j: int, sign: int) -> arb:
            own, other, known = state.a[j][j], state.a[j][1 - j], state.nulls[j]
            if known is not None:
                return exact(known)
            k = system.gram()
            return sign * (k[0][1] * own - k[j][j] * other) / exact(system.x1 - system.x2)

        return LateOrbits(system, orbits, state.nulls, (null(0, 1), null(1, -1)), state.time)

    @cached_property
    def mirrored(self) -> bool:
        """Whether swapping neurons and points maps the run to itself, hence lean exactly zero."""
        (a11, a12), (a21, a22) = self.system.start
        return self.system.k11 == self.system.k22 and a11 == a22 and a12 == a21

    @cached_property
    def alike(self) -> bool:
        """Whether both orbits are proved to be the same: by symmetry, or as both wrong sides are
        inactive from the start and do not return (k12 <= 0), and the right ones equal."""
        s, ((a11, a12), (a21, a22)) = self.system, self.system.start
        frozen = s.k11 == s.k22 and a11 == a22 and s.k12 <= 0 and a12 <= 0 and a21 <= 0
        return self.mirrored or frozen

    @cached_property
    def lean(self) -> arb | None:
        """ln(k22/k11) + x1 null_2 - x2 null_1; None if exactly zero."""
        s, (first, second) = self.system, self.exact_nulls
        if self.mirrored:
            return None
        if first is None or second is None:
            rational = exact(s.x1) * self.nulls[1] - exact(s.x2) * self.nulls[0]
        else:
            rest = s.x1 * second - s.x2 * first
            if rest == 0 and s.k11 == s.k22:
                return None
            rational = exact(rest)
        return rational if s.k11 == s.k22 else exact(s.k22 / s.k11).log() + rational

    @cached_property
    def _frame(self) -> arb:
        return exact(1 - self.system.x1 * self.system.x2)

    @cached_property
    def _shares(self) -> tuple[arb, arb]:
        """Derivatives of w1 - w2 by m_1 and m_2."""
        s = self.system
        return exact(s.x1 / s.k11), exact(-s.x2 / s.k22)

    @cached_property
    def _turns(self) -> tuple[arb, arb]:
        """k12/k11 and k12/k22: what a12 and a21 gain with m_1 and m_2."""
        s = self.system
        return exact(s.k12 / s.k11), exact(s.k12 / s.k22)

    @cached_property
    def _aside(self) -> tuple[arb, arb]:
        """(x1 - x2) null_j / k_jj: the rest of -a12 and a21."""
        s, gap = self.system, self.system.x1 - self.system.x2
        return exact(gap / s.k11) * self.nulls[0], exact(gap / s.k22) * self.nulls[1]

    @cached_property
    def _rest(self) -> arb:
        """What m_1 and m_2 leave of w1 - w2."""
        return self.nulls[0] / exact(self.system.k11) - self.nulls[1] / exact(self.system.k22)

    @cached_property
    def _apart(self) -> arb:
        """phase2 - phase1 with both remainders."""
        first, second = self.orbits
        return second.phase - first.phase + plus_minus(2 * first.series.remainder())

    @cached_property
    def pace(self) -> arb:
        """(1 - x1 x2) times the derivative of w1 - w2 by ln t."""
        s = self.system
        return exact((1 - s.x1 * s.x2) * (s.x1 / s.k11 - s.x2 / s.k22))

    @cached_property
    def offset(self) -> arb:
        """beta: (w1 - w2) = (pace / (1 - x1 x2)) (ln t + beta + e)."""
        scales = [x * orbit.log_c for x, orbit in zip(self._shares, self.orbits, strict=True)]
        return (self._rest + sum(scales, arb(0))) * self._frame / self.pace

    def lean_error(self, t: arb) -> arb:
        """|y| <= |s2 - s1| / min s and |s2 - s1| <= |phase2 - phase1| + 2 R + 0.51 |y|, without the
        last term for a flow."""
        if self.alike:
            return arb(0)
        first, second = (orbit.rough_level(t).lower() for orbit in self.orbits)
        low = first.min(second) if self.orbits[0].series.flow else first.min(second) - 1
        return self._apart.abs_upper() / low if low > 0 else arb("inf")

    def offset_error(self, t: arb) -> arb:
        """From |ln(s_j/t)| <= -ln(1 - H_j)."""
        off = [-(-self._drift(orbit, t)).log1p() for orbit in self.orbits]
        total = abs(self._shares[0]) * off[0] + abs(self._shares[1]) * off[1]
        return total * abs(self._frame / self.pace)

    def _drift(self, orbit: Orbit, t: arb) -> arb:
        """H >= |s_u - u| / u for all u >= t >= 3: s - u = phase + ln(s)/2 - tail +- R, |tail| < 1,
        s <= 13/12 (u + |phase| + 1), and ln(13/12 (u + b))/u falls."""
        size = orbit.phase.abs_upper()
        if orbit.series.flow:
            return size / t
        logs = ((t + size + 1) * 13 / 12).log() / 2
        return (size + orbit.series.remainder() + 1 + logs) / t

    def vanishing(self, t: arb, log_t: arb) -> tuple[str, arb, arb]:
        """t |y|, with s = t (1 +- H) and |s2 - s1| >= |phase2 - phase1| - 2 R, since y/2 - (tail2 -
        tail1) has the sign of s2 - s1."""
        if self.alike:
            return "t ln t", arb(0), arb(0)
        first, second = (self._drift(orbit, t).abs_upper() for orbit in self.orbits)
        drift = first.max(second).upper()
        if not drift + 1 / t < 0.5:  # the bound is poor, and further on it has the wrong sign
            return "t ln t", arb(0), arb("inf")
        upper = self._apart.abs_upper() / (1 - drift - 1 / t)
        return "t ln t", self._apart.abs_lower() / (1 + drift), upper

    def boundary_decides(self, t: arb) -> bool:
        """a11 a22 - a12 a21 is bilinear in (m1, m2), which only grow: positive with non-negative
        derivatives at t, it stays so."""
        first, second = self.orbits
        m1 = first.log_c + first.rough_level(t).log()
        m2 = second.log_c + second.rough_level(t).log()
        (a11, a12), (a21, a22) = self._sides(m1, m2)
        by_first, by_second = a22 - self._turns[0] * a21, a11 - self._turns[1] * a12
        return bool(a11 * a22 - a12 * a21 > 0 and by_first >= 0 and by_second >= 0)

    def at(self, t: arb) -> Balls:
        """a_ji at t."""
        return self._sides(*(orbit.value(t) for orbit in self.orbits))

    def _sides(self, m1: arb, m2: arb) -> Balls:
        """a_ji from a_jj = m_j: a_12 = (k12 m_1 - (x1 - x2) null_1)/k11, a_21 its mirror image."""
        first, second = self._turns
        return (m1, first * m1 - self._aside[0]), (second * m2 + self._aside[1], m2)

    def gap(self, t: arb) -> arb:
        """x* - x_inf at t."""
        m1, m2 = (orbit.value(t) for orbit in self.orbits)
        width = self._shares[0] * m1 + self._shares[1] * m2 + self._rest
        y = (m2 - self.orbits[1].log_c) - (m1 - self.orbits[0].log_c)
        if self.alike:
            lean = arb(0) if self.lean is None else self.lean
        elif self.lean is None:
            lean = self._without_cancellation(t, y)
        else:
            bound = plus_minus(self.lean_error(t))  # narrower where only ln t is known
            lean = self.lean + (y if y.rad() < bound.rad() else bound)
        return lean / (self._frame * width)

    def _without_cancellation(self, t: arb, y: arb) -> arb:
        """y from s2 - s1 = phase2 - phase1 + y/2 - (tail2 - tail1) +- 2 R, by contraction."""
        series, apart = self.orbits[0].series, self._apart
        first, second = (orbit.level(t) for orbit in self.orbits)
        if not series.flow:
            apart = apart - (series.tail(second) - series.tail(first))
        accuracy = -1
        while y.rel_accuracy_bits() > accuracy or accuracy == -1:
            accuracy = max(y.rel_accuracy_bits(), 0)
            y = ((apart + (arb(0) if series.flow else y / 2)) / first).log1p()
        return y

    def deficit(self, t: arb) -> arb:
        """|x* - midpoint| where x* is defined, else from the breakpoints."""
        a = self.at(t)
        if margins.crosses(a) is not True:
            return margins.deficit(self.system, a)
        off = exact(self.system.limit_boundary - self.system.midpoint)
        return abs(off + self.gap(t))
