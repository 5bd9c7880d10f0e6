"""The checker's own run of any network: the problem, its steps, and where its pattern leads.

Source: docs/certificates-general.md, "entry" and "limit".  It shares no code with what writes the
files.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from latephase.certificates.check.claims import need
from latephase.certificates.check.enclosures import ZERO
from latephase.certificates.check.form import Body, Number, is_double, whole
from latephase.core.balls import BallMatrix, Rational, RationalMatrix, arb
from latephase.core.shown import shown

Rationals = list[list[Rational]]

_ROW = 256  # steps at most between two looks at all signs


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
        self._gram, self._start = _in_balls(p.gram), _in_balls(p.start)
        self._eta = arb(p.eta)
        self._given = BallMatrix(p.m, p.n)  # what of each z each neuron has been given
        self.a = self._start.tolist()
        self.s = [[x > 0 for x in row] for row in p.start]
        self._u: BallMatrix = BallMatrix(p.n, 1)
        self._mode: BallMatrix = BallMatrix(p.n, p.n)
        self._begin()
        t, row = 0, 1
        while t < steps:
            row = min(row, steps - t)
            if self._walked(row):
                t, row = t + row, min(2 * row, _ROW)
            elif row > 1:
                row = (row + 3) // 4
            else:
                t += 1
                self._step(t)
        self.u: list[arb] = list(self._u.entries())
        self.theta = (_in_balls(p.theta) + self._given * _in_balls(p.z)).tolist()

    def _losses(self, u: Iterable[arb]) -> list[arb]:
        """h."""
        eta, plus = self._eta, self.problem.plus
        return [eta / (x.exp() + 1) if plus else eta * (-x).exp() for x in u]

    def _walked(self, row: int) -> bool:
        """So many steps in this pattern; False, and none, if a sign may change on the way.

        u moves by itself, and no a_jk has moved further than all |c_ji k_ik| times the sums of h_i.
        """
        u, given = self._u, [ZERO] * self.problem.n
        for _ in range(row):
            h = self._losses(u.entries())
            given = [x + y for x, y in zip(given, h, strict=True)]
            u = u + self._mode * BallMatrix(self.problem.n, 1, h)
        added = [[c * x for c, x in zip(each, given, strict=True)] for each in self._c]
        far = (_sizes(added) * _sizes(self._gram.tolist())).tolist()
        rows = zip(self.a, far, strict=True)
        pairs = [pair for a, most in rows for pair in zip(a, most, strict=True)]
        if not all(abs(x) > y or y.is_zero() for x, y in pairs):
            return False
        self._give(added)
        self._u = u
        return True

    def _step(self, t: int) -> None:
        """A step after which every sign is looked at."""
        h = self._losses(self._u.entries())
        self._give([[c * x for c, x in zip(each, h, strict=True)] for each in self._c])
        signs = [[_sign(x) for x in row] for row in self.a]
        if signs != self.s:
            for times, now, before in zip(self.last, signs, self.s, strict=True):
                pairs = zip(times, now, before, strict=True)
                times[:] = [last if x == y else t for last, x, y in pairs]
            self.s = signs
            self._begin()
        else:
            self._u = self._u + self._mode * BallMatrix(len(h), 1, h)

    def _give(self, added: list[list[arb]]) -> None:
        self._given = self._given + BallMatrix(added)
        self.a = (self._start + self._given * self._gram).tolist()

    def _begin(self) -> None:
        """The margins, and how they move in this pattern."""
        p, n = self.problem, range(self.problem.n)
        c = [[p.y[i] * p.v[j] * p.gain(self.s[j][i]) for i in n] for j in range(p.m)]
        self._c = [[arb(x) for x in row] for row in c]
        sums = (sum((x[i] * a[i] for x, a in zip(self._c, self.a, strict=True)), ZERO) for i in n)
        self._u = BallMatrix(p.n, 1, list(sums))
        pulls = RationalMatrix(c)
        both = (pulls.transpose() * pulls).tolist()
        self._mode = _in_balls([[both[i][k] * p.gram[i][k] for k in n] for i in n])

    def since(self, pattern: list[str]) -> int:
        """From when on all signs but those of kinks have been these.  Wrong if they are others."""
        need([len(row) for row in pattern] == [self.problem.n] * self.problem.m, "another pattern")
        times = [0]
        for row, signs, last in zip(pattern, self.s, self.last, strict=True):
            for mark, on, t in zip(row, signs, last, strict=True):
                need(mark in ("s", "1" if on else "0"), "the pattern is another")
                times.append(0 if mark == "s" else t)
        return max(times)


def _sizes(rows: list[list[arb]]) -> BallMatrix:
    return BallMatrix([[abs(x) for x in row] for row in rows])


def _in_balls(rows: Rationals) -> BallMatrix:
    return BallMatrix([[arb(x) for x in row] for row in rows])


def _sign(x: arb) -> bool:
    need(x > 0 or x <= 0, "the sign of a pre-activation is not decided")
    return bool(x > 0)
