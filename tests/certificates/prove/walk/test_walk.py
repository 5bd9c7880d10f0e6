"""What covers prove/walk: signs, long phases, kicks and the sandwich."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

import latephase as lp
from latephase.certificates import certify
from latephase.certificates.prove.system import System
from latephase.certificates.prove.walk.sandwich import holds
from latephase.certificates.prove.walk.step import positive, start
from latephase.certificates.verdict import Undecided
from latephase.core.balls import exact, plus_minus, precision
from samples.certificates import misled, with_preactivations

PM1 = lp.Dataset([1, -1], [1, -1])
GD = lp.GradientDescent(0.1)


def test_a_sign_that_is_open_is_never_taken_for_closed():
    """Ground truth: a ball around 0 has both signs in it."""
    with pytest.raises(Undecided, match="sign"):
        positive(plus_minus(exact(1e-30)))
    assert positive(exact(1e-300)) is True
    assert positive(exact(0)) is False


def test_the_step_budget_is_a_reason():
    """Ground truth: a run that needs more than the steps allowed."""
    found = lp.certify(lp.ShallowReLU([0.3, -0.2], [1, 0.9]), PM1, GD, max_steps=3)
    assert found.verdict is lp.Verdict.UNDECIDED
    assert "step budget" in found.reason


def test_a_phase_of_ten_to_the_22_steps_ends_at_a_proved_step():
    """Ground truth: the end of the phase by logarithms: the margin must reach a11 + a21."""
    network, data = lp.ShallowReLU([3.0, -3.5], [25, 25.5]), lp.Dataset([1, -1], [1, -1])
    found = certify(network, data, lp.GradientDescent(0.1))
    # u <- u + 4 eta e^-u takes (e^u_end - e^u_start)/(4 eta) steps up to a logarithm
    expected = max((np.exp(r + w) - np.exp(r - w)) / 0.4 for r, w in ((28.0, 22.0), (29.0, 22.0)))
    assert abs(found.entry_step / expected - 1) < 1e-9
    lower, upper = found.constant
    assert 0 < (upper - lower) / abs(lower) < Decimal("1e-20")


def test_a_near_end_at_a_huge_level_is_not_passed_over():
    """Ground truth: by hand: a21 = 2^-38 is gone at once, long before the other margin moves."""
    net = with_preactivations(10001, 5000, 2**-38, 4990)
    found = lp.certify(net, PM1, lp.GradientDescent(0.1))
    assert found.verdict is lp.Verdict.UNDECIDED
    assert "beyond e^10000" in found.reason


def test_a_kick_that_kills_is_not_survived():
    """Ground truth: by hand: the first kick lifts w to 1.4, the next step takes 6 off a = 2.4."""
    data = lp.Dataset([0.5, -0.5], [1, -1])
    network = lp.ShallowReLU([0.051, 0.1], [0.0245, -1.0])
    found = lp.certify(network, data, lp.GradientDescent(2.0))
    assert found.regime is lp.Regime.both_dead
    assert found.entry_step == 2


def test_a_sandwich_around_a_misclassified_point_is_none():
    """Ground truth: N(x1) = 0.15 - 0.5 < 0 at the start, and a step is below 1e-9."""
    net, data, method, constants = misled()
    system = System.of(net, data, method)
    with precision(192):
        assert not holds(system, start(system), exact(system.step), constants)
