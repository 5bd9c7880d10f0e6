"""training/schedule: gradient descent whose step size is a function of the step."""

from __future__ import annotations

import itertools
import math
import pickle
from typing import Any

import numpy as np
import optax
import pytest

import latephase as lp
from helpers import relative_error
from latephase.training.schedule import tabulated

NET, DATA = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2]), lp.Dataset([1.0, -1.0], [1, -1])


def shrinking(t: Any) -> Any:
    return 0.5 / (t + 1)


def halved(t: int) -> float:
    return 0.5 if t < 30 else 0.25 * math.sqrt(1 + t)


def trained(method: Any, steps: int = 1000) -> np.ndarray:
    seen = lp.simulate(NET, DATA, method, until=steps, at=[steps]).trajectory
    return np.stack([seen.weights.values[0, :, 0], seen.biases.values[0]])


@pytest.mark.slow
@pytest.mark.parametrize("constant", [lambda t: 0.1, lambda t: 0.1 + 0 * t])
def test_a_constant_schedule_is_the_constant_step(constant: Any) -> None:
    """Ground truth: the same steps of a constant size, to the bit."""
    assert np.array_equal(trained(lp.GradientDescent(constant)), trained(lp.PowerStep(0.1, 0.0)))


@pytest.mark.slow
@pytest.mark.parametrize("schedule", [shrinking, halved])
def test_a_schedule_is_its_definition(schedule: Any) -> None:
    """Ground truth: a loop of NumPy in float64, step by step."""
    theta, points = np.array([[0.7, 0.1], [-0.4, 0.2]]), np.array([[1.0, 1.0], [-1.0, 1.0]])
    y, v = np.array([1.0, -1.0]), np.array([1.0, -1.0])
    for t in range(200):
        a = theta @ points.T
        pull = np.exp(-y * (v @ np.maximum(a, 0.0))) * y
        theta = theta + schedule(t) * (v[:, None] * pull * (a > 0)) @ points
    assert relative_error(trained(lp.GradientDescent(schedule), 200), theta.T) <= 1e-13


def test_the_sizes_of_optax_schedules_and_of_plain_python() -> None:
    """Ground truth: the formula; a generator, which JAX would take for a constant."""
    steps = np.arange(70_000)
    table = tabulated(lambda t: 1 / (t + 1), len(steps))
    assert relative_error(table, 1.0 / (steps + 1)) == 0.0
    decay = tabulated(optax.exponential_decay(0.1, 100, 0.9), 500)
    assert relative_error(decay, 0.1 * 0.9 ** (np.arange(500) / 100)) <= 1e-14
    source = itertools.count(1)
    assert np.diff(tabulated(lambda t: next(source) / 8, 5)).tolist() == [0.125] * 4
    assert tabulated(halved, 32)[[29, 30]].tolist() == [0.5, 0.25 * math.sqrt(31)]
    assert tabulated(lambda t: np.float32(0.5), 2).tolist() == [0.5, 0.5]


BAD: dict[str, tuple[Any, str]] = {
    "NaN": (lambda t: 0.1 / (t - 3) * (t - 3), "at step 3, got nan"),
    "negative": (lambda t: 0.1 * (70_000 - t) - 0.05, "at step 70000, got -0.05"),
    "zero": (lambda t: 0.1 * (t != 9), "at step 9, got 0.0"),
    "zero in Python": (lambda t: 0.1 if t < 9 else 0, "at step 9, got 0"),
    "infinite": (lambda t: math.inf if t == 4 else 0.1, "step size at step 4 .* got inf"),
    "text": (lambda t: "0.1", "step size at step 0 .* got '0.1'"),
    "array": (lambda t: t * np.ones(2), "step size at step 0"),
    "nothing": (lambda t: None, "step size at step 0 .* got None"),
    "raises": (lambda t: 1 / (5 - t) if t < 9 else 1.0, "step 5, got ZeroDivisionError"),
    "too small": (lambda t: 1e-310, "at step 0, got 1e-310"),
}


@pytest.mark.slow
@pytest.mark.parametrize("bad", BAD)
def test_a_bad_step_size_is_told_with_its_step(bad: str) -> None:
    schedule, words = BAD[bad]
    with pytest.raises(lp.InputError, match=words) as told:
        tabulated(schedule, 80_000)
    assert "\n" not in str(told.value)


def test_it_is_written_and_pickled() -> None:
    method = lp.GradientDescent(shrinking)
    assert repr(method) == "GradientDescent(step_size=shrinking)"
    assert repr(lp.GradientDescent(0.5)) == "GradientDescent(step_size=0.5)"
    assert pickle.loads(pickle.dumps(method)) == method
    text = repr(lp.GradientDescent(optax.exponential_decay(0.1, 100, 0.9)))
    assert "decay_rate=0.9" in text
    assert "0x" not in text


def test_more_updates_than_a_table_holds_are_refused() -> None:
    with pytest.raises(lp.InputError, match="at most 10,000,000 updates of a schedule"):
        tabulated(shrinking, 10**7 + 1)


@pytest.mark.slow
def test_compare_has_schedules_beside_others() -> None:
    methods = [lp.GradientDescent(0.1), lp.GradientDescent(shrinking), lp.GradientDescent(halved)]
    found = lp.compare("he_normal", DATA, methods, trials=4, seed=0, until=30)
    names = [str(name) for name in found.algorithm.values]
    assert names == ["gd:step_size=0.1", "gd:step_size=shrinking", "gd:step_size=halved"]
    only = lp.compare("he_normal", DATA, methods[1:2], trials=4, seed=0, until=30)
    assert relative_error(only.norm[0], found.norm[1]) <= 1e-14
    assert only.attrs["step_size"] == "differs"
