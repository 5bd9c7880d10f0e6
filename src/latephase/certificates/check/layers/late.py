"""The checker's own bounds for all later times where both layers are trained.

Source: docs/certificates.md, "Both layers": growth, constant, rate, deficit. Integrals are Arb's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from latephase.certificates.check.claims import Wrong, need
from latephase.certificates.check.enclosures import ONE, ZERO, Two, value
from latephase.certificates.check.form import Body
from latephase.certificates.check.layers.path import LayeredPath, Served
from latephase.core.balls import arb, bits, integral, plus_minus, precision

_DEEP = 160  # e^-160 of an integral is not looked at but bounded
_FINE = 256  # bits that are enough for what is wide by its nature
_LATEST = arb(10**12)  # ln t
_ROOM = arb(2) ** -40
_NEAR = arb(2) ** -60  # how near a solution is bracketed, relatively, at first
_SLACK = ONE / (1 << 20)  # by how much a number of the file may be weaker than it must be


class Margin:
    """The margin of a point from the base on: q, with d, between its two growths."""

    def __init__(self, path: LayeredPath, point: int, neuron: Served, claim: Body) -> None:
        p = path.problem
        self.base, self.plus, self.point = path.t, p.plus, point
        self.k = p.k22 if point else p.k11
        self.c = self.k.sqrt()
        self.rate = 2 * p.eta * self.c  # 2 tau
        a, w = neuron.own, neuron.w
        self.start = a * w
        self.d = (a * a - self.k * w * w) / (2 * self.c)
        rho = (a * a + self.k * w * w) / (2 * self.c)
        self.ahead = self.start.exp() / (self.rate * rho) - self.base
        need(self.start > 2 and self.start < _LATEST, "a margin is too small or large at the base")
        self.h = self.stride(self.start, rho)
        need(self.h < ONE / 2, "a margin moves too fast at the base")
        self.kept, self.slow, self.fast = (
            value(claim[name][point]) for name in ("kept", "slow", "fast")
        )
        self._numbers()
        self.ds = (self.d * self.kept).union(self.d)

    def _numbers(self) -> None:
        """`kept`, `slow` and `fast` are such, and no weaker than they must be."""
        h, start, tail = self.h, self.start, (-self.start).exp()
        kept = 1 - h.exp() * self.rate * tail / (4 * start)
        slow = (1 / (1 + self.plus * tail) - 1 / start) / 2
        b = ONE / 2 + h / 5
        fast = b + (1 + b * h) / (4 * start)
        need(self.kept <= kept and kept - self.kept < _SLACK, "kept is another")
        need(self.slow <= slow and slow - self.slow < _SLACK, "slow is another")
        need(self.fast >= fast and self.fast - fast < _SLACK, "fast is another")
        need(self.kept > 0, "nothing of an imbalance may be kept")

    def stride(self, q: arb, rho: arb) -> arb:
        """2 x rho + x^2 q."""
        x = self.rate / 2 / (q.exp() + self.plus)
        return x * (2 * rho + x * q)

    def _area(self, q: arb, d: arb) -> arb:
        """F_d(q)."""
        square, even = d * d, self.plus * (-q).exp()

        def density(s: Any, analytic: bool) -> Any:
            return ((s - q).exp() + even) * (s * s + square).rsqrt(analytic=analytic)

        if not q - _DEEP > self.start:
            return integral(density, self.start, q) * q.exp()
        low = q - _DEEP  # what is below adds this much at most
        rest = ((low - q).exp() + even * (low - self.start)) / self.start
        return (integral(density, low, q) + ZERO.union(rest)) * q.exp()

    def _solution(self, n: arb, d: arb, slope: arb, below: bool) -> arb:
        """A number on that side of the q with F_d(q) = 2 tau (n + slope (q - q_b)), and near it."""

        def off(q: arb) -> arb:
            return self._area(q, d) - self.rate * (n + slope * (q - self.start))

        def steep(q: arb) -> arb:
            return (q.exp() + self.plus) / (q * q + d * d).sqrt() - self.rate * slope

        floor = self.start.lower() if below else self.start.upper()
        q = _newton(off, steep, self._guess(n), floor)
        room = _NEAR * q
        for _ in range(40):
            end = (q - room).max(floor) if below else (q + room).max(floor)
            end = end.lower() if below else end.upper()
            if end <= floor and below:
                return end
            if off(end) <= 0 if below else off(end) >= 0:
                return end
            room = 4 * room
        raise Wrong("how large a margin is cannot be bounded")

    def _guess(self, n: arb) -> arb:
        time = self.rate * (n + self.base + self.ahead)  # e^q/rho, about
        q = time.log().max(self.start)
        return (time * (q * q + self.d * self.d).sqrt()).log().max(self.start).mid()

    def least(self, n: arb) -> arb:
        """A lower bound of the margin n steps after the base."""
        return self._solution(n, self.d * self.kept, self.slow, True)

    def most(self, n: arb) -> arb:
        """An upper bound of it."""
        return self._solution(n, self.d, self.fast, False)

    def reach(self, n: arb) -> arb:
        """Every q that it may be."""
        return self.least(n).union(self.most(n))

    def weights(self, q: arb) -> Two:
        """w and a of the neuron at this margin."""
        rho = (q * q + self.ds * self.ds).sqrt()
        small, large = rho - self.ds, rho + self.ds
        if self.ds > 0:
            small = q * q / large
        else:
            large = q * q / small
        return (small / self.c).sqrt(), (large * self.c).sqrt()

    def shift(self, q0: arb, t0: arb) -> arb:
        """q - ln q - ln t at all times from t0 on; q0 is a lower bound of q at t0."""
        need(q0 > 2, "log_from is too early")
        root = (q0 * q0 + self.ds * self.ds).sqrt()
        even = (1 - 1 / q0) / (1 + self.plus * (-q0).exp())
        low = even.min(q0.exp() / (self.rate * t0 * root))
        q1 = self.most(t0 + 1 - self.base)
        steps = (q1 - self.start) / t0 + self.stride(q0, root)
        high = 1 + self.ahead.max(ZERO) / t0 + self.fast * steps
        lean = self.ds / q0
        spread = (1 + lean * lean).log() / 2
        return self.rate.log() + low.log().lower().union((high.log() + spread).upper())


def _newton(off: Callable[[arb], arb], steep: Callable[[arb], arb], q: arb, floor: arb) -> arb:
    """Near the zero of an increasing convex function, and not below the floor."""
    for _ in range(30):
        move = (off(q) / steep(q)).mid()
        before, q = q, (q - move).max(floor).mid()
        if abs(q - before) <= abs(q) * _NEAR:
            break
    return q


class Layers:
    """Both points served."""

    def __init__(self, path: LayeredPath, claim: Body) -> None:
        first, second = path.served(0), path.served(1)
        if first is None or second is None:
            raise Wrong("a point that no neuron serves")
        p = self.problem = path.problem
        self.base = path.t
        self.margins = Margin(path, 0, first, claim), Margin(path, 1, second, claim)
        nulls = []
        for point, neuron in enumerate((first, second)):
            now = (p.k12 * neuron.own - self.margins[point].k * neuron.other) / p.gap
            crossed = path.crossed[2 * neuron.neuron + 1 - point]
            nulls.append((-now if point else now) if crossed else p.null(neuron.neuron, point))
        self.nulls = nulls[0], nulls[1]
        self.lean_1, self.lean_2 = -p.x2 * nulls[0], p.x1 * nulls[1]
        m1, m2 = self.margins
        over = self.lean_2 / m2.c.sqrt() + self.lean_1 / m1.c.sqrt()
        self.constant = p.k11 * p.k22 * over / (p.gap * p.frame * p.frame)
        self.limit = 2 * p.middle / p.frame
        self.optimal = bool(p.k12.is_zero() or p.middle.is_zero())

    def _ahead(self, apart: arb, w: Two, q: Two, small: arb) -> arb:
        """x* - limit: apart: q_2 - q_1; the w of both; the q that the slope has; small: what the
        null parts have there."""
        p, (n1, n2) = self.problem, self.nulls
        slope = (p.x1 * q[0] + small * n1 * w[0]) / p.k11 - (
            p.x2 * q[1] + small * n2 * w[1]
        ) / p.k22
        return (apart + self.lean_2 * w[1] + self.lean_1 * w[0]) / (p.frame * slope)

    def others(self, own: Two) -> Two:
        """a_1' and a_2'."""
        p, (n1, n2) = self.problem, self.nulls
        return (p.k12 * own[0] - p.gap * n1) / p.k11, (p.k12 * own[1] + p.gap * n2) / p.k22

    def deficit(self, t: int) -> tuple[arb, arb, arb]:
        """Bounds of the margin deficit at time t, and how wide they are for margins that are known
        to 2^-40."""
        with precision(min(bits(), _FINE)):
            n = arb(t - self.base)
            q1, q2 = (margin.reach(n) for margin in self.margins)
            low, high = self._deficit(q1, q2)
            least, most = self._deficit(*(q + plus_minus(q * _ROOM) for q in (q1, q2)))
            return low, high, most - least

    def rate(self, log: arb) -> Two:
        """Bounds of |x*(t) - limit| sqrt(ln t) at all times from e^log on."""
        need(log < _LATEST, "log_from is beyond 10^12")
        with precision(min(bits(), _FINE)):
            return self._rate(log)

    def _deficit(self, q1: arb, q2: arb) -> Two:
        p = self.problem
        (w1, a1), (w2, a2) = (m.weights(q) for m, q in zip(self.margins, (q1, q2), strict=True))
        b1, b2 = self.others((a1, a2))
        if a1 * a2 > b1 * b2:
            limit = ZERO if self.optimal else self.limit - p.middle
            found = abs(limit + self._ahead(q2 - q1, (w1, w2), (q1, q2), ONE))
        else:
            need(a1 * a2 < b1 * b2, "where the boundary is is not decided")
            found = abs(p.gap) * (ONE / 2 - (a1 / (a1 - b1)).min(a2 / (a2 - b2)))
        return found.lower().max(ZERO), found.upper()

    def _rate(self, log: arb) -> Two:
        t0, (m1, m2) = log.exp(), self.margins
        need(t0 >= self.base + 1, "log_from is too early")
        q1, q2 = (margin.least(t0 - self.base) for margin in (m1, m2))
        self._decided(q1, q2)
        e1, e2 = m1.shift(q1, t0), m2.shift(q2, t0)
        apart = (e2 - e1) * ONE.union(1 / (1 - 1 / q1.min(q2)))
        ratio = 1 + ZERO.union(apart / q1)
        z = ZERO.union(1 / q1.sqrt())
        w1, w2 = (_evened(m, q) for m, q in ((m1, q1), (m2, q2)))
        w = w1, w2 * ratio.sqrt()
        size = abs(self._ahead(apart * z, w, (ONE, ratio), z))
        # q_1/ln t.
        least = 1 + ((q1.log() + e1) / log).lower().min(ZERO)
        rise = ONE
        for _ in range(60):
            rise = ((log + rise).log() + e1).upper().max(ONE)
        rise = rise + rise * arb(2) ** -40
        need(least > 0 and rise - (log + rise).log() >= e1.upper(), "log_from is too early")
        need(size.is_finite(), "log_from is too early")
        return (size.lower() / (1 + rise / log).sqrt()), (size.upper() / least.sqrt())

    def _decided(self, q1: arb, q2: arb) -> None:
        """Both neurons are active at x* from where the margins are these on."""
        p, (m1, m2) = self.problem, self.margins
        a1, a2 = m1.weights(q1)[1], m2.weights(q2)[1]
        b1, b2 = self.others((a1, a2))
        grows = a2 >= p.k12 / p.k11 * b2 and a1 >= p.k12 / p.k22 * b1
        need(grows and a1 * a2 > b1 * b2, "x* is not defined from log_from on")


def _evened(margin: Margin, q0: arb) -> arb:
    """w/sqrt(q) at every margin from q0 on."""
    lean = margin.ds / q0
    part = 1 / ((1 + lean * lean).sqrt() + lean) if lean > 0 else (1 + lean * lean).sqrt() - lean
    return (ONE.union(part) / margin.c).sqrt()
