"""Limits of runs whose horizon comes before they have come to their path."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import latephase as lp
from helpers import relative_error

FLOW = lp.GradientFlow()


def problem(seed: int, n: int, d: int, m: int, slope: float, size: float = 1.0):
    """A random network, and points that a plane parts."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n, d))
    labels = np.where(inputs[:, 0] > 0, 1, -1)
    labels[0] *= -1 if abs(labels.sum()) == n else 1
    inputs[:, 0] += 0.5 * labels
    weights, biases = size * rng.normal(size=(m, d)), size * rng.normal(size=m)
    net = lp.ShallowReLU(weights, biases, np.resize([1.0, -1.0], m), negative_slope=slope)
    return net, lp.Dataset(inputs, labels)


def integrated_constant(net: lp.ShallowReLU, data: lp.Dataset, log_end: float) -> float:
    """The term of order 1 / ln t in the margin of a linear model, by SciPy's stiff solver from the
    start: theta is read off at two late times, and N is one affine function A x + B."""
    points = np.hstack([data.inputs, np.ones((data.n, 1))])
    rows = (data.labels[:, None, None] * net.output_weights[:, None] * points[:, None]).reshape(
        data.n, -1
    )
    start = net.parameters.ravel()
    matrix, margins = rows @ rows.T, rows @ start

    def rates(s, c):  # of theta = start + c @ rows, in s = ln(1 + t)
        return np.exp(s - margins - matrix @ c)

    def slopes(s, c):
        return -rates(s, c)[:, None] * matrix

    span, kept = (0.0, log_end), [log_end / 2, log_end]
    tight = {"method": "Radau", "rtol": 1e-12, "atol": 1e-12}
    found = solve_ivp(rates, span, np.zeros(data.n), t_eval=kept, jac=slopes, **tight)
    before, after = (net.output_weights @ (start + c @ rows).reshape(net.m, -1) for c in found.y.T)
    direction = (after - before) / (log_end / 2)
    offset = after - direction * log_end
    way, turn = direction[: data.d], offset[: data.d]
    length = np.linalg.norm(way)
    heights, rises = data.labels * (points @ direction), data.labels * (points @ offset)
    nearest = heights <= heights.min() + 1e-6  # all that support the limit
    return float((rises - heights * (way @ turn) / length**2)[nearest].min() / length)


CASES = {"slow": (33, 4, 2, 4, 1.0), "slower": (17, 4, 3, 6, 1.0), "large": (33, 4, 2, 4, 1.0, 8.0)}


@pytest.mark.parametrize("horizon", ["1e4", "1e20", "1e100"])
@pytest.mark.parametrize("case", CASES)
def test_the_constant_of_a_run_that_is_not_on_its_path_yet(case: str, horizon: str) -> None:
    """Ground truth: another solver, that integrates the linear model to t = e^2400."""
    net, data = problem(*CASES[case])
    truth = integrated_constant(net, data, 2400.0)
    run = lp.simulate(net, data, FLOW, until=horizon, at=[horizon])
    assert relative_error(run.law.constant, truth) < 1e-7
    assert relative_error(lp.limit(run).margin_constant, -truth) < 1e-7


@pytest.mark.parametrize("method", [FLOW, lp.GradientDescent(0.1)], ids=["flow", "descent"])
@pytest.mark.parametrize("case", [(45, 4, 3, 3, 0.1), (86, 4, 3, 4, 0.0), (13, 4, 1, 8, 0.0)])
def test_a_law_and_its_shares_are_those_of_any_later_horizon(case, method) -> None:
    """Ground truth: the same run to 10^1000, whose law is read off where all has decayed."""
    net, data = problem(*case)
    truth = lp.simulate(net, data, method, until="1e1000", at=["1e1000"])
    for until, at in (("1e6", "1e6"), ("1e20", "1e20"), ("1e1000", "1e20")):
        run = lp.simulate(net, data, method, until=until, at=[at])
        assert relative_error(run.law.constant, truth.law.constant) < 1e-6
        assert relative_error(run.law.constant_shares, truth.law.constant_shares) < 1e-6
        assert np.isfinite(run.law.constant_shares).all()
