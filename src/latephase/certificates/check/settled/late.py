"""The checker's own induction over all later times of a settled network, and what it encloses.

Source: docs/certificates-general.md, "absorbed" and "values".
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

from latephase.certificates.check.claims import need
from latephase.certificates.check.enclosures import ONE, ZERO, Two, value
from latephase.certificates.check.form import Body
from latephase.certificates.check.settled.kinks import Exact, HeldKinks
from latephase.certificates.check.settled.limit import GeneralLimit
from latephase.certificates.check.settled.path import GeneralPath, Rationals
from latephase.core.balls import Rational, RationalMatrix, arb, plus_minus


class View(NamedTuple):
    """Of a vector e with products c: d, C' G^-1, p, Q (over R), kappa."""

    drift: Rational
    weights: Exact
    length: arb
    across: Exact
    kappa: Exact


class Moment(NamedTuple):
    """ln(N / sigma) (less ln t of what has a limit), a bound of |rho|, S_k over R, 1/N; balls."""

    log: arb
    reach: arb
    spilled: list[arb]
    late: arb


class GeneralLate:
    """All t >= base: raises Wrong unless the numbers of the claim carry the induction."""

    def __init__(self, path: GeneralPath, limit: GeneralLimit, claim: Body) -> None:
        self.path, self.limit, self.kinks = path, limit, limit.kinks
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
        bands = ([value(x) for x in claim.get(name, [])] for name in ("up", "low"))
        self.strip = HeldKinks(limit.kinks, limit.kicked, *bands)
        # What is across the kinks of each margin.
        self.u = [
            ZERO if i in limit.idle else self._free(path.u[i], i) for i in range(path.problem.n)
        ]
        self.fill: list[arb] = []
        self.x: list[arb] = []
        need(self.sigma > 0, "no sigma")
        if limit.support:
            self._induction()

    def _free(self, u: arb, i: int) -> arb:
        """A margin without its e_i."""
        kinks = self.kinks
        u = u - _balls(kinks.eps[i], kinks.here)
        for a, (j, point) in enumerate(kinks.pairs):
            if point == i:
                gain = self.path.problem.gain(self.path.s[j][i])
                u = u - arb(kinks.c[a] * gain) * kinks.here[a]
        return u

    def view(self, c: Exact, kappa: Exact) -> View:
        """What is to be known of a vector with these products with all that is across of the
        gradients, and what of it is along the kinks."""
        return self.views([(c, kappa)])[0]

    def views(self, vectors: list[tuple[Exact, Exact]]) -> list[View]:
        """The same of several, of which long fractions are multiplied at once."""
        leads, found = self.limit, []
        if not (vectors and leads.support):
            return [View(Rational(0), [], ZERO, [c[k] for k in leads.rest], q) for c, q in vectors]
        insides = [[c[i] for i in leads.support] for c, _ in vectors]
        products = RationalMatrix(insides) * RationalMatrix(leads.inverse)
        weights = products.tolist()
        spread: Rationals = [[] for _ in vectors]
        if leads.rest:
            beside = RationalMatrix([[leads.gram[i][k] for k in leads.rest] for i in leads.support])
            spread = (products * beside).tolist()
        for (c, kappa), inside, row, part in zip(vectors, insides, weights, spread, strict=True):
            across = [c[k] - x for k, x in zip(leads.rest, part, strict=True)]
            length = arb(_dot(row, inside)).sqrt()
            found.append(View(sum(row, Rational(0)), row, length, across, kappa))
        return found

    def _induction(self) -> None:
        leads, p = self.limit, self.path.problem
        eta, sigma, sup = arb(p.eta), self.sigma, self.sup
        lam, own = (
            [arb(leads.weights[i]) for i in leads.support],
            [arb(leads.gram[i][i]) for i in leads.support],
        )
        self.x = [
            self.u[i] - (eta * sigma / w).log() for i, w in zip(leads.support, lam, strict=True)
        ]
        square = _along([_balls(row, self.x) for row in leads.inverse], self.x)
        first = square.abs_upper().sqrt()
        # 1. with E and q at the longest gradient, where both are extreme.
        far = ZERO
        for i, g in zip(leads.support, own, strict=True):
            far = far.max((g.sqrt() * sup + self._thrown(i)).upper())
        steep = far.expm1() / far if far > 0 else ONE
        flat = -(-far).expm1() / far if far > 0 else ONE
        trace = _along(lam, own)
        need(steep * trace <= 2 * sigma, "1. does not hold")
        c, total, pulls = self._forced(lam, own)
        damped = (flat * self.slowest * total).sqrt()
        damped *= 1 / flat.sqrt() + trace / sigma * (1 + steep.sqrt())
        # 2. and 3.
        falls, lengths, added, pushed = [], [], ZERO, ZERO
        for k, most in zip(leads.rest, self.spill, strict=True):
            view, gap = self.view(leads.gram[k], []), arb(leads.margins[k]) - 1
            base = self.u[k] - _balls(view.weights, self.x)
            below, above = self.strip.off(k, 1 / sigma)
            low, top = base - view.length * sup + below, base + view.length * sup + above
            for q, s in zip(view.across, self.spill, strict=True):
                low, top = (low + arb(q) * s, top) if q < 0 else (low, top + arb(q) * s)
            fall = eta * (-low).exp()
            pulls[k] = ZERO, sigma * fall
            need(most >= fall * (1 + sigma / gap), "2. does not hold")
            rise = (-top).exp()
            self.fill.append((eta * rise * sigma / (gap * (1 + p.plus * rise))).lower())
            added, pushed = added + view.length * most, pushed + sigma * view.length * fall
            falls.append(gap)
            lengths.append(view.length)
        self._definite()
        rate = self.slowest * flat * (1 - steep * trace / (2 * sigma))
        self.strip.check(sigma, pulls)
        if leads.kicked:
            self._thrown_about(first, trace, (steep, flat), total.sqrt(), pushed)
        else:
            forced = (c.min(damped) if sigma >= 4 else c) / sigma + pushed
            once = 1 / (sigma * sigma) + 1 / sigma
            by_sum = sup >= first + c * once + added
            by_balance = rate > 0 and sup >= first and rate * sup >= forced
            need(by_sum or by_balance, "3. does not hold")
            # 5. and 6., then 4.
            slower = self.power <= 1 and all(self.power <= gap for gap in falls)
            need(0 < self.power < rate and slower, "5. does not hold: power")
            settles = self.tail >= first and (rate - self.power) * self.tail >= forced
            need(settles, "6. does not hold")
        for j in range(p.m):
            for k, seen in enumerate(self._seen(j, p.gram)):
                if seen is not None and (j, k) not in self.kinks.pairs:
                    self._kept(j, k, seen)

    def _thrown(self, i: int) -> arb:
        """P_i."""
        below, above = self.strip.thrown(i, 1 / self.sigma)
        return (-below).max(above)

    def _thrown_about(self, first: arb, trace: arb, bends: Two, forcing: arb, pushed: arb) -> None:
        """8., of E and q, tau and Gamma."""
        sigma, sup, (steep, flat), support = self.sigma, self.sup, bends, self.limit.support
        need(self.power.is_zero() and bool(self.tail == sup), "a decay where kinks are kicked")
        thrown = ZERO
        for i in support:
            thrown = thrown + arb(self.limit.weights[i]) * self._thrown(i) * self._thrown(i)
        thrown, root, slow = thrown.sqrt(), flat.sqrt(), self.slowest.sqrt()
        a, late = 1 - steep * trace / (2 * sigma), forcing / sigma
        need(sigma >= 4 and a > 0 and sup >= first, "8. does not hold: sigma or sup")
        beta = thrown * steep.sqrt() + late * (1 / root + steep.sqrt() * trace / sigma)
        kappa = thrown * late + trace * late * late / (2 * sigma)
        z, least = root * (slow * sup - thrown), (beta / (2 * a * root) + thrown) / slow
        back = z >= beta / (2 * a) and a * z * z - beta * z - kappa >= pushed * sup
        need(back, "8. does not hold: it is not drawn back")
        far = least * least + 2 / sigma * (beta * beta / (4 * a) + kappa + pushed * sup)
        need(sup * sup >= far, "8. does not hold: it may be thrown too far")

    def _forced(self, lam: list[arb], own: list[arb]) -> tuple[arb, arb, list[Two]]:
        """c, the sum under the root of c', and the ends of H_i on the support."""
        p, leads, sigma, eta = self.path.problem, self.limit, self.sigma, arb(self.path.problem.eta)
        c, total, pulls = arb(leads.square).sqrt() / 2, ZERO, [(ZERO, ZERO)] * p.n
        for i, w, g in zip(leads.support, lam, own, strict=True):
            (below, above), wide = self.strip.off(i, 1 / sigma), self.strip.farthest(i)
            x = g.sqrt() * self.sup
            y = x + self._thrown(i)
            off = w * y.exp() * wide * (wide / sigma).exp()
            if p.plus:
                off = off + w * w * (2 * y + 2 * wide / sigma).exp() / eta
            c, total = c + off * g.sqrt(), total + (w / 2 + off) * (w / 2 + off) / w
            most = w * (x - below).exp()
            pulls[i] = w * (-x - above).exp() / (1 + p.plus * most / (eta * sigma)), most
        return c, total, pulls

    def _kept(self, j: int, k: int, view: View) -> None:
        """4. of one pre-activation."""
        on, kappa = self.path.s[j][k], view.kappa
        s = 1 if on else -1
        a = self.path.a[j][k] - _balls(kappa, self.kinks.here)
        room = s * (a - _balls(view.weights, self.x)) - view.length * self.sup
        room = room + self.strip.spread([s * x for x in kappa], 1 / self.sigma)[0]
        for q, most in zip(view.across, self.spill, strict=True):
            room = room + s * arb(q) * most if s * q < 0 else room
        need(s * view.drift >= 0, "4. does not hold: a pre-activation goes to its kink")
        need(room > 0 if on else room >= 0, "4. does not hold: a sign may change")

    def _seen(self, j: int, sides: list[Exact]) -> list[View | None]:
        """The vectors of which the part of neuron j has these products with all points, and no
        other part is; None of what nothing moves."""
        vectors = []
        for side in sides:
            beside = self.kinks.beside(j, side)
            pulls = zip(self.kinks.pulls[j], side, strict=True)
            c = self.kinks.across([x * g for x, g in pulls], beside)
            vectors.append((c, self.kinks.along(beside)))
        moved = [any(c) or any(kappa) for c, kappa in vectors]
        views = iter(self.views([v for v, moves in zip(vectors, moved, strict=True) if moves]))
        return [next(views) if moves else None for moves in moved]

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
        return Moment((n / self.sigma).log(), self._reach(n), self._spilled(n), 1 / n)

    def since(self, t: arb) -> Moment:
        """All times from t on, with ln t taken off the logarithm."""
        n = self.sigma + t - self.path.steps
        moved = ZERO.union((n / t).log())
        return Moment(moved - self.sigma.log(), self._reach(n), self._spilled(n), 1 / n)

    def ever(self) -> Moment:
        """What that tends to."""
        whole = [low.union(high) for low, high in zip(self.fill, self.spill, strict=True)]
        return Moment(-self.sigma.log(), ZERO, whole, ZERO)

    def _reach(self, n: arb) -> arb:
        return (self.tail * ((self.sigma / n).log() * self.power).exp()).min(self.sup)

    def _spilled(self, n: arb) -> list[arb]:
        late, found = (self.sigma / n).log(), []
        for k, low, high in zip(self.limit.rest, self.fill, self.spill, strict=True):
            share = 1 - (late * (arb(self.limit.margins[k]) - 1)).exp()
            found.append((low * share).union(high))
        return found

    def enclosed(self, view: View, here: arb, when: Moment) -> arb:
        """What is across the kinks of a vector, which is `here` at base."""
        steady = here - _balls(view.weights, self.x) + arb(view.drift) * when.log
        return steady + plus_minus(view.length * when.reach) + _balls(view.across, when.spilled)

    def margins(self, when: Moment) -> list[arb]:
        found = []
        for i, (row, u) in enumerate(zip(self.limit.gram, self.u, strict=True)):
            below, above = self.strip.off(i, when.late)
            found.append(self.enclosed(self.view(row, []), u, when) + below.union(above))
        return found

    @cached_property
    def _units(self) -> list[list[View | None]]:
        """Of the parameters."""
        columns = [list(column) for column in zip(*self.path.problem.z, strict=True)]
        return [self._seen(j, columns) for j in range(self.path.problem.m)]

    def _parameter(self, view: View | None, here: arb, when: Moment) -> arb:
        if view is None:
            return here
        below, above = self.strip.spread(view.kappa, when.late)
        across = here - _balls(view.kappa, self.kinks.here)
        return self.enclosed(view, across, when) + below.union(above)

    def parameters(self, when: Moment) -> list[list[arb]]:
        return [
            [self._parameter(view, x, when) for view, x in zip(views, row, strict=True)]
            for views, row in zip(self._units, self.path.theta, strict=True)
        ]

    def direction(self) -> list[Exact]:
        """w (m, k), exactly."""
        return [[Rational(0) if v is None else v.drift for v in row] for row in self._units]


def _dot(x: Exact, y: Exact) -> Rational:
    return sum((a * b for a, b in zip(x, y, strict=True)), Rational(0))


def _balls(x: Exact, y: list[arb]) -> arb:
    return sum((arb(a) * b for a, b in zip(x, y, strict=True)), ZERO)


def _along(x: list[arb], y: list[arb]) -> arb:
    return sum((a * b for a, b in zip(x, y, strict=True)), ZERO)
