"""What each neuron gives to the constant of a law."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from helpers import relative_error

GD = lp.GradientDescent(0.1)
PLANE = lp.Dataset([[2.0, 0.5], [1.5, -1.0], [-2.0, 0.3], [-1.2, -1.0]], [1, 1, -1, -1])
LINE = lp.Dataset([2.0, 1.0, -1.0], [1, 1, -1])
ALTERNATING = [1.0, -1.0, 1.0, -1.0]


def pair(x1: float, x2: float, loss: str = "exponential") -> lp.Run:
    net = lp.ShallowReLU([0.7, -0.4], [0.3, 0.2])
    return lp.simulate(net, lp.Dataset([x1, x2], [1, -1]), GD, at=["1e1000"], loss=loss)


def wide(data: lp.Dataset, slope: float, seed: int) -> lp.Run:
    rng = np.random.default_rng(seed)
    net = lp.ShallowReLU(
        rng.normal(size=(4, data.d)), rng.normal(size=4), ALTERNATING, negative_slope=slope
    )
    return lp.simulate(net, data, lp.GradientFlow(), at=["1e1000"])


# A run, and whether its law is the boundary's.
RUNS = {
    "specialised": (lambda: pair(3.0, -1.0), True),
    "logistic": (lambda: pair(3.0, -1.0, "logistic"), True),
    "double slide": (lambda: pair(0.5, -0.7), True),
    "single slide": (lambda: pair(0.9, 0.3), True),
    "leaky line": (lambda: wide(LINE, 0.1, 5), True),
    "plane": (lambda: wide(PLANE, 0.0, 5), False),
    "linear plane, two points equally near": (lambda: wide(PLANE, 1.0, 5), False),
}


@pytest.mark.parametrize("kind", RUNS)
def test_the_parts_are_the_constant_together(kind):
    """Ground truth: the law's own constant, which closed forms, the limit's boundary or its margin
    tell without looking at neurons."""
    make, on_line = RUNS[kind]
    run = make()
    assert (run.law.limit_boundary is not None) == on_line
    parts = lp.limit(run).constant_shares
    assert parts.shape == (run.network.m,)
    size = np.abs(parts).sum()
    assert abs(parts.sum() - run.law.constant) <= (1e-12 if on_line else 1e-6) * size
    assert run.law.shares.shape == parts.shape
    assert relative_error(run.law.shares.sum(), 1.0) < 1e-12


def test_a_null_part_moves_its_own_share_alone():
    """Ground truth: docs/theory.md: C by the null parts w - x b of a specialised pair, here moved
    by 0.25 (1 + x_j^2): the boundary at 1/2 is moved by that times (x* - x_j) / (w1 - w2)."""
    data = lp.Dataset([3.0, -1.0], [1, -1])
    for j, x in enumerate((3.0, -1.0)):
        weights, biases = np.array([0.7, -0.4]), np.array([0.3, 0.2])
        before = lp.limit(lp.simulate(lp.ShallowReLU(weights, biases), data, GD, at=["1e1000"]))
        weights[j], biases[j] = weights[j] + 0.25, biases[j] - 0.25 * x
        after = lp.limit(lp.simulate(lp.ShallowReLU(weights, biases), data, GD, at=["1e1000"]))
        moved = after.constant_shares - before.constant_shares
        sign = (1.0, -1.0)[j]
        slope = 3.0 / 10.0 + 1.0 / 2.0  # w1 - w2 in the limit
        assert relative_error(moved[j], -sign * 0.25 * (0.5 - x) / slope) < 1e-9
        assert abs(moved[1 - j]) < 1e-9
