"""Gradient descent of arbitrary shallow networks by its definition, many problems side by side.

Nothing here is shared with the package. JAX is imported when it is needed: once it is loaded in a
process, tests that fork are warned. Parameters are sums of two doubles, so a million small steps
lose no digits; what is left is the rounding of one step's pre-activations and exponentials.
Two ways of rounding are offered: where they disagree, a pre-activation was decided by rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from references.problems import Floats, Problem

WINDOW = 1000  # steps over which chattering is measured


@dataclass(frozen=True)
class Brute:
    """One problem's run: theta (time, m, d + 1), ln L (time,), share of steps active (m, n)."""

    theta: Floats
    log_loss: Floats
    active: Floats

    @property
    def chatters(self) -> Floats:
        """Which pairs (neuron, point) were active in some of the last steps and not in others."""
        return (self.active > 0) & (self.active < 1)


def descend(batch: Sequence[Problem], times: Sequence[int], variant: int = 0) -> list[Brute]:
    """Every problem after each of `times` updates (increasing); `variant` 0 or 1 of rounding.

    Shares of activity are over the last 1,000 steps before the last time.
    """
    import jax

    with jax.enable_x64(True):
        fixed, state = _stacked(batch)
        done, found, losses = 0, [], []
        share = np.zeros((fixed["v"].shape[0], *fixed["y"].shape))
        for time in times:
            quiet = max(0, time - done - WINDOW) if time == times[-1] else time - done
            state, _ = _advance(variant, False)(fixed, state, share, quiet)
            state, share = _advance(variant, True)(fixed, state, share, time - done - quiet)
            done = time
            found.append(np.asarray(state[0]))
            losses.append(np.asarray(_log_loss()(fixed, state)))
        share = np.asarray(share) / min(WINDOW, max(1, times[-1]))
    return [_cut(p, k, found, losses, share) for k, p in enumerate(batch)]


def distance(theta: Floats, truth: Floats) -> Floats:
    """max over neurons of |Delta (w_j, b_j)| / |(w_j, b_j)|, for each of the times; inf for NaN.

    A neuron of length 0 never moves: any distance from it counts in full.
    """
    size, apart = np.linalg.norm(truth, axis=-1), np.linalg.norm(theta - truth, axis=-1)
    off = np.max(apart / np.where(size > 0, size, 1.0), axis=1)
    return np.where(np.isnan(off), np.inf, off)


def _cut(p: Problem, k: int, found: list, losses: list, share: Floats) -> Brute:
    m, width, n = *p.theta.shape, len(p.labels)
    theta = np.stack([theta[:width, :m, k].T for theta in found])
    return Brute(theta, np.array([loss[k] for loss in losses]), share[:m, :n, k])


def _stacked(batch: Sequence[Problem]) -> tuple[dict[str, Any], tuple[Any, Any]]:
    """Arrays with the problem as last axis; what pads them (zeros) is never active."""
    shape = len(batch)
    m = max(len(p.theta) for p in batch)
    n = max(len(p.labels) for p in batch)
    d = max(p.z.shape[1] for p in batch)
    theta, z = np.zeros((d, m, shape)), np.zeros((d, n, shape))
    v, y, real = np.zeros((m, shape)), np.zeros((n, shape)), np.zeros((n, shape))
    for k, p in enumerate(batch):
        theta[: p.theta.shape[1], : len(p.theta), k] = p.theta.T
        z[: p.z.shape[1], : len(p.labels), k] = p.z.T
        v[: len(p.theta), k], y[: len(p.labels), k] = p.output_weights, p.labels
        real[: len(p.labels), k] = 1.0
    eta = np.array([p.step_size for p in batch])
    logistic = np.array([float(p.loss == "logistic") for p in batch])
    slope = np.array([p.slope for p in batch])
    fixed = {"z": z, "v": v, "y": y, "real": real, "eta": eta, "logistic": logistic, "slope": slope}
    return fixed, (theta, np.zeros_like(theta))


@cache
def _advance(variant: int, counting: bool) -> Any:
    """A compiled function that does so many steps."""
    import jax
    from jax import lax

    def advance(fixed: Any, state: Any, count: Any, steps: int) -> Any:
        def body(_: Any, carry: Any) -> Any:
            state, count = carry
            a = _pre_activations(fixed, state, variant)
            if counting:
                count = count + (a > 0)
            return _moved(fixed, state, a), count

        return lax.fori_loop(0, steps, body, (state, count))

    return jax.jit(advance)


def _pre_activations(fixed: Any, state: Any, variant: int) -> Any:
    """a_ji (m, n, problems), summed from the first feature or, in variant 1, from the bias."""
    import jax.numpy as jnp

    theta, rest = state
    order = range(theta.shape[0])[:: 1 - 2 * variant]
    a = jnp.zeros(())
    if variant:
        a = sum(rest[k][:, None] * fixed["z"][k][None] for k in order)
    for k in order:
        a = a + theta[k][:, None] * fixed["z"][k][None]
    return a


def _scores(fixed: Any, a: Any) -> Any:
    """q_i (n, problems)."""
    import jax.numpy as jnp

    felt = jnp.where(a > 0, a, fixed["slope"] * a)
    return fixed["y"] * jnp.sum(fixed["v"][:, None] * felt, axis=0)


def _moved(fixed: Any, state: Any, a: Any) -> Any:
    """The state one update later."""
    import jax.numpy as jnp

    pull = jnp.exp(-_scores(fixed, a))
    pull = jnp.minimum(pull, 1e300)  # logistic: infinity over infinity would be no number
    pull = fixed["eta"] * fixed["y"] * pull / (1.0 + fixed["logistic"] * pull)
    served = jnp.where(a > 0, pull[None], fixed["slope"] * pull[None])
    step = jnp.stack([fixed["v"] * jnp.sum(served * z[None], axis=1) for z in fixed["z"]])
    theta, rest = state
    small = rest + step
    new = theta + small
    back = new - theta
    return new, (theta - (new - back)) + (small - back)


@cache
def _log_loss() -> Any:
    """A compiled function for ln L (problems,)."""
    import jax
    import jax.numpy as jnp

    def log_loss(fixed: Any, state: Any) -> Any:
        q = _scores(fixed, _pre_activations(fixed, state, 0))
        each = jnp.where(fixed["logistic"] > 0, jnp.log1p(jnp.exp(-q)), jnp.exp(-q))
        return jnp.log(jnp.sum(fixed["real"] * each, axis=0))

    return jax.jit(log_loss)
