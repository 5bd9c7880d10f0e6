"""runs/stall.py: the predicted stall against the arithmetic itself, run to it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import latephase as lp
from latephase.core import Outcome
from latephase.runs.stall import WHOLE_UNITS
from latephase.training.arithmetic.descent import descend
from latephase.training.arithmetic.formats import FORMATS
from references.native_arithmetic import TRIALS

PAPER: dict[str, Any] = {
    "inputs": np.array([[1.0], [-1.0]]),
    "labels": np.array([1, -1]),
    "output_weights": np.array([1.0, -1.0]),
}


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


ALONE = "parameters that are not yet still go on alone: 7 of 9 within a factor 3, criterion 80 %"
BOTH = [
    (dtype, x) for dtype in ("bfloat16", "float16", "float32") for x in ([1.0, -1.0], [2.0, -0.5])
]
MISSED = pytest.param(*BOTH[-1], marks=pytest.mark.xfail(strict=True, reason=ALONE))


@pytest.mark.campaign
@pytest.mark.parametrize(("dtype", "inputs"), [*BOTH[:-1], MISSED])
def test_the_stall_of_both_layers_is_predicted(dtype: str, inputs: list[float]) -> None:
    """Ground truth: the arithmetic itself, run to its stall. Parameters do not stop at once, as
    with fixed output weights. The criterion was fixed on networks of seed 3, where medians of
    measured over predicted were 1.08 to 1.54 for steps and 0.68 to 1.13 for deficits."""
    data, gd = lp.Dataset(inputs, [1, -1]), lp.GradientDescent(0.5)
    drawn = {"trials": 80, "seed": 11, "output_weights": "standard_normal", "train_output": True}
    starts = lp.ensemble("standard_normal", data, gd, until="1e30", at=["0", "1e30"], **drawn)
    kept = starts.isel(trial=np.flatnonzero(starts.regime == "specialised")[:9], time=0)
    w, b, v = kept.weights.values, kept.biases.values, kept.output_weights.values
    assert len(w) == 9
    given = {"inputs": data.inputs, "labels": data.labels, "output_weights": v}
    found = descend(w, b, [1e13], dtype=dtype, step_size=0.5, **given)
    steps, deficits = [], []
    for k, one in enumerate(zip(w, b, v, strict=True)):
        predicted = lp.stall(lp.ShallowReLU(*one, train_output=True), data, gd, dtype)
        assert predicted.earliest is predicted.latest is None
        end = lp.ShallowReLU(found.weights[0, k], found.biases[0, k], found.output_weights[0, k])
        left = data.optimal_margin - float(lp.robustness_margin(end, data))
        steps.append(found.stalled[k] / predicted.step.as_float)
        deficits.append(left / predicted.deficit)
    assert 0.8 < np.median(steps) < 1.6, steps
    assert np.mean(np.abs(np.log(steps)) < np.log(3)) >= 0.8, steps
    assert 1 / 1.6 < np.median(deficits) < 1.6, deficits


@pytest.mark.parametrize("options", [{}, {"accumulate": True}, {"rounding": "stochastic"}], ids=str)
def test_both_layers_in_an_arithmetic(options: dict[str, Any]) -> None:
    """Ground truth: the steps of `descend`, which tests hold against NumPy; the stall it tells."""
    net = lp.ShallowReLU([0.9, -0.6], [0.3, 0.55], [0.5, -1.5], train_output=True)
    data, gd = lp.Dataset([1.0, -1.0], [1, -1]), lp.GradientDescent(0.5)
    given = {**PAPER, "output_weights": net.output_weights[None], "dtype": "bfloat16", **options}
    found = descend(net.weights[None], net.biases[None], [3.0, 400.0], step_size=0.5, **given)
    stalls = not np.isnan(found.stalled[0])
    assert stalls == ("rounding" not in options)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        run = lp.simulate(net, data, gd, until=400, at=[3, 400], dtype="bfloat16", **options)
    assert ("bfloat16 stalled" in "".join(str(one.message) for one in said)) == stalls
    assert (run.outcome is Outcome.stalled) == stalls
    seen = run.trajectory
    np.testing.assert_array_equal(seen.weights, found.weights[:, 0])
    np.testing.assert_array_equal(seen.biases, found.biases[:, 0])
    np.testing.assert_array_equal(seen.output_weights, found.output_weights[:, 0])
    assert len(set(seen.output_weights.values[:, 0])) == 2


@pytest.mark.parametrize("eta", [0.1, 0.5, 2.0])
def test_the_stall_of_balanced_layers(eta: float) -> None:
    """Ground truth: with hardly a null part or imbalance v = sqrt(q/c), w = b = v/c, c = |(x, 1)|,
    change by the share eta c e^-q of themselves, and half a unit is the share 1/(f 2^p), f the
    leading digits. So q = ln(eta c f 2^p) for the larger f, at t = f 2^p/(2q) (1 + 1/q + 2/q^2), as
    integration of dt = e^q dq/(2 eta c q) by parts says."""
    u, null, c = 1.25, 0.01, np.sqrt(2)
    w, b = u / c + null, u / c - null  # inactive at the other point
    net = lp.ShallowReLU([w, -w], [b, b], output_weights=[u, -u], train_output=True)
    found = lp.stall(net, lp.Dataset([1.0, -1.0], [1, -1]), lp.GradientDescent(eta), "float32")
    q = 16.0
    for _ in range(50):
        digits = 2 * np.frexp([np.sqrt(q / c), np.sqrt(q / c) / c])[0]
        q = np.log(eta * c * digits.max() * 2**24)
    still = digits.max() * 2**24 / (2 * q) * (1 + 1 / q + 2 / q**2)
    assert abs(found.step.as_float / (WHOLE_UNITS * still) - 1) < 0.01


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


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_the_stall_is_predicted_at_all_step_sizes(dtype: str) -> None:
    """Ground truth: the arithmetic itself. A step too small to move anything stalls at 0, one that
    throws the network beyond every update at 1, to the update; between, within a third."""
    net, data = lp.ShallowReLU([0.9, -0.6], [0.3, 0.55]), lp.Dataset([1.0, -1.0], [1, -1])
    given = {**PAPER, "dtype": dtype}
    for size in (1e-300, 0.1, 1e30, 1e300):
        if size > FORMATS[dtype].largest:
            with pytest.raises(lp.InputError, match=r"numbers below .*, the largest of"):
                lp.stall(net, data, lp.GradientDescent(size), dtype)
            continue
        if dtype == "float64" and 1e-19 < size < 1e3:
            continue  # 10^14 updates
        found = lp.stall(net, data, lp.GradientDescent(size), dtype)
        copies = [
            np.repeat(part[None], TRIALS[dtype], axis=0) for part in (net.weights, net.biases)
        ]
        run = descend(*copies, [1e12], step_size=size, **given)
        want = run.stalled[0]
        if want < 2:
            assert found.step == lp.LogTime.parse(int(want))
            assert found.earliest is None
        else:
            assert abs(np.log(found.step.as_float / want)) < np.log(4 / 3)


def test_whole_units() -> None:
    """Ground truth: the sum over k < 4 10^6 in 80-bit numbers with the integral of the rest,
    1.7506329692450444."""
    assert abs(WHOLE_UNITS / (1.7506329692450444 / 2) - 1) < 1e-14


@pytest.mark.parametrize("seed", range(2))
def test_a_stall_at_any_magnitude_is_an_answer_or_a_line(seed: int) -> None:
    """Ground truth: an answer whose bounds are ordered, or an error that is latephase's own."""
    rng = np.random.default_rng(seed)
    answers = 0
    for _ in range(6):
        size, x, w = (10.0 ** rng.choice([-300.0, -50.0, -3.0, 0.0, 3.0, 300.0]) for _ in range(3))
        dtype = str(rng.choice(list(FORMATS)))
        net = lp.ShallowReLU([0.7 * w, -0.4 * w], [0.1 * w, 0.2 * w])
        try:
            found = lp.stall(net, lp.Dataset([x, -x], [1, -1]), lp.GradientDescent(size), dtype)
        except lp.LatephaseError:
            continue
        answers += 1
        assert found.earliest is None or found.earliest <= found.latest
    assert answers > 0


@pytest.mark.parametrize("own", ["until", "at", "samples"])
def test_stall_looks_for_its_own_times(own: str) -> None:
    net, data = lp.ShallowReLU([0.9, -0.6], [0.3, 0.55]), lp.Dataset([1.0, -1.0], [1, -1])
    with pytest.raises(lp.InputError, match=f"no times: stall looks for its own, got {own}"):
        lp.stall(net, data, lp.GradientDescent(1.0), "float32", **{own: 10})
