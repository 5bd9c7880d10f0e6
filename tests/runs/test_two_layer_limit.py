"""What is asked of runs that train both layers: limit, passages, and who refuses."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from helpers import refusal, relative_error

PAIR = lp.Dataset([1.0, -1.0], [1, -1])
NET = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2], [0.9, -1.1], train_output=True)


@pytest.fixture(scope="module")
def run() -> lp.Run:
    return lp.simulate(NET, PAIR, lp.GradientFlow(), until="1e100", at=["1e10", "1e100"])


def test_the_limit_of_specialised_neurons(run):
    """Ground truth: by hand: theta_j a multiple of its point, |theta_j| = |v_j| = 2^(-1/4), and
    |p|^2 = 2 sum of the multipliers = 4 / sqrt(2)."""
    found = lp.limit(run)
    assert isinstance(found, lp.TwoLayerLimit)
    sizes = np.hypot(found.network.weights[:, 0], found.network.biases)
    assert relative_error(sizes, np.full(2, 2**-0.25)) < 1e-12
    assert relative_error(found.network.output_weights, [2**-0.25, -(2**-0.25)]) < 1e-12
    assert relative_error(found.multipliers, np.full(2, 2**-0.5)) < 1e-12
    assert relative_error(found.normalised_margin, 2**-1.5) < 1e-12
    assert found.kkt_residual < 1e-14
    assert found.exponents.tolist() == [0.5, 1.0]
    assert relative_error(found.imbalance, [0.5 - 0.81, 0.2 - 1.21]) < 1e-6
    assert found.imbalance_drift < 1e-9
    assert found.law == run.law


def test_the_asymptotic_network_and_its_picture(run):
    """Ground truth: the run itself far beyond; the zero of the limit is that of the law."""
    found = lp.limit(run)
    for t, apart in (("1e1000", 0.05), ("1e100000", 0.005)):
        said, is_ = found.network_at(t), run.network_at(t)
        assert relative_error(said.weights, is_.weights) < apart
        assert relative_error(said.output_weights, is_.output_weights) < apart
    assert "t > 1" in refusal(found.network_at, 1)
    (axes,) = found.plot().get_axes()
    (edge,) = [line for line in axes.get_lines() if line.get_label() == "boundary"]
    assert abs(edge.get_xdata()[0] - run.law.limit_boundary) < 1e-12
    assert "<svg" in found._repr_html_()


def test_passages_are_those_of_the_run(run):
    """Ground truth: the run itself, at the time said and just before."""
    when = run.when(deficit=0.03)
    before = lp.LogTime.from_log(when.log * 0.999, flow=True)
    seen = run.followed([before, when]).margin_deficit.values
    assert seen[0] > 0.03
    assert relative_error(seen[1], 0.03) < 1e-6


def test_times_that_no_run_comes_to():
    """Ground truth: the contract: one line that says how far runs go, and no NaN."""
    leaky = lp.ShallowReLU(
        [0.7, -0.4], [0.1, 0.2], [0.9, -1.1], train_output=True, negative_slope=0.5
    )
    run = lp.simulate(leaky, PAIR, lp.GradientFlow(), until=10, at=[10])
    assert "ln t = 1e+06" in refusal(run.at, lp.LogTime.from_log(1e15, flow=True))


def test_a_run_that_does_not_fit_has_no_limit():
    """Ground truth: dead neurons never fit a point."""
    dead = lp.ShallowReLU([1.0, -1.0], [-2.0, -2.0], train_output=True)
    run = lp.simulate(dead, PAIR, lp.GradientFlow(), until=10, at=[10])
    assert run.regime is lp.Regime.both_dead
    assert "loss tends to 0" in refusal(lp.limit, run)
