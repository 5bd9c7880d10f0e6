"""Gradient flow of arbitrary shallow networks by a stiff solver: ground truth in Filippov's sense.

Nothing here is shared with the package. The step function of every pre-activation rises over a
width eps, so a slide is a stiff layer that an implicit method resolves (LSODA stays with its
explicit formulas there and does not arrive); in the logarithm of time the late phase is as short as
the early one. The error of smoothing is of first order in eps: it is extrapolated from three
widths, and their disagreement is the error reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

from references.problems import Floats, Problem

WIDTHS = (4e-5, 2e-5, 1e-5)  # of the step functions, in units of |z_i| |(w_j, b_j)| at the start
TOLERANCE = 1e-10
SAFETY = 3.0  # errors of eps ln eps, from kinks that are grazed, are underestimated by less
SOLVER = 1e-9  # what the solver adds, which the widths have in common
VANISHED = 1e-4  # of its first length: then a neuron counts as gone
MOST_EVALUATIONS = 40_000  # about a second
LARGEST_LOG = 500.0


class Lost(ArithmeticError):
    """The solver does not reach the last time, as where rounding outweighs a force near rest."""


@dataclass(frozen=True)
class Flow:
    """theta (time, m, d + 1) and, for each time, a relative error as `trajectory.error` has it."""

    theta: Floats
    error: Floats


def flow(p: Problem, times: Sequence[float]) -> Flow:
    """Gradient flow at each of `times` (increasing, the first one 0); raises Lost.

    Not for networks that start on a kink that repels (`starts_on_repelling_kink`): there the flow
    has several solutions.
    """
    wide, middle, narrow = (_smoothed(p, times, eps) for eps in WIDTHS)
    coarse, fine = 2 * middle - wide, 2 * narrow - middle
    return Flow(fine, SAFETY * flow_distance(coarse, fine) + SOLVER)


def flow_distance(theta: Floats, truth: Floats) -> Floats:
    """max over neurons of |Delta (w_j, b_j)| / |(w_j, b_j)|, for each of the times.

    A flow can bring a neuron to length 0 in finite time, where two of its slides meet (on the line
    they leave nothing else). Its distance is then relative to its length at the start.
    """
    size = np.linalg.norm(truth, axis=-1)
    size = np.where(size < VANISHED * size[0], size[0], size)
    apart = np.linalg.norm(theta - truth, axis=-1)
    return np.max(apart / np.where(size > 0, size, 1.0), axis=1)


def starts_on_repelling_kink(p: Problem) -> bool:
    """Whether a_ji = 0 at the start where an active neuron j would be driven away from 0."""
    return bool(np.any((p.theta @ p.z.T == 0) & (np.outer(p.output_weights, p.labels) > 0)))


def _smoothed(p: Problem, times: Sequence[float], eps: float) -> Floats:
    """The flow with step functions of relative width eps."""
    logs = np.log1p(np.asarray(times, dtype=np.float64))  # s = ln(t + 1)
    field = _Field(p, eps)
    with np.errstate(divide="ignore"):  # Radau divides by its last step, which may be 0
        done = solve_ivp(
            field.value,
            (logs[0], logs[-1]),
            p.theta.ravel(),
            method="Radau",
            jac=field.jacobian,
            t_eval=logs,
            rtol=TOLERANCE,
            atol=TOLERANCE,
        )
    if not done.success:
        raise Lost(f"{p.name}: {done.message}")
    return done.y.T.reshape(len(logs), *p.theta.shape)


class _Field:
    """d theta / ds = e^s * (- grad L) and its derivative."""

    def __init__(self, p: Problem, eps: float) -> None:
        self.shape, self.z, self.y, self.v = p.theta.shape, p.z, p.labels, p.output_weights
        sizes = np.linalg.norm(p.theta, axis=1), np.linalg.norm(p.z, axis=1)
        self.width = eps * np.maximum(np.outer(*sizes), 1e-3)
        self.logistic, self.slope = p.loss == "logistic", p.slope
        self.evaluations = 0

    def value(self, s: float, flat: Floats) -> Floats:
        """Shape (m (d + 1),)."""
        self.evaluations += 1
        if self.evaluations > MOST_EVALUATIONS:
            raise Lost(f"{MOST_EVALUATIONS} evaluations of the field did not do")
        _, share, pull, _ = self._parts(s, flat)
        return ((self.v[:, None] * share * pull * self.y) @ self.z).ravel()

    def jacobian(self, s: float, flat: Floats) -> Floats:
        """Shape (m (d + 1), m (d + 1))."""
        a, share, pull, slope = self._parts(s, flat)
        steep = (np.abs(a) < self.width / 2) / self.width
        own = (1 - self.slope) * self.v[:, None] * steep * pull * self.y
        served = self.v[:, None] * share
        heard = self.v[:, None] * np.where(a > 0, 1.0, self.slope)
        size = len(flat)
        cross = np.einsum("ji,i,ki,ip,iq->jpkq", served, slope, heard, self.z, self.z)
        for j, row in enumerate(own):
            cross[j, :, j] += np.einsum("i,ip,iq->pq", row, self.z, self.z)
        return cross.reshape(size, size)

    def _parts(self, s: float, flat: Floats) -> tuple[Floats, ...]:
        """a_ji, share of the pull that is felt, e^s |loss'(q_i)| and its derivative by q_i."""
        a = flat.reshape(self.shape) @ self.z.T
        q = self.y * (self.v @ np.where(a > 0, a, self.slope * a))
        pull, slope = np.exp(np.minimum(s - q, LARGEST_LOG)), -1.0
        if self.logistic:
            wrong = 1 / (1 + np.exp(np.clip(q, -LARGEST_LOG, LARGEST_LOG)))
            pull, slope = np.exp(s) * wrong, wrong - 1.0
        share = np.clip(a / self.width + 0.5, 0.0, 1.0)
        return a, self.slope + (1 - self.slope) * share, pull, slope * pull
