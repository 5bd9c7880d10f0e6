"""What covers prove/tails: rates, flows and slides at all later times."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import latephase as lp
from latephase.certificates import certify
from latephase.certificates.file.record import record
from latephase.core.balls import exact, precision, whole_part
from samples.certificates import with_preactivations

PM1 = lp.Dataset([1, -1], [1, -1])
GD = lp.GradientDescent(0.1)
TRAINED = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])


def test_rate_from_a_time_is_tighter_the_later_it_is():
    """Ground truth: the limit |C| = 0.2 of |x*| ln t, which all bounds enclose."""
    found, width = lp.certify(TRAINED, PM1, GD), Decimal(1)
    for t in ("1e3", "1e100", "1e1000", "1e20000"):
        lower, upper, since, clock = found.rate_from(t)
        assert (since.text, clock) == (t, "ln t")
        assert lower < Decimal("0.2") < upper
        assert upper - lower < width / 2
        width = upper - lower
    with pytest.raises(lp.InputError, match="later"):
        found.rate_from(2)


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


def test_times_that_only_logarithms_hold_are_enclosed():
    """Ground truth: the law itself, x* = C/(ln t + beta), whose remainder is below 10^-19990."""
    found = lp.certify(lp.ShallowReLU([0.75, -0.5], [0, 0]), PM1, GD)
    lower, upper = found.deficit("1e20000")
    with precision(256):
        log_t = 20000 * exact(10).log()
        law = exact(0.125) / (log_t + exact(2 * 0.1).log() + exact(0.625))  # p2 = -1/2, q1 = -3/4
        assert exact(Fraction(lower)) <= law
        assert law <= exact(Fraction(upper))
    assert (upper - lower) / lower < Decimal("1e-14")


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


@pytest.mark.parametrize("large", [1e9, 1e15, 1e20, 1e300])
def test_a_landing_beyond_reach_is_undecided(large):
    """Ground truth: e^(2 large) steps; FLINT would end the process over such an integer."""
    found = lp.certify(with_preactivations(3, large, -5, large), PM1, lp.GradientFlow())
    assert found.verdict is lp.Verdict.UNDECIDED
    assert "lands later" in found.reason
    with precision(64):
        assert whole_part(exact(2.0**40).exp()) is None


@pytest.mark.parametrize(
    ("weights", "biases"), [([0.7, -0.4], [0.1, 0.2]), ([0.3, -0.2], [1.0, 0.9])]
)
@pytest.mark.parametrize("points", [(1, -1), (2, -0.5)])
def test_flow_follows_a_solver(points, weights, biases):
    """Ground truth: SciPy's DOP853 at a relative tolerance of 1e-12, stopped at the kinks."""
    from scipy.integrate import solve_ivp

    network, data = lp.ShallowReLU(weights, biases), lp.Dataset(points, [1, -1])
    found = certify(network, data, lp.GradientFlow())
    x = np.array(points, float)

    def slope(_, theta):
        w, b = theta[:2], theta[2:]
        a = np.outer(w, x) + b[:, None]
        active, r = a > 0, np.maximum(a, 0)
        pull = np.exp([r[1, 0] - r[0, 0], r[0, 1] - r[1, 1]]) * [1, -1]
        outer = np.array([1, -1])[:, None] * active * pull
        return np.concatenate([outer @ x, outer.sum(axis=1)])

    for t in (0.125, 1.0, 30.0):
        options = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-14, "max_step": 1e-3 * max(t, 1)}
        theta = solve_ivp(slope, (0, t), [*weights, *biases], **options).y[:, -1]
        a = np.outer(theta[:2], x) + theta[2:, None]
        enclosed = np.array(found.preactivations(t), float).mean(axis=-1)
        # Relative to the largest; the solver steps over the kink, hence no more digits.
        assert np.abs(enclosed - a).max() / np.abs(a).max() < 2e-4


def test_flow_with_both_wrong_sides_positive_has_no_constant():
    """Ground truth: theory.md, section 3: GF lands on 0 exactly and x* ~ (A2 - A1)/(4 t ln 2t)."""
    network, data = lp.ShallowReLU([0.3, -0.2], [1.0, 0.9]), lp.Dataset([1, -1], [1, -1])
    found = certify(network, data, lp.GradientFlow())
    assert found.constant == (0, 0)
    (a11, a12), (a21, a22) = [[w + b, b - w] for w, b in ((0.3, 1.0), (-0.2, 0.9))]
    apart = abs(np.exp(a22) * np.cosh(a12) - np.exp(a11) * np.cosh(a21)) / 4
    lower, upper, _, clock = found.rate
    assert clock == "t ln t"
    assert float(lower) <= apart <= float(upper)
    lower, upper = found.deficit("1e200")
    with precision(128):
        t = exact(10**200)
        value = (exact(float(apart)) / (t * (2 * t).log())).abs_upper()
        assert abs(float(exact(Fraction(lower)) / value) - 1) < 1e-14
    assert (upper - lower) / lower < Decimal("1e-12")
