"""The reference of both layers trained: by hand, against decimals, and against what flow keeps."""

from __future__ import annotations

from dataclasses import replace
from math import exp

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from helpers import relative_error
from references import long_descent, long_flow
from references.both_layers import Both, descend, distance, exactly
from references.problems import Problem, of_kind, problems

BATCH = problems()[5::16]


def test_one_step_by_hand():
    """Ground truth: one neuron active on one of two points, and dead on the other."""
    p = replace(
        BATCH[0],
        weights=np.array([[1.0]]),
        biases=np.array([0.5]),
        output_weights=np.array([2.0]),
        inputs=np.array([[1.0], [-1.0]]),
        labels=np.array([1.0, -1.0]),
        step_size=0.25,
        loss="exponential",
        slope=0.0,
    )
    (run,) = descend([p], [0, 1])
    pull = 0.25 * exp(-3.0)
    assert relative_error(run.theta[1], [[1 + 2 * pull, 0.5 + 2 * pull]]) < 1e-15
    assert relative_error(run.outer[1], [2 + 1.5 * pull]) < 1e-15
    assert relative_error(run.log_loss[0], np.log(exp(-3.0) + 1)) < 1e-15


def test_against_decimals():
    """Ground truth: 60 steps of other networks, losses and slopes, in 50 digits."""
    kinds = zip(BATCH, [0, 0.25, 1] * 9, strict=False)
    batch = [replace(p, slope=slope, step_size=p.step_size / 8) for p, slope in kinds]
    for p, run in zip(batch, descend(batch, [60]), strict=True):
        theta, outer = exactly(p, 60)
        truth = Both(theta[None], outer[None], run.log_loss)
        assert distance((run.theta, run.outer), truth)[0] < 1e-12, p.name


def test_tiny_steps_are_not_lost():
    """Ground truth: 2,000 steps of 10^-13 in 50 digits, each about an ulp of w."""
    p = replace(
        BATCH[0],
        weights=np.array([[1000.0]]),
        biases=np.array([-999.5]),
        output_weights=np.array([3.0]),
        inputs=np.array([[1.0]]),
        labels=np.array([-1.0]),
        step_size=1e-14,
        loss="exponential",
        slope=0.0,
    )
    (run,), (theta, outer) = descend([p], [2000]), exactly(p, 2000)
    assert relative_error(run.theta[0], theta) < 1e-15
    assert relative_error(run.outer[0], outer) < 1e-15


def test_what_flow_keeps_moves_in_second_order():
    """Ground truth: gradient flow keeps |theta_j|^2 - v_j^2, so that over the same flow time steps
    of half the size move it half as far."""
    p = BATCH[1]
    runs = [descend([replace(p, step_size=h)], [0, round(4 / h)])[0] for h in (0.01, 0.005)]
    coarse, fine = (np.abs(run.imbalance[1] - run.imbalance[0]).max() for run in runs)
    assert 1.8 < coarse / fine < 2.2


@pytest.mark.skipif(not long_descent.possible(), reason=long_descent.MISSING)
@pytest.mark.parametrize("slope", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("biased", [True, False])
def test_long_flow(slope: float, biased: bool):
    """Ground truth: what a flow keeps of each neuron, to 64 bits; DOP853 up to the first slide."""
    seen = 0
    for seed in range(4):
        p = of_kind(seed, 2, slope, biased)
        run = long_flow.flow(p, [0, 0.1, 1], 300, both=True)
        known = np.isfinite(run.theta.astype(float)).all(axis=(1, 2))
        rows = run.theta[known]
        size = (rows**2).sum(axis=-1)
        drift = (size - 2 * rows[..., -1] ** 2) - (size[0] - 2 * rows[0, :, -1] ** 2)
        assert np.abs(drift / size).max() < 1e-16
        for time, row in zip(np.array([0.1, 1])[known[1:]], rows[1:]):
            assert relative_error(row.astype(float), _by_dop853(p, float(time))) < 1e-6
            seen += 1
    assert seen >= 3


def _by_dop853(p: Problem, time: float) -> np.ndarray:
    """Rows (w_j, b_j, v_j), kinks met by short steps."""

    def field(_: float, flat: np.ndarray) -> np.ndarray:
        rows = flat.reshape(len(p.theta), -1)
        theta, outer = rows[:, :-1], rows[:, -1:]
        a = theta @ p.z.T
        gains = np.where(a > 0, 1.0, p.slope)
        q = p.labels * (outer * gains * a).sum(axis=0)
        pull = p.labels * (1 / (1 + np.exp(q)) if p.loss == "logistic" else np.exp(-q))
        served = gains * pull
        moves = outer * (served @ p.z), (served * a).sum(axis=1, keepdims=True)
        return np.concatenate(moves, axis=1).ravel()

    start = np.column_stack([p.theta, p.output_weights]).ravel()
    told = {"rtol": 1e-9, "atol": 1e-12, "method": "DOP853"}
    return np.asarray(solve_ivp(field, (0, time), start, **told).y[:, -1].reshape(len(p.theta), -1))
