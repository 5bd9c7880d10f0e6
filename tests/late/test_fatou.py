"""The Fatou coordinate against its list of coefficients, iteration and inversion in balls."""

from __future__ import annotations

from fractions import Fraction
from math import factorial, inf, log

import numpy as np
import pytest

from fatou import remainder
from helpers import relative_error
from latephase.core.balls import arb, exact, precision
from latephase.late.pair.fatou import (
    coefficients,
    first_passage,
    increments,
    log_gap,
    orbits,
)

BITS = 512
LISTED = "1/6 1/16 19/540 1/48 41/4200 37/103680 -18349/3175200 -443/80640"
# Starts from far below the range in which s >= 20 to far above it: (m_0, c).
STARTS = [(-5.0, 2.0), (-1.0, 0.1), (0.01, 1e-3), (0.5, 0.7), (3.0, 20.0), (2.0, 1e-9), (30.0, 1.0)]
FINE, START = 48, 50  # the remainder of this truncation is below 1e-60


def series_product(f: list[Fraction], g: list[Fraction]) -> list[Fraction]:
    return [sum((f[i] * g[k - i] for i in range(k + 1)), Fraction(0)) for k in range(len(f))]


def iterative_logarithm(order: int) -> list[Fraction]:
    """v(z) of dz/dn = v(z) whose time-one map is z e^-z, the map of z = 1/s, up to z^order."""
    f = [Fraction(0)] + [Fraction((-1) ** k, factorial(k)) for k in range(order)]
    powers = [[Fraction(1)] + [Fraction(0)] * order]
    for _ in range(order):
        powers.append(series_product(powers[-1], f))
    difference = [Fraction(0), Fraction(1)] + [Fraction(0)] * (order - 1)
    v = [Fraction(0)] * (order + 1)
    for k in range(1, order + 1):  # log(1 + Delta) = Delta - Delta^2 / 2 + ...
        after = [
            sum((g * p[i] for g, p in zip(difference, powers)), Fraction(0))
            for i in range(order + 1)
        ]
        difference = [x - y for x, y in zip(after, difference)]
        v = [total + Fraction((-1) ** (k + 1), k) * d for total, d in zip(v, difference)]
    return v


def test_coefficients_are_the_listed_ones():
    """Ground truth: the eight coefficients listed in docs/theory.md."""
    assert coefficients(8) == tuple(Fraction(text) for text in LISTED.split())


def test_coefficients_from_the_iterative_logarithm():
    """Ground truth: Phi' = 1 / v with v = log(composition with z e^-z), in exact rationals."""
    terms = 12
    v = iterative_logarithm(terms + 3)[2:]
    quotient: list[Fraction] = []  # of 1 and v / z^2, that is of dPhi/dz and z^-2
    for k in range(terms + 2):
        rest = Fraction(int(k == 0)) - sum((quotient[i] * v[k - i] for i in range(k)), Fraction(0))
        quotient.append(rest / v[0])
    assert quotient[:2] == [-1, Fraction(1, 2)]
    assert coefficients(terms) == tuple(quotient[k + 1] / k for k in range(1, terms + 1))


@pytest.mark.parametrize(
    ("terms", "start", "bound"), [(8, 20, 7.8e-15), (24, 20, 5.2e-29), (48, 50, 4.0e-61)]
)
def test_remainder_bounds(terms, start, bound):
    """Ground truth: the bounds of docs/theory.md (two digits), and 2,000 iterations in balls."""
    assert relative_error(float(remainder(terms, start)), bound) < 0.01
    with precision(BITS):
        for s0 in (exact(start), exact(start) * exact(7) / exact(5)):
            s = s0
            for _ in range(2_000):
                s = s * (1 / s).exp()
            drift = abs(phi(s, terms) - phi(s0, terms) - 2_000)
            assert drift < exact(remainder(terms, start))
        s0 = exact(start)
        defect = abs(phi(s0 * (1 / s0).exp(), terms) - phi(s0, terms) - 1)
        assert defect > exact(remainder(terms, start)) / 1000  # the bound is not idle


def phi(s: arb, terms: int) -> arb:
    """Phi_K(s) in balls."""
    return s - s.log() / 2 + sum(exact(a) / s**k for k, a in enumerate(coefficients(terms), 1))


def iterated(m: float, c: float, steps: list[int]) -> dict[int, arb]:
    """m_n - m_0 in balls, the increment itself carried along so that it keeps all its digits."""
    start, rise, done, found = exact(c) * (-exact(m)).exp(), exact(0), 0, {}
    for step in sorted(set(steps)):
        for _ in range(step - done):
            rise = rise + start * (-rise).exp()
        done, found[step] = step, rise
    return found


def inverted(m: float, c: float, n: int) -> arb:
    """m_n - m_0 in balls for n >= 100: Phi(s_n) = Phi(s_0) + n with 48 terms from s >= 50 on."""
    s0 = exact(m).exp() / exact(c)
    s, stepped = s0, 0
    while not s > START:
        s, stepped = s * (1 / s).exp(), stepped + 1
    target = phi(s, FINE) + (n - stepped)
    for _ in range(BITS):  # a contraction by 1 / (2 s)
        new = target + s.log() / 2 - tail(s)
        if abs(new - s) < abs(s) * exact(2.0**-240):
            break
        s = new
    return (new / s0).log()


def tail(s: arb) -> arb:
    return sum(exact(a) / s**k for k, a in enumerate(coefficients(FINE), 1))


