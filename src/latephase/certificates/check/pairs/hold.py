"""The checker's own bounds for all later times of a single slide.

Source: docs/certificates.md, "hold", and of "constant", "rate", "deficit" what is said there of the
single slide; the notation is that of the page.
"""

from __future__ import annotations

from latephase.certificates.check.claims import need
from latephase.certificates.check.enclosures import ONE, ZERO, Four, Two, value
from latephase.certificates.check.form import Body, whole
from latephase.certificates.check.pairs.path import FollowedPath
from latephase.core.balls import arb


class HeldKink:
    """Neuron 1 serves both points, and neuron 2 is kicked to and fro at x1; or the mirror image."""

    clock = ""  # of a constant that is zero, which it never is
    zero = False

    def __init__(self, path: FollowedPath, claim: Body, kink: str = "") -> None:
        """kink: of a leg, which says whose it is, and for how many steps."""
        p, (a11, self.a12, self.r, a22), self.base = path.problem, path.a, path.t
        k11, k22, gap = p.k11, p.k22, p.gap
        self.mirrored = kink == "12" if kink else bool(p.k12 >= k22)
        if self.mirrored:
            (a11, self.a12, self.r, a22), (k11, k22), gap = path.a[::-1], (k22, k11), -gap
        need(p.k12 > 0 and (kink or p.k12 >= k11), "no neuron serves both points for ever")
        names = "sigma", "theta", "top", "up", "low", "up_y", "low_y"
        self.sigma, self.theta, self.top, self.up, self.low, self.up_y, self.low_y = (
            value(claim[name]) for name in names
        )
        # What the points decide.
        det, self.rho = gap**2, p.k12 / k11
        one, two = (k22 + det / k11 + p.k12) / (2 * det), (k11 + p.k12) / (2 * det)
        self.w, self.v = one / (one + two), two / (one + two)  # omega and 1 - omega
        self.q1, self.lam = p.k12 * two, 1 + p.k12 * (one + two)
        self.half, self.pace, self.limit = abs(gap) / 2, 4 / gap, p.middle
        self.lean = (one / two).log()
        self.constant = self.lean / self.pace
        self.log1, self.log2 = (p.eta / one).log(), (p.eta / two).log()
        self.offset = (self.log1 + self.log2) / 2
        self.optimal = bool(p.k12 <= 7 * k11)
        # Where the run is at `base`.
        big_v = a22 - self.a12 - self.rho * self.r
        self.y = big_v - a11 - self.lean
        self.m = self.w * (a11 - self.log1) + self.v * (big_v - self.log2)  # ln s
        self.s = self.m.exp()
        self.turn = self.rho * self.v + self.w  # what y costs a12, twice
        self._induction(arb(whole(claim["steps"])) if kink else ZERO)

    def _induction(self, n: arb) -> None:
        """What has to hold at `base`, for ever or for n steps."""
        sigma, theta, top, (e, down, slack) = self.sigma, self.theta, self.top, self._growth()
        need(sigma > 1 and theta > 0 and theta < 1 and top > 1, "the form")
        bands = self.up, self.low, self.up_y, self.low_y
        need(all(x >= 0 for x in bands), "a band is negative")
        # r is lifted while off, falls while on, and never leaves its band.
        need(-self.low <= sigma * self.r and sigma * self.r <= self.up, "the kink is too far")
        lift = (-self.w * self.up_y / sigma).exp() / top
        lift_most = ((self.rho * self.low + self.w * self.low_y) / sigma).exp() / theta
        rise, rise_most = self.q1 * lift, self.q1 * lift_most
        back = 1 - self.q1 * (self.low_y / sigma).expm1()
        fall = (-self.v * self.low_y / sigma).exp() * back / top
        farthest = -(self.up_y + (1 + self.rho) * self.up) / sigma
        fall_most = ((self.up + self.v * self.up_y) / sigma).exp() / theta
        fall_most *= 1 - self.q1 * farthest.expm1()
        need(fall > 0, "the kink may not fall back")
        once = 1 + 1 / sigma
        need(self.up >= once * rise_most and self.low >= once * fall_most, "it may jump too far")
        need((sigma + 1) * fall >= self.up and (sigma + 1) * rise >= self.low, "it is too slow")
        # y is pulled back into its band.
        here = -self.low_y <= sigma * self.y and sigma * self.y <= self.up_y
        need(here, "the margins are too far apart")
        need(self.lam * e <= theta * sigma, "the margins may overshoot")
        inward = self.lam * (self.up_y - self.rho * self.low) >= top * e * self.up_y
        outward = self.lam * (self.low_y - (1 + self.rho) * self.up) >= top * e * self.low_y
        need(inward and outward, "the margins may part")
        # s stays between theta N and top N.
        low = self.s - theta * sigma - down / sigma >= 0 and sigma * (1 - theta) >= down
        high = top * sigma - self.s - slack / sigma >= 0 and sigma * (top - 1) >= slack
        need(low and high, "s leaves theta N and top N")
        # The pattern, and the points, for ever.
        first = self.log1 + self.m > (self.up + self.v * self.up_y) / sigma
        least = self.log2 + self.m - (self.rho * self.low + self.w * self.low_y) / sigma
        need(first and least > self.up / sigma, "a point may not be on its side")
        falls = (1 - self.rho).max(ZERO) * ((self.s + n + slack * self._harmonic(n)).log() - self.m)
        least = 2 * self.a12 + self.turn * (self.y - self.up_y / sigma) - falls
        need(least > 0, "a12 may turn off")

    def _growth(self) -> tuple[arb, arb, arb]:
        """e^(E/sigma), down and slack."""
        far, sigma, theta = self.up_y.max(self.low_y), self.sigma, self.theta
        size = (self.up + self.v * far).max(self.rho * self.up.max(self.low) + self.w * far)
        e, delta = (size / sigma).exp(), self.w - self.v * self.rho
        gain = delta.max(ZERO) * self.up + self.v * self.rho * self.low + size**2 * e / (2 * sigma)
        z = 1 + gain / sigma
        slack = gain + z**2 * (z / (theta * sigma)).exp() / (2 * theta)
        return e, (-delta).max(ZERO) * self.up, slack

    def _harmonic(self, n: arb) -> arb:
        """H after n steps."""
        return 1 / self.sigma + ((self.sigma + n) / self.sigma).log()

    def after(self, n: arb) -> tuple[arb, arb, arb, Four]:
        """ln s, y, r and the pre-activations after n steps, these in the order of the hold."""
        (_, down, slack), h, big = self._growth(), self._harmonic(n), self.sigma + n
        m = (self.s + n - down * h).max(self.s).log().union((self.s + n + slack * h).log())
        y = (-self.low_y).union(self.up_y) / big
        r = (-self.low).union(self.up) / big
        a12 = self.a12 + ((self.rho - 1) * (m - self.m) - self.turn * (y - self.y)) / 2
        a22 = self.log2 + m + self.w * y + a12 + self.rho * r
        return m, y, r, (self.log1 + m - self.v * y, a12, r, a22)

    def size(self, t: arb, log: arb) -> Two:
        """Bounds of |lean + y + (1+rho) r| from time t on."""
        more, n = 1 + self.rho, self.sigma + t - self.base
        y = (self.up_y + more * self.up).max(self.low_y + more * self.low) / n
        return self.lean - y, self.lean + y

    def strays(self, t: arb) -> arb:
        """E of the law: how far e is from 0 at most, from time t on."""
        n, (_, down, slack) = self.sigma + t - self.base, self._growth()
        most = down.max(slack)
        far = abs(self.s - self.base) + most * self._harmonic(t - self.base)
        falls = n > 3 * self.sigma and most * (t / n).max(ONE) <= far
        need(falls and far < t, "log_from is too early")
        bands = (2 * self.w - 1) * self.up_y.max(self.low_y)
        bands += (self.rho - 1) * self.up.max(self.low)
        return -(1 - far / t).log() + bands / (2 * n)

    def deficit(self, t: int) -> tuple[arb, arb, arb]:
        """Bounds of the margin deficit at time t."""
        m, y, r, (a11, a12, _, _) = self.after(arb(t - self.base))
        span = 2 * (m + self.offset) + (2 * self.w - 1) * y + (self.rho - 1) * r
        need(span > 0, "the span is not known to be positive")
        off = abs(self.half * (self.lean + y + (1 + self.rho) * r) / span)
        # Where neuron 1 is off, beyond x1: from the share 1/steep of the distance of the points on.
        steep = a12 / a11 - 1
        if steep > 1:
            off = off.max(self.half * (1 - 2 / steep))
        else:
            need(steep < 2, "whether neuron 1 is off near x1 is not decided")
        return off.abs_lower(), off.abs_upper(), ZERO
