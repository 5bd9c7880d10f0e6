"""Where a run leads, in rationals: the problem, exactly, its steps, and orbits of many steps.

Source: docs/certificates.md, "The file" and "entry"; the notation is that of the page.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from latephase.certificates.check.claims import need
from latephase.certificates.check.form import Body, Number, is_double, whole
from latephase.certificates.check.rational.interval import Dyadic, Interval
from latephase.certificates.check.rational.orbit import later
from latephase.core.shown import shown

BOTH = (0, 1)  # points, and neurons


def double(x: Number) -> Fraction:
    """A double of the file."""
    need(is_double(x), f"{shown(x['decimal'])} is not a double")
    return Fraction(whole(x["mantissa"])) * Fraction(2) ** int(x["exponent"])


def number(x: Number, bits: int) -> Interval:
    """Any number of the file, exactly."""
    at = Dyadic(whole(x["mantissa"]), int(x["exponent"]))
    return Interval(at, at, bits)


class RationalProblem:
    """Points and neurons in canonical order: a[j][i], gram[i][p], null[j], all fractions."""

    def __init__(self, body: Body) -> None:
        points, neurons = _order(body["labels"]), _order(body["output_weights"])
        self.x1, self.x2 = self.x = [double(body["inputs"][i]) for i in points]
        w, b = ([double(body[name][j]) for j in neurons] for name in ("weights", "biases"))
        need(self.x1 != self.x2, "one point twice")
        self.a = [[w[j] * x + b[j] for x in self.x] for j in BOTH]
        self.null = [w[j] - self.x[j] * b[j] for j in BOTH]
        self.gram = [[1 + x * y for y in self.x] for x in self.x]
        self.k11, self.k12, self.k22 = self.gram[0][0], self.gram[0][1], self.gram[1][1]
        self.flow = body["method"] == "gradient_flow"
        need(self.flow == (body["step_size"] is None), "a step size is for descent, not for flow")
        self.eta = Fraction(1) if self.flow else double(body["step_size"])
        need(self.eta > 0, "no step")
        # As the start is: mirror-symmetric; with two orbits that are the same.
        even, (a11, a12), (a21, a22) = self.k11 == self.k22, *self.a
        self.mirror = even and a11 == a22 and a12 == a21
        same = even and self.k12 <= 0 and a11 == a22 and a12 <= 0 and a21 <= 0
        self.same_orbits = self.mirror or same


def _order(signs: list[int]) -> list[int]:
    need(sorted(signs) == [-1, 1], "two labels or two output weights are the same")
    return [signs.index(1), signs.index(-1)]


class RationalPath:
    """Where the legs lead: pre-activations `a`, signs `s`, the step `t`, the step `since` which no
    sign has changed, and `served`[j]: whether neuron j was ever active on the other point.
    """

    def __init__(self, problem: RationalProblem, legs: list[dict[str, Any]], bits: int) -> None:
        need(not (problem.flow and legs), "a flow is not walked")
        self.problem, self.bits, self.t, self.since = problem, bits, 0, 0
        self.a = [[Interval.of(x, bits) for x in row] for row in problem.a]
        self.s = [[x > 0 for x in row] for row in problem.a]
        self.served = [self.s[j][1 - j] for j in BOTH]
        for leg in legs:
            need(leg["by"] in ("steps", "orbit"), "a leg of another kind of run")
            n = whole(leg["steps"])
            need(n > 0, "a leg of no steps")
            if leg["by"] == "steps":
                for _ in range(n):
                    self._arrive(self._step(), 1)
            else:
                self._orbit(n)

    @property
    def pattern(self) -> str:
        """s11 s12 s21 s22."""
        return "".join("01"[on] for row in self.s for on in row)

    def _margin(self, p: int) -> Interval | int:
        """u_p = y_p N(x_p)."""
        own, other = self.a[p][p], self.a[1 - p][p]
        return (own if self.s[p][p] else 0) - (other if self.s[1 - p][p] else 0)

    def _step(self) -> list[Any]:
        """What each point adds to the pre-activations of the neurons that are active on it, over
        the Gram numbers: eta e^-u."""
        eta = self.problem.eta
        margins = [self._margin(p) for p in BOTH]
        return [(-u).exp() * eta if isinstance(u, Interval) else eta for u in margins]

    def _moved(self, pulls: list[Any]) -> list[list[Interval]]:
        """The pre-activations afterwards; what does not move stays as it is, exactly."""
        gram, new = self.problem.gram, [list(row) for row in self.a]
        for j in BOTH:
            for p in BOTH:
                if self.s[j][p]:
                    for i in BOTH:
                        if gram[p][i] != 0:
                            by = pulls[p] * gram[p][i]
                            new[j][i] = new[j][i] + (by if j == p else -by)
        return new

    def _signs(self, a: list[list[Interval]]) -> list[list[bool]]:
        need(all(x > 0 or x <= 0 for row in a for x in row), "a sign is not decided")
        return [[x > 0 for x in row] for row in a]

    def _arrive(self, pulls: list[Any], steps: int) -> None:
        self.a, self.t = self._moved(pulls), self.t + steps
        if (now := self._signs(self.a)) != self.s:
            self.s, self.since = now, self.t
            self.served = [self.served[j] or now[j][1 - j] for j in BOTH]

    def _orbit(self, n: int) -> None:
        """n - 1 steps at which no sign changes, and one at which one does."""
        coupled = any(all(row) for row in self.s)
        need(self.problem.k12 == 0 or not coupled, "an orbit whose pattern is coupled")
        pulls: list[Any] = []
        for p in BOTH:
            u, active = self._margin(p), self.s[0][p] + self.s[1][p]
            c = Interval.of(self.problem.eta * self.problem.gram[p][p] * active, self.bits)
            moved = later(u, c, n - 1) - u if isinstance(u, Interval) else 0
            pulls.append(moved / (self.problem.gram[p][p] * active) if active else 0)
        if n > 1:
            self._arrive(pulls, n - 1)
            need(self.since < self.t, "an orbit goes on after a sign has changed")
        self._arrive(self._step(), 1)
        need(self.since == self.t, "an orbit ends before a sign changes")
