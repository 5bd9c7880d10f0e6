"""The checker's own induction over all later times of a settled network, and what it encloses.

Source: docs/certificates-general.md, "absorbed" and "values".
"""

from __future__ import annotations

from typing import NamedTuple

from latephase.certificates.check.claims import need
from latephase.certificates.check.enclosures import ONE, ZERO, value
from latephase.certificates.check.form import Body
from latephase.certificates.check.settled.path import GeneralLimit, GeneralPath
from latephase.core.balls import Rational, arb, plus_minus

Exact = list[Rational]


class View(NamedTuple):
    """Of a vector e with products c: d, C' G^-1, p, Q (over R)."""

    drift: Rational
    weights: Exact
    length: arb
    across: Exact


class Moment(NamedTuple):
    """ln(N / sigma) (less ln t of what has a limit), a bound of |rho|, S_k over R; balls."""

    log: arb
    reach: arb
    spilled: list[arb]


class GeneralLate:
    """All t >= base: raises Wrong unless the numbers of the claim carry the induction."""

    def __init__(self, path: GeneralPath, limit: GeneralLimit, claim: Body) -> None:
        self.path, self.limit = path, limit
        names = ("sigma", "sup", "slowest", "power", "tail")
        self.sigma, self.sup, self.slowest, self.power, self.tail = (
            value(claim[name]) for name in names
        )
        spill = [value(x) for x in claim["spill"]]
        need(len(spill) == path.problem.n, "as many spills as points")
        need(all(x >= 0 for x in (self.sup, self.tail, *spill)), "a bound below 0")
        self.spill = [spill[k] for k in limit.rest]
        rest = set(limit.rest)
        need(all(k in rest or x.is_zero() for k, x in enumerate(spill)), "a spill off the rest")
        self.fill: list[arb] = []
        self.x: list[arb] = []
        need(self.sigma > 0, "no sigma")
        if limit.support:
            self._induction()

    def view(self, c: Exact) -> View:
        """What is to be known of a vector with these products with all gradients."""
        leads = self.limit
        inside = [c[i] for i in leads.support]
        weights = [_dot(inside, row) for row in leads.inverse]
        length = arb(_dot(weights, inside)).sqrt() if inside else ZERO
        drift = _dot(inside, [leads.weights[i] for i in leads.support])
        across = [
            c[k] - _dot(weights, [leads.gram[i][k] for i in leads.support]) for k in leads.rest
        ]
        return View(drift, weights, length, across)

    def _induction(self) -> None:
        path, leads, p = self.path, self.limit, self.path.problem
        eta, sigma, sup = arb(p.eta), self.sigma, self.sup
        lam, own = (
            [arb(leads.weights[i]) for i in leads.support],
            [arb(leads.gram[i][i]) for i in leads.support],
        )
        self.x = [
            path.u[i] - (eta * sigma / w).log() for i, w in zip(leads.support, lam, strict=True)
        ]
        square = _along([_balls(row, self.x) for row in leads.inverse], self.x)
        first = square.abs_upper().sqrt()
        # 1. with E and q at the longest gradient, where both are extreme.
        widest = own[0]
        for g in own[1:]:
            widest = widest.max(g)
        far = (widest.sqrt() * sup).upper()
        steep = far.expm1() / far if far > 0 else ONE
        flat = -(-far).expm1() / far if far > 0 else ONE
        trace = _along(lam, own)
        need(steep * trace <= 2 * sigma, "1. does not hold")
        c = arb(leads.square).sqrt() / 2
        if p.plus:
            for w, g in zip(lam, own, strict=True):
                c = c + w * w * (2 * g.sqrt() * sup).exp() * g.sqrt() / eta
        # 2. and 3.
        falls, lengths, added, forced = [], [], ZERO, c / sigma
        for k, most in zip(leads.rest, self.spill, strict=True):
            view, gap = self.view(leads.gram[k]), arb(leads.margins[k]) - 1
            base = path.u[k] - _balls(view.weights, self.x)
            low, top = base - view.length * sup, base + view.length * sup
            for q, s in zip(view.across, self.spill, strict=True):
                low, top = (low + arb(q) * s, top) if q < 0 else (low, top + arb(q) * s)
            fall = eta * (-low).exp()
            need(most >= fall * (1 + sigma / gap), "2. does not hold")
            rise = (-top).exp()
            self.fill.append((eta * rise * sigma / (gap * (1 + p.plus * rise))).lower())
            added, forced = added + view.length * most, forced + sigma * view.length * fall
            falls.append(gap)
            lengths.append(view.length)
        self._definite()
        rate = self.slowest * flat * (1 - steep * trace / (2 * sigma))
        once = 1 / (sigma * sigma) + 1 / sigma
        by_sum = sup >= first + c * once + added
        by_balance = rate > 0 and sup >= first and rate * sup >= forced
        need(by_sum or by_balance, "3. does not hold")
        # 5. and 6., then 4.
        need(0 < self.power < rate, "5. does not hold: power")
        need(self.power <= 1 and all(self.power <= gap for gap in falls), "5. does not hold: power")
        need(self.tail >= first and (rate - self.power) * self.tail >= forced, "6. does not hold")
        for j in range(p.m):
            for k in range(p.n):
                self._kept(j, k)

    def _kept(self, j: int, k: int) -> None:
        """4. of one pre-activation."""
        c = [x * g for x, g in zip(self.limit.c[j], self.path.problem.gram[k], strict=True)]
        if not any(c):
            return
        view, on = self.view(c), self.path.s[j][k]
        s = 1 if on else -1
        room = s * (self.path.a[j][k] - _balls(view.weights, self.x)) - view.length * self.sup
        for q, most in zip(view.across, self.spill, strict=True):
            room = room + s * arb(q) * most if s * q < 0 else room
        need(s * view.drift >= 0, "4. does not hold: a pre-activation goes to its kink")
        need(room > 0 if on else room >= 0, "4. does not hold: a sign may change")

    def _definite(self) -> None:
        """5.: G - slowest diag(1 / lambda) is positive definite, by elimination."""
        leads = self.limit
        rows = [[arb(leads.gram[i][k]) for k in leads.support] for i in leads.support]
        need(self.slowest > 0, "5. does not hold: slowest")
        for a, i in enumerate(leads.support):
            rows[a][a] = rows[a][a] - self.slowest / arb(leads.weights[i])
        while rows:
            head = rows.pop(0)
            need(head[0] > 0, "5. does not hold: slowest")
            rows = [
                [x - row[0] / head[0] * y for x, y in zip(row[1:], head[1:], strict=True)]
                for row in rows
            ]

    # Stretches of time

    def at(self, t: arb) -> Moment:
        """The time t."""
        n = self.sigma + t - self.path.steps
        return Moment((n / self.sigma).log(), self._reach(n), self._spilled(n))

    def since(self, t: arb) -> Moment:
        """All times from t on, with ln t taken off the logarithm."""
        n = self.sigma + t - self.path.steps
        moved = ZERO.union((n / t).log())
        return Moment(moved - self.sigma.log(), self._reach(n), self._spilled(n))

    def ever(self) -> Moment:
        """What that tends to."""
        whole = [low.union(high) for low, high in zip(self.fill, self.spill, strict=True)]
        return Moment(-self.sigma.log(), ZERO, whole)

    def _reach(self, n: arb) -> arb:
        return (self.tail * ((self.sigma / n).log() * self.power).exp()).min(self.sup)

    def _spilled(self, n: arb) -> list[arb]:
        late, found = (self.sigma / n).log(), []
        for k, low, high in zip(self.limit.rest, self.fill, self.spill, strict=True):
            share = 1 - (late * (arb(self.limit.margins[k]) - 1)).exp()
            found.append((low * share).union(high))
        return found

    def enclosed(self, c: Exact, here: arb, when: Moment) -> arb:
        """a(t) of a vector with these products, which is `here` at base."""
        view = self.view(c)
        steady = here - _balls(view.weights, self.x) + arb(view.drift) * when.log
        return steady + plus_minus(view.length * when.reach) + _balls(view.across, when.spilled)

    def margins(self, when: Moment) -> list[arb]:
        return [
            self.enclosed(row, u, when) for row, u in zip(self.limit.gram, self.path.u, strict=True)
        ]

    def products(self, j: int, column: int) -> Exact:
        """Of the unit vector of a parameter."""
        z = self.path.problem.z
        return [x * row[column] for x, row in zip(self.limit.c[j], z, strict=True)]

    def parameters(self, when: Moment) -> list[list[arb]]:
        return [
            [self.enclosed(self.products(j, c), x, when) for c, x in enumerate(row)]
            for j, row in enumerate(self.path.theta)
        ]

    def direction(self) -> list[Exact]:
        """w (m, k), exactly."""
        p = self.path.problem
        return [
            [self.view(self.products(j, c)).drift for c in range(len(p.z[0]))] for j in range(p.m)
        ]


def _dot(x: Exact, y: Exact) -> Rational:
    return sum((a * b for a, b in zip(x, y, strict=True)), Rational(0))


def _balls(x: Exact, y: list[arb]) -> arb:
    return sum((arb(a) * b for a, b in zip(x, y, strict=True)), ZERO)


def _along(x: list[arb], y: list[arb]) -> arb:
    return sum((a * b for a, b in zip(x, y, strict=True)), ZERO)
