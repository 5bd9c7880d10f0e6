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
) -> tuple[Floats, Floats, Floats, Floats]:
    """A state (m, k + 1) and its low part `count` steps later; relu'(0) = 0. And what rounding of
    forces has added to neurons (m,): they may hold one another, and be the same at every step; and
    after how many steps, and what share of one, pairs (m, n) crossed their kinks: NaN of those that
    did not, or more than once."""
    sizes = dynamics.points, dynamics.labels, dynamics.slope, dynamics.method.step_size
    with jax.enable_x64(True):
        moved = _run((state, low), count, sizes, dynamics.loss.name)
        high, low, pulled, times, crossed = (np.asarray(part) for part in moved)
    return high, low, 2 * UNIT_ROUNDOFF * pulled, np.where(times == 1, crossed, np.nan)


@partial(jax.jit, static_argnames=("loss",))
def _run(
    given: tuple[jax.Array, jax.Array],
    count: jax.Array,
    sizes: tuple[jax.Array, jax.Array, jax.Array, jax.Array],
    loss: str,
) -> tuple[jax.Array, ...]:
    points, labels, slope, step_size = sizes
    weights = LOSSES[loss].weights

    longest = jnp.sqrt(_sum(points**2))

    def preactivations(high: jax.Array, low: jax.Array) -> jax.Array:
        hidden = high[:, None, :-1] * points[None]
        return _sum(hidden) + _sum(low[:, None, :-1] * points[None])

    def seen(
        k: jax.Array, a: jax.Array, before: jax.Array, times: jax.Array, crossed: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        over = (a > 0) != (before > 0)
        return times + over, jnp.where(over, k - a / (a - before), crossed)

    def one(k: jax.Array, carry: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        high, low, pulled, before, times, crossed = carry
        outer, a = high[:, -1], preactivations(high, low)
        times, crossed = seen(k, a, before, times, crossed)
        gains = jnp.where(a > 0, 1.0, slope)
        heights = gains * a
        q = labels * (_sum((outer[:, None] * heights).T) + _sum((low[:, -1:] * heights).T))
        pull = step_size * labels * weights(q)
        hidden = outer[:, None] * ((gains * pull) @ points)
        move = jnp.concatenate([hidden, (heights @ pull)[:, None]], axis=1)
        # What forces are sums of, with what rounding of a margin does to its pull.
        terms = jnp.abs(pull) * (1 + _sum(jnp.abs(outer[:, None] * heights).T))
        pulled += jnp.abs(outer) * _sum(gains * (terms * longest)) + _sum(jnp.abs(heights) * terms)
        return *_added(high, low, move), pulled, a, times, crossed

    a = preactivations(*given)
    zero = jnp.zeros_like(a)
    begin = *given, zero.sum(axis=1), a, zero, zero
    high, low, pulled, before, times, crossed = lax.fori_loop(0, count, one, begin)
    times, crossed = seen(count, preactivations(high, low), before, times, crossed)
    return high, low, pulled, times, crossed


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
