"""The specialised regime for all later times: two scalar orbits and what they leave unchanged.

(w_j, b_j) = m_j/k_jj (x_j, 1) + rho_j (1, -x_j) with rho_j = null_j / k_jj conserved, m_j = a_jj.
With s_j = e^m_j / c_j, c_j = step k_jj, and y = ln(s_2/s_1), exactly

    x* - x_inf = (lean + y) / ((1 - x1 x2)(w1 - w2)),   lean = ln(k22/k11) + x1 null_2 - x2 null_1.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from latephase.core.balls import arb, exact, plus_minus

from . import margins
from .dynamics import BOTH, Balls, State
from .fatou import Orbit
from .system import System

Nulls = tuple[arb, arb]


@dataclass(frozen=True)
class LateOrbits:
    """The tail of a specialised run; see `law.Tail`.

    exact_nulls: null_j = w_j - x_j b_j where it is exact, else None;  nulls: balls around them;
    alike: whether both orbits are proved to be the same;  mirrored: whether the whole run is
    proved to be mirror-symmetric, hence lean exactly zero.
    """

    system: System
    orbits: tuple[Orbit, Orbit]
    exact_nulls: tuple[Fraction | None, Fraction | None]
    nulls: Nulls
    since: int
    alike: bool
    mirrored: bool

    @staticmethod
    def of(system: System, state: State, orbits: tuple[Orbit, Orbit]) -> LateOrbits:
        """The tail of a run that is specialised in this state, for orbits from then on."""
        mirrored, alike = symmetry(system)
        nulls = nulls_of(system, state)
        return LateOrbits(system, orbits, state.nulls, nulls, state.time, alike, mirrored)

    @cached_property
    def lean(self) -> arb | None:
        """ln(k22/k11) + x1 null_2 - x2 null_1; None if exactly zero."""
        s, (first, second) = self.system, self.exact_nulls
        if self.mirrored:
            return None
        if first is not None and second is not None:
            rest: Fraction | None = s.x1 * second - s.x2 * first
        else:
            rest = None
        if rest == 0 and s.k11 == s.k22:
            return None
        balls = exact(s.x1) * self.nulls[1] - exact(s.x2) * self.nulls[0]
        rational = balls if rest is None else exact(rest)
        return rational if s.k11 == s.k22 else exact(s.k22 / s.k11).log() + rational

    @cached_property
    def _shares(self) -> tuple[arb, arb]:
        """Derivatives of w1 - w2 by m_1 and m_2."""
        s = self.system
        return exact(s.x1 / s.k11), exact(-s.x2 / s.k22)

    @cached_property
    def pace(self) -> arb:
        """(1 - x1 x2) times the derivative of w1 - w2 by ln t."""
        s = self.system
        return exact((1 - s.x1 * s.x2) * (s.x1 / s.k11 - s.x2 / s.k22))

    @cached_property
    def offset(self) -> arb:
        """beta: (w1 - w2) = (pace / (1 - x1 x2)) (ln t + beta + e)."""
        rest = self._rest + sum(
            (share * orbit.log_c for share, orbit in zip(self._shares, self.orbits, strict=True)),
            arb(0),
        )
        return rest * exact(1 - self.system.x1 * self.system.x2) / self.pace

    @cached_property
    def _rest(self) -> arb:
        s = self.system
        return self.nulls[0] / exact(s.k11) - self.nulls[1] / exact(s.k22)

    def lean_error(self, t: arb) -> arb:
        """|y| <= |s2 - s1| / min s and |s2 - s1| <= |phase2 - phase1| + 2 R + 0.51 |y|, without the
        last term for a flow."""
        if self.alike:
            return arb(0)
        levels = [orbit.rough_level(t) for orbit in self.orbits]
        low = levels[0].lower().min(levels[1].lower())
        if not self.orbits[0].series.flow:
            low = low - 1
        return self._apart().abs_upper() / low if low > 0 else arb("inf")

    def offset_error(self, t: arb) -> arb:
        """From |ln(s_j/t)| <= -ln(1 - H_j)."""
        total = arb(0)
        for share, orbit in zip(self._shares, self.orbits, strict=True):
            total += abs(share) * -(-self._drift(orbit, t)).log1p()
        return total * abs(exact(1 - self.system.x1 * self.system.x2) / self.pace)

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
        drift = self._drift(self.orbits[0], t).abs_upper()
        drift = drift.max(self._drift(self.orbits[1], t).abs_upper()).upper()
        apart = self._apart()
        if not drift + 1 / t < 0.5:  # the bound is poor, and further on it has the wrong sign
            return "t ln t", arb(0), arb("inf")
        upper = apart.abs_upper() / (1 - drift - 1 / t)
        return "t ln t", apart.abs_lower() / (1 + drift), upper

    def _apart(self) -> arb:
        """phase2 - phase1 with both remainders."""
        first, second = self.orbits
        return second.phase - first.phase + plus_minus(2 * first.series.remainder())

    def boundary_decides(self, t: arb) -> bool:
        """a11 a22 - a12 a21 is bilinear in (m1, m2), which only grow: positive with non-negative
        derivatives at t, it stays so."""
        s, (first, second) = self.system, self.orbits
        a = self.preactivations(
            (
                first.log_c + first.rough_level(t).log(),
                second.log_c + second.rough_level(t).log(),
            )
        )
        down1, down2 = exact(s.k12 / s.k11), exact(s.k12 / s.k22)
        by_first = a[1][1] - down1 * a[1][0]
        by_second = a[0][0] - down2 * a[0][1]
        height = a[0][0] * a[1][1] - a[0][1] * a[1][0]
        return bool(height > 0 and by_first >= 0 and by_second >= 0)

    def _levels(self, t: arb) -> tuple[arb, arb]:
        return self.orbits[0].level(t), self.orbits[1].level(t)

    def _values(self, t: arb) -> tuple[arb, arb]:
        return self.orbits[0].value(t), self.orbits[1].value(t)

    def preactivations(self, m: tuple[arb, arb]) -> Balls:
        """a_ji from a_jj = m_j: a_12 = (k12 m_1 - (x1 - x2) null_1)/k11, a_21 its mirror image."""
        s = self.system
        gap, k12 = exact(s.x1 - s.x2), exact(s.k12)
        first = (k12 * m[0] - gap * self.nulls[0]) / exact(s.k11)
        second = (k12 * m[1] + gap * self.nulls[1]) / exact(s.k22)
        return (m[0], first), (second, m[1])

    def at(self, t: arb) -> Balls:
        """a_ji at t."""
        return self.preactivations(self._values(t))

    def gap(self, t: arb) -> arb:
        """x* - x_inf at t."""
        m = self._values(t)
        width = self._shares[0] * m[0] + self._shares[1] * m[1] + self._rest
        return self._lean_at(t, m) / (exact(1 - self.system.x1 * self.system.x2) * width)

    def _lean_at(self, t: arb, m: tuple[arb, arb]) -> arb:
        """lean + y; without cancellation where lean is exactly zero."""
        if self.alike:
            return arb(0) if self.lean is None else self.lean
        y = (m[1] - self.orbits[1].log_c) - (m[0] - self.orbits[0].log_c)
        if self.lean is None:
            return self._difference(t, y)
        bound = plus_minus(self.lean_error(t))  # narrower where t is known by its logarithm only
        return self.lean + (y if y.rad() < bound.rad() else bound)

    def _difference(self, t: arb, y: arb) -> arb:
        """y from s2 - s1 = phase2 - phase1 + y/2 - (tail2 - tail1) +- 2 R, by contraction."""
        first, second = self._levels(t)
        apart = self._apart()
        if not self.orbits[0].series.flow:
            series = self.orbits[0].series
            apart -= series.tail(second) - series.tail(first)
        accuracy = -1
        while y.rel_accuracy_bits() > accuracy or accuracy == -1:
            accuracy = max(y.rel_accuracy_bits(), 0)
            half = arb(0) if self.orbits[0].series.flow else y / 2
            y = ((apart + half) / first).log1p()
        return y

    def deficit(self, t: arb) -> arb:
        """|x* - midpoint| where x* is defined, else from the breakpoints."""
        a = self.at(t)
        if margins.crosses(a) is not True:
            return margins.deficit(self.system, a)
        off = exact(self.system.limit_boundary - self.system.midpoint)
        return abs(off + self.gap(t))


def nulls_of(system: System, state: State) -> Nulls:
    """w_j - x_j b_j from the pre-activations, exact where it is known exactly."""
    k, gap = system.gram(), exact(system.x1 - system.x2)
    found = []
    for j in BOTH:
        own, other = state.a[j][j], state.a[j][1 - j]
        sign = 1 if j == 0 else -1
        known = state.nulls[j]
        value = sign * (k[0][1] * own - k[j][j] * other) / gap
        found.append(value if known is None else exact(known))
    return found[0], found[1]


def symmetry(system: System) -> tuple[bool, bool]:
    """(mirrored, alike): whether the run is mirror-symmetric, whether its two orbits are the same.

    Decided on the exact start: swapping neurons and points maps the system to itself; or both
    wrong sides are inactive from the start and do not return (k12 <= 0), and the right ones equal.
    """
    (a11, a12), (a21, a22) = system.start
    same = system.k11 == system.k22 and a11 == a22
    mirrored = same and a12 == a21
    return mirrored, mirrored or (same and system.k12 <= 0 and a12 <= 0 and a21 <= 0)
