"""Points that pull one another far more than what moves them: far off, or all at the origin."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import latephase as lp
from helpers import relative_error
from latephase.late.layered.dynamics import LayeredDynamics
from latephase.late.layered.mode import LayeredMode
from latephase.late.pattern import SLIDING
from latephase.problem import Problem

FAR, NEAR = 1000 + np.array([0.7, -0.3]), 1e-6 * np.array([1.0, -1.0])
CASES = [(FAR, 2, 1), (FAR, 4, 1), (NEAR, 2, 0), (NEAR, 4, 3)]  # both points find neurons
LATE = ["1e6", "1e100", "1e1000"]


def network(seed: int, m: int, slope: float) -> lp.ShallowReLU:
    rng = np.random.default_rng(seed)
    outer = rng.normal(size=m) if m > 2 else [1.0, -1.0]
    parts = rng.normal(size=m), rng.normal(size=m), outer
    return lp.ShallowReLU(*parts, train_output=True, negative_slope=slope)


@pytest.mark.parametrize("slope", [0.0, 0.1, 0.5])
@pytest.mark.parametrize(("inputs", "m", "seed"), CASES)
def test_the_loss_falls_like_the_inverse_of_time(inputs, m, seed, slope):
    """Ground truth: theory: margins of degree 2 grow like ln t + ln ln t + const, the constant 14
    where forces are 1e-6; |theta_j|^2 - v_j^2 is kept, to the error that is said."""
    net, data = network(seed, m, slope), lp.Dataset(inputs, [1, -1])
    run = lp.simulate(net, data, lp.GradientFlow(), until="1e1000", at=["0", *LATE])
    path, logs = run.trajectory, run.trajectory.log10_t.values * np.log(10)
    assert run.outcome in (lp.Outcome.settled, lp.Outcome.transient)
    assert path.error.values.max() < 1e-5
    ahead = -path.log_loss.values[2:] - logs[2:]
    assert (np.abs(ahead - np.log(logs[2:])) < 16).all()
    theta = np.stack([path.weights.values[..., 0], path.biases.values], axis=-1)
    sizes = (theta**2).sum(axis=-1), path.output_weights.values**2
    kept = sizes[0] - sizes[1]
    allowed = 2 * path.error.values[:, None] * (sizes[0] + sizes[1])
    assert (np.abs(kept - kept[0]) <= allowed).all()


@pytest.mark.parametrize("seed", [1, 4])
def test_flow_against_another_solver(seed):
    """Ground truth: SciPy's Radau on the definition, in ln t, of the linear model at x = 30."""
    net, data = network(seed, 3, 1.0), lp.Dataset([30.5, 29.5], [1, -1])
    run = lp.simulate(net, data, lp.GradientFlow(), until="1e6", at=["1", "1e3", "1e6"])
    z, y = np.array([[30.5, 1.0], [29.5, 1.0]]), np.array([1.0, -1.0])

    def slowly(s: float, state: np.ndarray) -> np.ndarray:
        p = state.reshape(3, 3)
        a = p[:, :2] @ z.T
        pull = y * np.exp(s - y * (p[:, 2] @ a))
        return np.concatenate([p[:, 2:] * (pull @ z), (a @ pull)[:, None]], axis=1).ravel()

    start, ends = np.column_stack([net.parameters, net.output_weights]), np.log1p([1.0, 1e3, 1e6])
    truth = solve_ivp(slowly, (0, ends[-1]), start.ravel(), "Radau", ends, rtol=1e-11, atol=1e-13)
    true = truth.y.T.reshape(3, 3, 3)
    path = run.trajectory
    parts = path.weights.values[..., 0], path.biases.values, path.output_weights.values
    off = np.linalg.norm(np.stack(parts, axis=-1) - true, axis=-1) / np.linalg.norm(true, axis=-1)
    assert off.max() < 1e-7


def test_a_neuron_stays_on_its_kink():
    """Ground truth: it: a way along the kink of x = 999.7 is 1e-6 of it along the larger
    coordinate, and without that a neuron of length 2000 is 2 off its kink."""
    net, data = network(1, 2, 0.0), lp.Dataset(FAR, [1, -1])
    dynamics = LayeredDynamics.of(Problem.of(net, data, lp.GradientFlow()))
    state = np.array([[1.0, -1.0, 1.4], [0.8, -0.8, -1e-7]])
    mode = LayeredMode.of(dynamics, state, np.array([[1, SLIDING], [1, 1]])).on_kinks
    moved = mode.parameters(2000.0 * np.ones_like(mode.start))
    heights, terms = dynamics.preactivations(moved), dynamics.terms(moved)
    assert abs(heights[0, 1]) < 1e-14 * terms[0, 1]
    assert relative_error(np.linalg.norm(mode.basis[0]), 1.0) < 1e-14


def test_flow_on_inputs_of_1e_minus_8():
    """Ground truth: theory: margins grow like ln t + ln ln t + ln(1e-8), up to some units."""
    net, data = network(0, 2, 0.0), lp.Dataset(1e-8 * np.array([1.0, -1.0]), [1, -1])
    run = lp.simulate(net, data, lp.GradientFlow(), until="1e1000", at=["0", *LATE])
    path, logs = run.trajectory, run.trajectory.log10_t.values[2:] * np.log(10)
    assert path.error.values.max() < 1e-5
    ahead = -path.log_loss.values[2:] - logs - np.log(logs) - np.log(1e-8)
    assert (np.abs(ahead) < 3).all()


def test_points_nearly_in_line_do_not_rest_for_ever():
    """Ground truth: theory, as above: what tells the middle one of three points apart is 1e-4."""
    rng, apart = np.random.default_rng(1), 1e-4
    x = [[0.0, 0.0], [1.0, apart], [2.0, 0.0]]
    parts = 0.5 * rng.normal(size=(2, 2)), 0.5 * rng.normal(size=2), [1.0, -0.7]
    net = lp.ShallowReLU(*parts, train_output=True, negative_slope=1.0)
    run = lp.simulate(
        net, lp.Dataset(x, [1, -1, 1]), lp.GradientFlow(), at=["1e3", "1e20", "1e100"]
    )
    held, *later = run.trajectory.log_loss.values
    logs = run.trajectory.log10_t.values[1:] * np.log(10)
    assert abs(held - np.log(2 * np.sqrt(2))) < 0.01  # e^-q = 1, 2, 1 over root 2: none is fitted
    assert (np.abs(-np.array(later) - logs - np.log(logs) - np.log(apart)) < 1).all()
