"""training/loops/blocks.py: a trial's values whatever runs beside it, and exact special cases."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from helpers import often
from latephase.core.errors import InputError
from latephase.problem.losses import LOSSES
from latephase.problem.methods import GradientDescent, GradientFlow
from latephase.training import Stepped, advance

PROBLEM: dict[str, Any] = {
    "inputs": np.array([[1.3], [-0.4]]),
    "labels": np.array([1, -1]),
    "output_weights": np.array([1.0, -1.0]),
}


def start(trials: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(5).normal
    return draw(size=(trials, 2, 1)), draw(size=(trials, 2))


def run(weights: Any, biases: Any, counts: Any, step_size: float = 0.1, **more: Any) -> Stepped:
    method = GradientDescent(step_size)
    return advance(weights, biases, np.asarray(counts), **{"method": method, **PROBLEM, **more})


def assert_same(left: Stepped, right: Stepped) -> None:
    for name, a, b in zip(left._fields, left, right, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)


COUNTS = np.random.default_rng(6).integers(0, 200, 700)


@pytest.fixture(scope="module")
def among() -> Stepped:
    """700 trials at once."""
    return run(*start(700), COUNTS)


SIZES = [1, 2, 3, 7, 8, 9, 33, 500, 600]


@pytest.mark.parametrize("trials", often(SIZES, [1, 3, 8, 33, 600]))
def test_a_trial_is_the_same_bit_for_bit_whatever_runs_beside_it(
    trials: int, among: Stepped
) -> None:
    """Ground truth: the same trials among 700, in other blocks, and with padding."""
    weights, biases = start(700)
    alone = run(weights[:trials], biases[:trials], COUNTS[:trials])
    assert_same(alone, Stepped(*(a[:trials] for a in among)))


def test_two_calls_that_hand_on_the_low_parts_are_one() -> None:
    """Ground truth: one call of 300 steps, to the bit."""
    weights, biases = start(5)
    once = run(weights, biases, [300] * 5)
    first = run(weights, biases, [100] * 5)
    lows = {"weights_low": first.weights_low, "biases_low": first.biases_low}
    twice = run(first.weights, first.biases, [200] * 5, error=first.error, **lows)
    assert_same(twice._replace(error=once.error), once)
    assert np.all(twice.error >= once.error)


def test_a_trial_that_overflows_stays_so_and_holds_up_nobody() -> None:
    """Ground truth: the other trials stepped without it; 10^15 steps would take years."""
    weights, biases = start(4)
    weights[2], biases[2] = [[-800.0], [900.0]], [0.0, 0.0]
    before = time.process_time()
    mixed = run(weights, biases, [50, 60, 10**15, 0])
    assert time.process_time() - before < 30
    assert not np.isfinite(mixed.weights[2]).all()
    others = run(weights[[0, 1, 3]], biases[[0, 1, 3]], [50, 60, 0])
    assert_same(Stepped(*(a[[0, 1, 3]] for a in mixed)), others)


def test_a_neuron_at_its_kink_is_inactive() -> None:
    """Ground truth: relu'(0) = 0; both neurons have pre-activation 0 or less on both points."""
    weights, biases = np.array([[[1.0], [-0.5]]]), np.array([[-1.0, -0.5]])
    stepped = run(weights, biases, [1000], inputs=np.array([[1.0], [-1.0]]))
    np.testing.assert_array_equal(stepped.weights, weights)
    np.testing.assert_array_equal(stepped.biases, biases)


def test_no_trials_and_no_steps() -> None:
    """Ground truth: nothing changes."""
    weights, biases = start(3)
    assert run(weights[:0], biases[:0], []).weights.shape == (0, 2, 1)
    np.testing.assert_array_equal(run(weights, biases, [0, 0, 0]).weights, weights)


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_weights_of_the_losses(loss: str) -> None:
    """Ground truth: exp of the same weights in the log domain, NumPy."""
    margins = np.array([-700.0, -30.0, -1.0, 0.0, 1e-9, 2.0, 40.0, 700.0])
    expected = np.exp(LOSSES[loss].log_weights(margins))
    import jax

    with jax.enable_x64(True):
        got = np.asarray(LOSSES[loss].weights(jax.numpy.asarray(margins)))
    np.testing.assert_allclose(got, expected, rtol=3e-13)  # 700 * 2^-53, a few times


def test_what_cannot_be_stepped_is_said() -> None:
    """Ground truth: one line naming what is expected."""
    weights, biases = start(1)
    with pytest.raises(InputError, match=r"GradientDescent\(step_size\), got GradientFlow"):
        run(weights, biases, [1], method=GradientFlow())
    with pytest.raises(InputError, match="exponential or logistic, got 'hinge'"):
        run(weights, biases, [1], loss="hinge")
