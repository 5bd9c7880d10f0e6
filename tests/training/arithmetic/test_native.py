"""training/arithmetic against NumPy's and ml_dtypes' own arithmetic, one operation at a time."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import latephase as lp
from helpers import often, shares
from latephase.core import Outcome
from latephase.problem import initializers
from latephase.training.arithmetic.descent import descend
from latephase.training.arithmetic.formats import FORMATS
from references import native_arithmetic
from references.native_arithmetic import TRIALS, TYPES

PAPER: dict[str, Any] = {
    "inputs": np.array([[1.0], [-1.0]]),
    "labels": np.array([1, -1]),
    "output_weights": np.array([1.0, -1.0]),
}
UNEQUAL = {**PAPER, "inputs": np.array([[-0.625], [2.25]]), "labels": np.array([-1, 1])}
STARTS = 12


def start(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """STARTS networks, again and again up to the number of trials of that format."""
    weights, biases = initializers.get("standard_normal")(trials=STARTS, seed=4)
    return np.resize(weights, (TRIALS[dtype], 2, 1)), np.resize(biases, (TRIALS[dtype], 2))


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
    weights, biases = start(dtype)
    found = descend(weights, biases, [30], dtype=dtype, step_size=0.5, **problem)
    exact = dtype in ("float16", "bfloat16")
    for trial in range(STARTS):
        theta = np.stack([weights[trial, :, 0], biases[trial]], axis=1)
        want, _ = by_hand(problem, theta, 0.5, dtype, 30)
        got = np.stack([found.weights[0, trial, :, 0], found.biases[0, trial]], axis=1)
        tolerance = 0.0 if exact else 200 * 2.0 ** -FORMATS[dtype].bits
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_run_stalls_where_the_arithmetic_does(dtype: str) -> None:
    """Ground truth: NumPy and ml_dtypes stepped until nothing changes."""
    weights, biases = start(dtype)
    found = descend(weights, biases, [1e9], dtype=dtype, step_size=1.0, **PAPER)
    for trial in range(STARTS):
        theta = np.stack([weights[trial, :, 0], biases[trial]], axis=1)
        want, stalled = by_hand(PAPER, theta, 1.0, dtype, 6000)
        assert found.stalled[trial] == stalled
        np.testing.assert_array_equal(found.weights[0, trial, :, 0], want[:, 0])


SHAPE = (3, 3, 2)


def random_runs(seed: int, dtype: str, trials: int) -> tuple[Any, Any, dict[str, Any]]:
    """Weights and biases of all magnitudes, subnormal ones included, on points of one decimal."""
    rng = np.random.default_rng(seed)
    m, n, d = SHAPE  # of all seeds, so that XLA compiles once
    problem = {
        "inputs": rng.normal(size=(n, d)).round(1),
        "labels": rng.choice([-1, 1], n),
        "output_weights": rng.choice([1.0, -1.0, 0.3, -2.0], m),
        "step_size": float(rng.choice([1.0, 0.25, 0.1, 0.02])),
        "dtype": dtype,
        "loss": ("exponential", "logistic")[seed % 2],
    }
    scale = 2.0 ** rng.integers(-30, 2, size=trials)
    weights = scale[:, None, None] * rng.normal(size=(trials, m, d))
    return weights, scale[:, None] * rng.normal(size=(trials, m)), problem


@pytest.mark.parametrize(
    ("biased", "slope"), [(False, 0.0), (True, 0.3), (False, 0.3), (True, 1.0)]
)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_steps_of_other_kinds_of_networks(dtype: str, biased: bool, slope: float) -> None:
    """Ground truth: NumPy and ml_dtypes, one operation at a time, bit for bit."""
    weights, biases, problem = random_runs(5, dtype, 128)
    kind = (weights, biases if biased else None)
    times = [1, 7, 50, 333]
    want, _ = native_arithmetic.stepped(*kind, times, **problem, negative_slope=slope or None)
    found = descend(*kind, [float(t) for t in times], **problem, negative_slope=slope)
    got = found.weights
    if biased:
        got = np.concatenate([found.weights, found.biases[..., None]], axis=-1)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("dtype", "biased", "slope"),
    often(
        [
            (dtype, *kind)
            for dtype in ("float16", "bfloat16", "float32")
            for kind in ((True, 0.0), (False, 0.3))
        ],
        [("bfloat16", True, 0.0), ("float32", False, 0.3)],
    ),
)
def test_steps_of_both_layers(dtype: str, biased: bool, slope: float) -> None:
    """Ground truth: NumPy and ml_dtypes, one operation at a time, bit for bit, output weights of
    their own in every trial; recorded in the midst of leaps, and once at their end alone."""
    times, trials = [1, 2, 7, 50, 333, 700], 128
    for seed in (5, 6):
        weights, biases, problem = random_runs(seed, dtype, trials)
        rng = np.random.default_rng(seed)
        outer = rng.normal(size=(trials, SHAPE[0])) * 2.0 ** rng.integers(-9, 2, size=(trials, 1))
        kind, problem = (weights, biases if biased else None), problem | {"output_weights": outer}
        native = problem | {"negative_slope": slope or None}
        want, stalled = native_arithmetic.stepped(*kind, times, **native)
        for at in (times, times[-1:]):
            found = descend(*kind, [float(t) for t in at], **problem, negative_slope=slope)
            parts = [found.weights, *([found.biases[..., None]] if biased else [])]
            got = np.concatenate([*parts, found.output_weights[..., None]], axis=-1)
            kept, expected = (
                np.where(np.isfinite(one).all(axis=(2, 3), keepdims=True), one, np.nan)
                for one in (got, want[-len(at) :])
            )
            np.testing.assert_array_equal(kept, expected)
        seen = np.isfinite(want).all(axis=(0, 2, 3)) & (stalled < times[-1])
        assert seen.sum() > 5 or dtype == "float32" or not biased
        np.testing.assert_array_equal(found.stalled[seen], stalled[seen])


@pytest.mark.parametrize("seed", shares(3))
@pytest.mark.parametrize(("dtype", "trials"), [("float16", 256), ("bfloat16", 512)])
def test_recorded_steps_are_those_of_the_arithmetic(dtype: str, trials: int, seed: int) -> None:
    """Ground truth: NumPy and ml_dtypes, one operation at a time, subnormal numbers included: 2304
    runs, bit for bit, recorded in the midst of leaps, and once at their end alone."""
    weights, biases, problem = random_runs(seed, dtype, trials)
    times = [1, 2, 7, 50, 100, 101, 333, 700]
    want, stalled = native_arithmetic.stepped(weights, biases, times, **problem)
    for at in (times, times[-1:]):
        found = descend(weights, biases, [float(t) for t in at], **problem)
        got = np.concatenate([found.weights, found.biases[..., None]], axis=-1)
        kept, expected = (
            np.where(np.isfinite(one).all(axis=(2, 3), keepdims=True), one, np.nan)
            for one in (got, want[-len(at) :])
        )
        np.testing.assert_array_equal(kept, expected)
    seen = np.isfinite(want).all(axis=(0, 2, 3)) & (stalled < times[-1])
    assert seen.sum() > 5
    np.testing.assert_array_equal(found.stalled[seen], stalled[seen])


@pytest.mark.parametrize("scale", [1.0, 1e-150, 1e-300, 1e-308, 1e-318])
@pytest.mark.parametrize("step_size", [0.25, 1e-300])
def test_subnormal_float64_is_numpys(scale: float, step_size: float) -> None:
    """Ground truth: NumPy, which flushes nothing. The step of 1e-300 knows no other exponential
    than e^0 where weights are small: bit for bit."""
    weights, biases = start("float64")
    problem = {**PAPER, "inputs": np.array([[1.0], [-1.5]]), "dtype": "float64"}
    problem |= {"step_size": step_size}
    run = (scale * weights, scale * biases)
    want, _ = native_arithmetic.stepped(*run, [1, 2, 40], **problem)
    found = descend(*run, [1, 2, 40], **problem)
    got = np.concatenate([found.weights, found.biases[..., None]], axis=-1)
    exact = step_size < 1e-200
    np.testing.assert_allclose(got, want, rtol=0.0 if exact else 1e-13, atol=0.0)


def test_subnormal_inputs_are_kept() -> None:
    """Ground truth: NumPy. The points reach further than the weights do: w x is a normal number."""
    problem = {**PAPER, "inputs": np.array([[3e-310], [-2e-310]]), "dtype": "float64"}
    run = np.array([[[1e305], [-1e305]]]), np.zeros((1, 2))
    want, _ = native_arithmetic.stepped(*run, [20], step_size=0.5, **problem)
    found = descend(*run, [20], step_size=0.5, **problem)
    assert (found.biases != 0).all()
    np.testing.assert_allclose(found.biases, want[..., -1], rtol=1e-13)


def test_float16_trains_from_small_weights() -> None:
    """Ground truth: PyTorch and NumPy, 432 updates to weights of +-2.316."""
    net, data = lp.ShallowReLU([4e-5, -4e-5], [0.0, 0.0]), lp.Dataset([1.0, -1.0], [1, -1])
    with pytest.warns(UserWarning, match="float16 stalled at update 432"):
        run = lp.simulate(
            net, data, lp.GradientDescent(0.1), until=10**6, at=[10**6], dtype="float16"
        )
    np.testing.assert_array_equal(run.trajectory.weights.values.ravel(), [2.31640625, -2.31640625])


def test_inputs_are_rounded_to_the_format() -> None:
    """Ground truth: 0.1 is 0.10009765625 in bfloat16; one update of weights 0 and biases 1 is
    -x e^-q of it, half of it for the output weight 1/2."""
    rounded = float(ml_dtypes.bfloat16(0.1))
    problem = {"inputs": np.array([[0.1]]), "labels": np.array([1]), "dtype": "bfloat16"}
    problem |= {"output_weights": np.array([0.5]), "step_size": 1.0}
    found = descend(np.zeros((1, 1, 1)), np.full((1, 1), 2.0), [1], **problem)
    weight = float(ml_dtypes.bfloat16(np.exp(-1.0))) / 2
    assert found.weights[0, 0, 0, 0] == float(ml_dtypes.bfloat16(weight * rounded))


def test_float64_rounds_every_operation() -> None:
    """Ground truth: NumPy; a fused multiply-add differs from it in a quarter of the sums. A step
    from e^0 alone: one neuron at margin -1e-17, whose weight is 1."""
    rng = np.random.default_rng(8)
    weights, inputs = rng.normal(size=(500, 1, 2)), np.array([[0.7, -1.3]])
    exact = weights.astype(np.longdouble) @ inputs[0].astype(np.longdouble)
    biases = -exact.astype(np.float64)  # so that pre-activations are rounding errors
    problem = {"inputs": inputs, "labels": np.array([1]), "output_weights": np.array([0.01])}
    problem |= {"step_size": 0.3, "dtype": "float64"}
    want, _ = native_arithmetic.stepped(weights, biases, [1], **problem)
    found = descend(weights, biases, [1], **problem)
    np.testing.assert_array_equal(found.weights[0], want[0, ..., :-1])
    assert 50 < (found.weights[0] != weights).any(axis=(1, 2)).sum() < 450


def test_progress_is_told_in_updates() -> None:
    """Ground truth: the last report is the whole; reports rise, and none is beyond."""
    told: list[tuple[int, int]] = []
    weights, biases = start("float32")
    descend(
        weights,
        biases,
        [1e5, 2e5],
        dtype="float32",
        step_size=1.0,
        progress=lambda done, total: told.append((done, total)),
        **PAPER,
    )
    done, total = zip(*told, strict=True)
    assert set(total) == {200_000}
    assert list(done) == sorted(done)
    assert done[-1] == 200_000


def test_leaps_are_the_steps() -> None:
    """Ground truth: float32 with leaps of one step only (samples at every one are none apart)."""
    weights, biases = start("float32")
    leaping = descend(weights, biases, [6000], dtype="float32", step_size=1.0, **PAPER)
    single = descend(weights, biases, np.arange(1, 6001), dtype="float32", step_size=1.0, **PAPER)
    np.testing.assert_array_equal(leaping.weights[-1], single.weights[-1])
    np.testing.assert_array_equal(leaping.biases[-1], single.biases[-1])


@pytest.mark.parametrize(("dtype", "step_size"), [("bfloat16", 0.25), ("float16", 0.25)])
def test_leaps_are_the_steps_where_ties_alternate(dtype: str, step_size: float) -> None:
    """Ground truth: 512 runs made step by step. Starts are multiples of 1/16, so that updates often
    lie half-way between two numbers: from even and from odd ones they then differ."""
    weights, biases = initializers.get("standard_normal")(trials=TRIALS[dtype], seed=9)
    start_ = np.round(weights * 16) / 16, np.round(biases * 16) / 16
    settings: dict[str, Any] = {"dtype": dtype, "step_size": step_size, **PAPER}
    leaping = descend(*start_, [1500], **settings)
    single = descend(*start_, list(range(1, 1501)), **settings)
    np.testing.assert_array_equal(leaping.weights[-1], single.weights[-1])
    np.testing.assert_array_equal(leaping.biases[-1], single.biases[-1])


def test_stochastic_rounding_keeps_the_mean_and_does_not_stall() -> None:
    """Ground truth: the mean over 512 copies of one bfloat16 run against the exact one. A copy is
    off by the random walk of its roundings, some units of 2^-8 x 4; their mean by a twentieth."""
    net = lp.ShallowReLU([0.875, -0.625], [0.25, 0.5])
    gd, data = lp.GradientDescent(1.0), lp.Dataset([1.0, -1.0], [1, -1])
    exact = lp.simulate(net, data, gd, until=2000, at=[2000]).trajectory
    copies = [
        np.repeat(part[None], TRIALS["bfloat16"], axis=0) for part in (net.weights, net.biases)
    ]
    settings: dict[str, Any] = {"dtype": "bfloat16", "step_size": 1.0, **PAPER}
    loose = descend(*copies, [2000], rounding="stochastic", **settings)
    stuck = descend(*copies, [2000], **settings)
    want = float(exact.weights[0, 0, 0])
    assert np.isnan(loose.stalled).all()
    assert abs(loose.weights[0, :, 0, 0].mean() / want - 1) < 0.05
    assert abs(stuck.weights[0, :, 0, 0].mean() / want - 1) > 0.3


def test_float64_leaps_to_its_stall() -> None:
    """Ground truth: leaps with fused operations, another arithmetic, end on the same plateau at
    2.46206e14. Its update is 2^-50 from a tie and lasts for 10^12 updates."""
    net, data = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2]), lp.Dataset([1.0, -1.0], [1, -1])
    gd = lp.GradientDescent(1.0)
    late = lp.simulate(net, data, gd, until="1e13", at=["1e13"]).trajectory
    run = (late.weights.values, late.biases.values, [1e22])
    kind: dict[str, Any] = {"dtype": "float64", "start": 1e13, "max_leaps": 20_000}
    found = descend(*run, step_size=1.0, **kind, **PAPER)
    np.testing.assert_allclose(found.stalled, 2.46206e14, rtol=1e-5)


def test_margin_error_of_a_rounded_network_is_that_of_reading_it() -> None:
    """Ground truth: margins of the recorded networks in fractions."""
    net = lp.ShallowReLU([[0.7, -3.3], [-0.4, 0.1], [9.1, 2.2]], [0.1, 0.2, -7.0], [1.0, -0.3, 0.7])
    data = lp.Dataset([[0.1, 2.0], [-1.3, 0.7], [3.0, 3.0]], [1, -1, 1])
    gd, at = lp.GradientDescent(0.1), [0, 5, 50]
    seen = lp.simulate(net, data, gd, until=50, at=at, dtype="float32").trajectory
    for row, bound in enumerate(seen.margin_error.values):
        w, b = seen.weights.values[row], seen.biases.values[row]
        exact = [Fraction(0)] * data.n
        for i, x in enumerate(data.inputs):
            for v, wj, bj in zip(net.output_weights, w, b):
                a = sum(Fraction(p) * Fraction(q) for p, q in zip(wj, x)) + Fraction(bj)
                exact[i] += int(data.labels[i]) * Fraction(v) * max(a, 0)
        q = data.labels * (np.maximum(w @ data.inputs.T + b[:, None], 0).T @ net.output_weights)
        true = max(abs(float(Fraction(g) - e)) / (1 + abs(float(e))) for g, e in zip(q, exact))
        assert true <= bound < 1e-13
    assert np.isnan(seen.error.values).all()


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
