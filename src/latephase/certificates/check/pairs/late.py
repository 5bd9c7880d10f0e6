"""The checker's own bounds for all later times: specialised runs and double slides.

Each has the law's `lean`, `pace` and `offset`, and bounds what x* does after a time, and the margin
deficit at one. Source: docs/certificates.md, "orbits", "sandwich", "constant", "rate", "deficit".
"""

from __future__ import annotations

from latephase.certificates.check.claims import need
from latephase.certificates.check.enclosures import EXACT, ONE, ZERO, Four, Two, value
from latephase.certificates.check.form import Body
from latephase.certificates.check.pairs.orbit import TERMS, inverse, phi, remainder
from latephase.certificates.check.pairs.path import FollowedPath, Trail
from latephase.core.balls import arb, bits, plus_minus, precision


class Specialised:
    """Neuron j moves along point j alone, and s_j = e^(m_j)/c_j follows Phi(s_j) = phase_j + t."""

    clock = "t ln t"

    def __init__(self, path: Trail, claim: Body) -> None:
        p = self.problem = path.problem
        self.terms, self.level, self.base = claim["terms"], claim["level"], path.t
        start, here = p.nulls, p.null(path.a)
        crossed = (False, False) if p.closed else (path.crossed[1], path.crossed[2])
        self.nulls = tuple(
            now if new else old for old, now, new in zip(start, here, crossed, strict=True)
        )
        self.twins = p.mirror or p.twins
        self.zero = p.mirror or (p.balanced and not any(crossed))
        self.optimal = bool(p.k12.is_zero() or p.middle.is_zero())
        self.c = p.eta * p.k11, p.eta * p.k22
        # The law, and its constant with one rounding, at the end: where k11 = k22 it can be exact.
        (null1, null2), (c1, c2) = self.nulls, self.c
        lean = (p.k22 / p.k11).log() + (p.x1 * null2 - p.x2 * null1) / p.gap
        self.lean = ZERO if self.zero else lean
        self.shares = share1, share2 = p.x1 / p.k11, p.x2 / p.k22
        self.slope, self.frame = share1 - share2, p.frame
        self.pace = self.frame * self.slope
        with precision(EXACT):
            gram, square = p.k11 * p.k22, (p.gap * self.frame) ** 2
            top = gram * (p.x1 * null2 - p.x2 * null1)
        unequal = (p.k22 / p.k11).log() * gram * p.gap / square if p.k11 != p.k22 else ZERO
        self.constant = ZERO if self.zero else top / square + unequal
        self.drift = (null1 / p.k11 - null2 / p.k22) / p.gap
        self.offset = (share1 * c1.log() - share2 * c2.log() + self.drift) / self.slope
        self.limit = p.middle if self.optimal else (p.x1 + p.x2) / self.frame
        self._orbits(path.a)

    def _orbits(self, a: Four) -> None:
        """Phases with the terms of the file, and better ones with as many as there are."""
        p = self.problem
        if p.flow and not p.closed:
            sides = zip((a[0], a[3]), self.c, strict=True)
            self.phases = self.better = tuple(m.exp() / c - self.base for m, c in sides)
            self.error = self.small = ZERO
            return
        if p.flow:
            wrong = (x if x > 0 else ZERO for x in (a[2], a[1]))
            pairs = zip((a[0], a[3]), wrong, self.c, strict=True)
            self.phases = self.better = tuple(m.exp() * w.cosh() / c for m, w, c in pairs)
            self.error = self.small = ZERO
            return
        levels = [m.exp() / c for m, c in zip((a[0], a[3]), self.c, strict=True)]
        self.error, self.small = remainder(self.terms, self.level), remainder(TERMS, self.level)
        self.phases = tuple(phi(s, self.terms, self.level) - self.base for s in levels)
        self.better = tuple(phi(s, TERMS, self.level) - self.base for s in levels)

    def at(self, t: arb) -> Two:
        """s_1 and s_2 at time t."""
        if self.problem.flow:
            return self.better[0] + t, self.better[1] + t
        s1, s2 = (inverse(x + t + plus_minus(self.small), TERMS, self.level) for x in self.better)
        return s1, s2

    def sides(self, s: Two) -> Four:
        """The pre-activations."""
        p = self.problem
        m1, m2 = ((c * x).log() for c, x in zip(self.c, s, strict=True))
        return m1, (p.k12 * m1 - self.nulls[0]) / p.k11, (p.k12 * m2 + self.nulls[1]) / p.k22, m2

    def size(self, t: arb, log: arb) -> Two:
        """Bounds of |lean + y|, or of t |y| where lean is 0, from time t on."""
        p, s = self.problem, self.at(t)
        # Both neurons are active at x* from here on.
        a11, a12, a21, a22 = self.sides(s)
        grows = a22 >= p.k12 / p.k11 * a21 and a11 >= p.k12 / p.k22 * a12
        need(grows and a11 * a22 > a12 * a21, "x* is not defined from log_from on")
        apart, blur = abs(self.phases[1] - self.phases[0]), 2 * self.error
        if self.twins:
            apart = blur = ZERO
        if self.zero and self.twins:
            return ZERO, ZERO
        if self.zero:
            h1, h2 = self._off(t)
            least = 1 - h1.max(h2) - 1 / t
            need(least > 0, "log_from is too early")
            return (apart - blur) / (1 + h1.max(h2)), (apart + blur) / least
        room = s[0].min(s[1]) - (0 if p.flow else 1)
        need(room > 0, "log_from is too early")
        y = (apart + blur) / room
        return abs(self.lean) - y, abs(self.lean) + y

    def _off(self, t: arb) -> Two:
        """H_1 and H_2: how far s_j may be from t, relative to t."""
        far = [abs(x) for x in self.phases]
        if not self.problem.flow:
            more = (((t + x + 1) * 13 / 12).log() / 2 for x in far)
            far = [x + self.error + 1 + y for x, y in zip(far, more, strict=True)]
        return far[0] / t, far[1] / t

    def strays(self, t: arb) -> arb:
        """E: how far e is from 0 at most, from time t on."""
        h = self._off(t)
        need(all(x < 1 for x in h), "log_from is too early")
        parts = (abs(x) * -(1 - y).log() for x, y in zip(self.shares, h, strict=True))
        return abs(sum(parts, ZERO) / self.slope)

    def deficit(self, t: int) -> tuple[arb, arb, arb]:
        """Bounds of the margin deficit at time t, and what the error of the file's orbits costs."""
        with precision(bits() + (t.bit_length() if self.zero else 0)):
            s1, s2 = s = self.at(arb(t))
            p, (a11, a12, a21, a22) = self.problem, self.sides(s)
            y = ZERO if self.twins else (s2 / s1).log()
            if a11 * a22 > a12 * a21:
                spread = self.frame * (self.shares[0] * a11 - self.shares[1] * a22 + self.drift)
                limit = ZERO if self.optimal else self.limit - p.middle
                off = limit + (self.lean + y) / spread
                cost = abs(4 * self.error / (s1.min(s2) * spread))
                return off.abs_lower(), off.abs_upper(), cost
            need(a11 * a22 < a12 * a21, "where the boundary is is not decided")
            nearer = (a11 / (a11 - a12)).min(a22 / (a22 - a21))
            deficit = abs(p.gap) * (ONE / 2 - nearer)
            return deficit, deficit, 4 * abs(p.gap) * self.error / s1.min(s2)


