"""The checker's own run: the problem, one step, many decoupled steps at once.

Source: docs/certificates.md, "entry".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from latephase.certificates.check.claims import need
from latephase.certificates.check.enclosures import ONE, ZERO, Four, Signs, Two, signs, value
from latephase.certificates.check.form import Body, Number, is_double, whole
from latephase.certificates.check.pairs.orbit import later
from latephase.core.balls import arb, plus_minus
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

    def moved(self, a: Four, s: Signs, pull1: arb, pull2: arb) -> Four:
        """The pre-activations once each point has pulled at the neurons that are active on it."""
        up1, down1 = pull1 if s[0] else ZERO, pull2 if s[1] else ZERO
        down2, up2 = pull1 if s[2] else ZERO, pull2 if s[3] else ZERO
        return (
            _added(a[0], up1 * self.k11 - down1 * self.k12),
            _added(a[1], up1 * self.k12 - down1 * self.k22),
            _added(a[2], up2 * self.k12 - down2 * self.k11),
            _added(a[3], up2 * self.k22 - down2 * self.k12),
        )

    def apart(self, a: Iterable[arb]) -> arb:
        """How far (w, b) of both neurons may be from the middle of these balls."""
        return ((self.k11 + self.k22) / self.gap**2).sqrt() * sum((x.rad() for x in a), ZERO)

    def pulls(self, a: Four, s: Signs) -> Two:
        """step_size times the losses."""
        u1, u2 = _margins(a, s)
        return self.eta * (-u1).exp(), self.eta * (-u2).exp()

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
        return self.moved(a, s, *pulls)


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


_ROW = 16  # steps after which the rounding of a centre is told apart from it


class Trail(Protocol):
    """Where the path of a descent or a flow leads, as `FollowedPath` has it."""

    problem: StatedProblem
    a: Four
    t: Any  # a whole number of steps, of a flow a ball
    crossed: Signs


class FollowedPath:
    """Where the path leads: the step `t`, the state `a` there, `since` when no sign has changed,
    and which neurons were ever active where (`crossed`).

    Where k12 > 0 a centre is followed, in balls of its own rounding, and (w, b) of both neurons is
    at most `far` away from it.
    """

    def __init__(self, problem: StatedProblem, path: list[dict[str, str]]) -> None:
        need(not (problem.flow and path), "a flow is not walked")
        self.problem, self.t, self.since = problem, 0, 0
        self.s = self.crossed = signs(problem.start)
        self.a = problem.start
        self.roots = problem.k11.sqrt(), problem.k22.sqrt()
        self.calm = ONE / (3 * problem.k11), ONE / (3 * problem.k22)
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

    @property
    def a(self) -> Four:
        """The pre-activations."""
        each = zip(self._centre, self._rooms, strict=True)
        a11, a12, a21, a22 = (x if y.is_zero() else x + plus_minus(y) for x, y in each)
        return a11, a12, a21, a22

    @a.setter
    def a(self, a: Four) -> None:
        self._centre, self._rooms, self.far = a, (ZERO,) * 4, ZERO

    def _rooms_of(self, far: arb) -> Four | None:
        """How far each pre-activation is from the centre's at most: one that never moved is it.
        None where that is so much that losses may differ by 1/32 of them."""
        one, other = (far * root for root in self.roots)
        if not (one < 2.0**-8 and other < 2.0**-8):
            return None
        first, second = any(self.crossed[:2]), any(self.crossed[2:])
        rooms = (one, other) if first else (ZERO, ZERO)
        return (*rooms, one, other) if second else (*rooms, ZERO, ZERO)

    def _step(self) -> None:
        p, s, calm = self.problem, self.s, self.calm
        pulls = p.pulls(self._centre, s)
        if not (self.far.is_zero() or (pulls[0] < calm[0] and pulls[1] < calm[1])):
            self._spread(*pulls)
            pulls = p.pulls(self._centre, s)
        self._centre, self.t = p.moved(self._centre, s, *pulls), self.t + 1
        if p.k12 > 0 and self.t % _ROW == 0:
            self._recentre()
        if (now := self._signs()) != s:
            self.s, self.since = now, self.t
            self.crossed = tuple(x or y for x, y in zip(self.crossed, now, strict=True))

    def _spread(self, pull1: arb, pull2: arb) -> None:
        """What a step that is not calm makes of `far`; where it is too much, balls go on alone."""
        p, s = self.problem, self.s
        bent = pull1 * p.k11 * (s[0] + s[2]) + pull2 * p.k22 * (s[1] + s[3])
        far = (self.far * (bent * 33 / 32 - 1).max(ONE)).upper()
        if rooms := self._rooms_of(far):
            self._rooms, self.far = rooms, far
        else:
            self.a = self.a

    def _recentre(self) -> None:
        """The centre's own rounding goes into `far`."""
        a = tuple(+x for x in self._centre)
        far = (self.far + self.problem.apart(a)).upper()
        if rooms := self._rooms_of(far):
            each = zip(a, self._centre, rooms, strict=True)
            a11, a12, a21, a22 = (exact if y.is_zero() else x.mid() for x, exact, y in each)
            self._centre, self._rooms, self.far = (a11, a12, a21, a22), rooms, far

    def _signs(self) -> Signs:
        """Which pre-activations are positive."""
        (a11, a12, a21, a22), (r11, r12, r21, r22) = self._centre, self._rooms
        now = s11, s12, s21, s22 = a11 > r11, a12 > r12, a21 > r21, a22 > r22
        first = (s11 or a11 <= -r11) and (s12 or a12 <= -r12)
        second = (s21 or a21 <= -r21) and (s22 or a22 <= -r22)
        need(first and second, "a sign is not decided")
        return now
