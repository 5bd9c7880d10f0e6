"""Intervals of integers against exact fractions, and against balls of many more bits."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from latephase.certificates.check.rational import elementary
from latephase.certificates.check.rational.interval import Dyadic, Interval
from latephase.certificates.check.rational.late import log1p
from latephase.certificates.check.rational.orbit import coefficients, inverse, phi, remainder
from latephase.core.balls import arb, point, precision

OPERATIONS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
}


def dyadic(rng: random.Random, most: int = 400) -> Dyadic:
    """A number of up to 200 bits, of either sign, from 2^-most to 2^most; at times 0."""
    m = rng.getrandbits(rng.choice([0, 1, 3, 53, 200])) * rng.choice([-1, 1])
    return Dyadic(m, rng.randint(-most, most) - m.bit_length())


def interval(rng: random.Random, bits: int) -> Interval:
    low = dyadic(rng)
    wide = dyadic(rng) if rng.random() < 0.5 else Dyadic(0, 0)
    return Interval(low, low, bits).widened(Interval(wide, wide, bits))


def value(x: Dyadic) -> Fraction:
    return Fraction(x.m) * Fraction(2) ** x.e


def ends(x: Interval) -> tuple[Fraction, Fraction]:
    return value(x.low), value(x.high)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_encloses_and_is_narrow(name: str) -> None:
    """Ground truth: exact fractions at the ends, of which one is the least and one the largest."""
    rng, bits, operation = random.Random(1), 96, OPERATIONS[name]
    seen = 0
    for _ in range(3000):
        x, y = interval(rng, bits), interval(rng, bits)
        try:
            low, high = ends(operation(x, y))
        except ZeroDivisionError:
            assert name == "/"
            assert ends(y)[0] <= 0 <= ends(y)[1]
            continue
        exact = [operation(a, b) for a in ends(x) for b in ends(y)]
        assert low <= min(exact) <= max(exact) <= high
        for got, due in (low, min(exact)), (high, max(exact)):
            assert abs(got - due) <= abs(due) / 2 ** (bits - 2)
        seen += 1
    assert seen > 1500


def test_an_order_is_certain() -> None:
    """Ground truth: exact fractions; 2^(10^18) beside 2^-(10^18) takes no memory."""
    rng = random.Random(2)
    for _ in range(3000):
        x, y = interval(rng, 96), interval(rng, 96)
        (a, b), (c, d) = ends(x), ends(y)
        assert ((x < y), (x <= y), (x > y), (x >= y)) == (b < c, b <= c, a > d, a >= d)
        assert ends(x.at_least(y)) == (max(a, c), max(b, d))
        assert ends(x.at_most(y)) == (min(a, c), min(b, d))
    huge, tiny = (Interval(Dyadic(1, e), Dyadic(1, e), 96) for e in (10**18, -(10**18)))
    assert tiny < huge
    assert huge + tiny >= huge
    assert not huge + tiny > huge
    assert huge - tiny <= huge
    assert not huge - tiny < huge
    assert tiny > 0
    assert huge * tiny >= 1 >= huge * tiny


@pytest.mark.parametrize("bits", [64, 192, 512, 1500])
@pytest.mark.parametrize("name", ["exp", "log", "log1p"])
def test_exp_and_log_enclose_and_are_narrow(name: str, bits: int) -> None:
    """Ground truth: Arb, by other series, at 700 bits more."""
    rng = random.Random(f"{name}{bits}")
    for _ in range(1000 if bits < 500 else 100):
        x = dyadic(rng, 40 if name == "exp" else 300)
        if name == "exp" and rng.random() < 0.1:
            x = Dyadic(rng.choice([-1, 1]), rng.choice([-(10**18), -bits, -40, 40, 63]))
        if name == "log1p":
            x = Dyadic(x.m, -rng.randint(0, 300) - x.m.bit_length())  # |x| < 1
        if (name == "log" and x.m <= 0) or (name == "log1p" and value(x) <= Fraction(-1, 2)):
            continue
        at = Interval(x, x, bits)
        got = log1p(at) if name == "log1p" else getattr(at, name)()
        low, high = point(*got.low), point(*got.high)
        with precision(bits + 700):
            due = getattr(point(*x), name)()
            assert low <= due
            assert due <= high
            size = abs(due) if name != "log" else abs(due).max(arb(1))  # ln of what is near 1
            assert high - low <= size * point(1, 12 - bits)


def test_a_logarithm_of_what_may_be_0_and_an_exponential_that_is_too_large() -> None:
    """Ground truth: there is none, and one that nobody could store."""
    with pytest.raises(ValueError, match="may be 0"):
        Interval(Dyadic(0, 0), Dyadic(1, 0), 64).log()
    with pytest.raises(OverflowError):
        Interval.of(2**65, 64).exp()


def test_the_fatou_coordinate() -> None:
    """Ground truth: docs/theory.md, section 4: a_1 ... a_8 and R_K; and one step of the map."""
    published = [(1, 6), (1, 16), (19, 540), (1, 48), (41, 4200), (37, 103680)]
    published += [(-18349, 3175200), (-443, 80640)]
    assert list(coefficients()[:8]) == [Fraction(*x) for x in published]
    assert Fraction("7.7e-15") < value(remainder(8, 20).high) < Fraction("7.85e-15")
    assert Fraction("5.1e-29") < value(remainder(24, 20).high) < Fraction("5.3e-29")
    for level, terms in (20, 24), (50, 64):
        s = Interval.of(Fraction(2 * level + 1, 2), 256)
        step = s * (1 / s).exp()
        off = phi(step, terms, level) - phi(s, terms, level) - 1
        assert off <= 2 * remainder(terms, level)
        assert off >= -2 * remainder(terms, level)
        assert abs(off) > 2 * remainder(terms, level) / 2**30
        back = inverse(phi(s, terms, level), terms, level)
        assert back <= s + Fraction(1, 2**240)
        assert back >= s - Fraction(1, 2**240)


@pytest.mark.parametrize("t", [10**3, 10**30, 10**1000])
def test_phi_is_inverted_at_any_size(t: int) -> None:
    """Ground truth: Phi itself of the two ends, between which the phase must lie."""
    phase = Interval.of(t, 256)
    s = inverse(phase, 64, 20)
    low, high = Interval(s.low, s.low, 600), Interval(s.high, s.high, 600)
    assert phi(low, 64, 20) <= t
    assert phi(high, 64, 20) >= t
    assert s.width <= s / 2**240


@pytest.mark.parametrize("up", [False, True])
def test_a_bound_is_one_at_its_own_precision(up: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ground truth: Arb at 400 bits more; with large arguments, and a guess of 20 bits for log."""
    rng, places = random.Random(3), 96
    for _ in range(300):
        x = rng.randint(-(2**40), 2**40) << places | rng.getrandbits(places)
        m, e = elementary.exp(x, places, up)
        with precision(600):
            due = point(x, -places).exp()
            assert point(m, e) >= due if up else point(m, e) <= due
    near = elementary._near_log

    def guess(f: int, n: int) -> int:
        return (near(f, n) >> n - 20) + rng.randint(0, 1) << n - 20

    monkeypatch.setattr(elementary, "_near_log", guess)
    for _ in range(300):
        f = (1 << places) + rng.getrandbits(places)
        found = point(elementary.log(f, places, up), -places)
        with precision(600):
            due = point(f, -places).log()
            assert found >= due if up else found <= due
            assert abs(found - due) <= point(1, -56)
