"""Gradient flow of both layers against another solver, and what it is known to keep."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp

import latephase as lp
from helpers import norm_error

RNG = np.random.default_rng(3)
DATA = lp.Dataset([[1.0, 0.2], [0.3, 1.1], [-1.0, -0.7]], [1, 1, -1])
NET = lp.ShallowReLU(
    [[0.4, 0.3], [-0.5, -0.2], [0.3, 0.5]],
    [0.3, 0.2, 0.1],
    [0.8, -1.0, 0.5],
    train_output=True,
    negative_slope=0.2,
)
TIMES = ["1e-3", "1", "1e3", "1e10", "1e30"]


def state(run: lp.Run) -> np.ndarray:
    """(w_j, b_j, v_j), (time, m, d + 2)."""
    t = run.trajectory
    parts = [t.weights.values, t.biases.values[..., None], t.output_weights.values[..., None]]
    return np.concatenate(parts, axis=-1)


def slowly(s: float, y: np.ndarray) -> np.ndarray:
    """d (w, b, v) / d s for s = ln(1 + t), by the definition."""
    p = y.reshape(3, 4)
    z = np.column_stack([DATA.inputs, np.ones(3)])
    a = p[:, :3] @ z.T
    gains = np.where(a > 0, 1.0, 0.2)
    pull = DATA.labels * np.exp(s - DATA.labels * (p[:, 3] @ (gains * a)))
    hidden = p[:, 3:] * ((gains * pull) @ z)
    return np.concatenate([hidden, ((gains * a) @ pull)[:, None]], axis=1).ravel()


def test_flow_against_another_solver():
    """Ground truth: SciPy's DOP853 on the definition, in ln t, at 1e-13; no kink is met."""
    run = lp.simulate(NET, DATA, lp.GradientFlow(), until="1e30", at=TIMES)
    start = np.column_stack([NET.weights, NET.biases, NET.output_weights])
    ends = np.logaddexp(0.0, np.log([1e-3, 1.0, 1e3, 1e10, 1e30]))
    truth = solve_ivp(slowly, (0, ends[-1]), start.ravel(), "DOP853", ends, rtol=1e-13, atol=1e-13)
    off = [norm_error(x, y.reshape(3, 4)) for x, y in zip(state(run), truth.y.T, strict=True)]
    assert (np.array(off) <= run.trajectory.error.values).all()
    assert max(off) < 1e-9


def test_flow_keeps_the_imbalance_and_raises_the_smoothed_margin():
    """Ground truth: |theta_j|^2 - v_j^2 is conserved; ln(1 / L) / |p|^2 grows once L < 1
    [lyuli2020]."""
    plain = lp.ShallowReLU(NET.weights, NET.biases, NET.output_weights, train_output=True)
    times = [f"1e{k}" for k in range(1, 60, 4)]
    run = lp.simulate(plain, DATA, lp.GradientFlow(), until="1e60", at=["0", *times])
    path = state(run)
    imbalance = (path[..., :-1] ** 2).sum(axis=-1) - path[..., -1] ** 2
    sizes = (path**2).sum(axis=-1)
    assert (np.abs(imbalance - imbalance[0]) / sizes).max() < 1e-9
    smoothed = -run.trajectory.log_loss.values[1:] / sizes[1:].sum(axis=1)
    assert (run.trajectory.log_loss.values[1:] < 0).all()
    assert (np.diff(smoothed) > 0).all()
