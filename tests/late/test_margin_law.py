"""The law of the margin: against closed forms, and against runs followed to 10^1000."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import latephase as lp
from helpers import relative_error

PAIRS = [(1, -1), (3, -1), (-4, 0.25), (2, -3), (0.2, -3), (0.9, -0.4), (1, 3), (-0.5, -4), (3, 1)]
TIMES = ["1e100", "1e300", "1e1000"]


def pair_run(inputs, swapped=False, loss="exponential", method=None) -> lp.Run:
    x1, x2 = inputs
    a = np.array([[1.3, -0.2], [-0.45, 0.8]])
    w = (a[:, 0] - a[:, 1]) / (x1 - x2)
    b, order = a[:, 0] - w * x1, [1, 0] if swapped else [0, 1]
    network = lp.ShallowReLU(w[order], b[order], np.array([1.0, -1.0])[order])
    data, method = lp.Dataset(inputs, [1, -1]), method or lp.GradientDescent(0.2)
    return lp.simulate(network, data, method, until="1e1000", at=TIMES, loss=loss)


def logs(run: lp.Run) -> np.ndarray:
    return run.trajectory.log10_t.values * np.log(10)


@pytest.mark.parametrize("inputs", PAIRS, ids=str)
def test_margin_of_two_neurons(inputs):
    """Ground truth: the margins of the run itself; what the law leaves out is rounding."""
    run = pair_run(inputs)
    law, rho = run.law, run.trajectory.robustness_margin.values
    limit = min(abs(x - law.limit_boundary) for x in inputs)
    assert relative_error(law.limit_margin, limit) < 1e-14
    assert law.exponent == 1.0
    gap = law.margin_constant / (logs(run) + law.offset)
    assert np.abs(law.limit_margin - rho - gap).max() < 1e-14 * max(map(abs, inputs))


@pytest.mark.parametrize("inputs", PAIRS, ids=str)
def test_shares_of_two_neurons(inputs):
    """Ground truth: the limit network by another way, `limit` without the law; both orders, both
    losses."""
    for swapped, loss in ((False, "exponential"), (True, "exponential"), (True, "logistic")):
        run = pair_run(inputs, swapped, loss)
        n = lp.limit(dataclasses.replace(run, law=None)).network
        squares = n.weights[:, 0] ** 2 + n.biases**2
        assert relative_error(run.law.shares, squares / squares.sum()) < 1e-13


def test_every_engine_has_the_same_law():
    """Ground truth: the exact pieces: the logistic loss and a dead third neuron go another way."""
    for inputs in ((3, -1), (0.9, -0.4)):
        run = pair_run(inputs)
        w, b = run.network.weights[:, 0], run.network.biases
        wider = lp.ShallowReLU([*w, 0.0], [*b, -1.0], [1, -1, 1])
        other = lp.simulate(wider, run.data, run.method, until="1e1000", at=TIMES).law
        for name in ("limit_boundary", "constant", "offset", "limit_margin", "margin_constant"):
            assert relative_error(getattr(other, name), getattr(run.law, name)) < 1e-9
        assert np.abs(other.shares - [*run.law.shares, 0]).max() < 1e-13


def drawn_run(m: int, n: int, d: int, seed: int) -> lp.Run:
    draw = np.random.default_rng(seed)
    inputs, labels = draw.normal(size=(n, d)), np.where(np.arange(n) % 2 == 0, 1, -1)
    weights, biases = draw.normal(size=(m, d)), draw.normal(size=m) * 0.2
    network = lp.ShallowReLU(weights, biases, np.where(np.arange(m) % 2 == 0, 1.0, -1.0))
    data, method = lp.Dataset(inputs, labels), lp.GradientDescent(0.05)
    return lp.simulate(network, data, method, until="1e1000", at=TIMES)


def margins(run: lp.Run) -> np.ndarray:
    if run.data.d < 3:
        return run.trajectory.robustness_margin.values
    networks = (run.network_at(t) for t in TIMES)
    return np.array([float(lp.robustness_margin(network, run.data)) for network in networks])


@pytest.mark.parametrize(
    ("m", "n", "d", "seed"), [(5, 6, 1, 2), (4, 5, 2, 1), (6, 4, 3, 0), (8, 6, 4, 2)]
)
def test_margin_without_a_point_of_the_line(m, n, d, seed):
    """Ground truth: exact margins of the run to 10^1000: with constant and offset the law leaves
    out 1 / ln^2 t, so that what it is off by, times ln^2 t, stays what it is, up to
    what parameters that are off by 2e-13 add."""
    run = drawn_run(m, n, d, seed)
    law = run.law
    assert run.outcome is lp.Outcome.settled
    assert law.limit_boundary is None
    assert law.constant == -law.margin_constant
    gap = law.margin_constant / (logs(run) + law.offset)
    off = ((law.limit_margin - margins(run)) / gap - 1) * logs(run) ** 2
    assert abs(off[2]) < 500
    unsure = 2e-13 * law.limit_margin / gap * logs(run) ** 2
    assert abs(off[1] - off[2]) < 0.05 * abs(off[2]) + unsure[2]
    assert relative_error(law.shares.sum(), 1.0) < 1e-14
    assert law.shares.shape == (m,)
    assert relative_error(lp.limit(run).margin_constant, law.margin_constant) < 1e-8


def test_no_law_where_the_loss_stays():
    """Ground truth: a run that does not fit its points: no limit to come near to."""
    run = drawn_run(5, 6, 1, 0)
    assert run.outcome is lp.Outcome.unfitted
    assert run.law is None
