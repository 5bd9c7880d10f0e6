"""Where a proof could claim what is false: each case was found by a review, and is mended."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction

import pytest

import latephase as lp
from latephase.certificates.check.late import Slide
from latephase.certificates.check.path import EXACT, FollowedPath, StatedProblem, Wrong
from latephase.certificates.file.decimals import decimal
from latephase.certificates.file.numbers import rational
from latephase.certificates.file.record import record
from latephase.certificates.prove.system import System
from latephase.certificates.prove.walk.sandwich import Sandwich, holds
from latephase.certificates.prove.walk.step import start
from latephase.core.balls import exact, precision, whole_part

PM1 = lp.Dataset([1, -1], [1, -1])


def network(a11: float, a12: float, a21: float, a22: float) -> lp.ShallowReLU:
    """The network with these pre-activations on x = +-1."""
    weights = [(a11 - a12) / 2, (a21 - a22) / 2]
    return lp.ShallowReLU(weights, [(a11 + a12) / 2, (a21 + a22) / 2])


def misled() -> tuple[lp.ShallowReLU, lp.Dataset, lp.GradientDescent, Sandwich]:
    """Kinks held by bands so wide that a21 > a11: x1 is misclassified, the deficit the optimum."""
    x1, x2, ratio = 1.0, -0.999, (1 - 0.999) / 2
    a11, a12, a21, a22 = 0.15, 1e-12, 0.5, 0.15 + ratio * 0.5
    w1, w2 = (a11 - a12) / (x1 - x2), (a21 - a22) / (x1 - x2)
    net = lp.ShallowReLU([w1, w2], [a11 - w1 * x1, a21 - w2 * x1])
    # All conditions hold but those on the right sides: they were forgotten once.
    bands = (0.0008264243225779928, 1.0017287554198377, 290894539.23598737, 1.6525749426883107)
    constants = Sandwich(0, *map(Fraction, (581207870.6013734, 0.999, 1.83, *bands)))
    return net, lp.Dataset([x1, x2], [1, -1]), lp.GradientDescent(1e-9), constants


def test_a_sandwich_around_a_misclassified_point_is_none():
    """Ground truth: N(x1) = 0.15 - 0.5 < 0 at the start, and a step is below 1e-9."""
    net, data, method, constants = misled()
    system = System.of(net, data, method)
    with precision(192):
        assert not holds(system, start(system), exact(system.step), constants)


def test_the_checker_refuses_a_sandwich_around_a_misclassified_point():
    """Ground truth: as above; the checker's own conditions."""
    net, data, method, constants = misled()
    problem = record(lp.certify(net, data, method, max_steps=0))["problem"]
    names = ("sigma", "theta", "top", "up_p", "low_p", "up_r", "low_r")
    claim = {name: rational(getattr(constants, name)) for name in names}
    with precision(EXACT):
        exactly = StatedProblem(problem)
    with precision(192), pytest.raises(Wrong, match="not be on its side"):
        Slide(FollowedPath(exactly, []), claim)


def test_a_near_end_at_a_huge_level_is_not_passed_over():
    """Ground truth: by hand: a21 = 2^-38 is gone at once, long before the other margin moves."""
    net = network(10001, 5000, 2**-38, 4990)
    found = lp.certify(net, PM1, lp.GradientDescent(0.1))
    assert found.verdict is lp.Verdict.UNDECIDED
    assert "beyond e^10000" in found.reason


def test_a_rate_is_not_claimed_before_its_time():
    """Ground truth: 600-bit brute force: |x*(260)| ln 260 = 0.0116989647, below the constant."""
    net = lp.ShallowReLU(
        [117.5633282661438, -118.0633282661438], [117.0633282661438, 116.5633282661438]
    )
    found = lp.certify(net, PM1, lp.GradientDescent(1e100))
    lower, _, since, _ = found.rate
    assert since.value == 261
    for t in (261, 262, 300):
        assert found.boundary(t)[0].copy_abs() * Decimal(lp.LogTime.parse(t).log) > lower


@pytest.mark.parametrize("large", [1e9, 1e15, 1e20, 1e300])
def test_a_landing_beyond_reach_is_undecided(large):
    """Ground truth: e^(2 large) steps; FLINT would end the process over such an integer."""
    found = lp.certify(network(3, large, -5, large), PM1, lp.GradientFlow())
    assert found.verdict is lp.Verdict.UNDECIDED
    assert "lands later" in found.reason
    with precision(64):
        assert whole_part(exact(2.0**40).exp()) is None


def significand(x: Decimal) -> Fraction:
    """x / 10^floor(log10 x)."""
    digits = x.as_tuple().digits
    return Fraction(int("".join(map(str, digits))), 10 ** (len(digits) - 1))


def test_decimals_of_any_size_are_rounded_outward():
    """Ground truth: log10 of the number in 200 bits, on either side of what decimals can hold."""
    mantissa, exponent = 2**127 + 1, -1660964047443681084
    low, high = (decimal(mantissa, exponent, 40, way) for way in (ROUND_FLOOR, ROUND_CEILING))
    with precision(300):
        log10 = (exact(mantissa).log() + exponent * exact(2).log()) / exact(10).log()
        whole = whole_part(log10)
        part = ((log10 - whole) * exact(10).log()).exp()
        assert low.adjusted() == high.adjusted() == whole
        assert exact(significand(low)) <= part
        assert part <= exact(significand(high))
    assert decimal(1, -(2**70), 40, ROUND_CEILING) > 0 == decimal(1, -(2**70), 40, ROUND_FLOOR)
    assert decimal(-1, 2**70, 40, ROUND_FLOOR) == Decimal("-Infinity")
    assert decimal(1, 2**70, 40, ROUND_FLOOR) < Decimal("Infinity")


def test_bounds_that_are_exact_numbers_are_verified_too():
    """Ground truth: equal orbits on x = +-2, where the bound of the rate is exactly 5."""
    net = lp.ShallowReLU([-2, 4], [2, -2], [-1, 1])
    found = lp.certify(net, lp.Dataset([2, -2], [1, -1]), lp.GradientDescent(0.125))
    assert lp.verify(record(found)).valid


@pytest.mark.parametrize("step_size", [1e-9, 1e-6, 1e-3])
def test_slides_of_small_steps_are_enclosed_from_their_entry_on(step_size):
    """Ground truth: the optimum bounds every deficit; the checker derives all three again."""
    data, checked = lp.Dataset([0.9, -0.9], [1, -1]), 0
    weights, biases = lp.initializers.standard_normal(trials=40, seed=2)
    for w, b in zip(weights, biases, strict=True):
        found = lp.certify(
            lp.ShallowReLU(w, b), data, lp.GradientDescent(step_size), max_steps=2000
        )
        if found.regime is lp.Regime.double_slide:
            lower, upper = found.deficit(found.entry_step + 1)
            assert 0 <= lower <= upper <= Decimal("0.9000000000000001")
            assert lp.verify(record(found)).valid
            checked += 1
    assert checked or step_size < 1e-3
