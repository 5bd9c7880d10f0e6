"""Starts at the edge of arithmetic, against brute force, exact scaling and each other."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from helpers import relative_error
from references.two_neurons import distance, reference_run


def data_and_net(inputs, weights, biases) -> tuple[lp.Dataset, lp.ShallowReLU]:
    return lp.Dataset([float(x) for x in inputs], [1, -1]), lp.ShallowReLU(weights, biases)


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e160, 1e300])
def test_zeros_do_not_move_with_the_scale_of_the_network(scale):
    """Ground truth: the margin 10/11 and boundary 1/11 of the network at scale 1, by hand."""
    data, net = data_and_net([1, -1], np.array([0.7, -0.4]) * scale, np.array([0.1, 0.2]) * scale)
    path = lp.simulate(net, data, lp.GradientDescent(0.1), until=0).trajectory
    assert relative_error(lp.robustness_margin(net, data), 10 / 11) < 1e-12
    assert relative_error(float(path.robustness_margin[0]), 10 / 11) < 1e-12
    assert relative_error(float(path.boundary[0]), 1 / 11) < 1e-12


@pytest.mark.parametrize(("max_steps", "rigour"), [(10**6, "exact"), (50_000, "estimated")])
def test_coupled_phase_of_small_steps(max_steps, rigour):
    """Ground truth: balls.  The phase 1101 lasts 209,715 steps here; no shortcut may end it, and
    where it is not stepped through modes follow it."""
    weights = [0.0023145682776247976, 0.019463421346064696]
    biases = [0.1833901634970986, 0.17419975764213134]
    data, net = data_and_net([5, -0.2], weights, biases)
    asked = {"until": 180_000, "at": [180_000], "max_steps": max_steps}
    run = lp.simulate(net, data, lp.GradientDescent(1e-6), **asked)
    truth = reference_run(weights, biases, (5, -0.2), (1, -1), 1e-6, [180_000])[180_000]
    off = distance(run.trajectory.weights.values[0, :, 0], run.trajectory.biases.values[0], truth)
    assert off <= run.trajectory.error.values[0] < 1e-9
    assert run.trajectory.rigour.values[0] == rigour


@pytest.mark.parametrize(
    ("inputs", "step_size", "weights", "biases"),
    [
        ((0, -2), 2.0, [0.7786903766761788, -4.237143646415326], [0.0, 0.0]),
        ((3, -1 / 3), 0.1, [-0.590434943289043, -1.0560789503141859], [0.0, 0.0]),
    ],
)
def test_prediction_agrees_where_kicks_outlast_float64(inputs, step_size, weights, biases):
    """Ground truth: the simulated run to 10^1000, whose regime does not depend on the horizon."""
    data, net = data_and_net(inputs, weights, biases)
    method = lp.GradientDescent(step_size)
    run = lp.simulate(net, data, method, until="1e1000", at=["1e1000"])
    assert lp.predict(net, data, method).regime is run.regime is lp.Regime.one_dead
    assert np.isfinite(run.trajectory.error.values).all()


def test_a_kink_left_by_less_than_an_ulp():
    """Ground truth: balls.  k12 = 5.6e-17 moves neuron 1 off its kink by less than an ulp."""
    weights, biases = [1.0, 0.5], [1 / 3, 0.25]
    data, net = data_and_net([3, -1 / 3], weights, biases)
    path = lp.simulate(net, data, lp.GradientDescent(0.1), until=1000, at=[1000]).trajectory
    truth = reference_run(weights, biases, (3, -1 / 3), (1, -1), 0.1, [1000])[1000]
    off = distance(path.weights.values[0, :, 0], path.biases.values[0], truth)
    assert off <= path.error.values[0]
    assert off <= 1e-12 or path.rigour.values[0] == "estimated"
