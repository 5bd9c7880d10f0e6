"""`predict` against the simulated run: regime, law, entry, steps to come within a distance."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest

import latephase as lp
from helpers import message_is_one_line, relative_error

DATA_SETS = [(1, -1), (2, -0.5), (3, -1), (-1, 2), (0.5, -0.7), (1, 3), (0.9, 0.3), (0, 1)]
NET = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
PLUS_MINUS = lp.Dataset([1, -1], [1, -1])


@pytest.mark.parametrize("inputs", DATA_SETS, ids=str)
def test_agrees_with_simulate(inputs):
    """Ground truth: the regime and the law of the run to 10^1000, five random networks."""
    data, method = lp.Dataset(inputs, [1, -1]), lp.GradientDescent(0.1)
    for seed in range(5):
        net = lp.ShallowReLU(*np.random.default_rng(seed).normal(size=(2, 2)))
        run = lp.simulate(net, data, method, until="1e1000", at=["1e1000"])
        found = lp.predict(net, data, method)
        assert found.outcome is run.outcome
        assert found.regime is run.regime
        assert (found.law is None) == (run.law is None)
        if run.law:
            assert relative_error(found.law.constant, run.law.constant) < 1e-12
            assert relative_error(found.law.offset, run.law.offset) < 1e-12
        assert (found.entry is None) == (found.regime is None)


def test_entry_into_the_specialised_regime():
    """Ground truth: the activation pattern of the simulated run just before and at the entry."""
    net = lp.ShallowReLU([0.4, -0.3], [1.1, 1.2])  # all four pre-activations are positive
    for inputs in [(1, -1), (3, -1), (2, -0.5)]:
        data, method = lp.Dataset(inputs, [1, -1]), lp.GradientDescent(0.01)
        entry = lp.predict(net, data, method).entry.value
        assert entry > 2
        path = lp.simulate(net, data, method, until=entry, at=[entry - 1, entry]).trajectory
        w, b = path.weights.values[:, :, 0], path.biases.values
        a = w[:, :, None] * np.array(inputs) + b[:, :, None]
        wrong = [sorted(side > 0 for side in (at[0, 1], at[1, 0])) for at in a]
        assert wrong[1] == [False, False]
        # For k12 < 0 the entry may be noticed some steps late, at the end of a chunk of steps.
        assert wrong[0] == [False, True] or inputs == (3, -1)


def deficit_at(net, data, method, log_t) -> float:
    """|x* - limit| of the simulated run."""
    t = lp.LogTime.from_log(log_t, flow=isinstance(method, lp.GradientFlow))
    run = lp.simulate(net, data, method, until=t, at=[t])
    return abs(float(run.trajectory.boundary[0]) - run.law.limit_boundary)


@pytest.mark.parametrize("inputs", [(1, -1), (3, -1), (-1, 2), (1, 3), (0.9, -0.4)], ids=str)
def test_steps_within(inputs):
    """Ground truth: the simulated boundary is eps away from its limit at the time predicted."""
    data, method = lp.Dataset(inputs, [1, -1]), lp.GradientDescent(0.1)
    a = np.array([[1.3, -0.2], [-0.45, 0.8]])
    w = (a[:, 0] - a[:, 1]) / (inputs[0] - inputs[1])
    net = lp.ShallowReLU(w, a[:, 0] - w * inputs[0])
    found = lp.predict(net, data, method)
    for eps in (1e-2, 1e-3, 1e-4):
        t = found.steps_within(eps * abs(found.law.constant))
        assert (
            relative_error(deficit_at(net, data, method, t.log), eps * abs(found.law.constant))
            < 1e-8
        )
        assert relative_error(t.log, 1 / eps - found.law.offset) < 1e-12


def test_steps_within_without_a_slow_constant():
    """Ground truth: x* = (A2 - A1) / (4 t ln 2t) of gradient flow, where C is exactly 0."""
    net, method = lp.ShallowReLU([-0.2, -0.45], [0.5, 0.65]), lp.GradientFlow()
    found = lp.predict(net, PLUS_MINUS, method)
    assert found.law.constant == 0.0
    a11, a12, a21, a22 = 0.3, 0.7, 0.2, 1.1
    apart = exp(a22) * np.cosh(a12) - exp(a11) * np.cosh(a21)
    for eps in (1e-12, 1e-50):
        t = found.steps_within(eps)
        there = log(apart) - log(4) - t.log - log(log(2) + t.log)
        assert relative_error(there, log(eps)) < 1e-8


def test_steps_within_a_distance_that_already_holds():
    """Ground truth: never before the entry, which lies beyond e^28 where all four units are on."""
    net = lp.ShallowReLU([14.5, -14.0], [15.5, 15.0])  # a = (30, 1; 1, 29)
    found = lp.predict(net, PLUS_MINUS, lp.GradientDescent(0.1))
    assert found.regime is lp.Regime.specialised
    assert found.entry.log > 28
    assert found.steps_within(1e3) == found.entry


def test_no_law_no_steps():
    """Ground truth: a dead neuron leaves the loss at 1: no boundary to come close to."""
    found = lp.predict(lp.ShallowReLU([1.0, 1.0], [0.0, -2.0]), PLUS_MINUS, lp.GradientDescent(0.1))
    assert found.regime is lp.Regime.one_dead
    assert found.law is None
    assert found.steps_within(0.1) is None


def test_phases_too_long_to_step_are_predicted():
    """Ground truth: neuron 1 is wrong and neuron 2 very right: e^(a22+a12) - e^(a22-a12) over
    2 eta k22 steps pass before it dies (leading order of the exact passage).
    """
    method = lp.GradientDescent(0.5)
    for level in (40.0, 300.0, 6654.0):
        a12 = 2.0
        net = lp.ShallowReLU([-3.0, -level / 2 - 1], [a12 - 3.0, level / 2 - 1])
        found = lp.predict(net, PLUS_MINUS, method)
        assert found.regime is lp.Regime.one_dead
        truth = level + log(exp(a12) - exp(-a12)) - log(2.0)
        assert relative_error(found.entry.log, truth) < 1e-12


@pytest.mark.parametrize("eps", [0.0, -1.0, float("nan"), float("inf"), "0.1"])
def test_bad_eps_is_refused(eps):
    """Ground truth: the contract on bad input."""
    with pytest.raises(lp.InputError) as caught:
        lp.predict(NET, PLUS_MINUS, lp.GradientDescent(0.1)).steps_within(eps)
    assert message_is_one_line(caught.value)


def test_networks_without_a_late_phase_are_refused():
    """Ground truth: the contract: three neurons have no known late phase."""
    with pytest.raises(lp.InputError) as caught:
        lp.predict(
            lp.ShallowReLU([1, 2, 3], [0, 0, 0], [1, -1, 1]), PLUS_MINUS, lp.GradientDescent(1)
        )
    assert message_is_one_line(caught.value)
