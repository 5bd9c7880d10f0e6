"""The modified flow of a mode, and its Jacobian, against derivatives of the definition."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from helpers import norm_error
from latephase.late.layered.dynamics import LayeredDynamics
from latephase.late.layered.field import LayeredField
from latephase.late.layered.mode import LayeredMode
from latephase.problem import Problem

RNG = np.random.default_rng(16)
STATE = 0.4 * RNG.normal(size=(4, 4))
DATA = lp.Dataset(RNG.normal(size=(5, 2)), [1, -1, 1, 1, -1])


def problem(loss: str, slope: float) -> Problem:
    net = lp.ShallowReLU(
        STATE[:, :2], STATE[:, 2], STATE[:, 3], train_output=True, negative_slope=slope
    )
    return Problem.of(net, DATA, lp.GradientDescent(0.1), loss)


def step(loss: str, slope: float, state: np.ndarray) -> np.ndarray:
    """What a step of gradient descent adds, by the definition; analytic within the pattern."""
    theta, outer = state[:, :-1], state[:, -1]
    z = np.column_stack([DATA.inputs, np.ones(5)])
    a = theta @ z.T
    gains = np.where(a.real > 0, 1.0, slope)
    pull = np.exp(-DATA.labels * (outer @ (gains * a)))
    pull = 0.1 * DATA.labels * (pull if loss == "exponential" else pull / (1 + pull))
    hidden = outer[:, None] * ((gains * pull) @ z)
    return np.concatenate([hidden, ((gains * a) @ pull)[:, None]], axis=1)


@pytest.mark.parametrize(("loss", "slope"), [("exponential", 0.0), ("logistic", 0.3)])
def test_the_field_is_that_of_backward_error_analysis(loss, slope):
    """Ground truth: f - f'f/2 + f'f'f/3 + f''(f, f)/12 by complex steps of the definition."""

    def along(g: np.ndarray) -> np.ndarray:
        return step(loss, slope, STATE + 1e-20j * g).imag / 1e-20

    def bent(h: float) -> np.ndarray:
        return 2 * (first - step(loss, slope, STATE + 1j * h * first).real) / h**2

    first = step(loss, slope, STATE)
    second = along(first)
    third, curved = along(second), (4 * bent(2e-3) - bent(4e-3)) / 3
    wanted = first - second / 2 + third / 3 + curved / 12
    dynamics = LayeredDynamics.of(problem(loss, slope))
    mode = LayeredMode.of(dynamics, STATE, dynamics.statuses(dynamics.preactivations(STATE)))
    field = LayeredField(mode, 2, 0.0, np.full(len(mode.live), np.inf))
    found = field(np.zeros(1), mode.start[:, None])[:, 0]
    moved = mode.parameters(mode.start + found) - STATE
    assert norm_error(moved.ravel(), wanted.ravel()) < 1e-10
    assert norm_error((first - second / 2).ravel(), wanted.ravel()) > 1e-4


def test_the_jacobian_is_the_derivative_of_the_field():
    """Ground truth: central differences; it is symmetric, since the field is a gradient."""
    dynamics = LayeredDynamics.of(problem("exponential", 0.0))
    mode = LayeredMode.of(dynamics, STATE, dynamics.statuses(dynamics.preactivations(STATE)))
    field, y = LayeredField.of(mode, 0), mode.start
    s, step = np.full(2 * len(y), 0.7), 1e-5
    ends = y[:, None] + step * np.concatenate([np.eye(len(y)), -np.eye(len(y))], axis=1)
    values = field(s, ends)
    slopes = (values[:, : len(y)] - values[:, len(y) :]) / (2 * step)
    found = field.jacobian(0.7, y)
    assert norm_error(found.ravel(), slopes.ravel()) < 1e-8
    assert norm_error(found.T.ravel(), found.ravel()) < 1e-15
