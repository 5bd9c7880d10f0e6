"""Gradient descent with both layers trained, by its definition: ground truth for what follows it.

Nothing here is shared with the package. `descend` makes many problems' steps side by side, in
float64 with parameters as sums of two doubles (three million steps of a few neurons take seconds;
JAX is imported when it is needed). `exactly` makes a few steps of one problem in decimals. A
problem's output weights are those of the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache
from typing import Any

import numpy as np

from references.problems import Floats, Problem


@dataclass(frozen=True)
class Both:
    """One problem's run: theta (time, m, k), outer (time, m), log_loss (time,)."""

    theta: Floats
    outer: Floats
    log_loss: Floats

    @property
    def imbalance(self) -> Floats:
        """|theta_j|^2 - v_j^2, (time, m): what gradient flow keeps."""
        return (self.theta**2).sum(axis=-1) - self.outer**2


def distance(found: tuple[Floats, Floats], truth: Both) -> Floats:
    """max over neurons of |Delta (theta_j, v_j)| / |(theta_j, v_j)|, (time,); inf for NaN."""
    got = np.concatenate([found[0], found[1][..., None]], axis=-1)
    want = np.concatenate([truth.theta, truth.outer[..., None]], axis=-1)
    size, apart = np.linalg.norm(want, axis=-1), np.linalg.norm(got - want, axis=-1)
    off = np.max(apart / np.where(size > 0, size, 1.0), axis=1)
    return np.where(np.isnan(off), np.inf, off)


def descend(batch: Sequence[Problem], times: Sequence[int]) -> list[Both]:
    """Every problem after each of `times` updates (increasing)."""
    import jax

    with jax.enable_x64(True):
        fixed, state = _stacked(batch)
        done, seen = 0, []
        for time in times:
            state, done = _advance()(fixed, state, time - done), time
            seen.append([np.asarray(state[0]), np.asarray(_log_loss()(fixed, state))])
    return [_cut(p, k, seen) for k, p in enumerate(batch)]


def _cut(p: Problem, k: int, seen: list[Any]) -> Both:
    m, width = p.theta.shape
    theta = np.stack([high[:width, :m, k].T for high, _ in seen])
    outer = np.stack([high[-1, :m, k] for high, _ in seen])
    return Both(theta, outer, np.array([loss[k] for _, loss in seen]))


def _stacked(batch: Sequence[Problem]) -> tuple[dict[str, Any], tuple[Any, Any]]:
    """Arrays (feature, neuron or point, problem), v as the last feature; zeros as padding, which is
    never active and never moves."""
    m, n = max(len(p.theta) for p in batch), max(len(p.labels) for p in batch)
    d, many = max(p.z.shape[1] for p in batch), len(batch)
    theta, z = np.zeros((d + 1, m, many)), np.zeros((d, n, many))
    y, real = np.zeros((n, many)), np.zeros((n, many))
    for k, p in enumerate(batch):
        width, size = p.theta.shape[1], len(p.labels)
        theta[:width, : len(p.theta), k] = p.theta.T
        theta[-1, : len(p.theta), k] = p.output_weights
        z[:width, :size, k], y[:size, k], real[:size, k] = p.z.T, p.labels, 1.0
    numbers = {
        "eta": [p.step_size for p in batch],
        "logistic": [float(p.loss == "logistic") for p in batch],
        "slope": [p.slope for p in batch],
    }
    fixed = {name: np.array(values) for name, values in numbers.items()}
    return fixed | {"z": z, "y": y, "real": real}, (theta, np.zeros_like(theta))


@cache
def _advance() -> Any:
    import jax
    from jax import lax

    def advance(fixed: Any, state: Any, steps: int) -> Any:
        return lax.fori_loop(0, steps, lambda _, state: _moved(fixed, state), state)

    return jax.jit(advance)


def _forward(fixed: Any, state: Any) -> tuple[Any, Any]:
    """a_ji (m, n, problem) and q_i (n, problem)."""
    import jax.numpy as jnp

    high, low = state
    a = sum(part[k][:, None] * z for part in (low, high) for k, z in enumerate(fixed["z"]))
    felt = jnp.where(a > 0, a, fixed["slope"] * a)
    return a, fixed["y"] * jnp.sum((high[-1] + low[-1])[:, None] * felt, axis=0)


def _moved(fixed: Any, state: Any) -> Any:
    import jax.numpy as jnp

    high, low = state
    a, q = _forward(fixed, state)
    pull = jnp.minimum(jnp.exp(-q), 1e300)  # logistic: infinity over infinity would be no number
    pull = fixed["eta"] * fixed["y"] * pull / (1.0 + fixed["logistic"] * pull)
    gain = jnp.where(a > 0, 1.0, fixed["slope"])
    inner = [high[-1] * jnp.sum(gain * pull * z, axis=1) for z in fixed["z"]]
    step = jnp.stack([*inner, jnp.sum(gain * pull * a, axis=1)])
    small = low + step
    new = high + small
    back = new - high
    return new, (high - (new - back)) + (small - back)


@cache
def _log_loss() -> Any:
    import jax
    import jax.numpy as jnp

    def log_loss(fixed: Any, state: Any) -> Any:
        _, q = _forward(fixed, state)
        each = jnp.where(fixed["logistic"] > 0, jnp.log1p(jnp.exp(-q)), jnp.exp(-q))
        return jnp.log(jnp.sum(fixed["real"] * each, axis=0))

    return jax.jit(log_loss)


def exactly(p: Problem, steps: int, digits: int = 50) -> tuple[Floats, Floats]:
    """theta (m, k) and output weights (m,) after the steps, made in so many digits."""
    with localcontext() as context:
        context.prec = digits
        theta = [[Decimal(float(e)) for e in row] for row in p.theta]
        outer = [Decimal(float(e)) for e in p.output_weights]
        points = [[Decimal(float(e)) for e in row] for row in p.z]
        for _ in range(steps):
            theta, outer = _exact_step(p, theta, outer, points)
    return np.array(theta, float), np.array(outer, float)


def _exact_step(p: Problem, theta: Any, outer: Any, points: Any) -> tuple[Any, Any]:
    eta, slope = Decimal(float(p.step_size)), Decimal(float(p.slope))
    new, moved = [list(row) for row in theta], list(outer)
    for z, label in zip(points, p.labels, strict=True):
        y = int(label)
        a = [sum((w * x for w, x in zip(row, z, strict=True)), Decimal(0)) for row in theta]
        gain = [Decimal(1) if e > 0 else slope for e in a]
        q = y * sum(v * g * e for v, g, e in zip(outer, gain, a, strict=True))
        pull = (-q).exp() if p.loss == "exponential" else 1 / (1 + q.exp())
        for j, (v, g, e) in enumerate(zip(outer, gain, a, strict=True)):
            push = eta * y * pull * g
            new[j] = [w + push * v * x for w, x in zip(new[j], z, strict=True)]
            moved[j] += push * e
    return new, moved
