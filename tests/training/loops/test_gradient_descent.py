"""training/loops/gradient_descent.py against the same steps in 192-bit balls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from helpers import often
from latephase.problem.methods import GradientDescent
from latephase.training import Stepped, advance


@dataclass(frozen=True)
class Setting:
    """A data set with everything that defines the loss."""

    inputs: Any
    labels: Any
    output_weights: Any = (1.0, -1.0)
    loss: str = "exponential"

    def advance(self, weights, biases, counts, step_size, **more) -> Stepped:  # type: ignore[no-untyped-def]
        return advance(
            weights,
            biases,
            np.asarray(counts),
            inputs=np.array(self.inputs),
            labels=np.array(self.labels),
            output_weights=np.array(self.output_weights),
            method=GradientDescent(step_size),
            loss=self.loss,
            **more,
        )


def two_points(x1: float, x2: float) -> Setting:
    return Setting([[x1], [x2]], [1, -1])


# k12 = 1 + x1 x2 = 0, 0, < 0, > 0 (double slide), > 0 (single slide), just below 0
DATA = [(1.0, -1.0), (2.0, -0.5), (1.5, -1.1), (1.0, -0.3), (3.0, 1.0), (5.0, -0.2)]
LOGISTIC = Setting(
    [[0.5, -1.0], [1.0, 0.7], [-0.3, -1.2], [-1.0, 0.4]],
    [1, 1, -1, -1],
    (1.0, -1.0, 0.5),
    "logistic",
)


def start(setting: Setting, trials: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed).normal
    neurons, features = len(setting.output_weights), np.shape(setting.inputs)[1]
    return draw(size=(trials, neurons, features)), draw(size=(trials, neurons))


def steps_in_balls(setting: Setting, weights, biases, steps: int, step_size: float) -> np.ndarray:  # type: ignore[no-untyped-def]
    """(neuron, feature + 1) of one trial as balls, by the definitions, 192 bits."""
    points = [[arb(float(x)) for x in row] + [arb(1)] for row in setting.inputs]
    labels, output = (
        [int(y) for y in setting.labels],
        [arb(float(v)) for v in setting.output_weights],
    )
    theta = [
        [arb(float(x)) for x in row] + [arb(float(b))]
        for row, b in zip(weights, biases, strict=True)
    ]
    eta = arb(float(step_size))
    for _ in range(steps):
        theta = ball_step(theta, points, labels, output, eta, setting.loss)
    return np.array(theta, object)


def ball_step(theta, points, labels, output, eta, loss):  # type: ignore[no-untyped-def]
    new = [list(row) for row in theta]
    for x, y in zip(points, labels, strict=True):
        a = [sum((p * q for p, q in zip(row, x, strict=True)), arb(0)) for row in theta]
        assert all(b > 0 or b <= 0 for b in a), "the ball of a pre-activation straddles the kink"
        margin = y * sum((v * b for v, b in zip(output, a, strict=True) if b > 0), arb(0))
        pull = eta * y * ((-margin).exp() if loss == "exponential" else 1 / (1 + margin.exp()))
        for row, v, b in zip(new, output, a, strict=True):
            if b > 0:
                row[:] = [p + pull * v * q for p, q in zip(row, x, strict=True)]
    return new


def errors(stepped: Stepped, trial: int, truth: np.ndarray) -> tuple[float, float]:
    """Largest error over neurons relative to |(w_j, b_j)|, and the Euclidean error of the trial."""
    both = [
        np.c_[a, b]
        for a, b in (
            (stepped.weights[trial], stepped.biases[trial]),
            (stepped.weights_low[trial], stepped.biases_low[trial]),
        )
    ]
    exact = np.vectorize(lambda ball, high, low: float(arb(high) + arb(low) - ball))(truth, *both)
    size = np.linalg.norm(both[0], axis=1)
    return float((np.linalg.norm(exact, axis=1) / size).max()), float(np.linalg.norm(exact))


CASES = [(points, step_size) for points in DATA for step_size in (1e-3, 0.1, 2.0)]
EVERYDAY = [case for case in CASES if case[1] == 0.1 or case[0] in DATA[:2]]


@pytest.fixture(autouse=True)
def precision():  # type: ignore[no-untyped-def]
    before, ctx.prec = ctx.prec, 192
    yield
    ctx.prec = before


@pytest.mark.parametrize(("points", "step_size"), often(CASES, EVERYDAY), ids=str)
def test_two_points(points: tuple[float, float], step_size: float) -> None:
    """Ground truth: gradient descent by its definition in 192-bit balls, 400 steps."""
    setting = two_points(*points)
    weights, biases = start(setting, 6, seed=11)
    stepped = setting.advance(weights, biases, [400] * 6, step_size)
    for trial in range(6):
        truth = steps_in_balls(setting, weights[trial], biases[trial], 400, step_size)
        relative, absolute = errors(stepped, trial, truth)
        assert absolute <= stepped.error[trial], trial
        # Steps of size 2 amplify rounding errors while they overshoot; `error` knows by how much.
        assert relative <= 1e-15 or step_size == 2.0, trial


@pytest.mark.campaign
def test_tiny_steps_are_not_lost() -> None:
    """Ground truth: 100,000 steps of size 1e-6 in 192-bit balls; uncompensated sums fail by far."""
    setting = two_points(1.5, -1.1)
    weights, biases = np.array([[[0.7], [-0.4]]]), np.array([[0.1, 0.2]])
    stepped = setting.advance(weights, biases, [100_000], 1e-6)
    truth = steps_in_balls(setting, weights[0], biases[0], 100_000, 1e-6)
    relative, absolute = errors(stepped, 0, truth)
    assert relative <= 2e-16
    assert absolute <= stepped.error[0]


def test_logistic_loss_of_three_neurons_on_four_points_in_the_plane() -> None:
    """Ground truth: gradient descent by its definition in 192-bit balls, 400 steps."""
    weights, biases = start(LOGISTIC, 5, seed=12)
    stepped = LOGISTIC.advance(weights, biases, [400] * 5, 0.3)
    for trial in range(5):
        truth = steps_in_balls(LOGISTIC, weights[trial], biases[trial], 400, 0.3)
        relative, absolute = errors(stepped, trial, truth)
        assert relative <= 1e-15
        assert absolute <= stepped.error[trial]


def test_each_trial_makes_its_own_number_of_steps() -> None:
    """Ground truth: 0 to 11 steps in 192-bit balls, in one call with mixed counts."""
    setting = two_points(1.0, -0.3)
    weights, biases = start(setting, 8, seed=13)
    counts = [3, 0, 11, 1, 2, 0, 7, 5]
    stepped = setting.advance(weights, biases, counts, 0.5)
    for trial, count in enumerate(counts):
        truth = steps_in_balls(setting, weights[trial], biases[trial], count, 0.5)
        assert errors(stepped, trial, truth)[0] <= 1e-15