def rises(m: float, c: float, steps: list[int]) -> np.ndarray:
    """What the package says m_n - m_0 is; times beyond 1e308 are known by their logarithm only."""
    n = np.array([[float(t) if t < 10**308 else inf for t in steps]])
    with np.errstate(divide="ignore"):
        logs = np.array([[log(t) if t else -inf for t in steps]])
        return increments(orbits(np.array([m]), np.log(np.array([c]))), n, logs)[0]


@pytest.mark.parametrize(("m", "c"), STARTS)
def test_increments_against_iteration(m, c):
    """Ground truth: iteration in 512-bit balls, 20,000 steps, for all magnitudes of c e^-m."""
    steps = [0, 1, 2, 3, 7, 18, 19, 20, 21, 22, 23, 24, 40, 300, 5_000, 20_000]
    with precision(BITS):
        truth = [float(value) for value in iterated(m, c, steps).values()]
    assert relative_error(rises(m, c, steps), truth) < 4e-15 * max(1, abs(m - log(c)) / 8)


@pytest.mark.parametrize(("m", "c"), STARTS)
def test_increments_against_inversion(m, c):
    """Ground truth: Phi(s) = Phi(s_0) + n solved in 512-bit balls, up to n = 10^1000."""
    steps = [10**k for k in (2, 3, 6, 15, 17, 40, 100, 307, 309, 1000)]
    with precision(4096):
        truth = [float(inverted(m, c, n)) for n in steps]
        assert relative_error(float(iterated(m, c, [1000])[1000]), truth[1]) < 1e-15
    assert relative_error(rises(m, c, steps), truth) < 4e-15 * max(1, abs(m - log(c)) / 8)
    assert relative_error(m + rises(m, c, steps)[-1:], [m + truth[-1]]) < 1e-15


# The first start jumps by 296 at once; what follows is far below one ulp of that.
@pytest.mark.parametrize(("m", "c"), STARTS[1:])
def test_first_passage_against_iteration(m, c):
    """Ground truth: the first of 3,000 ball iterates to reach a level between two of them."""
    steps = [1, 2, 3, 10, 20, 21, 22, 23, 25, 100, 3_000]
    with precision(BITS):
        path = iterated(m, c, sorted({*steps, *(t - 1 for t in steps)}))
        levels = [float((path[t] + path[t - 1]) / 2) for t in steps]
    track = orbits(np.full(len(steps), m), np.full(len(steps), np.log(c)))
    n, log_n = first_passage(track, np.array(levels))
    assert n.tolist() == steps
    assert relative_error(log_n, np.log(steps)) < 1e-15


def test_first_passage_far_away():
    """Ground truth: levels half a step before n = 10^6 .. 10^1000 from balls are passed at n."""
    powers = [6, 10, 15, 18, 50, 200, 1000]
    for m, c in STARTS[1:6]:
        with precision(4096):
            levels = [
                float((inverted(m, c, 10**k) + inverted(m, c, 10**k - 1)) / 2) for k in powers
            ]
        track = orbits(np.full(len(powers), m), np.full(len(powers), np.log(c)))
        n, log_n = first_passage(track, np.array(levels))
        assert relative_error(log_n, np.log(10.0) * np.array(powers)) < 1e-14
        assert relative_error(n[:4], 10.0 ** np.array(powers[:4])) < 1e-13
        assert n[-1] == inf


def test_gap_of_two_orbits():
    """Ground truth: ln(s_2 / s_1) of two orbits in 8192-bit balls, up to n = 10^1000."""
    times = [10**k for k in (2, 3, 5, 9, 15, 100, 1000)]
    logs = np.array([[log(n) for n in times]])
    n = np.array([[float(t) if t < 10**308 else inf for t in times]])
    for first, second, c in [(0.1, 0.7, 0.2), (2.0, 3.0, 0.2), (3.0, 2.0, 1e-3), (-2.0, 1.0, 2.0)]:
        with precision(8192):
            gaps = [
                inverted(second, c, t) - inverted(first, c, t) + exact(second) - exact(first)
                for t in times
            ]
            truth = [float(abs(gap).log()) for gap in gaps]
        one, two = (orbits(np.array([m]), np.log(np.array([c]))) for m in (first, second))
        level = (one.x - one.base)[:, None] + increments(one, n, logs)
        gap = (two.x - two.base)[:, None] + increments(two, n, logs) - level
        size, sign = log_gap(one, two, level, gap)
        assert (sign == float(np.sign(float(gaps[0].mid())))).all()
        off = np.abs(np.expm1(size[0] - truth))  # relative error of the gap itself
        assert (off < 1e-13 * np.maximum(1, np.abs(truth) / 100)).all()


def test_flow_is_the_exact_logarithm():
    """Ground truth: m(t) = ln(e^m_0 + c t) in balls, and the time at which it has risen by y."""
    for m, c in [(0.5, 1.0), (30.0, 0.1), (-3.0, 2.0)]:
        track = orbits(np.array([m]), np.log(np.array([c])), discrete=False)
        for t in (1e-9, 0.3, 7.0, 1e20, 1e300):
            with precision(BITS):
                truth = float((1 + exact(c) * exact(t) * (-exact(m)).exp()).log())
            rise = increments(track, np.array([[t]]), np.log([[t]]))
            assert relative_error(rise[0], [truth]) < 4e-15 * max(1, abs(m))
            assert relative_error(first_passage(track, rise[0])[0], [t]) < 1e-13 * max(1, abs(m))
