"""Simulated regimes and laws against proved ones: two codes that share nothing."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp

SMALL = [((1, 3), 8), ((0.5, -0.75), 10)]


def check(net: lp.ShallowReLU, data: lp.Dataset, step_size: float) -> bool:
    """Whether the regime is proved; then it and the law's constant must be the simulated ones."""
    method = lp.GradientDescent(step_size)
    proved = lp.certify(net, data, method, max_steps=50_000)
    if proved.verdict.name != "PROVED":
        return False
    found = lp.predict(net, data, method)
    assert found.regime is proved.regime, (net, data, step_size)
    if proved.constant is not None:
        lower, upper = map(float, proved.constant)
        slack = 1e-9 * abs(found.law.constant) + 1e-13
        assert lower - slack <= found.law.constant <= upper + slack, (net, data, step_size)
    return True


@pytest.mark.parametrize(("inputs", "trials"), SMALL, ids=str)
def test_small_starts_and_steps(inputs, trials):
    """Ground truth: `certify`; weights of 1e-2, kicks of 1e-4."""
    weights, biases = lp.initializers.small_normal(trials=trials, seed=0)
    data = lp.Dataset(inputs, [1, -1])
    nets = [lp.ShallowReLU(w, b) for w, b in zip(weights, biases, strict=True)]
    assert sum(check(net, data, 3e-5) for net in nets) > trials / 2


def test_kicks_that_are_small_but_not_against_the_neuron():
    """Ground truth: `certify`, both dead.  Chatter of 1e-4 decides whether neurons of 1e-4 live."""
    weights, biases = lp.initializers.small_normal(trials=44, seed=1)
    net = lp.ShallowReLU(weights[43], biases[43])
    assert check(net, lp.Dataset([-2, -3], [-1, 1]), 3e-5)
    net = lp.ShallowReLU([-6e-4, 1e-3], [0.0, -0.00185])
    assert check(net, lp.Dataset([-2, -3], [1, -1]), 2e-5)


@pytest.mark.parametrize(
    "inputs", [(1, -1), (3, -1), (0.5, -0.75), (0.1, -1), (0.9, -0.4)], ids=str
)
def test_random_problems(inputs):
    """Ground truth: `certify`, over starts of 1e-3 to 3 and steps of 1e-3 to 1."""
    rng, proved = np.random.default_rng(11), 0
    for _ in range(8):
        scale, step_size = 10 ** rng.uniform(-3, 0.5), 10 ** rng.uniform(-3, 0)
        weights, biases = np.round(scale * rng.normal(size=(2, 2)), 3)
        proved += check(lp.ShallowReLU(weights, biases), lp.Dataset(inputs, [1, -1]), step_size)
    assert proved >= 4
