"""Modes neuron by neuron against modes of all gradients in one matrix; what they are made of."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.optimize import lsq_linear

import latephase as lp
from helpers import norm_error, relative_error
from latephase.late.modes import filippov, linear_algebra
from latephase.late.modes.dynamics import Dynamics
from latephase.late.modes.follow import follow, on_kinks
from latephase.late.modes.gradients import GramSum
from latephase.late.modes.mode import Mode
from latephase.late.pattern import SLIDING
from latephase.problem import Problem

M, N, D = 5, 4, 3


def drawn(seed: int, slope: float = 0.0) -> Dynamics:
    """Five neurons on four points, whose gradients are regular."""
    rng = np.random.default_rng(seed)
    net = lp.ShallowReLU(rng.normal(size=(M, D)), rng.normal(size=M), rng.normal(size=M),
                         negative_slope=slope)  # fmt: skip
    data = lp.Dataset(rng.normal(size=(N, D)), [1, -1, 1, -1])
    return Dynamics.of(Problem.of(net, data, lp.GradientFlow()))


def walk(dynamics: Dynamics, seed: int, length: int = 30) -> list[Mode]:
    """Modes each of which differs from the one before in one pair, slides among them."""
    rng = np.random.default_rng(seed)
    status, resting = np.ones((M, N), np.int64), np.zeros(N, bool)
    theta, modes = rng.normal(size=(M, D + 1)), []
    for _ in range(length):
        status[rng.integers(M), rng.integers(N)] = rng.integers(3)
        modes.append(Mode.of(dynamics, theta, status, resting))
    return modes


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_modes_are_those_of_all_gradients(monkeypatch, slope):
    """Ground truth: the gradients in one matrix; and where they lead."""
    compared = 0
    for seed in range(4):
        ours = walk(drawn(seed, slope), seed)
        with monkeypatch.context() as patch:
            patch.setattr(GramSum, "MOST", 0)
            others = walk(drawn(seed, slope), seed)
        assert all(other.given is not None for other in others)
        for mode, other in zip(ours, others):
            g = other.given if other.factor is not None else other.pull.T @ other.given
            assert norm_error(mode.gram, g @ g.T) < 1e-12
            if mode.given is not None or other.factor is None:
                continue
            assert norm_error(mode.ways, other.ways) < 1e-14
            told = 0, np.zeros(0), 1.0, 1e-12, 1e-6, np.full((M, N), 1e9)  # past all guards
            ends = [follow(on_kinks(one), *told) for one in (mode, other)]
            assert norm_error(ends[0].theta, ends[1].theta) < 1e-9
            compared += (mode.status == SLIDING).any()
    assert compared > 20


def test_a_change_leaves_no_trace_in_a_sum():
    """Ground truth: the sum of what is there now; a share of 1e20 has been there before."""
    rng = np.random.default_rng(0)
    kept, shares = GramSum(5, 3), rng.normal(size=(5, 3, 3))
    for j in (0, 1, 2, 3, 4):
        kept.put(j, 1e20 * shares[j])
    for j in (3, 0, 4, 2, 1):
        kept.put(j, shares[j])
    assert norm_error(kept.total, shares.sum(axis=0)) < 1e-15


def test_another_process_is_told_no_more_than_it_needs():
    """Ground truth: the same modes made there; what is kept is large, and not to be pickled."""
    dynamics = drawn(0)
    modes = walk(dynamics, 0)
    follow(on_kinks(modes[-1]), 0, np.zeros(0), 2.0, 1e-12)
    other = pickle.loads(pickle.dumps(dynamics))
    assert not other.modes
    again = walk(other, 0)
    assert all((one.pull == two.pull).all() for one, two in zip(modes, again))


def test_the_shortest_velocity_in_a_box():
    """Ground truth: BVLS of SciPy; bounds that hold, are let go of, and both at once."""
    rng, bound = np.random.default_rng(3), 0
    for k in range(200):
        count = 2 + k % 4
        points, drive = rng.normal(size=(count, 5)), rng.normal(size=5)
        most = np.exp(rng.normal(scale=2, size=count))
        sizes = np.linalg.norm(points, axis=1)
        found = filippov._shortest(points, sizes, drive, most)
        truth = lsq_linear(points.T, drive, (np.zeros(count), most), "bvls", tol=1e-15).x
        assert norm_error(drive - found @ points, drive - truth @ points) < 1e-9
        assert ((found >= 0) & (found <= most)).all()
        bound += ((found == 0) | (found == most)).any()
    assert bound > 100


def test_clearly_regular_columns(monkeypatch):
    """Ground truth: singular values and a pseudo-inverse, as for columns that may depend."""
    rng = np.random.default_rng(4)
    for k in range(30):
        scale = np.exp(rng.normal(scale=2, size=6))
        columns = rng.normal(size=(6, 2 + k % 4)) * scale[:, None]
        off, inverse = linear_algebra.complement(columns, scale)
        with monkeypatch.context() as patch:
            patch.setattr(linear_algebra, "CLEAR", 0.0)
            off_too, inverse_too = linear_algebra.complement(columns, scale)
        assert np.abs(off @ off.T - off_too @ off_too.T).max() < 1e-13
        assert relative_error(inverse @ columns + 1, np.eye(columns.shape[1]) + 1) < 1e-10
        assert norm_error(inverse, inverse_too) < 1e-9
