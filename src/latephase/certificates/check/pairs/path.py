"""The checker's own run: the problem, one step, many decoupled steps at once.

Source: docs/certificates.md, "entry".
"""

from __future__ import annotations

from typing import Any, Protocol

from latephase.certificates.check.claims import need
from latephase.certificates.check.enclosures import ONE, ZERO, Four, Signs, Two, signs, value
from latephase.certificates.check.form import Body, Number, is_double, whole
from latephase.certificates.check.pairs.orbit import later
from latephase.core.balls import arb
from latephase.core.shown import shown

SLIDES = "half", "hold"  # of legs


def _added(a: arb, change: arb) -> arb:
    """a + change; what does not move keeps all its bits, however many."""
    return a if change.is_zero() else a + change


class StatedProblem:
    """Two points, two neurons and a step size in canonical order, exactly; and how they move."""

    def __init__(self, body: Body) -> None:
        points, neurons = _order(body["labels"]), _order(body["output_weights"])
        self.x1, self.x2 = x1, x2 = [_double(body["inputs"][i]) for i in points]
        (w1, w2), (b1, b2) = ([_double(body[n][j]) for j in neurons] for n in ("weights", "biases"))
        self.start = a11, a12, a21, a22 = w1 * x1 + b1, w1 * x2 + b1, w2 * x1 + b2, w2 * x2 + b2
        self.k11, self.k12, self.k22 = 1 + x1 * x1, 1 + x1 * x2, 1 + x2 * x2
        self.frame = 1 - x1 * x2
        self.gap, self.middle, self.flow = x1 - x2, (x1 + x2) / 2, body["method"] == "gradient_flow"
        need(self.flow == (body["step_size"] is None), "a step size is for descent, not for flow")
        self.eta = ONE if self.flow else _double(body["step_size"])
        need(self.eta > 0 and not self.gap.is_zero(), "no step, or one point twice")
        landed = a11, a12 if a12 <= 0 else ZERO, a21 if a21 <= 0 else ZERO, a22
        self.closed = self.flow and bool(self.k12.is_zero())  # a closed form from the start on
        self.nulls = self.null(landed if self.closed else self.start)
        even = bool(self.k11 == self.k22)
        self.mirror = even and bool(a11 == a22) and bool(a12 == a21)
        self.balanced = even and bool(x1 * self.nulls[1] == x2 * self.nulls[0])
        self.twins = even and bool(self.k12 <= 0 and a11 == a22 and a12 <= 0 and a21 <= 0)

    def null(self, a: Four) -> Two:
        """null_1 and null_2, times x1 - x2."""
        return self.k12 * a[0] - self.k11 * a[1], self.k22 * a[2] - self.k12 * a[3]

    def _move(self, a: Four, s: Signs, pull1: arb, pull2: arb) -> Four:
        """The pre-activations once each point has pulled at the neurons that are active on it."""
        up1, down1 = pull1 if s[0] else ZERO, pull2 if s[1] else ZERO
        down2, up2 = pull1 if s[2] else ZERO, pull2 if s[3] else ZERO
        return (
            _added(a[0], up1 * self.k11 - down1 * self.k12),
            _added(a[1], up1 * self.k12 - down1 * self.k22),
            _added(a[2], up2 * self.k12 - down2 * self.k11),
            _added(a[3], up2 * self.k22 - down2 * self.k12),
        )

    def step(self, a: Four, s: Signs) -> Four:
        """One step of gradient descent."""
        u1, u2 = _margins(a, s)
        return self._move(a, s, self.eta * (-u1).exp(), self.eta * (-u2).exp())

    def orbit(self, a: Four, s: Signs, n: int) -> Four:
        """n steps of a decoupled pattern at once."""
        coupled = (s[0] and s[1]) or (s[2] and s[3])
        need(self.k12.is_zero() or not coupled, "an orbit whose pattern is coupled")
        pulls = []
        for u, k, active in zip(
            _margins(a, s), (self.k11, self.k22), (s[0] + s[2], s[1] + s[3]), strict=True
        ):
            end = later(u, self.eta * k * active, n) if active else u
            pulls.append((end - u) / (k * max(active, 1)))
        return self._move(a, s, *pulls)


def _double(x: Number) -> arb:
    need(is_double(x), f"{shown(x['decimal'])} is not a double")
    return value(x)


def _order(signs: list[int]) -> tuple[int, int]:
    need(sorted(signs) == [-1, 1], "two labels or two output weights are the same")
    return signs.index(1), signs.index(-1)


def _margins(a: Four, s: Signs) -> Two:
    """u_1 and u_2: the margins at the two points."""
    r11, r12, r21, r22 = (x if on else ZERO for x, on in zip(a, s, strict=True))
    return r11 - r21, r22 - r12


class Trail(Protocol):
    """Where the path of a descent or a flow leads, as `FollowedPath` has it."""

    problem: StatedProblem
    a: Four
    t: Any  # a whole number of steps, of a flow a ball
    crossed: Signs


class FollowedPath:
    """Where the path leads: the step `t`, the state there, `since` when no sign has changed, and
    which neurons were ever active where (`crossed`).
    """

    def __init__(self, problem: StatedProblem, path: list[dict[str, str]]) -> None:
        need(not (problem.flow and path), "a flow is not walked")
        self.problem, self.a, self.t, self.since = problem, problem.start, 0, 0
        self.s = self.crossed = signs(self.a)
        for i, leg in enumerate(path):
            need(leg["by"] != "mode", "descent is walked in steps")
            if leg["by"] in SLIDES:
                need(i == len(path) - 1, "a slide is not the last leg")
                break  # what it does is for `slides` to say
            n, orbit = whole(leg["steps"]), leg["by"] == "orbit"
            need(n > 0, "a leg of no steps")
            if orbit:
                self.a, self.t = problem.orbit(self.a, self.s, n - 1), self.t + n - 1
                need(signs(self.a) == self.s, "an orbit goes on after a sign has changed")
            for _ in range(1 if orbit else n):
                self._step()
            need(not orbit or self.since == self.t, "an orbit ends before a sign changes")

    def _step(self) -> None:
        self.a, self.t = self.problem.step(self.a, self.s), self.t + 1
        if (now := signs(self.a)) != self.s:
            self.s, self.since = now, self.t
            self.crossed = tuple(x or y for x, y in zip(self.crossed, now, strict=True))
