"""What each neuron gives to the constant of a law."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import latephase as lp
from helpers import relative_error

GD = lp.GradientDescent(0.1)
PLANE = lp.Dataset([[2.0, 0.5], [1.5, -1.0], [-2.0, 0.3], [-1.2, -1.0]], [1, 1, -1, -1])
LINE = lp.Dataset([2.0, 1.0, -1.0], [1, 1, -1])
ALTERNATING = [1.0, -1.0, 1.0, -1.0]


def pair(x1: float, x2: float, loss: str = "exponential", train_output: bool = False) -> lp.Run:
    net = lp.ShallowReLU([0.7, -0.4], [0.3, 0.2], train_output=train_output)
    return lp.simulate(net, lp.Dataset([x1, x2], [1, -1]), GD, at=["1e1000"], loss=loss)


def wide(data: lp.Dataset, slope: float, seed: int, train_output: bool = False) -> lp.Run:
    rng = np.random.default_rng(seed)
    weights, biases = rng.normal(size=(4, data.d)), rng.normal(size=4)
    kind = {"negative_slope": slope, "train_output": train_output}
    net = lp.ShallowReLU(weights, biases, ALTERNATING, **kind)
    return lp.simulate(net, data, lp.GradientFlow(), at=["1e1000"])


# A run, and whether its law is the boundary's.
RUNS = {
    "specialised": (lambda: pair(3.0, -1.0), True),
    "logistic": (lambda: pair(3.0, -1.0, "logistic"), True),
    "double slide": (lambda: pair(0.5, -0.7), True),
    "single slide": (lambda: pair(0.9, 0.3), True),
    "leaky line": (lambda: wide(LINE, 0.1, 5), True),
    "plane": (lambda: wide(PLANE, 0.0, 5), False),
    "both layers": (lambda: pair(3.0, -1.0, train_output=True), True),
    "both layers, leaky line": (lambda: wide(LINE, 0.5, 0, True), True),
    "both layers, plane": (lambda: wide(PLANE, 0.0, 3, True), False),
    "linear plane, two points equally near": (lambda: wide(PLANE, 1.0, 5), False),
}


@pytest.mark.parametrize("kind", RUNS)
def test_the_parts_are_the_constant_together(kind):
    """Ground truth: the law's own constant, which closed forms, the limit's boundary or its margin
    tell without looking at neurons."""
    make, on_line = RUNS[kind]
    run = make()
    assert (run.law.limit_boundary is not None) == on_line
    parts = run.law.constant_shares
    assert parts.shape == (run.network.m,)
    size, by_differences = np.abs(parts).sum(), run.network.train_output or not on_line
    assert abs(parts.sum() - run.law.constant) <= (1e-6 if by_differences else 1e-12) * size
    assert run.law.shares.shape == parts.shape
    assert relative_error(run.law.shares.sum(), 1.0) < 1e-12


def test_a_null_part_moves_its_own_share_alone():
    """Ground truth: docs/theory.md: C by the null parts w - x b of a specialised pair, here moved
    by 0.25 (1 + x_j^2): the boundary at 1/2 is moved by that times (x* - x_j) / (w1 - w2)."""
    data = lp.Dataset([3.0, -1.0], [1, -1])
    for j, x in enumerate((3.0, -1.0)):
        weights, biases = np.array([0.7, -0.4]), np.array([0.3, 0.2])
        before = lp.predict(lp.ShallowReLU(weights, biases), data, GD).law
        weights[j], biases[j] = weights[j] + 0.25, biases[j] - 0.25 * x
        after = lp.predict(lp.ShallowReLU(weights, biases), data, GD).law
        moved = after.constant_shares - before.constant_shares
        sign = (1.0, -1.0)[j]
        slope = 3.0 / 10.0 + 1.0 / 2.0  # w1 - w2 in the limit
        assert relative_error(moved[j], -sign * 0.25 * (0.5 - x) / slope) < 1e-9
        assert abs(moved[1 - j]) < 1e-9


@pytest.mark.parametrize("eta", [0.1, 1e-6])
def test_a_share_is_that_of_the_null_part_alone_whatever_the_step(eta):
    """Ground truth: docs/theory.md: on +-1 C = (a21 - a12) / 2, one null part of each neuron, so
    ((-0.4 + 0.2) - (-0.7 + 0.1)) / 2 is -0.1 and +0.3."""
    net, data = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2]), lp.Dataset([1.0, -1.0], [1, -1])
    for method in (lp.GradientDescent(eta), lp.GradientDescent(eta / 3)):
        shares = lp.simulate(net, data, method, at=["1e1000"]).law.constant_shares
        assert relative_error(shares, np.array([0.3, -0.1])) < 1e-9


def test_a_null_part_of_trained_layers_moves_its_own_share_alone():
    """Ground truth: docs/theory.md, "Every layer trained": on +-1 the constant is (a21 - a12) /
    2^(5/4), one null part of each neuron: what neuron 0 sees of point 1 is its own."""
    data = lp.Dataset([1.0, -1.0], [1, -1])

    def parts(moved: float) -> np.ndarray:
        net = lp.ShallowReLU([0.7 + moved, -0.4], [0.3 - moved, 0.2], train_output=True)
        return lp.simulate(net, data, GD, at=["1e1000"]).law.constant_shares

    change = parts(0.125) - parts(0.0)
    assert relative_error(change[0], 0.25 / 2**1.25) < 1e-6
    assert abs(change[1]) < 1e-7


def test_shares_are_unknown_where_the_limit_is_not_told(monkeypatch):
    """Ground truth: a run whose limit is refused, planted: its law stands, its shares are NaN."""
    module = importlib.import_module("latephase.runs.limit")  # a function of `runs` has its name

    def refused(_):
        raise lp.InputError("a run that settles", "one that does not", "raise until")

    run = pair(3.0, -1.0)
    monkeypatch.setattr(module, "limit", refused)
    assert np.isnan(run.law.constant_shares).all()
    assert run.law.constant_shares.shape == (2,)


SYMMETRIC = lp.Dataset([[0.9, 0.3], [-0.9, -0.3]], [1, -1])


@pytest.mark.parametrize("slope", [0.0, 0.1, 1.0])
def test_parts_of_a_constant_of_0_are_0_together(slope: float) -> None:
    """Ground truth: without biases N(-x) = -N(x) in the limit, whose zeros pass the origin: the
    margin is second order in 1 / ln t, and no neuron gives anything to a constant of 0."""
    rng = np.random.default_rng(1)
    outer, weights = [1.0, -1.0, 1.0], rng.normal(size=(3, 2))
    net = lp.ShallowReLU(weights, None, outer, negative_slope=slope)
    law = lp.simulate(net, SYMMETRIC, lp.GradientFlow(), at=["1e1000"]).law
    assert law.constant == 0
    assert np.array_equal(law.constant_shares, np.zeros(3))


def test_parts_are_unknown_where_two_points_are_equally_near_for_ever() -> None:
    """Ground truth: of x and -x a linear model has the same margin, and of these each bias moves
    one up and one down: whose part is meant is not known."""
    net = lp.ShallowReLU([[0.3, 0.2], [0.1, -0.5]], [0.4, -0.2], [1.0, -1.0], negative_slope=1.0)
    run = lp.simulate(net, SYMMETRIC, lp.GradientFlow(), at=["1e1000"])
    assert np.isnan(run.law.constant_shares).all()
