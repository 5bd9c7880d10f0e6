"""Gradient flow of arbitrary shallow networks by a stiff solver: ground truth in Filippov's sense.

Nothing here is shared with the package. The step function of every pre-activation rises over a
width eps, so a slide is a stiff layer that LSODA resolves; in the logarithm of time the late phase
is as short as the early one. The error of smoothing is of first order in eps: it is extrapolated
from three widths, and their disagreement is the error reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

from problems import Floats, Problem

WIDTHS = (4e-5, 2e-5, 1e-5)  # of the step functions, in units of |z_i| |(w_j, b_j)| at the start
TOLERANCE = 1e-11


@dataclass(frozen=True)
class Flow:
    """theta (time, m, d + 1) and, for each time, a relative error as `trajectory.error` has it."""

    theta: Floats
    error: Floats


def flow(p: Problem, times: Sequence[float]) -> Flow:
    """Gradient flow at each of `times` (increasing, the first one 0)."""
    wide, middle, narrow = (_smoothed(p, times, eps) for eps in WIDTHS)
    coarse, fine = 2 * middle - wide, 2 * narrow - middle
    size = np.linalg.norm(fine, axis=-1)
    apart = np.linalg.norm(fine - coarse, axis=-1)
    error = np.max(np.where(apart > 0, apart, 0.0) / np.where(size > 0, size, 1.0), axis=1)
    return Flow(fine, error)


def _smoothed(p: Problem, times: Sequence[float], eps: float) -> Floats:
    """The flow with step functions of relative width eps."""
    logs = np.log1p(np.asarray(times, dtype=np.float64))  # s = ln(t + 1)
    done = solve_ivp(
        _field(p, eps),
        (logs[0], logs[-1]),
        p.theta.ravel(),
        method="LSODA",
        t_eval=logs,
        rtol=TOLERANCE,
        atol=TOLERANCE,
    )
    if not done.success:
        raise ArithmeticError(f"{p.name}: {done.message}")
    return done.y.T.reshape(len(logs), *p.theta.shape)


def _field(p: Problem, eps: float):
    """d theta / ds = e^s * (- grad L)."""
    z, v, y = p.z, p.output_weights, p.labels
    width = eps * np.outer(np.linalg.norm(p.theta, axis=1), np.linalg.norm(z, axis=1))
    width = np.maximum(width, 1e-12)
    logistic = p.loss == "logistic"

    def field(s: float, flat: Floats) -> Floats:
        a = flat.reshape(p.theta.shape) @ z.T
        q = y * (v @ np.maximum(a, 0.0))
        pull = np.exp(s - q)
        if logistic:
            pull /= 1 + np.exp(-q)
        share = np.clip(a / width + 0.5, 0.0, 1.0)
        return ((v[:, None] * share) * (pull * y) @ z).ravel()

    return field
