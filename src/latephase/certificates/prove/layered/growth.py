"""The margin of a point that one neuron serves, for all later times: the sandwich.

With c = sqrt(k_ii), u = a_ji/c, w = y_i v_j, let q = c u w, rho = c (u^2 + w^2)/2 and
d = c (u^2 - w^2)/2, tau = step c, x = tau/(e^q + l), where l is 0 for the exponential and 1 for the
logistic loss.  A step is exactly

    q <- q + 2 x rho + x^2 q,    d <- d (1 - x^2),    rho^2 = q^2 + d^2.

Let F_d(q) be the integral of (e^s + l)/sqrt(s^2 + d^2) from q_b, the margin at the base, to q.  n
steps later |d| is between kept |d_b| and |d_b|, and

    F_(kept d_b)(q) >= 2 tau (n + slow (q - q_b)),    F_(d_b)(q) <= 2 tau (n + fast (q - q_b)).

Source: docs/certificates.md, "growth".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from latephase.certificates.verdict import Undecided, Unprovable
from latephase.core.balls import arb, exact, plus_minus

from .system import LayeredSystem

_LEAST_MARGIN, _NARROW = 3, exact(2.0**-8)  # q_b, and the largest step of it, from which to go on
_LARGEST = exact(10**12)
_NEAR = exact(2.0**-44)  # how near, relatively, a margin is sought inside its bounds
_TERMS, _DEPTH = 32, 100  # of a piece of the integral; below e^-100 of it nothing is looked at
_HALF = exact(0.5)


@dataclass(frozen=True)
class Growth:
    """c, tau: sqrt(k_ii) and step c;  plus: l;  start: q_b;  lean: d_b;  base: the step."""

    c: arb
    tau: arb
    plus: int
    start: arb
    lean: arb
    base: int

    @staticmethod
    def of(system: LayeredSystem, point: int, a: arb, v: arb, base: int) -> Growth | None:
        """The growth at a point from a_ji and y_i v_j at the base on.

        None while the margin is too small or moves too fast.
        """
        assert system.step is not None
        if not a * v > 2:
            return None
        if not a * v < _LARGEST:
            raise Unprovable("a margin beyond 10^12: its growth is not enclosed")
        k = exact((system.k11, system.k22)[point])
        c = k.sqrt()
        lean = (a * a - k * v * v) / (2 * c)
        found = Growth(c, exact(system.step) * c, int(system.logistic), a * v, lean, base)
        return found if found.stride < _HALF else None

    @property
    def narrow(self) -> bool:
        """Whether the bounds are narrow from here on."""
        return bool(self.start > _LEAST_MARGIN and self.stride < _NARROW)

    @cached_property
    def stride(self) -> arb:
        """What the next step adds to the margin; no later one adds more."""
        rho = (self.start * self.start + self.lean * self.lean).sqrt()
        return self.stride_at(self.start, rho)

    def stride_at(self, q: arb, rho: arb) -> arb:
        """2 x rho + x^2 q."""
        x = self.tau / (q.exp() + self.plus)
        return 2 * x * rho + x * x * q

    def spread(self, q: arb) -> arb:
        """sqrt(q^2 + d^2) for every d that there will be."""
        return (q * q + self.leans * self.leans).sqrt()

    @cached_property
    def kept(self) -> arb:
        """A lower bound of what is kept of d for ever, as a share."""
        x = self.tau * (-self.start).exp()
        return (1 - self.stride.exp() * x / (2 * self.start)).lower()

    @cached_property
    def leans(self) -> arb:
        """Every d from the base on."""
        return self.lean * self.kept.union(arb(1))

    @cached_property
    def slow(self) -> arb:
        """Lower bound: half of e^q_b/(e^q_b + l) - 1/q_b."""
        return ((1 / (1 + self.plus * (-self.start).exp()) - 1 / self.start) / 2).lower()

    @cached_property
    def fast(self) -> arb:
        """Upper bound: b + (1 + b h)/(4 q_b), b = 1/2 + h/5, h the stride."""
        h = self.stride
        b = _HALF + h / 5  # (e^h - 1)/h <= 1 + b h for h <= 1/2
        return (b + (1 + b * h) / (4 * self.start)).upper()

    def margin(self, n: arb) -> arb:
        """q after n >= 0 steps more; widened by 2^-44 of it, for whoever computes otherwise."""
        middle = self._roughly(n)
        here, target = self.integral(middle), 2 * self.tau * n
        risen = 2 * self.tau * (middle - self.start)
        # How far the bounds are from the middle: both sides are convex and increase.
        above = (here - self.slow * risen - target).upper()
        below = (target + self.fast * risen - here).upper()
        lower = upper = middle
        if above > 0:
            room = (2 * above / self.slope(middle)).upper()
            slope = self.slope(middle - room) - 2 * self.tau * self.slow
            lower = middle - above / slope
            if not (slope > 0 and above < slope * room and middle - room > self.start):
                lower = self.start
        if below > 0:
            slope = self.slope(middle) - 2 * self.tau * self.fast
            if not slope > 0:
                raise Undecided("how fast a margin grows")
            upper = middle + below / slope
        found = lower.lower().max(self.start.lower()).union(upper.upper())
        return found + plus_minus(found * _NEAR)

    def slope(self, q: arb) -> arb:
        """The derivative of F at q."""
        return (q.exp() + self.plus) / self.spread(q)

    def _roughly(self, n: arb) -> arb:
        """A point near q after n steps, at q_b or above, by Newton's method."""
        n, rate = n.mid(), 2 * self.tau.mid()
        first = self.slope(self.start).mid()
        q = (rate * n + first).log()
        q = (q + self.spread(q).log()).mid().max(self.start.upper())
        for _ in range(20):
            off = self.integral(q) - rate * (n + _HALF * (q - self.start))
            move = (off / (self.slope(q) - rate / 2)).mid()
            q = (q - move).mid().max(self.start.upper())
            if abs(move) < _NEAR * q:
                break
        return q

    def integral(self, q: arb) -> arb:
        """F(q) for every d that there will be."""
        top, total = q, arb(0)
        while not top - self.start <= top / 2:
            if q - top > _DEPTH:  # the rest is at most e^top/rho(q_b)
                return total + arb(0).union(top.exp() / self.spread(self.start)) + self._even(q)
            total = total + self._piece(top, top / 2)
            top = top / 2
        return total + self._piece(top, top - self.start) + self._even(q)

    def _even(self, q: arb) -> arb:
        """The integral of l/rho: asinh(q/d) - asinh(q_b/d), also where d is 0."""
        if not self.plus:
            return arb(0)
        return ((q + self.spread(q)) / (self.start + self.spread(self.start))).log()

    def _piece(self, top: arb, h: arb) -> arb:
        """The integral of e^s/rho from top - h to top, h <= top/2.

        1/rho(top - y) = sum_k P_k(top/rho) y^k/rho^(k+1) with Legendre's polynomials, and the
        integral of e^-y y^k from 0 to h is g_(k+1) = k g_k - h^k e^-h.  What is left out is at most
        twice g_(K+1)/rho^K, in units of e^top/rho.
        """
        rho = self.spread(top)
        cosine, inverse, least = top / rho, 1 / rho, (-h).exp()
        before, legendre = arb(0), arb(1)
        gamma, scale, edge, total = 1 - least, arb(1), least, arb(0)
        for k in range(_TERMS):
            total = total + legendre * gamma * scale
            following = ((2 * k + 1) * cosine * legendre - k * before) / (k + 1)
            before, legendre = legendre, following
            edge, scale = edge * h, scale * inverse
            gamma = (k + 1) * gamma - edge
        rest = 2 * abs(gamma) * scale
        return top.exp() * inverse * (total + arb(0, rest.abs_upper()))
