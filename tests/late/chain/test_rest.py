"""Gradient descent that comes to rest at a minimum at which no point is fitted."""

from __future__ import annotations

import math
import warnings
from functools import cache

import numpy as np
import pytest

import latephase as lp
from latephase.margin.sharpness import sharpness

APART = lp.Dataset([-1.0, 0.0, 1.0], [1, -1, 1])  # no line separates it
STEPS = 2000


def stepped(net: lp.ShallowReLU, data: lp.Dataset, step_size: float, logistic: bool, steps: int):
    """(w, b) after steps in extended precision, (m, 2): the definition, one operation at a time."""
    real, slope = np.longdouble, net.negative_slope
    theta = np.c_[net.weights, net.biases].astype(real)
    z = np.c_[data.inputs, np.ones(data.n)].astype(real)
    signs = np.outer(net.output_weights, data.labels).astype(real)
    for _ in range(steps):
        a = theta @ z.T
        gains = np.where(a > 0, real(1), real(slope))
        pulls = np.exp(-(signs * gains * a).sum(axis=0))
        pulls = pulls / (1 + pulls) if logistic else pulls
        theta = theta + (real(step_size) * pulls * signs * gains) @ z
    return theta.astype(float)


@cache
def at_minimum(m: int, slope: float, loss: str, share: float) -> lp.ShallowReLU:
    """A network whose neurons are active on all points, where short steps lead it, and a share of
    its start away from there."""
    weights, biases = np.array([[0.1], [-0.05], [0.02]])[:m], np.array([0.9, 0.6, 0.8])[:m]
    net = lp.ShallowReLU(weights, biases, [1, -1, 1][:m], negative_slope=slope)
    theta = stepped(net, APART, 0.1, loss == "logistic", STEPS) + share * np.c_[weights, biases]
    return lp.ShallowReLU(theta[:, :1], theta[:, 1], net.output_weights, negative_slope=slope)


SLOW = [pytest.param(share, marks=pytest.mark.campaign) for share in (0.1, 0.3, 0.6, 0.8)]


@pytest.mark.parametrize("share", [0.2, 0.99, *SLOW])
@pytest.mark.parametrize("loss", ["exponential", "logistic"])
@pytest.mark.parametrize(("m", "slope"), [(1, 0.0), (2, 1.0), (3, 0.1)])
def test_a_minimum_is_followed_to_any_horizon(m, slope, loss, share):
    """Ground truth: steps in extended precision, which have come to rest by then."""
    step_size = share * 2 / sharpness(at_minimum(m, slope, loss, 0.0), APART, loss)
    net, descent = at_minimum(m, slope, loss, 0.02), lp.GradientDescent(step_size)
    end = stepped(net, APART, step_size, loss == "logistic", STEPS)
    run = lp.simulate(net, APART, descent, loss=loss, at=[STEPS, "1e5", "1e1000"], until="1e1000")
    assert run.outcome is lp.Outcome.unfitted
    path = np.concatenate([run.trajectory.weights, run.trajectory.biases.values[..., None]], 2)
    off = np.linalg.norm(path - end, axis=2) / np.linalg.norm(end, axis=1)
    error = run.trajectory.error.values
    assert (off.max(axis=1) <= error).all()
    assert error.max() < (1e-8 if share > 0.1 else 1e-6)  # a flow comes to rest less exactly


def test_the_minimum_of_one_neuron():
    """Ground truth: w = 0 and 2 e^-b = e^b, where the loss is 2^(3/2); and two neurons there."""
    net = lp.ShallowReLU([[0.3]], [0.2], [1], negative_slope=1)
    run = lp.simulate(net, APART, lp.GradientDescent(0.3), at=["1e5"], until="1e5")
    assert run.outcome is lp.Outcome.unfitted
    assert float(run.trajectory.log_loss[0]) == pytest.approx(1.5 * math.log(2), rel=1e-12)
    assert float(run.trajectory.biases[0, 0]) == pytest.approx(math.log(2) / 2, rel=1e-9)


@pytest.mark.parametrize("share", [1.02, 1.1, 1.3])
def test_steps_beyond_two_over_sharpness_do_not_rest(share):
    """Ground truth: steps in extended precision: a cycle around the minimum, at which a flow would
    come to rest."""
    net = at_minimum(1, 1.0, "logistic", 0.02)
    step_size = share * 2 / sharpness(at_minimum(1, 1.0, "logistic", 0.0), APART, "logistic")
    descent, cycle = lp.GradientDescent(step_size), [1000, 1001]
    options = {"loss": "logistic", "max_steps": 20_000}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*sharpness")
        run = lp.simulate(net, APART, descent, at=cycle, until=20_000, **options)
        far = lp.simulate(net, APART, descent, at=["1e30"], until="1e30", **options)
    assert run.outcome is lp.Outcome.transient
    assert far.outcome is lp.Outcome.budget_exhausted
    ends = [stepped(net, APART, step_size, True, steps)[0, 1] for steps in cycle]
    assert abs(ends[1] - ends[0]) > 0.05
    off = np.abs(run.trajectory.biases.values[:, 0] - ends) / np.abs(ends)
    assert (off <= run.trajectory.error.values).all()
    assert run.trajectory.error.max() < 1e-6


@pytest.mark.parametrize("loss", ["exponential", "logistic"])
def test_a_start_at_a_minimum_that_steps_leave_does_not_rest(loss):
    """Ground truth: |1 - step size * sharpness| is 1.6 there: off by 1e-16, it is left for good,
    which float64 may miss, but not its error."""
    net = at_minimum(1, 1.0, loss, 0.0)
    descent = lp.GradientDescent(1.3 * 2 / sharpness(net, APART, loss))
    with pytest.warns(UserWarning, match="sharpness"):
        run = lp.simulate(net, APART, descent, loss=loss, at=[5000], until=5000)
    assert run.outcome is lp.Outcome.transient
    assert float(run.trajectory.error[0]) > 1
