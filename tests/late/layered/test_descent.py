"""Gradient descent of both layers against steps made one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import latephase as lp
from helpers import shares
from latephase.core import LogTime
from latephase.late.layered.chain import LayeredControls, begun
from latephase.late.layered.dynamics import LayeredDynamics
from latephase.problem import Problem
from references.both_layers import descend, distance
from references.problems import problems

CHUNKS = 60
STEPS = [0, *(10**k for k in range(6))]
ROUNDING = 1e-12
DATA = lp.Dataset([[1.0, 0.2], [0.3, 1.1], [-1.0, -0.7]], [1, 1, -1])
NET = lp.ShallowReLU(
    [[0.4, 0.3], [-0.5, -0.2], [0.3, 0.5]], [0.3, 0.2, 0.1], [1.0, -1.0, 0.5], train_output=True
)


def varied(k: int, p):
    """Problem k with Gaussian output weights, in turn plain, leaky, without biases, or both."""
    outer = np.random.default_rng(k).normal(size=len(p.output_weights))
    biases = p.biases if k % 4 < 2 else None
    return replace(p, output_weights=outer, biases=biases, slope=(0.0, 0.5, 0.0, 0.3)[k % 4])


PROBLEMS = [varied(k, p) for k, p in enumerate(problems())]


@pytest.mark.parametrize("chunk", shares(CHUNKS, (7,)))
def test_no_run_is_further_off_than_it_says(chunk):
    """Ground truth: compensated steps by the definition, 10^5 of them."""
    batch = PROBLEMS[chunk::CHUNKS]
    with np.errstate(all="ignore"):
        truths = descend(batch, STEPS)
    wrong = []
    for p, truth in zip(batch, truths, strict=True):
        net = lp.ShallowReLU(
            p.weights, p.biases, p.output_weights, train_output=True, negative_slope=p.slope
        )
        method = lp.GradientDescent(p.step_size)
        data = lp.Dataset(p.inputs, p.labels)
        path = lp.simulate(net, data, method, until=STEPS[-1], at=STEPS, loss=p.loss).trajectory
        theta = path.weights.values
        if p.biases is not None:
            theta = np.concatenate([theta, path.biases.values[..., None]], axis=-1)
        with np.errstate(all="ignore"):
            off = distance((theta, path.output_weights.values), truth)
        said = path.error.values + ROUNDING
        known = np.isfinite(said)
        wrong += [f"{p.name}: {off} > {said}"] if (off > said)[known].any() else []
    assert wrong == []


@pytest.mark.parametrize("loss", ["exponential", "logistic"])
def test_order_of_convergence(loss):
    """Ground truth: theory.  GD replaced by its modified flow of order 2 from t0 on is off by
    t0^-3."""
    starts = np.array([100, 200, 400, 800])
    dynamics = LayeredDynamics.of(Problem.of(NET, DATA, lp.GradientDescent(0.3), loss))
    start = np.column_stack([NET.weights, NET.biases, NET.output_weights])
    careful = LayeredControls(1e-30, 1e-4, 1_000_000)  # steps all the way
    defects = []
    for first in starts.tolist():
        times = [LogTime.parse(first * factor) for factor in (1, 2, 4, 8)]
        truth = begun(dynamics, start, times, times[-1], careful).run().samples
        left = [LogTime.parse(t.value - first) for t in times[1:]]
        rough = LayeredControls(1e-12, 1e-4, 1)
        found = begun(dynamics, truth[0], left, LogTime.parse(10**5), rough)
        found.task = replace(found.task, controls=replace(rough, max_steps=0))
        moved = found.run().samples
        sizes = np.linalg.norm(truth[1:], axis=2)
        defects.append((np.linalg.norm(moved - truth[1:], axis=2) / sizes).max())
    slope = np.polyfit(np.log(starts), np.log(defects), 1)[0]
    assert abs(slope + 3) < 0.25
