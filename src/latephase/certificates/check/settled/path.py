"""The checker's own run of any network: the problem, its steps, and where its pattern leads.

Source: docs/certificates-general.md, "entry" and "limit".  It shares no code with what writes the
files.
"""

from __future__ import annotations

from fractions import Fraction

from latephase.certificates.check.claims import need
from latephase.certificates.check.enclosures import ZERO
from latephase.certificates.check.form import Body, Number, is_double, whole
from latephase.core.balls import BallMatrix, Rational, RationalMatrix, arb
from latephase.core.shown import shown

Rationals = list[list[Rational]]


def fraction(x: Number) -> Rational:
    """A double of the file, exactly."""
    need(is_double(x), f"{shown(x['decimal'])} is not a double")
    found = Fraction(whole(x["mantissa"])) * Fraction(2) ** int(x["exponent"])
    return Rational(found.numerator, found.denominator)


def _table(rows: list[list[Number]], width: int, what: str) -> Rationals:
    need(all(len(row) == width for row in rows), f"{what}: rows of other lengths")
    return [[fraction(x) for x in row] for row in rows]


class GeneralProblem:
    """Points z (n, k), labels, theta (m, k) at the start, v (m,), slope, step size, loss; exact."""

    def __init__(self, body: Body) -> None:
        self.n, self.m = len(body["inputs"]), len(body["weights"])
        self.d = len(body["inputs"][0])
        self.inputs = _table(body["inputs"], self.d, "inputs")
        theta = _table(body["weights"], self.d, "weights")
        self.biased = body["biases"] is not None
        biases = body["biases"] or []
        need(len(body["labels"]) == self.n, "as many labels as inputs")
        need(len(biases) == (self.m if self.biased else 0), "as many biases as neurons")
        need(len(body["output_weights"]) == self.m, "as many output weights as neurons")
        one = [Rational(1)] if self.biased else []
        self.z = [row + one for row in self.inputs]
        self.theta = [row + [fraction(b) for b in biases[j : j + 1]] for j, row in enumerate(theta)]
        self.y, self.v = body["labels"], [fraction(x) for x in body["output_weights"]]
        need(set(self.y) == {-1, 1}, "labels of one class only")
        self.slope, self.eta = fraction(body["negative_slope"]), fraction(body["step_size"])
        need(0 <= self.slope <= 1, "a slope that is not between 0 and 1")
        need(self.eta > 0, "no step")
        self.plus = int(body["loss"] == "logistic")
        points = RationalMatrix(self.z)
        self.gram: Rationals = (points * points.transpose()).tolist()
        self.start: Rationals = (RationalMatrix(self.theta) * points.transpose()).tolist()

    def gain(self, on: bool) -> Rational:
        return Rational(1) if on else self.slope


class GeneralPath:
    """Where `steps` steps lead: signs `s` (m, n), `last` when each of them changed, u (n,),
    theta (m, k), a (m, n)."""

    def __init__(self, problem: GeneralProblem, steps: int) -> None:
        self.problem, self.steps, p = problem, steps, problem
        self.last = [[0] * p.n for _ in range(p.m)]
        gram, start = _in_balls(p.gram), _in_balls(p.start)
        points, theta = _in_balls(p.z), _in_balls(p.theta)
        v, eta, slope = [arb(x) for x in p.v], arb(p.eta), arb(p.slope)
        pulled = [[ZERO] * p.n for _ in range(p.m)]
        self.a = start.tolist()
        self.s = [[x > 0 for x in row] for row in p.start]
        self._look(v, slope)
        for t in range(1, steps + 1):
            losses = [eta / (u.exp() + 1) if p.plus else eta * (-u).exp() for u in self.u]
            for j, row in enumerate(pulled):
                for i, on in enumerate(self.s[j]):
                    if on:
                        row[i] = row[i] + v[j] * p.y[i] * losses[i]
                    elif not slope.is_zero():
                        row[i] = row[i] + v[j] * p.y[i] * losses[i] * slope
            self.a = (start + BallMatrix(pulled) * gram).tolist()
            signs = [[_sign(x) for x in row] for row in self.a]
            if signs != self.s:
                for times, now, before in zip(self.last, signs, self.s, strict=True):
                    pairs = zip(times, now, before, strict=True)
                    times[:] = [last if x == y else t for last, x, y in pairs]
                self.s = signs
            self._look(v, slope)
        self.theta = (theta + BallMatrix(pulled) * points).tolist()

    def _look(self, v: list[arb], slope: arb) -> None:
        """The margins."""
        p, self.u = self.problem, []
        for i in range(p.n):
            total = ZERO
            for j in range(p.m):
                total = total + v[j] * self.a[j][i] * (1 if self.s[j][i] else slope)
            self.u.append(p.y[i] * total)

    def since(self, pattern: list[str]) -> int:
        """From when on all signs but those of kinks have been these.  Wrong if they are others."""
        need([len(row) for row in pattern] == [self.problem.n] * self.problem.m, "another pattern")
        times = [0]
        for row, signs, last in zip(pattern, self.s, self.last, strict=True):
            for mark, on, t in zip(row, signs, last, strict=True):
                need(mark in ("s", "1" if on else "0"), "the pattern is another")
                times.append(0 if mark == "s" else t)
        return max(times)


def _in_balls(rows: Rationals) -> BallMatrix:
    return BallMatrix([[arb(x) for x in row] for row in rows])


def _sign(x: arb) -> bool:
    need(x > 0 or x <= 0, "the sign of a pre-activation is not decided")
    return bool(x > 0)
