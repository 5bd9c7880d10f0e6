"""How long a mode takes: the integral of e^u1 over S1, which is that of e^u2 over S2.

Coupled with gamma > 0 it is a hypergeometric function of z / (its limit), of which two series are
summed here; with gamma < 0 (x1 x2 < -1), where terms may resonate, it is left to quadrature.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

from latephase.core.balls import arb, bits, exact, integral, plus_minus, point

_FAR = Fraction(3, 2)  # of w, where one series is left for the other
_MIDDLE = (exact(0.625), exact(1.5))  # of x, where neither power series is short
_MOST = 200  # of nu, beyond which they need too many terms


def simple(alpha: Fraction, u: arb, s: arb) -> arb:
    """Decoupled: e^u grows at the rate alpha."""
    rate = exact(alpha)
    return u.exp() * ((rate * s).expm1() / rate if alpha else s)


def by_series(alpha: Fraction, beta: Fraction, gamma: Fraction, z: arb, u: arb, s: arb) -> arb:
    """gamma > 0, and z on its way up (or at its limit): of the point whose margin is u.

    With w = limit/z - 1 = w0 e^(-a s) and kappa = gamma/b, e^(alpha s - gamma S) is
    e^(p s) ((1 + w)/(1 + w0))^(-kappa), p = alpha - a kappa.
    """
    a, b = alpha + gamma, beta + gamma
    kappa, p, rate = exact(gamma / b), exact((alpha * beta - gamma * gamma) / b), exact(a)
    w, time = exact(a / b) / z - 1, arb(0)
    later = w * (-rate * s).exp()
    far = exact(_FAR)
    if w > far:
        # In powers of 1/w down to `far`.
        reached = later if later > far else far
        s_far = s if later > far else (w / far).log() / rate
        scale = u.exp() * ((1 + w) / w) ** kappa
        time = scale * _in_powers_of_inverse(w, reached, s_far, exact(alpha), rate, kappa)
        u = u + exact(alpha) * s_far + kappa * ((1 + 1 / w) / (1 + 1 / reached)).log()
        if later > far:
            return time
        w, s = far, s - s_far
    # From there on e^u F(x)/p is its antiderivative, x = w/(1 + w).
    end = u + p * s + kappa * ((1 + w) / (1 + later)).log()
    c = exact(1 - (alpha * beta - gamma * gamma) / (a * b))
    first, last = (_summed(kappa, c, x / (1 + x)) for x in (w, later))
    return time + (end.exp() * last - u.exp() * first) / p


def _in_powers_of_inverse(w: arb, reached: arb, s: arb, alpha: arb, a: arb, kappa: arb) -> arb:
    """The integral of e^(alpha s) (1 + 1/w)^(-kappa), term by term; |binom(-kappa, n)| <= 1."""
    grown, total, power, before, binomial, n = (alpha * s).exp(), arb(0), arb(1), arb(1), arb(1), 0
    least = point(1, -bits() - 8)
    while True:
        total = total + binomial * (grown * power - before) / (alpha + n * a)
        power, before = power / reached, before / w
        binomial, n = -binomial * (kappa + n) / (n + 1), n + 1
        if power < least:
            rest = grown * power / (1 - 1 / reached) / (alpha + n * a)
            return total + plus_minus(rest)


def _summed(kappa: arb, c: arb, x: arb) -> arb:
    """The sum of (kappa)_n/(c)_n x^n, 0 < kappa <= c: later terms fall faster than x^n."""
    total, term, n, least = arb(1), arb(1), 0, point(1, -bits() - 8)
    while True:
        term = term * (kappa + n) / (c + n) * x
        total, n = total + term, n + 1
        if abs(term) < least:
            return total + plus_minus(term * x / (1 - abs(x)))


def by_powers(
    alpha: Fraction, gamma: Fraction, a: Fraction, b: Fraction, z: arb, u: arb, s: arb
) -> arb | None:
    """gamma < 0 < b, and z below its limit a/b, or a < 0: an incomplete beta integral.

    With x = a/(b z) - 1 = x0 e^(-a s), or x = -b z/a, e^(alpha s - gamma S) ds is a multiple of
    x^(mu - 1) (1 + x)^nu dx.  None where z may be at its limit, or nu is large.
    """
    rate, kappa, first = exact(a), exact(gamma / b), exact(b) * z / exact(a)
    mu, nu = (
        (gamma / b - alpha / a, -gamma / b) if a > 0 else (alpha / a, gamma / b - alpha / a - 1)
    )
    start = 1 / first - 1 if a > 0 else -first
    if not start > 0 or abs(nu) > _MOST:
        return None
    grown = (abs(rate) * s).expm1()
    if a > 0:
        low, wide, scale = start / (1 + grown), rate * s, (1 + start) ** kappa
    else:
        # (1 + x)/x = (1 + x0)/x0 e^(-a s)
        low, wide = start / (1 + grown + start * grown), ((1 + start) * grown).log1p()
        scale = (1 + start) ** (exact(alpha / a) - kappa)
    inner = [x for x in _MIDDLE if x > low and x < start]
    total, ends = arb(0), [low, *inner, start]
    for lower, upper in itertools.pairwise(ends):
        part = (upper / lower).log() if inner else wide
        if upper <= _MIDDLE[0]:
            total += _power_series(lower, upper, part, mu, nu)
        elif lower >= _MIDDLE[1]:
            total += _power_series(1 / upper, 1 / lower, part, -mu - nu, nu)
        else:
            total += _between(lower, part, mu, nu)
    return u.exp() / abs(rate) * scale * start ** exact(-mu) * total


def _power_series(low: arb, high: arb, wide: arb, mu: Fraction, nu: Fraction) -> arb:
    """The integral of x^(mu - 1) (1 + x)^nu, high < 2/3, term by term in x; wide: ln(high/low)."""
    total, least, m, e = arb(0), point(1, -bits() - 8), exact(mu), exact(nu)
    n, binomial, power, size, most = 0, arb(1), arb(1), arb(1), max(1, abs(nu).__ceil__())
    while not (abs(size) < least and high * (n + most) < n + 1):
        term = ((m + n) * wide).expm1() / (m + n) if n != -mu else wide
        total += binomial * power * term
        step = (e - n) / (n + 1)
        binomial, size, power = binomial * step, size * step * high, power * low
        n += 1
    # The binomial coefficients grow by no more than (n + most)/(n + 1) from here on.
    rest = size / (1 - high * (n + most) / (n + 1)) * ((m * wide).expm1() / m if mu else wide)
    return low**m * (total + plus_minus(rest))


def _between(low: arb, wide: arb, mu: Fraction, nu: Fraction) -> arb:
    """The same by quadrature along ln x, whose singularities are pi away."""
    begin, m, e = low.log(), exact(mu), exact(nu)

    def weight(part: Any, analytic: bool) -> Any:
        x = begin + part * wide
        return (m * x + e * (1 + x.exp()).log(analytic=analytic)).exp()

    return wide * integral(weight, arb(0), arb(1))


def by_quadrature(
    alpha: Fraction, gamma: Fraction, a: Fraction, b: Fraction, z: arb, u: arb, s: arb, other: arb
) -> arb:
    """Any coupled mode, along s.

    On [0, 1], and in units of its size at the ends: Arb's quadrature has an absolute goal, too.
    """
    rate, ratio = exact(a), exact(b)
    top = (exact(alpha) * s - exact(gamma) * other).max(arb(0)).mid()

    def weight(x: Any, analytic: bool) -> Any:
        now = x * s
        grown = z * ((rate * now).expm1() / rate if a else now)
        spent = (1 + ratio * grown).log(analytic=analytic) / ratio if b else grown
        return (exact(alpha) * now - exact(gamma) * spent - top).exp()

    return s * (u + top).exp() * integral(weight, arb(0), arb(1))
