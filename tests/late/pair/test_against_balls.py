"""The fast-forward against brute force: every step done in 192-bit balls."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from helpers import relative_error
from references.two_neurons import distance, fatou_reference, margin_distance, reference_run

# k12 = 0, 0, < 0, < 0, > 0 (double slide), > 0 (single slide), < 0 and label order, > 0
DATA = [(1, -1), (2, -0.5), (3, -1), (2, -3), (0.5, -0.5), (1, 3), (-1, 2), (0.3, 0.9)]
STEP_SIZES = [1e-6, 1e-3, 0.1, 0.5, 2.0]
EXACT = 1e-12


def start(seed: int, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    weights, biases = scale * np.random.default_rng(seed).normal(size=(2, 2))
    return weights, biases


def sampled(horizon: int) -> list[int]:
    """0, 1, 2, 3, 5, 10, 18, ... up to the horizon: four samples per decade."""
    return sorted({0, 1, 2, horizon, *np.geomspace(3, horizon, 4 * len(str(horizon))).astype(int)})


def check(inputs, step_size, network, horizon, labels=(1, -1)) -> lp.Run:
    """Compare a run with brute force at every sample; at least the first one is exact."""
    weights, biases = network
    times = [int(t) for t in sampled(horizon)]
    net, data = lp.ShallowReLU(weights, biases), lp.Dataset(inputs, labels)
    method = lp.GradientDescent(step_size)
    try:
        truth = reference_run(weights, biases, inputs, labels, step_size, times)
    except OverflowError:
        run = lp.simulate(net, data, method, until=horizon, at=times)
        assert run.outcome is lp.Outcome.overflowed
        return run
    run = lp.simulate(net, data, method, until=horizon, at=times)
    path = run.trajectory
    rigour = [str(value) for value in path.rigour.values]
    assert rigour[0] == "exact"
    for i, t in enumerate(times):
        off = distance(path.weights.values[i, :, 0], path.biases.values[i], truth[t])
        assert off <= path.error.values[i], f"step {t}: off by {off}, said {path.error.values[i]}"
        assert off <= EXACT or rigour[i] != "exact", f"step {t}: off by {off}, said to be exact"
        q = margin_distance(
            path.weights.values[i, :, 0], path.biases.values[i], inputs, labels, truth[t]
        )
        assert q <= path.margin_error.values[i], f"step {t}: margins off by {q}"
        assert q <= EXACT or rigour[i] != "exact", f"step {t}: margins off by {q}"
        if rigour[i] == "exact" and np.isfinite(path.boundary.values[i]):
            assert boundary_distance(float(path.boundary[i]), inputs, truth[t]) <= 1e-9
    return run


def boundary_distance(boundary: float, inputs, truth) -> float:
    """Distance from the true x*, in gaps between the inputs, relative to how steep N is there."""
    w1, b1, w2, b2 = truth
    steepness = float(abs(w1 - w2) / (abs(w1) + abs(w2)))
    off = abs(float((b2 - b1) / (w1 - w2)) - boundary)
    return off / abs(inputs[0] - inputs[1]) * steepness / (1 + abs(boundary))


@pytest.mark.parametrize("step_size", STEP_SIZES)
@pytest.mark.parametrize("inputs", DATA, ids=str)
def test_random_networks(inputs, step_size):
    """Ground truth: 3,000 steps in 192-bit balls, three random networks."""
    for seed in range(3):
        check(inputs, step_size, start(seed), 3_000)


@pytest.mark.parametrize("inputs", DATA, ids=str)
def test_wide_and_narrow_starts(inputs):
    """Ground truth: 3,000 steps in 192-bit balls; pre-activations of about 3 and about 0.01."""
    for seed, scale in [(10, 3.0), (11, 3.0), (12, 0.01), (13, 0.01)]:
        check(inputs, 0.1, start(seed, scale), 3_000)


@pytest.mark.parametrize("step_size", [1e-6, 0.2])
@pytest.mark.parametrize("inputs", DATA, ids=str)
def test_long_runs(inputs, step_size):
    """Ground truth: 20,000 steps in 192-bit balls."""
    check(inputs, step_size, start(20), 20_000)


@pytest.mark.parametrize("inputs", [*DATA[:7:2], (1, 3)], ids=str)
def test_hundred_thousand_steps(inputs):
    """Ground truth: 100,000 steps in 192-bit balls."""
    check(inputs, 0.3, start(21), 100_000)


def test_jump_far_over_a_kink():
    """Ground truth: 3,000 steps in balls; the first step takes a wrong side from 6 to -43."""
    run = check((1, -1), 0.2, ([0.75, 2.8], [-0.25, 3.2]), 3_000)
    assert run.regime is lp.Regime.specialised
    frozen = run.trajectory.weights.values[-1, 1, 0] + run.trajectory.biases.values[-1, 1]
    assert run.law is not None
    assert relative_error(run.law.constant, (frozen + 1.0) / 2) < 1e-12


def test_no_biases():
    """Ground truth: 3,000 steps in 192-bit balls; both kinks start at the origin."""
    for inputs in DATA:
        weights, biases = start(30)
        check(inputs, 0.1, (weights, 0.0 * biases), 3_000)


def test_starts_on_a_kink():
    """Ground truth: 3,000 steps in 192-bit balls; a_11 or a_12 is exactly 0 at the start."""
    for inputs in DATA:
        check(inputs, 0.1, ((0.5, -0.75), (-0.5 * inputs[0], 0.25)), 3_000)
        # With x1 x2 = -1 a_12 stays exactly 0 for ever, which no ball around w, b can decide.
        if inputs[0] * inputs[1] != -1:
            check(inputs, 0.1, ((0.5, -0.75), (-0.5 * inputs[1], 0.25)), 3_000)


def test_metastable_wrong_sides():
    """Ground truth: 80,000 steps in 192-bit balls; neuron 1 is active on the wrong point only, and
    neuron 2 is so right there that nothing moves for 54,056 steps.
    """
    weights, biases = (-2.0, -4.5), (0.0, 3.5)  # a_12 = 2, a_22 = 8, a_11 < 0, a_21 < 0
    run = check((1, -1), 0.5, (weights, biases), 80_000)
    active = run.trajectory.weights.values[:, 0, 0] * -1 + run.trajectory.biases.values[:, 0] > 0
    assert active[0]
    assert not active[-1]


def test_label_order_does_not_matter():
    """Ground truth: 3,000 steps in 192-bit balls, with the point labelled -1 first."""
    for inputs in [(-1, 1), (0.9, 0.3), (-0.5, 0.5)]:
        check(inputs, 0.1, start(40), 3_000, labels=(-1, 1))


def test_fatou_coordinate_against_iteration():
    """Ground truth: 66-digit iteration of m <- m + c e^-m, 10^5 steps.

    One neuron on (1, -1) with the other dead: a_11 moves by eta k_11 e^-a_11.
    """
    times = [1, 10, 1_000, 100_000]
    for m, eta in [(0.01, 5.0), (0.5, 0.1), (12.0, 1e-3)]:
        net = lp.ShallowReLU([m / 2 + 1, 0.0], [m / 2 - 1, -1.0])
        run = lp.simulate(
            net, lp.Dataset([1, -1], [1, -1]), lp.GradientDescent(eta), until=times[-1], at=times
        )
        level = run.trajectory.weights.values[:, 0, 0] + run.trajectory.biases.values[:, 0]
        truth = fatou_reference(m, 2 * eta, times)
        assert relative_error(level, [float(truth[t]) for t in times]) < 1e-13
