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
    """Where `steps` steps lead: signs `s` (m, n), since when, u (n,), theta (m, k), a (m, n)."""

    def __init__(self, problem: GeneralProblem, steps: int) -> None:
        self.problem, self.steps, self.since = problem, steps, 0
        p = problem
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
                self.s, self.since = signs, t
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

    @property
    def pattern(self) -> list[str]:
        return ["".join("1" if on else "0" for on in row) for row in self.s]


def _in_balls(rows: Rationals) -> BallMatrix:
    return BallMatrix([[arb(x) for x in row] for row in rows])


def _sign(x: arb) -> bool:
    need(x > 0 or x <= 0, "the sign of a pre-activation is not decided")
    return bool(x > 0)


class GeneralLimit:
    """What a support S gives: exact multipliers, margins; the rest R and the idle points."""

    def __init__(self, path: GeneralPath, support: list[int]) -> None:
        p, n = path.problem, range(path.problem.n)
        self.c = [[p.y[i] * p.v[j] * p.gain(path.s[j][i]) for i in n] for j in range(p.m)]
        both = [[sum((row[i] * row[k] for row in self.c), Rational(0)) for k in n] for i in n]
        self.gram = [[both[i][k] * p.gram[i][k] for k in n] for i in n]
        self.idle = [i for i in n if self.gram[i][i] == 0]
        self.support = support
        need(support == sorted(set(support)) and set(support) <= set(n), "no support")
        need(not set(support) & set(self.idle), "an idle point in the support")
        self.rest = [i for i in n if i not in support and i not in self.idle]
        self.weights = [Rational(0)] * p.n
        self.margins = [Rational(0)] * p.n
        self.inverse: Rationals = []
        if not support:
            need(not self.rest, "no support, and yet points that are not idle")
            return
        self.inverse = self._inverted()
        for i, row in zip(support, self.inverse, strict=True):
            self.weights[i] = sum(row, Rational(0))
            need(self.weights[i] > 0, "a multiplier that is not positive")
        for k in n:
            pairs = ((self.gram[k][i], self.weights[i]) for i in support)
            self.margins[k] = sum((x * y for x, y in pairs), Rational(0))
        need(all(self.margins[k] > 1 for k in self.rest), "a margin of the rest is not above 1")

    def _inverted(self) -> Rationals:
        block = [[self.gram[i][k] for k in self.support] for i in self.support]
        for size in range(1, len(block) + 1):
            minor = RationalMatrix([row[:size] for row in block[:size]]).det()
            need(minor > 0, "support vectors that are linearly dependent")
        found: Rationals = RationalMatrix(block).inv().tolist()
        return found

    @property
    def square(self) -> Rational:
        """|w|^2."""
        return sum(self.weights, Rational(0))
