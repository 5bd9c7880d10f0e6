"""Ordinary steps of gradient descent in both layers, compensated and compiled."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from latephase.core.arrays import Floats
from latephase.problem import LOSSES
from latephase.training.parameters import UNIT_ROUNDOFF

from .dynamics import LayeredDynamics


def steps(
    dynamics: LayeredDynamics, state: Floats, low: Floats, count: int
) -> tuple[Floats, Floats, Floats]:
    """A state (m, k + 1) and its low part `count` steps later; relu'(0) = 0. And what rounding of
    forces has added to neurons (m,): they may hold one another, and be the same at every step."""
    sizes = dynamics.points, dynamics.labels, dynamics.slope, dynamics.method.step_size
    with jax.enable_x64(True):
        moved = _run((state, low, np.zeros(len(state))), count, sizes, dynamics.loss.name)
        high, low, pulled = (np.asarray(part) for part in moved)
    return high, low, 2 * UNIT_ROUNDOFF * pulled


@partial(jax.jit, static_argnames=("loss",))
def _run(
    given: tuple[jax.Array, jax.Array, jax.Array],
    count: jax.Array,
    sizes: tuple[jax.Array, jax.Array, jax.Array, jax.Array],
    loss: str,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    points, labels, slope, step_size = sizes
    weights = LOSSES[loss].weights

    longest = jnp.sqrt(_sum(points**2))

    def one(
        _: jax.Array, carry: tuple[jax.Array, jax.Array, jax.Array]
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        high, low, pulled = carry
        theta, outer = high[:, :-1], high[:, -1]
        a = _sum(theta[:, None, :] * points[None]) + _sum(low[:, None, :-1] * points[None])
        gains = jnp.where(a > 0, 1.0, slope)
        heights = gains * a
        q = labels * (_sum((outer[:, None] * heights).T) + _sum((low[:, -1:] * heights).T))
        pull = step_size * labels * weights(q)
        hidden = outer[:, None] * ((gains * pull) @ points)
        move = jnp.concatenate([hidden, (heights @ pull)[:, None]], axis=1)
        # What forces are sums of, with what rounding of a margin does to its pull.
        terms = jnp.abs(pull) * (1 + _sum(jnp.abs(outer[:, None] * heights).T))
        pulled += jnp.abs(outer) * _sum(gains * (terms * longest)) + _sum(jnp.abs(heights) * terms)
        return *_added(high, low, move), pulled

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
