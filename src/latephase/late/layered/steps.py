"""Ordinary steps of gradient descent in both layers, compensated and compiled."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from latephase.core.arrays import Floats
from latephase.problem import LOSSES

from .dynamics import LayeredDynamics


def steps(
    dynamics: LayeredDynamics, state: Floats, low: Floats, count: int
) -> tuple[Floats, Floats]:
    """A state (m, k + 1) and its low part `count` steps later; relu'(0) = 0."""
    sizes = dynamics.points, dynamics.labels, dynamics.slope, dynamics.method.step_size
    with jax.enable_x64(True):
        moved = _run((state, low), count, sizes, dynamics.loss.name)
        return np.asarray(moved[0]), np.asarray(moved[1])


@partial(jax.jit, static_argnames=("loss",))
def _run(
    given: tuple[jax.Array, jax.Array],
    count: jax.Array,
    sizes: tuple[jax.Array, jax.Array, jax.Array, jax.Array],
    loss: str,
) -> tuple[jax.Array, jax.Array]:
    points, labels, slope, step_size = sizes
    weights = LOSSES[loss].weights

    def one(_: jax.Array, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        high, low = carry
        theta, outer = high[:, :-1], high[:, -1]
        a = _sum(theta[:, None, :] * points[None]) + _sum(low[:, None, :-1] * points[None])
        gains = jnp.where(a > 0, 1.0, slope)
        heights = gains * a
        q = labels * (_sum((outer[:, None] * heights).T) + _sum((low[:, -1:] * heights).T))
        pull = step_size * labels * weights(q)
        hidden = outer[:, None] * ((gains * pull) @ points)
        move = jnp.concatenate([hidden, (heights @ pull)[:, None]], axis=1)
        return _added(high, low, move)

    return lax.fori_loop(0, count, one, given)


def _sum(terms: jax.Array) -> jax.Array:
    """Along the last axis, in one order, on every machine."""
    return terms.sum(axis=-1)


def _added(high: jax.Array, low: jax.Array, move: jax.Array) -> tuple[jax.Array, jax.Array]:
    """high + low + move as a sum of two, by Knuth's exact sums."""
    total = high + move
    part = total - high
    rest = (high - (total - part)) + (move - part)
    low = low + rest
    kept = total + low
    return kept, low - (kept - total)
