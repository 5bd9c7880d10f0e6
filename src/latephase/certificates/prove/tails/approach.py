"""Slides of gradient flow for all later times: z = l2/l1 on its way to its limit.

With a, b, gamma of the last mode, kappa = gamma/b, p its det/b, w = z_limit/z - 1, y = ln(1 + w)
and X = e^u1 (1 + w)^kappa, two numbers are conserved: X G(w)/p - t and w X^(a/p); and exactly

    u2 - u1 = lean + y, lean = -ln z_limit;   x* - midpoint = (x1 - x2)/2 (u2 - u1)/(u1 + u2).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from latephase.certificates.prove.flow.mode import SLIDING
from latephase.certificates.prove.flow.passage import FlowArrival, Piece
from latephase.certificates.prove.system import System
from latephase.certificates.prove.walk.step import Balls
from latephase.certificates.verdict import Undecided, Unprovable
from latephase.core.balls import arb, bits, exact, plus_minus, point

_LARGEST = 1e18  # |ln| of a number of a file, which has a decimal
_ROUNDS = 1000


@dataclass(frozen=True)
class LateApproach:
    """The tail of a flow whose last mode is a slide; see `rate`.

    piece: the last mode, where |w| <= 1/4;  since: a whole time from which it holds.
    """

    system: System
    piece: Piece
    since: int
    mirrored: bool

    @staticmethod
    def of(system: System, arrival: FlowArrival) -> LateApproach:
        """The tail of a flow that has arrived on a slide."""
        late = LateApproach(system, arrival.last, arrival.base, arrival.mirrored)
        size = late.drift.abs_upper()
        if not (size.is_zero() or abs(size.log()) < exact(_LARGEST)):
            raise Unprovable("a slide on points so close that no number of a file has its drift")
        return late

    @cached_property
    def _rates(self) -> tuple[Fraction, Fraction, Fraction, Fraction, Fraction]:
        """alpha, beta, gamma, a, b."""
        m = self.piece.mode
        return m.alpha, m.beta, m.gamma, m.alpha + m.gamma, m.beta + m.gamma

    @cached_property
    def limit(self) -> Fraction:
        """Of z."""
        *_, a, b = self._rates
        return a / b

    @cached_property
    def _pace(self) -> Fraction:
        """p: X grows like p t."""
        alpha, beta, gamma, _, b = self._rates
        return (alpha * beta - gamma * gamma) / b

    @cached_property
    def _kappa(self) -> arb:
        _, _, gamma, _, b = self._rates
        return exact(gamma / b)

    @cached_property
    def _power(self) -> arb:
        return exact(self._rates[3] / self._pace)

    @cached_property
    def _start(self) -> tuple[arb, arb]:
        """w and X at the start of the piece."""
        w = arb(0) if self.mirrored else exact(self.limit) / self.piece.z - 1
        first, _ = self.piece.mode.margins(self.piece.state)
        return w, first.exp() * (1 + w) ** self._kappa

    @cached_property
    def phase(self) -> arb:
        """X G(w)/p - t."""
        w, x = self._start
        return x * self._series(w) / exact(self._pace) - self.piece.begin

    @cached_property
    def drift(self) -> arb:
        """w X^(a/p)."""
        w, x = self._start
        return w * x**self._power

    def _series(self, w: arb) -> arb:
        """G(w), |w| <= 1/4: the sum of binom(-kappa, n) w^n p/(p - n a); |binom(-kappa, n)| <= 1
        and p < n a, as gamma >= 0."""
        total, term, n = arb(1), arb(1), 0
        if not self._rates[2]:
            return total
        share, least = 1 / self._power, point(1, -bits() - 8)  # p/a
        while True:
            term, n = -term * (self._kappa + n) / (n + 1) * w, n + 1
            total = total + term * share / (share - n)
            if abs(term) < least:
                break
        rest = abs(term * w).upper() * share / (n + 1 - share) / (1 - abs(w).upper())
        return total + plus_minus(rest)

    def _near(self, w: arb) -> arb:
        """A bound of |G - 1| for all smaller |w|, too."""
        alpha, beta, gamma, _, _ = self._rates
        if not gamma:
            return arb(0)
        size = w.abs_upper()
        return exact(self._pace / (alpha + beta + 2 * gamma)) * size / (1 - size)

    def _levels(self, t: arb) -> tuple[arb, arb]:
        """w and X at t >= since: from any enclosure to a narrower one, until it narrows no more."""
        far = exact(self._pace) * (t + self.phase)
        x = far / (1 + plus_minus(self._near(self._start[0])))
        for _ in range(_ROUNDS):
            w = self._stray(x)
            narrower = far / self._series(w)
            if not narrower.rad() < x.rad() * 0.99:
                break
            x = narrower
        return self._stray(x), x

    def _stray(self, x: arb) -> arb:
        """w where X is in the ball; never more than at the start."""
        w = self.drift * x ** (-self._power)
        most = self._start[0].abs_upper()
        return w if w.abs_upper() <= most else w.intersection(plus_minus(most))

    @cached_property
    def lean(self) -> arb | None:
        """-ln(limit of z); None if exactly zero."""
        return None if self.limit == 1 else -exact(self.limit).log()

    @cached_property
    def pace(self) -> arb:
        return 4 / exact(self.system.x1 - self.system.x2)

    @cached_property
    def offset(self) -> arb:
        """ln p - ln(limit of z)/2."""
        return exact(self._pace).log() - exact(self.limit).log() / 2

    @property
    def optimal(self) -> bool:
        """Whether the margin tends to the largest one: unless a neuron on both points falls to 0
        nearer beyond its own point."""
        wide = self._wide
        return wide is None or self.system.k12 <= 7 * (self.system.k11, self.system.k22)[wide]

    @property
    def _wide(self) -> int | None:
        """The neuron that is active on both points, if one is."""
        signs = self.piece.mode.signs
        return None if SLIDING == signs[1] == signs[2] else 0 if signs[2] == SLIDING else 1

    def lean_error(self, t: arb) -> arb:
        """|y| <= -ln(1 - |w|), and |w| falls."""
        return -(-self._levels(t)[0].abs_upper()).log1p()

    def offset_error(self, t: arb) -> arb:
        """e = ln(1 + phase/t) - ln G + (1/2 - kappa) y."""
        w, _ = self._levels(t)
        far = -(-(self.phase.abs_upper() / t)).log1p() - (-self._near(w)).log1p()
        return far + abs(exact(0.5) - self._kappa) * self.lean_error(t)

    def vanishing(self, t: arb, log_t: arb) -> tuple[str, arb, arb]:
        """t |y| where z tends to 1, on the double slide: w = drift/X and X = p (t + phase)."""
        h, w = self.phase.abs_upper() / t, self._levels(t)[0].abs_upper()
        if not h < 0.5:
            return "t ln t", arb(0), arb("inf")
        size = abs(self.drift) / exact(self._pace)
        return "t ln t", size.lower() / (1 + h) / (1 + w), size.upper() / (1 - h) / (1 - w)

    def boundary_decides(self, t: arb) -> bool:
        """Whether the neuron on both points falls to 0 farther off than x* is, at all times from t
        on: 2 u1 + u2 >= a12 (of its mirror image 2 u2 + u1 >= a21), or never will."""
        wide = self._wide
        if wide is None or not self.optimal:
            return True
        ((_, a12), (a21, _)), (first, second) = self.at(t), self._margins(t)
        alpha, beta, gamma, *_ = self._rates
        by_margins = (2 * alpha - gamma, beta - 2 * gamma), (alpha - 2 * gamma, 2 * beta - gamma)
        p, q = (
            x - y
            for x, y in zip(by_margins[wide], self.piece.mode.velocities[1 + wide], strict=True)
        )
        room = 2 * first + second - a12 if wide == 0 else first + 2 * second - a21
        z = (first - second).exp()
        return bool(room >= 0 and exact(p) + exact(q) * z >= 0) and p + q * self.limit >= 0

    def _margins(self, t: arb) -> tuple[arb, arb]:
        w, x = self._levels(t)
        first = x.log() - self._kappa * w.log1p()
        return first, first + w.log1p() - exact(self.limit).log()

    def at(self, t: arb) -> Balls:
        """a_ji at t: combinations of the margins, with what does not change of them."""
        first, second = self._margins(t)
        alpha, beta, gamma, _, _ = self._rates
        det = alpha * beta - gamma * gamma
        begun = self.piece.mode.margins(self.piece.state)
        a = list(self.piece.state)
        for i, (p, q) in enumerate(self.piece.mode.velocities):
            if p or q:
                x, y = exact((p * beta + q * gamma) / det), exact((p * gamma + q * alpha) / det)
                a[i] = a[i] + x * (first - begun[0]) + y * (second - begun[1])
        return (a[0], a[1]), (a[2], a[3])

    def gap(self, t: arb) -> arb:
        """x* - midpoint at t."""
        w, _ = self._levels(t)
        first, second = self._margins(t)
        lean = w.log1p() if self.lean is None else self.lean + w.log1p()
        return exact(self.system.half_gap) * lean / (first + second)

    def deficit(self, t: arb) -> arb:
        """|x* - midpoint|, or as the neuron on both points falls to 0 nearer than that."""
        off, wide = abs(self.gap(t)), self._wide
        if wide is None:
            return off
        a = self.at(t)
        own, other = a[wide][wide], a[wide][1 - wide]
        if other <= 2 * own:  # then it does so farther off than the midpoint is
            return off
        if not other > own:
            raise Undecided("where the neuron on both points falls to 0")
        return off.max(abs(2 * exact(self.system.half_gap)) * (exact(0.5) - own / (other - own)))
