"""runs/stall.py: the predicted stall against the arithmetic itself, run to it."""

from __future__ import annotations

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
