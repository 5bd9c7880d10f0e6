"""The compiled solver: its order, another solver on the same field, the losses that it knows."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import latephase as lp
from helpers import relative_error
from latephase.late.modes import compiled
from latephase.late.modes.dynamics import Dynamics
from latephase.late.modes.mode import Mode
from latephase.late.modes.modified import Motion, field, rates, weight
from latephase.late.modes.radau import NODES, stages
from latephase.late.modes.segment import follow
from latephase.late.pattern import statuses
from latephase.problem import LOSSES, Problem


def motion(order: int = 0, logistic: bool = False, size: int = 4) -> Motion:
    """A field of random gradients."""
    pull = np.triu(np.random.default_rng(3).normal(size=(size, size))) + 2 * np.eye(size)
    margins = np.linspace(-0.5, 0.5, size)
    transpose, ones = np.ascontiguousarray(pull.T), np.ones(size)
    return Motion(pull, transpose, margins, order, logistic, 0.0, 0.0, -1.0, ones)


@pytest.mark.parametrize("name", LOSSES)
def test_weights_are_those_of_the_table(name):
    """Ground truth: the records of `problem.losses`; a loss without a kernel fails here."""
    q = np.array([-800.0, -30.0, -1.0, 0.0, 0.3, 5.0, 45.0, 2000.0])
    log, (first, second) = LOSSES[name].log_weights(q), LOSSES[name].slopes(q)
    found = np.array([weight(name == "logistic", x) for x in q]).T
    assert name in ("exponential", "logistic")
    assert relative_error(found[0], log) < 1e-14
    assert np.abs(found[1:] - [first, second]).max() < 1e-15


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("logistic", [False, True])
def test_rates_are_those_of_the_field_near_balance(order, logistic):
    """Ground truth: differences of the field where forces are small, so that P F hardly counts."""
    some, s = motion(order, logistic)._replace(log_step=-14.0), 2.0
    beta = np.array([0.1, -0.2, 0.3, 0.0])
    values, vectors = rates(some, s, beta)
    jacobian = -(vectors * values) @ vectors.T
    steps = 1e-4 * np.eye(4)
    seen = [(field(some, s, beta + d) - field(some, s, beta - d)) / 2e-4 for d in steps]
    assert relative_error(jacobian, np.array(seen).T) < 1e-4


@pytest.mark.parametrize("stiff", [False, True])
def test_the_order_is_nine(stiff):
    """Ground truth: theory, and the same interval in eight steps."""
    some, beta, span = motion()._replace(log_step=-2.5), np.zeros(4), 0.3

    def reached(steps: int) -> np.ndarray:
        y, h = beta, span / steps
        for k in range(steps):
            guess = np.outer(field(some, k * h, y), NODES * h)
            z, _, count = stages(some, k * h, y, h, guess, 1e-12, stiff)
            assert count > 0
            y = y + z[:, -1]
        return y

    truth = reached(4)
    errors = [np.abs(reached(k) - truth).max() for k in (1, 2)]
    assert 7.5 < math.log2(errors[0] / errors[1]) < 11


@pytest.mark.parametrize("method", ["DOP853", "Radau"])
def test_another_solver_finds_the_same_end(method):
    """Ground truth: SciPy's solvers, of other methods, on the flow written out by hand."""
    rng = np.random.default_rng(5)
    x, outer = rng.normal(size=(5, 3)), np.array([1.0, -0.7, 0.4])
    net = lp.ShallowReLU(rng.normal(size=(3, 3)), rng.normal(size=3), outer)
    data = lp.Dataset(x, [1, -1, 1, 1, -1])
    dynamics = Dynamics.of(Problem.of(net, data, lp.GradientFlow(), "logistic"))
    theta = np.c_[net.weights, net.biases]
    active = statuses(dynamics.preactivations(theta))
    mode = Mode.of(dynamics, theta, active, np.zeros(5, bool))
    found = follow(mode, 0, np.array([-3.0]), 1.0, 1e-12, slack=np.full(active.shape, 1e9))

    def flow(_: float, flat: np.ndarray) -> np.ndarray:
        a = flat.reshape(theta.shape) @ dynamics.points.T
        q = (dynamics.signs * active * a).sum(axis=0)
        return ((dynamics.signs * active / (1 + np.exp(q))) @ dynamics.points).ravel()

    times = np.exp([-3.0, 1.0])
    truth = solve_ivp(flow, (0.0, times[1]), theta.ravel(), method, times, rtol=1e-12, atol=1e-12)
    ends = np.stack([*found.sampled, found.theta]).reshape(2, -1)
    assert np.abs(ends - truth.y.T).max() < 2e-10
    assert found.work < 30


def test_kernels_are_all_of_those_that_call_one_another():
    """Ground truth: the files that use `compiled`; what is cached is stamped with all of them."""
    using = {
        p.stem
        for p in Path(compiled.__file__).parent.glob("*.py")
        if "from .compiled import" in p.read_text()
    }
    assert using | {"compiled"} == set(compiled.KERNELS)


def test_kernels_do_without_a_place_to_keep_them(monkeypatch):
    """Ground truth: Numba raises RuntimeError where it finds no folder to write to."""
    njit, refused = compiled.njit, []

    def nowhere(**flags):
        if flags.pop("cache", False):
            refused.append(flags)
            raise RuntimeError("no locator available")
        return njit(**flags)

    monkeypatch.setattr(compiled, "njit", nowhere)
    assert compiled.compiled(lambda x: 2 * x)(1.5) == 3.0
    assert refused
