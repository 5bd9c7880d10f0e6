"""Ordinary steps of gradient descent in the coordinates of a setting, compiled."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from latephase.problem import GradientDescent
from latephase.training.base import (
    LOSS_WEIGHTS,
    UNIT_ROUNDOFF,
    Data,
    Pair,
    State,
    length_bound,
    pulls,
)
from latephase.training.gradient_descent import step
from latephase.training.units import kept, units

from .setting import Array, Setting


def stepped(
    setting: Setting, theta: Array, low: Array, error: float, count: int
) -> tuple[Array, Array, float]:
    """theta (m, k), its low part and a bound of its absolute error, `count` steps later.

    error: the bound so far.  Rigour: estimated, as `training.advance` has it, with the rounding of
    margins in the exponent on top: at a margin of 50 a pull is known to 50 ulp only.
    """
    assert isinstance(setting.method, GradientDescent)
    data, step_size = (setting.points, setting.labels, setting.outer), setting.method.step_size
    found = units(theta[None], setting.points)
    unit = None if found is None else found[0]
    with jax.enable_x64(True):
        given = (kept(theta, unit), kept(low, unit), unit)
        moved = _run(given, error, count, data, step_size, setting.loss.name)
        high, low, bound = (np.asarray(part) for part in moved)
    return (high, low, float(bound)) if unit is None else (high / unit, low / unit, float(bound))


@partial(jax.jit, static_argnames=("loss",))
def _run(
    given: tuple[jax.Array, jax.Array, jax.Array | None],
    error: jax.Array,
    count: jax.Array,
    data: tuple[jax.Array, ...],
    step_size: jax.Array,
    loss: str,
) -> tuple[jax.Array, ...]:
    fixed = Data(*data)
    high, low, unit = given
    unit = None if unit is None else unit[..., None]
    state = State(Pair(high[..., None], low[..., None]), jnp.asarray(error, float)[None])

    def one(_: jax.Array, state: State) -> State:
        pull = step_size * pulls(state.parameters, fixed, LOSS_WEIGHTS[loss], unit)
        ulps = UNIT_ROUNDOFF * _largest_terms(state.parameters.high, fixed)
        moved = step(state, fixed, LOSS_WEIGHTS[loss], step_size, unit)
        return State(moved.parameters, moved.error + 2.0 * ulps * length_bound(pull, fixed))

    state = lax.fori_loop(0, count, one, state)
    return state.parameters.high[..., 0], state.parameters.low[..., 0], state.error[0]


def _largest_terms(parameters: jax.Array, data: Data) -> jax.Array:
    """Largest sum of the terms of an output, (trial,)."""
    terms = jnp.einsum("jkt,ik->jit", jnp.abs(parameters), jnp.abs(data.points))
    return jnp.einsum("j,jit->it", jnp.abs(data.output_weights), terms).max(axis=0)
