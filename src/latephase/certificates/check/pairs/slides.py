"""The checker's own slides that end: the last leg of a path, on which one kink is held.

Source: docs/certificates.md, "entry"; the notation is that of the page.
"""

from __future__ import annotations

from latephase.certificates.check.claims import need
from latephase.certificates.check.enclosures import ONE, ZERO, Four, Two, value
from latephase.certificates.check.form import Body, whole
from latephase.certificates.check.pairs.hold import HeldKink
from latephase.certificates.check.pairs.path import SLIDES, FollowedPath
from latephase.core.balls import arb


def after_slide(path: FollowedPath, legs: list[Body]) -> FollowedPath:
    """The path, and the slide that ends it, if one does."""
    if not (legs and legs[-1]["by"] in SLIDES):
        return path
    leg, steps = legs[-1], whole(legs[-1]["steps"])
    need(steps > 0, "a leg of no steps")
    need(path.problem.k12 > 0, "a slide where x1 x2 <= -1")
    if leg["by"] == "hold":
        a = HeldKink(path, leg, leg["kink"]).after(arb(steps))[-1]
    else:
        a = HalfSlide(path, leg).after(arb(steps))
    path.a = _reversed(a) if leg["kink"] == "12" else a
    path.t, path.s = path.t + steps, ()
    return path


def _reversed(a: Four) -> Four:
    """The same in the other order of points and neurons."""
    return a[3], a[2], a[1], a[0]


class HalfSlide:
    """Neuron 1 on x1 alone, neuron 2 to and fro at x1, and a12 < 0 on its way up; or mirrored."""

    def __init__(self, path: FollowedPath, leg: Body) -> None:
        p, a, k11, k22 = path.problem, path.a, path.problem.k11, path.problem.k22
        if leg["kink"] == "12":
            a, k11, k22 = _reversed(a), k22, k11
        self.a11, self.a12, self.r, self.a22 = a
        names = "sigma", "theta", "top", "top_2", "up", "low"
        self.sigma, self.theta, *self.tops, self.up, self.low = (value(leg[x]) for x in names)
        self.rho, self.share = p.k12 / k11, p.k12 * k11 / p.gap**2
        self.scale = p.eta * k11, p.eta * p.gap**2 / k11
        self.s = (
            self.a11.exp() / self.scale[0],
            (self.a22 - self.rho * self.r).exp() / self.scale[1],
        )
        self.down = ZERO, self.rho * self.up
        lift = self.up, self.rho * self.low
        z = [(x / self.sigma).exp() for x in lift]
        bend = [x * x * (x / (self.theta * self.sigma)).exp() / (2 * self.theta) for x in z]
        self.extra = tuple(x * y + b for x, y, b in zip(lift, z, bend, strict=True))
        self._induction(z, arb(whole(leg["steps"])))

    def _induction(self, z: list[arb], n: arb) -> None:
        """What has to hold at the beginning, for n steps."""
        sigma, theta, (top, top_2), once = self.sigma, self.theta, self.tops, 1 + 1 / self.sigma
        form = sigma > 1 and theta > 0 and theta < 1 and top > 1 and top_2 > 1
        need(form and self.up >= 0 and self.low >= 0, "the form")
        # N eta l1 k11 and N eta l2 k12.
        first = ONE / top, z[0] / theta
        second = self.share * (-self.down[1] / sigma).exp() / top_2, self.share * z[1] / theta
        fall = first[0] - second[1], first[1] - second[0]
        need(-self.low <= sigma * self.r and sigma * self.r <= self.up, "the kink is too far")
        far = self.up >= once * second[1] and self.low >= once * fall[1]
        need(far, "the kink may jump too far")
        slow = (sigma + 1) * fall[0] >= self.up and (sigma + 1) * second[0] >= self.low
        need(slow, "the kink is too slow")
        for s, most, down, extra in zip(self.s, self.tops, self.down, self.extra, strict=True):
            low = s - theta * sigma - down / sigma >= 0 and sigma * (1 - theta) >= down
            high = most * sigma - s - extra / sigma >= 0 and sigma * (most - 1) >= extra
            need(low and high, "s leaves theta N and top N")
        right = self.a11 > 0 and self.a22 - self.rho * self.r > self.rho * self.low / sigma
        need(right, "a right side may turn off")
        highest = self._levels(n)[0][1]
        need(self.a12 + self.rho * (highest / self.s[0]).log() < 0, "a12 may turn on")

    def _levels(self, n: arb) -> tuple[Two, Two]:
        """Lower and upper bounds of s_1 and s_2 after n steps."""
        h = 1 / self.sigma + ((self.sigma + n) / self.sigma).log()
        (low_1, high_1), (low_2, high_2) = (
            ((s + n - down * h).max(s), s + n + extra * h)
            for s, down, extra in zip(self.s, self.down, self.extra, strict=True)
        )
        return (low_1, high_1), (low_2, high_2)

    def after(self, n: arb) -> Four:
        """The pre-activations after n steps, in the order of the slide."""
        m1, m2 = (low.log().union(high.log()) for low, high in self._levels(n))
        r = (-self.low).union(self.up) / (self.sigma + n)
        a12 = self.a12 + self.rho * (m1 - self.s[0].log())
        a22 = self.scale[1].log() + m2 + self.rho * r
        return self.scale[0].log() + m1, a12, r, a22
