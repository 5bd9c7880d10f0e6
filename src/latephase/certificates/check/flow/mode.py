"""One mode of the checker's own gradient flow on any two points: rates, curve, ends, time.

Source: docs/certificates.md, "Flow on any two points". Nothing here is shared with what writes the
files; time comes from Arb's hypergeometric function, and from the integral over the other variable.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from latephase.certificates.check.claims import need
from latephase.certificates.check.enclosures import ONE, ZERO, Four, Two
from latephase.certificates.check.pairs.path import StatedProblem
from latephase.core.balls import arb, dyadic, exact, integral

PLACES = ("a11", "a12", "a21", "a22")
Pair = tuple[Fraction, Fraction]
_NONE = Fraction(0), Fraction(0)
_INFINITE = None
_REFINED = 12  # times that Newton's step is repeated
_SHRUNK = 16  # -ln of how far a loss's integral may be from its largest value


def rational(x: arb) -> Fraction:
    """The value of an exact ball."""
    mantissa, exponent = dyadic(x)
    return Fraction(mantissa) * Fraction(2) ** exponent


class Rates:
    """How a mode moves: multiples of l1 and l2 of each pre-activation, and of both margins."""

    def __init__(self, problem: StatedProblem, s: str) -> None:
        self.k11, self.k12, self.k22 = map(rational, (problem.k11, problem.k12, problem.k22))
        det = rational(problem.gap) ** 2
        on = [Fraction(x == "1") for x in s]
        k11, k12, k22 = self.k11, self.k12, self.k22
        self.s = s
        self.of: list[Pair] = [
            (on[0] * k11, -on[1] * k12) if s[1] != "s" else (det / k22, Fraction(0)),
            (on[0] * k12, -on[1] * k22) if s[1] != "s" else _NONE,
            (-on[2] * k11, on[3] * k12) if s[2] != "s" else _NONE,
            (-on[2] * k12, on[3] * k22) if s[2] != "s" else (Fraction(0), det / k11),
        ]
        u1 = [on[0] * x - on[2] * y for x, y in zip(self.of[0], self.of[2], strict=True)]
        u2 = [on[3] * x - on[1] * y for x, y in zip(self.of[3], self.of[1], strict=True)]
        self.alpha, self.beta, self.gamma = u1[0], u2[1], -u1[1]
        self.a, self.b = self.alpha + self.gamma, self.beta + self.gamma
        need(u2[0] == u1[1], "the rates of a mode are not symmetric")
        self.limit = _INFINITE if self.b <= 0 else max(self.a, Fraction(0)) / self.b

    def margins(self, a: Four) -> Two:
        """u1 and u2."""
        r11, r12, r21, r22 = (x if s == "1" else ZERO for x, s in zip(a, self.s, strict=True))
        return r11 - r21, r22 - r12


class Stretch:
    """A mode from a state on, z = l2/l1 there."""

    def __init__(self, rates: Rates, a: Four, z: arb) -> None:
        self.rates, self.start, self.z = rates, a, z
        self.by_second = rates.b < 0

    def losses(self, r: arb) -> Two:
        """S_1 and S_2 where the one of the two that `after` encloses is r."""
        a, b = self.rates.a, self.rates.b
        if self.by_second:
            return _inverse(a, _grown(b, r) / self.z), r
        return r, _inverse(b, _grown(a, r) * self.z)

    def ratio(self, losses: Two) -> arb:
        """z."""
        return self.z * (exact(self.rates.a) * losses[0] - exact(self.rates.b) * losses[1]).exp()

    def moved(self, losses: Two) -> Four:
        """The pre-activations; what does not move keeps all its bits."""
        a11, a12, a21, a22 = (
            x + exact(p) * losses[0] + exact(q) * losses[1] if p or q else x
            for x, (p, q) in zip(self.start, self.rates.of, strict=True)
        )
        return a11, a12, a21, a22

    def height(self, i: int, r: arb) -> arb:
        """The h of a pre-activation."""
        losses = self.losses(r)
        if self.rates.s[i] == "s":
            z = self.ratio(losses)
            return z - self._edge(i) if i == 1 else self._edge(i) - z
        p, q = self.rates.of[i]
        moved = self.start[i] + exact(p) * losses[0] + exact(q) * losses[1]
        return moved if self.rates.s[i] == "1" else -moved

    def _edge(self, i: int) -> arb:
        """The z at which a slide lets go."""
        rates = self.rates
        return exact(rates.k12 / rates.k22 if i == 1 else rates.k11 / rates.k12)

    def slope(self, i: int, r: arb) -> arb:
        """dh/dr on a stretch, z from its ends: it is monotone, and a ball of it less wide so."""
        z = self.ratio(self.losses(r.lower())).union(self.ratio(self.losses(r.upper())))
        if self.rates.s[i] == "s":
            climb = exact(self.rates.a) - exact(self.rates.b) * z
            climb = climb if self.by_second else z * climb
            return climb if i == 1 else -climb
        p, q = self._turned(i)
        return exact(p) / z + exact(q) if self.by_second else exact(p) + exact(q) * z

    def _turned(self, i: int) -> Pair:
        """The multiples of the losses in dh."""
        p, q = self.rates.of[i]
        return (p, q) if self.rates.s[i] == "1" else (-p, -q)

    def still(self, i: int) -> bool:
        """Whether a pre-activation neither moves nor slides."""
        return self.rates.s[i] != "s" and self.rates.of[i] == _NONE

    def ends(self, i: int, claimed: arb) -> arb:
        """When the h of a pre-activation falls to 0, inside what is claimed, and narrower."""
        need(claimed > 0, "a mode that takes no time")
        found = self._newton(i, claimed)
        need(claimed.contains(found), "a mode ends elsewhere")
        for _ in range(_REFINED):
            closer = self._newton(i, found)
            if not closer.rad() < found.rad() * exact(0.5):
                break
            found = closer
        return found

    def _newton(self, i: int, around: arb) -> arb:
        """Every zero of h in the ball."""
        slope, middle = self.slope(i, around), around.mid()
        need(slope < 0, "what is said to end a mode does not fall")
        return middle - self.height(i, middle) / slope

    def lasts(self, i: int, r: arb, released: bool) -> None:
        """The h of this pre-activation has not fallen to 0 up to the upper end of r."""
        if self.still(i):
            return
        r = r.upper()
        need(self.height(i, r) > 0, f"{PLACES[i]} ends the mode before")
        if self.rates.s[i] == "s" or released:
            return
        begins = exact(self._turned(i)[0]) + exact(self._turned(i)[1]) * self.z
        if self.start[i].is_zero():
            need(begins > 0, f"{PLACES[i]} does not leave 0")
        elif not (begins >= 0 or self.slope(i, r) <= 0):
            self._in_between(i)

    def for_ever(self, i: int, released: bool) -> None:
        """The h of this pre-activation never falls to 0."""
        if self.still(i):
            return
        limit = self.rates.limit
        if self.rates.s[i] == "s":
            share = self.rates.k12 / (self.rates.k22 if i == 1 else self.rates.k11)
            if i == 1:
                need(limit is _INFINITE or limit >= share, "a12 is let go")
            else:
                need(limit is not _INFINITE and limit * share <= 1, "a21 is let go")
            return
        p, q = self._turned(i)
        last = (q or p) if limit is _INFINITE else p + q * limit
        need(last >= 0, f"{PLACES[i]} falls in the end")
        begins = exact(p) + exact(q) * self.z
        if released or begins > 0 or (begins >= 0 and not self.start[i].is_zero()):
            return
        need(not self.start[i].is_zero(), f"{PLACES[i]} falls")
        if last > 0:
            self._in_between(i)
            return
        # It falls to a limit.
        need(limit, f"{PLACES[i]} falls")
        rest = exact(q / self.rates.b) * (self.z / exact(limit or 0)).log()
        sign = 1 if self.rates.s[i] == "1" else -1
        need(sign * self.start[i] + rest > 0, f"{PLACES[i]} falls to 0")

    def _in_between(self, i: int) -> None:
        """h is positive at z = -P/Q, the lowest that it comes to."""
        p, q = self._turned(i)
        need(q and -p / q > 0, "a slope that does not change its sign")
        turn, z = exact(-p / q), self.z
        a, b = exact(self.rates.a), exact(self.rates.b)
        # 1/z - b/a falls like e^(-a S_1), z - a/b like e^(-b S_2).
        if self.by_second:
            low = ((turn - a / b) / (z - a / b)).log() / -b
        elif self.rates.a:
            low = ((1 / turn - b / a) / (1 / z - b / a)).log() / -a
        else:
            low = (1 / turn - 1 / z) / b
        need(self.height(i, low) > 0, f"{PLACES[i]} reaches 0 and turns")

    def time(self, losses: Two) -> arb:
        """How long it takes."""
        rates, (u1, u2) = self.rates, self.rates.margins(self.start)
        alpha, gamma = exact(rates.alpha), exact(rates.gamma)
        if rates.gamma == 0:
            if rates.alpha or not rates.beta:
                return u1.exp() * _grown(rates.alpha, losses[0])
            return u2.exp() * _grown(rates.beta, losses[1])
        if rates.gamma > 0:
            later = self.ratio(losses)
            if exact(rates.a) > exact(rates.b) * self.z:
                end = u1 + alpha * losses[0] - gamma * losses[1]
                return _elapsed(rates, (u1, end), (self.z, later), False)
            # From above its limit 1/z rises, and the same holds with the points swapped.
            end = u2 + exact(rates.beta) * losses[1] - gamma * losses[0]
            return _elapsed(rates, (u2, end), (1 / self.z, 1 / later), True)
        # The integral of the loss that is not the parameter; of the parameter where the other one
        # comes so near to its largest value that this costs many bits, and Arb seconds.
        shrunk = (exact(rates.a) * losses[0]).min(exact(rates.b) * losses[1])
        if self.by_second == bool(shrunk > -_SHRUNK):
            return _quadrature(rates.alpha, rates.a, rates.b, rates.gamma, self.z, u1, losses[0])
        return _quadrature(rates.beta, rates.b, rates.a, rates.gamma, 1 / self.z, u2, losses[1])


def _elapsed(rates: Rates, u: Two, z: Two, swapped: bool) -> arb:
    """The time between two states of a z that rises, gamma > 0."""
    a, b = (rates.b, rates.a) if swapped else (rates.a, rates.b)
    half, kappa = exact(a / b / 2), exact(rates.gamma / b)
    if not half > z[0]:
        return clock(rates, u[1], z[1], swapped) - clock(rates, u[0], z[0], swapped)
    if half >= z[1]:
        return _since(rates, u[1], z[1], swapped) - _since(rates, u[0], z[0], swapped)
    # In two, at half the limit, where w = 1: w e^(a S) and e^u (1 + w)^kappa e^(-p S) are kept.
    w = 2 * half / z[0] - 1
    p = exact((rates.alpha * rates.beta - rates.gamma**2) / b)
    there = u[0] + p * w.log() / exact(a) + kappa * ((1 + w) / 2).log()
    far = _since(rates, there, half, swapped) - _since(rates, u[0], z[0], swapped)
    return far + clock(rates, u[1], z[1], swapped) - clock(rates, there, half, swapped)


def _since(rates: Rates, u: arb, z: arb, swapped: bool) -> arb:
    """The time since z = 0: e^u (1 + 1/w)^kappa F(kappa, alpha/a; 1 + alpha/a; -1/w)/alpha."""
    a, b = (rates.b, rates.a) if swapped else (rates.a, rates.b)
    alpha = rates.beta if swapped else rates.alpha
    share, kappa = exact(alpha / a), exact(rates.gamma / b)
    inverse = 1 / (exact(a / b) / z - 1)
    shape = (-inverse).hypgeom_2f1(kappa, share, 1 + share)
    return u.exp() * (1 + inverse) ** kappa * shape / exact(alpha)


def clock(rates: Rates, u: arb, z: arb, swapped: bool = False) -> arb:
    """X G(w)/p, which grows like t; gamma >= 0.  swapped: u and z are u2 and l1/l2."""
    a, b = (rates.b, rates.a) if swapped else (rates.a, rates.b)
    p = exact((rates.alpha * rates.beta - rates.gamma**2) / b)
    inverse = exact(a) / (exact(b) * z)  # 1 + w
    grown = u.exp() * inverse ** exact(rates.gamma / b) / p
    return grown * series(rates, inverse - 1, swapped)


def series(rates: Rates, w: arb, swapped: bool = False) -> arb:
    """G(w)."""
    if rates.gamma == 0:
        return ONE
    share = exact((rates.alpha * rates.beta - rates.gamma**2) / (rates.a * rates.b))
    kappa = exact(rates.gamma / (rates.a if swapped else rates.b))
    return (-w).hypgeom_2f1(kappa, -share, 1 - share)


def _grown(c: Fraction, s: arb) -> arb:
    """(e^(c S) - 1)/c."""
    return (exact(c) * s).expm1() / exact(c) if c else s


def _inverse(c: Fraction, grown: arb) -> arb:
    """The S of which this is (e^(c S) - 1)/c."""
    return (exact(c) * grown).log1p() / exact(c) if c else grown


def _quadrature(
    alpha: Fraction, a: Fraction, b: Fraction, gamma: Fraction, z: arb, u: arb, s: arb
) -> arb:
    """The integral of e^(u + alpha S - gamma S'), S from 0 to s, S' the other one."""
    rates = exact(alpha), exact(a), exact(b), exact(gamma)
    other = _inverse(b, z * _grown(a, s))
    scale = (rates[0] * s - rates[3] * other).max(ZERO).mid()

    def density(x: Any, analytic: bool) -> Any:
        now = x * s
        grown = z * ((rates[1] * now).expm1() / rates[1] if a else now)
        spent = (1 + rates[2] * grown).log(analytic=analytic) / rates[2] if b else grown
        return (rates[0] * now - rates[3] * spent - scale).exp()

    return (u + scale).exp() * s * integral(density, ZERO, ONE)
