"""Floating-point descent against NumPy's and ml_dtypes' own arithmetic, one operation at a time."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import latephase as lp
from latephase.core import Outcome
from latephase.problem import initializers
from latephase.training.real_arithmetic import FORMATS, descend

PAPER: dict[str, Any] = {
    "inputs": np.array([[1.0], [-1.0]]),
    "labels": np.array([1, -1]),
    "output_weights": np.array([1.0, -1.0]),
}
UNEQUAL = {**PAPER, "inputs": np.array([[-0.625], [2.25]]), "labels": np.array([-1, 1])}
TYPES: dict[str, Any] = {
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
}


def start(trials: int = 12) -> tuple[np.ndarray, np.ndarray]:
    return initializers.get("standard_normal")(trials=trials, seed=4)


def by_hand(problem: dict[str, Any], theta: np.ndarray, eta: float, dtype: str, steps: int) -> Any:
    """theta (2, 2) after the steps, every operation rounded by NumPy; and the step it stalls at."""
    kind = TYPES[dtype]
    x, v, y = problem["inputs"][:, 0].astype(kind), problem["output_weights"], problem["labels"]
    now = theta.astype(kind)
    for t in range(steps):
        grown = [[kind(0), kind(0)], [kind(0), kind(0)]]
        a = [[now[j, 0] * x[i] + now[j, 1] for i in (0, 1)] for j in (0, 1)]
        q = []
        for i in (0, 1):
            out = [kind(v[j]) * max(a[j][i], kind(0)) for j in (0, 1)]
            q.append(kind(y[i]) * (out[0] + out[1]))
        weight = [kind(np.exp(-e)) for e in q]
        for j in (0, 1):
            pull = [kind(v[j]) * kind(y[i]) * weight[i] if a[j][i] > 0 else kind(0) for i in (0, 1)]
            grown[j] = [pull[0] * x[0] + pull[1] * x[1], pull[0] + pull[1]]
        new = np.array(
            [[now[j, k] + kind(eta) * kind(grown[j][k]) for k in (0, 1)] for j in (0, 1)], kind
        )
        if (new == now).all():
            return now.astype(float), t
        now = new
    return now.astype(float), None


@pytest.mark.parametrize("problem", [PAPER, UNEQUAL], ids=["paper", "unequal"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_a_step_is_that_of_the_arithmetic(dtype: str, problem: dict[str, Any]) -> None:
    """Ground truth: NumPy and ml_dtypes, which round every operation. Exponentials differ in the
    last place in float32 and float64, so that there the first 30 steps agree to a few of them."""
    weights, biases = start()
    found = descend(weights, biases, [30], dtype=dtype, step_size=0.5, **problem)
    exact = dtype in ("float16", "bfloat16")
    for trial in range(len(weights)):
        theta = np.stack([weights[trial, :, 0], biases[trial]], axis=1)
        want, _ = by_hand(problem, theta, 0.5, dtype, 30)
        got = np.stack([found.weights[0, trial, :, 0], found.biases[0, trial]], axis=1)
        tolerance = 0.0 if exact else 200 * 2.0 ** -FORMATS[dtype].bits
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_run_stalls_where_the_arithmetic_does(dtype: str) -> None:
    """Ground truth: NumPy and ml_dtypes stepped until nothing changes."""
    weights, biases = start()
    found = descend(weights, biases, [1e9], dtype=dtype, step_size=1.0, **PAPER)
    for trial in range(len(weights)):
        theta = np.stack([weights[trial, :, 0], biases[trial]], axis=1)
        want, stalled = by_hand(PAPER, theta, 1.0, dtype, 6000)
        assert found.stalled[trial] == stalled
        np.testing.assert_array_equal(found.weights[0, trial, :, 0], want[:, 0])


def test_leaps_are_the_steps() -> None:
    """Ground truth: float32 with leaps of one step only (samples at every one are none apart)."""
    weights, biases = start(6)
    leaping = descend(weights, biases, [20_000], dtype="float32", step_size=1.0, **PAPER)
    single = descend(
        weights, biases, np.arange(1, 20_001, 1), dtype="float32", step_size=1.0, **PAPER
    )
    np.testing.assert_array_equal(leaping.weights[-1], single.weights[-1])
    np.testing.assert_array_equal(leaping.biases[-1], single.biases[-1])


@pytest.mark.parametrize(("dtype", "step_size"), [("bfloat16", 0.25), ("float16", 0.25)])
def test_leaps_are_the_steps_where_ties_alternate(dtype: str, step_size: float) -> None:
    """Ground truth: 512 runs made step by step. Starts are multiples of 1/16, so that updates often
    lie half-way between two numbers: from even and from odd ones they then differ."""
    weights, biases = initializers.get("standard_normal")(trials=512, seed=9)
    start_ = np.round(weights * 16) / 16, np.round(biases * 16) / 16
    settings: dict[str, Any] = {"dtype": dtype, "step_size": step_size, **PAPER}
    leaping = descend(*start_, [1500], **settings)
    single = descend(*start_, list(range(1, 1501)), **settings)
    np.testing.assert_array_equal(leaping.weights[-1], single.weights[-1])
    np.testing.assert_array_equal(leaping.biases[-1], single.biases[-1])


def test_stochastic_rounding_keeps_the_mean_and_does_not_stall() -> None:
    """Ground truth: the mean over 400 copies of one bfloat16 run against the exact one. A copy is
    off by the random walk of its roundings, some units of 2^-8 x 4; their mean by a twentieth."""
    net = lp.ShallowReLU([0.875, -0.625], [0.25, 0.5])
    gd, data = lp.GradientDescent(1.0), lp.Dataset([1.0, -1.0], [1, -1])
    exact = lp.simulate(net, data, gd, until=2000, at=[2000]).trajectory
    copies = np.repeat(net.weights[None], 400, axis=0), np.repeat(net.biases[None], 400, axis=0)
    settings: dict[str, Any] = {"dtype": "bfloat16", "step_size": 1.0, **PAPER}
    loose = descend(*copies, [2000], rounding="stochastic", **settings)
    stuck = descend(*copies, [2000], **settings)
    want = float(exact.weights[0, 0, 0])
    assert np.isnan(loose.stalled).all()
    assert abs(loose.weights[0, :, 0, 0].mean() / want - 1) < 0.05
    assert abs(stuck.weights[0, :, 0, 0].mean() / want - 1) > 0.3


@pytest.mark.parametrize("inputs", [[1.0, -1.0], [2.0, -0.5]])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_stall_is_predicted(dtype: str, inputs: list[float]) -> None:
    """Ground truth: the arithmetic itself, run to its stall."""
    net, data = lp.ShallowReLU([0.9, -0.6], [0.3, 0.55]), lp.Dataset(inputs, [1, -1])
    gd = lp.GradientDescent(1.0)
    predicted = lp.stall(net, data, gd, dtype)
    with pytest.warns(UserWarning, match=f"{dtype} stalled at update"):
        run = lp.simulate(net, data, gd, until="1e1000", at=["1e1000"], dtype=dtype)
    assert run.outcome is Outcome.stalled
    measured = descend(
        net.weights[None],
        net.biases[None],
        [1e12],
        dtype=dtype,
        step_size=1.0,
        **{**PAPER, "inputs": data.inputs},
    ).stalled[0]
    assert abs(predicted.step.as_float / measured - 1) < 0.01
    assert abs(predicted.deficit / float(run.trajectory.margin_deficit[0]) - 1) < 0.02


def test_the_bounds_are_lambert_w() -> None:
    """Ground truth: a e^a = step k f 2^p, solved by bisection."""
    net, data = lp.ShallowReLU([0.9, -0.6], [0.3, 0.55]), lp.Dataset([1.0, -1.0], [1, -1])
    found = lp.stall(net, data, lp.GradientDescent(0.5), "float32")
    for bound, f in ((found.earliest, 1.0), (found.latest, 2.0)):
        low, high = 0.0, 60.0
        for _ in range(200):
            a = (low + high) / 2
            low, high = (a, high) if a * np.exp(a) < 0.5 * 2 * f * 2.0**24 else (low, a)
        np.testing.assert_allclose(bound.as_float, f * 2.0**24 / low, rtol=1e-6)


def test_what_runs_out_of_leaps_is_said() -> None:
    """Chatter changes every update, so that float32 makes each step by itself."""
    net, data = lp.ShallowReLU([0.9, -0.6], [0.3, 0.55]), lp.Dataset([0.5, -0.5], [1, -1])
    gd = lp.GradientDescent(1.0)
    run = lp.simulate(net, data, gd, until="1e9", at=[10, "1e9"], dtype="float32", max_steps=1000)
    assert run.outcome is Outcome.budget_exhausted
    assert np.isnan(run.trajectory.weights.values[1]).all()
    assert np.isfinite(run.trajectory.weights.values[0]).all()


@pytest.mark.parametrize("bad", [{"dtype": "float8"}, {"dtype": "float32", "rounding": "up"}])
def test_unknown_arithmetic_is_refused(bad: dict[str, str]) -> None:
    net, data = lp.ShallowReLU([0.9, -0.6], [0.3, 0.55]), lp.Dataset([1.0, -1.0], [1, -1])
    with pytest.raises(lp.InputError, match="use one of these"):
        lp.simulate(net, data, lp.GradientDescent(1.0), until=10, **bad)