class Slide:
    """Both kinks are held: s_A and s_B are between multiples of N, a12 and a21 of those of 1/N."""

    clock = "t"

    def __init__(self, path: FollowedPath, claim: Body) -> None:
        p, (a11, a12, a21, a22) = path.problem, path.a
        self.tops = value(claim["top"]), value(claim["top_b" if "top_b" in claim else "top"])
        names = "sigma", "theta", "up_p", "low_p", "up_r", "low_r"
        self.sigma, self.theta, *self.bands = (value(claim[name]) for name in names)
        self.up_p, self.low_p, self.up_r, self.low_r = self.bands
        self.far_p, self.far_r = self.up_p.max(self.low_p), self.up_r.max(self.low_r)
        self.base, self.half = path.t, abs(p.gap) / 2
        self.r1, self.r2 = p.k12 / p.k11, p.k12 / p.k22  # B = a22 - r1 a21, A = a11 - r2 a12
        self.grown = a11 - self.r2 * a12, a22 - self.r1 * a21
        self.scale = p.eta * p.gap**2 / p.k22, p.eta * p.gap**2 / p.k11
        self.s = tuple(x.exp() / y for x, y in zip(self.grown, self.scale, strict=True))
        self.zero, self.optimal = bool(p.k11 == p.k22), True
        self.lean = ZERO if self.zero else (p.k22 / p.k11).log()
        self.pace, self.limit = 4 / p.gap, p.middle
        self.constant = self.lean / self.pace
        self.offset = (self.scale[0] * self.scale[1]).log() / 2
        # N dA and N dB lie in [-down, up], and s_A, s_B stray by -down to extra times H(n).
        self.down = self.r2 * self.up_p, self.r1 * self.up_r
        self.up = self.up_r + self.r2 * self.low_p, self.up_p + self.r1 * self.low_r
        lift = [(x / self.sigma).exp() for x in self.up]  # z
        bend = [z * z * (z / (self.theta * self.sigma)).exp() / (2 * self.theta) for z in lift]
        self.extra = tuple(x * z + y for x, y, z in zip(self.up, bend, lift, strict=True))  # slack
        self.most = self.down[0].max(self.down[1]).max(self.extra[0]).max(self.extra[1])
        self._induction(path)

    def _induction(self, path: FollowedPath) -> None:
        """What has to hold at `base`."""
        p, sigma, theta, tops = path.problem, self.sigma, self.theta, self.tops
        need(all(top > 1 for top in tops) and theta > 0 and theta < 1, "the form")
        need(p.k12 > 0 and sigma > 1, "the form")
        least, most = [], []
        for down, up, k, top in zip(self.down, self.up, (p.k22, p.k11), tops, strict=True):
            least.append(k / p.gap**2 * (-down / sigma).exp() / top)
            most.append(k / p.gap**2 * (up / sigma).exp() / theta)
        p_sides, r_sides = (self.low_p, path.a[1], self.up_p), (self.low_r, path.a[2], self.up_r)
        self._kink(p_sides, p.k22, p.k12, (least[1], most[1]), (least[0], most[0]))
        self._kink(r_sides, p.k11, p.k12, (least[0], most[0]), (least[1], most[1]))
        for s, top, down, extra in zip(self.s, tops, self.down, self.extra, strict=True):
            low = s - theta * sigma - down / sigma >= 0 and sigma * (1 - theta) >= down
            high = top * sigma - s - extra / sigma >= 0 and sigma * (top - 1) >= extra
            need(low and high, "s leaves theta N and top N")
        # At `base`, hence for ever, as A and B grow and the bands shrink: a11 > max(a21, 0), a22 >
        # max(a12, 0) and a11 a22 > a12 a21, so both points are on their sides and x* is defined;
        # a11 > a12 and a22 > a21: no neuron turns off beyond its own point, so no other zero.
        up_p, low_p, up_r, low_r = (x / sigma for x in self.bands)
        a11, a22 = self.grown[0] - self.r2 * low_p, self.grown[1] - self.r1 * low_r
        need(a11 > 0 and a22 > 0, "a right side may turn off")
        need(a11 > up_r and a22 > up_p, "a point may not be on its side")
        need(a11 > up_p and a22 > up_r, "N may vanish beyond the points")
        need(a11 * a22 > up_p * up_r and a11 * a22 > low_p * low_r, "x* is not defined")

    def _kink(self, sides: tuple[arb, arb, arb], k: arb, q: arb, back: Two, lift: Two) -> None:
        """A wrong side stays between multiples of 1/N: pushed back while on, lifted while off."""
        (low, here, up), sigma = sides, self.sigma
        fall = k * back[0] - q * lift[1], k * back[1] - q * lift[0]
        rise = q * lift[0], q * lift[1]
        need(-low <= sigma * here and sigma * here <= up, "a wrong side is beyond its bound")
        room = up >= (1 + 1 / sigma) * rise[1] and low >= (1 + 1 / sigma) * fall[1]
        need(room, "a wrong side may jump beyond its bound")
        need((sigma + 1) * fall[0] >= up and (sigma + 1) * rise[0] >= low, "it is too slow")

    def size(self, t: arb, log: arb) -> Two:
        """Bounds of |lean + y|, or of t |y| / ln t where lean is 0, from time t on."""
        n, most = self.sigma + t - self.base, self.most
        kinks = (1 + self.r1) * self.far_r + (1 + self.r2) * self.far_p
        first = (abs(self.s[1] - self.s[0]) + 2 * most / self.sigma) / self.theta + kinks
        second = 2 * most / self.theta
        if not self.zero:
            y = (first + second * (n / self.sigma).log()) / n
            return abs(self.lean) - y, abs(self.lean) + y
        share = 1 + ((n / t).max(ONE) / self.sigma).log().max(ZERO) / log
        return ZERO, (t / n).max(ONE) * (first / log + second * share)

    def strays(self, t: arb) -> arb:
        """E: how far e is from 0 at most, from time t on."""
        n = self.sigma + t - self.base
        far = [abs(s - self.base) + self.most * self._harmonic(n) for s in self.s]
        falls = n > 3 * self.sigma and all(self.most * (t / n).max(ONE) <= x for x in far)
        need(falls and all(x < t for x in far), "log_from is too early")
        kinks = (1 - self.r2) * self.far_p + (1 - self.r1) * self.far_r
        return (sum((-(1 - x / t).log() for x in far), ZERO) + kinks / n) / 2

    def _harmonic(self, n: arb) -> arb:
        """A bound of the sum of 1/N from `base` on."""
        return 1 / self.sigma + (n / self.sigma).log()

    def deficit(self, t: int) -> tuple[arb, arb, arb]:
        """Bounds of the margin deficit at time t."""
        steps = arb(t - self.base)
        n = self.sigma + steps
        h = self._harmonic(n)
        # s_A and s_B, which only grow.
        moves = zip(self.s, self.down, self.extra, strict=True)
        (low_a, high_a), (low_b, high_b) = (
            ((s + steps - down * h).max(s), s + steps + extra * h) for s, down, extra in moves
        )
        # lean + y; s_B - s_A without the steps that both have made.
        apart = self.s[1] - self.s[0]
        least = ((apart - (self.down[1] + self.extra[0]) * h) / high_a).log1p()
        most = ((apart + (self.extra[1] + self.down[0]) * h) / low_a).log1p()
        under = (1 + self.r1) * self.low_r + (1 + self.r2) * self.up_p
        over = (1 + self.r1) * self.up_r + (1 + self.r2) * self.low_p
        least = (self.lean + least - under / n).lower()
        most = (self.lean + most + over / n).upper()
        # (a11 - a21) + (a22 - a12).
        under = (1 - self.r2) * self.up_p + (1 - self.r1) * self.up_r
        over = (1 - self.r2) * self.low_p + (1 - self.r1) * self.low_r
        low = (low_a * low_b).log() + 2 * self.offset - under / n
        high = (high_a * high_b).log() + 2 * self.offset + over / n
        need(low > 0, "the span is not known to be positive")
        if least <= 0 and most >= 0:
            return ZERO, self.half * (-least).max(most) / low, ZERO
        nearer, further = abs(least).min(abs(most)), abs(least).max(abs(most))
        return self.half * nearer / high, self.half * further / low, ZERO
