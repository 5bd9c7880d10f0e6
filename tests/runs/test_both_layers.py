"""Runs of networks whose layers are both trained, against references of other making."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import latephase as lp
from helpers import refusal, relative_error
from references.both_layers import descend, distance, exactly
from references.problems import Problem

PAIR = Problem(
    "pair",
    np.array([[0.7], [-0.4]]),
    np.array([0.1, 0.2]),
    np.array([0.5, -1.5]),
    np.array([[1.0], [-1.0]]),
    np.array([1.0, -1.0]),
    0.125,
    "exponential",
)
DRAW = np.random.default_rng(21).normal
WIDE = Problem(
    "wide",
    DRAW(size=(4, 2)),
    None,
    DRAW(size=4),
    DRAW(size=(5, 2)),
    np.array([1.0, -1.0, 1.0, 1.0, -1.0]),
    0.0625,
    "logistic",
    0.25,
)


def network_of(p: Problem, **more: Any) -> lp.ShallowReLU:
    kind = {"negative_slope": p.slope, "train_output": True, **more}
    return lp.ShallowReLU(p.weights, p.biases, p.output_weights, **kind)


def run_of(p: Problem, times: list[int], **more: Any) -> lp.Run:
    data, gd = lp.Dataset(p.inputs, p.labels), lp.GradientDescent(p.step_size)
    network = network_of(p, **more)
    return lp.simulate(network, data, gd, until=times[-1], at=times, loss=p.loss)


def parameters(run: lp.Run) -> tuple[np.ndarray, np.ndarray]:
    t = run.trajectory
    parts = [t.weights.values] + ([t.biases.values[..., None]] if "biases" in t else [])
    return np.concatenate(parts, axis=-1), t.output_weights.values


@pytest.mark.parametrize("p", [PAIR, WIDE], ids=lambda p: p.name)
def test_gradient_descent_is_its_definition(p: Problem) -> None:
    """Ground truth: compensated steps, and 50 digits of the first hundred; the loss and the margin
    are those of the network at that time."""
    run = run_of(p, [0, 1, 100, 20_000])
    (truth,) = descend([p], [0, 1, 100, 20_000])
    assert distance(parameters(run), truth).max() < 1e-13
    theta, outer = exactly(p, 100)
    assert relative_error(parameters(run)[0][2], theta) < 1e-12
    assert relative_error(parameters(run)[1][2], outer) < 1e-12
    assert relative_error(run.trajectory.log_loss, truth.log_loss) < 1e-12
    there = run.network_at(100)
    assert there.train_output
    assert relative_error(there.output_weights, outer) < 1e-12
    margin = float(lp.robustness_margin(there, run.data))
    assert relative_error(run.at(100).robustness_margin, margin) < 1e-12


def test_the_boundary_is_where_the_pair_vanishes() -> None:
    """Ground truth: the zero of N, by its definition, at each time."""
    run = run_of(PAIR, [0, 10, 1000])
    for t in (0, 10, 1000):
        x = run.at(t).boundary.values
        assert abs(run.network_at(t)([x])[0]) < 1e-14  # of terms of about 5


def test_an_output_bias_is_trained_too() -> None:
    """Ground truth: its update and that of a neuron, written out, in decimals."""
    data = lp.Dataset([1.0, -1.0], [1, -1])
    net = lp.ShallowReLU([0.75], [0.25], [0.5], train_output=True, output_bias=-0.25)
    run = lp.simulate(net, data, lp.GradientDescent(0.125), until=300, at=[0, 1, 300])
    w, b, v, c = (Decimal(k) for k in (0.75, 0.25, 0.5, -0.25))
    for step in range(300):
        assert w > b  # inactive at -1
        first, second = (Decimal("0.125") * q.exp() for q in (-v * (w + b) - c, c))
        w, b, v, c = w + v * first, b + v * first, v + first * (w + b), c + first - second
        if step in (0, 299):
            seen = run.at(step + 1)
            got = [seen.weights[0, 0], seen.biases[0], seen.output_weights[0], seen.output_bias]
            assert relative_error(got, [float(e) for e in (w, b, v, c)]) < 1e-12
    there = run.network_at(300)
    assert relative_error(there.output_bias, float(c)) < 1e-12
    assert relative_error(there([0.5])[0], float(v * (w / 2 + b) + c)) < 1e-12
    zero = float(run.at(300).boundary)
    assert relative_error(zero, float(-(c / v + b) / w)) < 1e-12
    assert relative_error(float(run.at(300).robustness_margin), 1 - abs(zero)) < 1e-12
    assert relative_error(float(lp.robustness_margin(there, data)), 1 - abs(zero)) < 1e-12


def test_an_output_bias_has_no_late_phase() -> None:
    """Ground truth: what no engine knows for ever is stepped to the budget, or refused."""
    net = network_of(PAIR, output_bias=0.25)
    data, gd = lp.Dataset(PAIR.inputs, PAIR.labels), lp.GradientDescent(0.125)
    run = lp.simulate(net, data, gd, until="1e100", samples=3, max_steps=100)
    assert run.outcome is lp.Outcome.budget_exhausted
    assert run.trajectory.output_bias.values[-1] > 0.5 > run.trajectory.output_bias.values[0]
    assert "output" in refusal(lp.simulate, net, data, lp.GradientFlow())
    assert "output" in refusal(lp.simulate, net, data, gd, dtype="float32")


def test_sizes_at_the_ends_of_float64() -> None:
    """Ground truth: of output weights of 1e-320 the first steps grow v by eta e^0 a, then all else;
    the same from 1e-300, which is as good as 0, and mirrored."""
    data, gd = lp.Dataset([1.0, -1.0], [1, -1]), lp.GradientDescent(0.125)
    seen = []
    for tiny in (1e-320, 1e-300, 5e-324):
        net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2], [tiny, -tiny], train_output=True)
        run = lp.simulate(net, data, gd, until=500, at=[1, 500])
        seen.append(np.concatenate([part.ravel() for part in parameters(run)]))
        assert relative_error(run.at(1).output_weights, [0.125 * 0.8, -0.125 * 0.6]) < 1e-15
    assert relative_error(seen[0], seen[1]) < 1e-14
    assert relative_error(seen[2], seen[1]) < 1e-14
    # Signs count where a method takes no more of a gradient.
    net = lp.ShallowReLU([0.75, -0.5], [0.0, 0.0], [1e-320, -1e-320], train_output=True)
    moved = lp.simulate(net, data, lp.SignDescent(0.25), until=1, at=[1]).at(1)
    assert moved.weights.values.ravel().tolist() == [1.0, -0.75]


def test_what_flow_keeps() -> None:
    """Ground truth: the normal of the one point that each neuron is active on, and squares; steps
    of half the size change the imbalance half as much, and null parts not at all."""
    drifts = []
    for p in (PAIR, replace(PAIR, step_size=PAIR.step_size / 2)):
        last = round(400 / p.step_size)
        run = run_of(p, [0, last // 10, last])
        kept, (theta, outer) = run.conserved(), parameters(run)
        normals = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
        assert relative_error(kept.null_part, np.abs((theta * normals).sum(axis=-1))) < 1e-13
        assert relative_error(kept.null_part[1:], kept.null_part[:1].values.repeat(2, 0)) < 1e-14
        assert relative_error(kept.imbalance, (theta**2).sum(axis=-1) - outer**2) < 1e-13
        drifts.append((kept.imbalance[-1] - kept.imbalance[0]).values)
    assert (np.abs(drifts[0] / drifts[1] - 2) < 0.2).all()
    fixed = lp.ShallowReLU(PAIR.weights, PAIR.biases)
    found = lp.simulate(fixed, run.data, lp.GradientDescent(0.125), at=["0", "1e1000"]).conserved()
    assert "imbalance" not in found
    assert relative_error(found.null_part[1], found.null_part[0]) < 1e-12


def test_the_budget_ends_a_run() -> None:
    """Ground truth: samples beyond max_steps are not there."""
    data, stepped = lp.Dataset([1.0, -1.0], [1, -1]), lp.Adam(0.125)
    net = network_of(PAIR)
    run = lp.simulate(net, data, stepped, until=1000, at=[0, 10, 1000], max_steps=100)
    assert run.outcome is lp.Outcome.budget_exhausted
    assert np.isfinite(run.trajectory.output_weights.values[:2]).all()
    assert np.isnan(run.trajectory.output_weights.values[2]).all()
    assert "reaches" in refusal(run.network_at, 1000)
    assert lp.simulate(net, data, stepped, samples=5, max_steps=100).trajectory.log10_t[-1] == 2
