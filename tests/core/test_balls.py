"""Balls: exact conversion, precision that is put back, errors that are bounds."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from flint import arb, ctx

from helpers import message_is_one_line
from latephase.core import InputError
from latephase.core.balls import (
    bounds,
    exact,
    float_bounds,
    length,
    precision,
    relative_error_upper,
    root,
)


@pytest.mark.parametrize("x", [0, 0.1, -3, 2**300 + 1, 5e-324, 1.7e308])
def test_exact_is_the_number_itself(x):
    """Ground truth: Fraction(x), whatever the precision in force."""
    with precision(20):
        assert bounds(exact(x)) == (Fraction(x), Fraction(x))


def test_a_fraction_is_enclosed_tightly():
    """Ground truth: the rational 1/3."""
    with precision(100):
        lower, upper = bounds(exact(Fraction(1, 3)))
    assert lower < Fraction(1, 3) < upper
    assert (upper - lower) * 3 < Fraction(1, 2**95)


@pytest.mark.parametrize("x", [math.nan, math.inf, -math.inf])
def test_exact_refuses_what_is_no_number(x):
    """Ground truth: no ball encloses it."""
    with pytest.raises(InputError) as caught:
        exact(x)
    assert message_is_one_line(caught.value)


def test_bounds_refuses_an_infinite_ball():
    """Ground truth: 1/[-1, 1] has no finite bounds."""
    with pytest.raises(InputError):
        bounds(arb(1) / arb(0, 1))


def test_precision_is_put_back_even_after_an_error():
    """Ground truth: the precision before the block."""
    before = ctx.prec
    with precision(before + 77):
        assert ctx.prec == before + 77
    assert ctx.prec == before
    with pytest.raises(ZeroDivisionError), precision(before + 77):
        _ = 1 / 0
    assert ctx.prec == before


@pytest.mark.parametrize("bits", [1, 0, -5])
def test_precision_refuses_too_few_bits(bits):
    """Ground truth: a ball needs a significand."""
    with pytest.raises(InputError), precision(bits):
        pass


def test_relative_error_upper_is_a_bound_and_sharp():
    """Ground truth: e to 200 bits against its float64, whose error is below half an ulp."""
    with precision(200):
        e = arb(1).exp()
        error = relative_error_upper(math.e, e)
        worse = relative_error_upper(math.e * (1 + 1e-10), e)
    assert 0 < error <= 2.0**-53
    assert 0.99e-10 < worse < 1.01e-10


def test_a_wide_ball_is_not_close():
    """Ground truth: a ball of radius 1 around 3 holds numbers a third away from its midpoint."""
    assert relative_error_upper(3.0, arb(3, 1)) >= 1 / 2
    assert relative_error_upper(2.0, arb(3, 1)) >= 1
    assert relative_error_upper(4.0, arb(3, 1)) >= 1


@pytest.mark.parametrize("bits", [53, 400])
def test_a_root_is_never_below_0(bits):
    """Ground truth: squares of the ends; balls that end at 0 are rounded to reach below it."""
    with precision(bits):
        for ball, upper in ((arb(0).union(exact(1e-5)), 1e-5), (arb(0, 1e-3).max(arb(0)), 1e-3),
                            (arb(1, 3), 4), (arb(0), 0), (exact(2), 2)):  # fmt: skip
            low, high = bounds(root(ball))
            assert low >= 0
            assert low**2 <= max(bounds(ball)[0], 0)
            assert upper <= high**2 <= upper * (1 + Fraction(1, 2**20))
    assert root(arb("nan")).is_nan()


def test_a_length_is_that_of_the_ends():
    """Ground truth: of (x, y), x in [-1, 3], y in [3, 5]: between 3 and the root of 9 + 25."""
    for size in (2.0**-40, 1.0, 2.0**40):
        low, high = bounds(length([arb(size, 2 * size), arb(-4 * size, size)]))
        assert 3 * (1 - 1e-8) <= low / Fraction(size) <= 3
        assert 34 <= (high / Fraction(size)) ** 2 <= 34 * (1 + 1e-8)
    assert bounds(length([arb(1, 2)]))[0] == 0
    assert length([]).is_zero()


@pytest.mark.parametrize(
    ("value", "ball", "error"),
    [(0.0, arb(0), 0.0), (1.0, arb(0), math.inf), (0.0, arb(0, 1), math.inf),
     (math.nan, arb(1), math.inf), (math.inf, arb(1), math.inf)],
)  # fmt: skip
def test_relative_error_upper_at_zero_and_infinity(value, ball, error):
    """Ground truth: zero must be met exactly, infinities and NaN are never close."""
    assert relative_error_upper(value, ball) == error


def test_outward_doubles_enclose_and_are_close():
    """Ground truth: the exact rational ends of the balls."""
    with precision(80):
        balls = [exact(x).exp() for x in (-700.0, -1.0, 0.0, 0.1, 1.0, 700.0)]
        balls += [-ball for ball in balls] + [arb(1, 1e-3), exact(0.1), exact(5e-324), arb(0)]
    lower, upper = float_bounds(balls)
    for ball, low, high in zip(balls, lower.tolist(), upper.tolist()):
        least, most = bounds(ball)
        assert Fraction(low) <= least <= most <= Fraction(high)
        assert Fraction(high) - Fraction(low) <= (most - least) + 6 * Fraction(math.ulp(high))


def test_outward_doubles_of_what_no_double_reaches():
    """Ground truth: e^1000 > 1.7e308, and nothing is known of 1/[-1, 1]."""
    lower, upper = float_bounds([exact(1000.0).exp(), -exact(1000.0).exp(), arb(1) / arb(0, 1)])
    assert upper[0] == upper[2] == math.inf
    assert lower[0] < math.inf
    assert lower[1] == lower[2] == -math.inf
    assert upper[1] > -math.inf
