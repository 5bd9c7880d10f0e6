"""Filippov's rule and neurons that slide, in machine code: against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from helpers import norm_error
from latephase.late.modes import filippov, follow
from latephase.late.modes.dynamics import Dynamics
from latephase.late.modes.gradients import Neuron
from latephase.late.pattern import SLIDING
from latephase.problem import Problem

pytestmark = pytest.mark.skipif(not follow.COMPILED, reason="no compiler at installation")

M, N, D = 3, 9, 5


def drawn(seed: int, slope: float) -> Dynamics:
    """Three neurons on nine points."""
    rng = np.random.default_rng(seed)
    outer = rng.normal(size=M) * 10.0 ** rng.integers(-3, 3)
    net = lp.ShallowReLU(rng.normal(size=(M, D)), rng.normal(size=M), outer, negative_slope=slope)
    scale = 10.0 ** rng.uniform(-1, 1, size=D)
    data = lp.Dataset(rng.normal(size=(N, D)) * scale, np.where(np.arange(N) % 2, 1, -1))
    return Dynamics.of(Problem.of(net, data, lp.GradientFlow()))


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_the_rule_at_several_kinks(monkeypatch, slope):
    """Ground truth: the same in NumPy; at as many kinks as a neuron has coordinates it stands
    still, and rounding decides where it goes: fewer are asked for."""
    rng, seen = np.random.default_rng(0), np.zeros(3, int)
    for seed in range(40):
        dynamics = drawn(seed, slope)
        for count in range(1, D + 1):
            status, near = rng.integers(0, 2, size=N), np.zeros(N, bool)
            near[rng.choice(N, size=count, replace=False)] = True
            told = dynamics, seed % M, status, near, rng.normal(scale=3, size=N)
            monkeypatch.setattr(follow, "COMPILED", False)
            truth = filippov.neuron_statuses(*told)
            monkeypatch.setattr(follow, "COMPILED", True)
            assert (filippov.neuron_statuses(*told) == truth).all()
            assert filippov.turned_by_kernel(*told) is not None
            seen += np.bincount(truth[near], minlength=3)
    assert seen.min() > 10  # of each status


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_a_neuron_that_slides(slope):
    """Ground truth: the same in NumPy; with no slide that is in doubt the kernel makes it."""
    rng = np.random.default_rng(1)
    for seed in range(40):
        dynamics, j = drawn(seed, slope), seed % M
        status, resting = rng.integers(0, 2, size=N).astype(np.int8), np.zeros(N, bool)
        status[rng.choice(N, size=1 + seed % D, replace=False)] = SLIDING
        resting[0] = seed % 4 == 0
        ours = follow.neuron_by_kernel(dynamics, j, status, resting)
        kind = slope, dynamics.kinks
        truth = Neuron.of(dynamics.frame, dynamics.signs[j], status, resting, *kind)
        assert ours is not None
        assert np.abs(ours.off @ ours.off.T - truth.off @ truth.off.T).max() < 1e-14
        assert norm_error(ours.gradients.T, truth.gradients.T) < 1e-11
        assert (ours.moved == truth.moved).all()
        assert (ours.slides == truth.slides).all()
        for one, other in ((ours.needs, truth.needs), (ours.rooms, truth.rooms)):
            assert norm_error(one, other) < 1e-11 if truth.slides.size else one.size == 0


def test_kinks_in_doubt_are_left_to_numpy():
    """Ground truth: a point given twice has a direction of its own only by rounding."""
    dynamics = drawn(0, 0.0)
    x = dynamics.points.copy()
    x[2] = x[0]
    net = lp.ShallowReLU(np.ones((M, D)), np.ones(M), np.ones(M))
    data = lp.Dataset(x[:, :D], np.where(np.arange(N) % 2, 1, -1))
    dynamics = Dynamics.of(Problem.of(net, data, lp.GradientFlow()))
    status, resting = np.zeros(N, np.int8), np.zeros(N, bool)
    status[[0, 2]] = SLIDING
    assert follow.neuron_by_kernel(dynamics, 0, status, resting) is None
    assert follow.neuron(dynamics, 0, status, resting).off.shape == (D + 1, D)
