"""Both layers where points are far from the origin, or large: what is told of errors is true."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import latephase as lp
from latephase.core import LogTime
from latephase.late.layered.chain import LayeredControls, begun
from latephase.late.layered.dynamics import LayeredDynamics
from latephase.problem import Problem

AT = [1000, 10_000]


def margins(data: lp.Dataset, theta: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """q_i (n,) of hidden parameters (m, d + 1), in long double."""
    points = np.column_stack([data.inputs, np.ones(len(data.labels))]).astype(np.longdouble)
    return data.labels * (np.maximum(points @ theta.T, 0) @ outer)


def off(net: lp.ShallowReLU, data: lp.Dataset, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Errors of the margins, relative to 1 + |q|, and what is said of them, (S,) each.

    Ground truth: single steps by the definition, in long double."""
    path = lp.simulate(net, data, lp.GradientDescent(step), until=AT[-1] * 10, at=AT).trajectory
    points = np.column_stack([data.inputs, np.ones(len(data.labels))]).astype(np.longdouble)
    theta = np.column_stack([net.weights, net.biases]).astype(np.longdouble)
    outer, found = net.output_weights.astype(np.longdouble), []
    for t in range(1, AT[-1] + 1):
        a = points @ theta.T
        pull = np.exp(-data.labels * (np.maximum(a, 0) @ outer)) * data.labels * step
        moves = outer[:, None] * ((pull[:, None] * (a > 0)).T @ points)
        outer, theta = outer + pull @ np.maximum(a, 0), theta + moves
        if t in AT:
            sample = path.isel(time=AT.index(t))
            ours = np.column_stack([sample.weights, sample.biases])
            q = margins(data, theta, outer)
            found.append(
                (
                    np.abs(margins(data, ours, sample.output_weights.values) - q) / (1 + np.abs(q))
                ).max()
            )
    return np.array(found, float), path.margin_error.values


def test_large_inputs_are_followed_by_the_modified_flow():
    """A pull of 1e-17 moves margins by 0.1 where x = 1e8."""
    weights = np.array([3.0, -1.0, 0.5, 2.0]) * 1e-8
    net = lp.ShallowReLU(weights, [0.1, 0.5, 0.3, -0.2], [1.0, -1.2, 0.7, 0.4], train_output=True)
    data = lp.Dataset([0.7e8, -0.9e8], [1, -1])
    error, said = off(net, data, 3e-17)
    assert (error <= said).all()
    assert (error < 1e-9).all()


def test_chatter_far_from_the_origin_is_told_of_the_margins():
    """A kick of 1e-7 of a neuron moves margins by 1e-3 where x = 1000."""
    x = [[999.0301, 999.788, 999.7133], [1002.3624, 999.0568, 1001.3758],
         [1000.1232, 1001.0219, 999.9972], [1000.3928, 1000.4912, 1000.1095]]  # fmt: skip
    weights = [[0.30819005, -0.52423569, -0.82293574], [-1.57875014, -0.22460757, 0.50988549]]
    net = lp.ShallowReLU(weights, [1038.07, 1292.9], [-1.07542544, -0.12611617], train_output=True)
    error, said = off(net, lp.Dataset(x, [-1, 1, 1, 1]), 3.3271e-8)
    assert (error <= said).all()


@pytest.mark.parametrize("train_output", [False, True])
def test_a_run_is_pickled_before_its_law_is_asked(train_output):
    """The numbers of a margin's law are found later, from what was pickled."""
    data = lp.Dataset([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [1, 1, -1])
    kind = {"train_output": train_output}
    net = lp.ShallowReLU([[1.0, 0.2], [0.3, 1.0], [-1.0, -1.0]], [0.1] * 3, [1.0, 1, -1], **kind)
    run = lp.simulate(net, data, lp.GradientDescent(0.1), at=["1e1000"])
    again = pickle.loads(pickle.dumps(run))
    assert again.law.constant == run.law.constant
    shares = again.law.constant_shares, run.law.constant_shares
    assert np.array_equal(*shares, equal_nan=True)


def test_margins_that_are_large_to_begin_with_have_a_law():
    """A first step to margins of 129581, which stay so until ln t is as large."""
    weights = [[-377.1129, 717.23705], [181.8292, 1377.65653], [-24.01023, -221.52788]]
    outer = [-0.5689, -0.5376, -0.0879]
    kind = {"train_output": True, "negative_slope": 0.1}
    net = lp.ShallowReLU(weights, output_weights=outer, **kind)
    x = [[0.000965, -0.0016755], [-0.0001056, 0.0013168], [0.0004972, -0.0008966]]
    method = lp.GradientDescent(133736.6)
    law = lp.simulate(net, lp.Dataset(x, [-1, 1, -1]), method, at=["1e1000"]).law
    assert law.constant == pytest.approx(law.constant_shares.sum())


def drawn(seed: int, m: int, n: int, d: int) -> tuple[np.ndarray, ...]:
    """Gaussian inputs (n, d), labels of both signs, weights (m, d), biases and output weights."""
    rng = np.random.default_rng(seed)
    labels = np.where(rng.permutation(n) % 2 == 0, 1, -1)
    return rng.normal(size=(n, d)), labels, *(rng.normal(size=s) for s in ((m, d), m, m))


@pytest.mark.parametrize("seed", range(4))
def test_a_kick_is_judged_by_the_margin_that_it_moves(seed: int):
    """Where w = 1e8 and x = 1e-8 it is 1e-8 of its neuron, and all of its margin."""
    x, labels, w, b, v = drawn(seed, 4, 4, 1)
    net = lp.ShallowReLU(1e8 * w, b, v, train_output=True)
    error, said = off(net, lp.Dataset(1e-8 * x, labels), 0.05)
    assert (error <= said).all()


def test_steps_that_hold_one_another_drift_by_rounding():
    """Forces of 1 that cancel at every step are rounded in one way at every step."""
    data, gd = lp.Dataset([2e-8, -1e-8, 0.5e-8], [1, -1, -1]), lp.GradientDescent(0.3)
    net = lp.ShallowReLU([1.0, -0.4], [0.3, 0.7], [1.1, -0.6], train_output=True)
    path = lp.simulate(net, data, gd, until=10_000, at=[10_000], loss="logistic").trajectory
    assert 1e-12 < path.error.values[0] < 1e-9


def test_curvature_that_passes_two_over_step_late_ends_a_run_at_once():
    """Where x = 1e-8 points hold one another ever more strongly, until steps are too long for a
    flow, at t = 1e9 or so: as many steps again would be needed to go on, so that none is spent."""
    rng = np.random.default_rng(2)
    m, n, d = (int(rng.integers(2, high)) for high in (5, 5, 3))
    data = lp.Dataset(rng.normal(size=(n, d)) * 1e-8, np.where(rng.permutation(n) % 2 == 0, 1, -1))
    parts = rng.normal(size=(m, d)), rng.normal(size=m), rng.normal(size=m)
    net = lp.ShallowReLU(*parts, train_output=True)
    dynamics = LayeredDynamics.of(Problem.of(net, data, lp.GradientDescent(0.1)))
    start = np.column_stack([net.weights, net.biases, net.output_weights])
    times = [LogTime.parse(t) for t in ("1e6", "1e1000")]
    controls = LayeredControls(1e-12, 1e-4, 1_000_000)
    found = begun(dynamics, start, times, times[-1], controls).run()
    assert found.at.outcome is lp.Outcome.budget_exhausted
    assert found.at.steps < 100_000
    assert np.isfinite(found.samples[0]).all()
    assert math.log(1e6) < found.at.now.log < math.log(1e30)
