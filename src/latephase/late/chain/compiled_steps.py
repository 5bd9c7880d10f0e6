"""Ordinary steps of gradient descent in the coordinates of a run, compiled."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from latephase.core.arrays import Bools, Floats
from latephase.late.modes.dynamics import Dynamics
from latephase.problem import LOSSES
from latephase.problem.activation import activated
from latephase.training.loops.gradient_descent import (
    DescentState,
    LossWeights,
    contract,
    length_bound,
    preactivations,
    pulls,
    step,
)
from latephase.training.parameters import UNIT_ROUNDOFF, Data, DoubleDouble, kept, parameter_units

from .kicks import KICKS

_MOST_OFF = 1e-9  # of the parameters: a larger bound is useless, and another chain tells


class Moved(NamedTuple):
    """Parameters after some steps.

    theta, low (m, k);  rounding: bound of their absolute error;  drift: what rounding has added to
    it in these steps, without what they expand;  kick_error (m,): how far neurons are off by signs
    that rounding may have decided;  sign_lost (m,): whether one decided if a neuron lives.
    """

    theta: Floats
    low: Floats
    rounding: float
    drift: float
    kick_error: Floats
    sign_lost: Bools


def compiled_steps(
    dynamics: Dynamics, theta: Floats, low: Floats, rounding: float, count: int
) -> Moved:
    """What theta (m, k) and its low part are `count` steps later.

    rounding: the bound so far.  Rigour: estimated, as `training.advance` has it, with the rounding
    of margins in the exponent on top: at a margin of 50 a pull is known to 50 ulp only.
    """
    data = (dynamics.points, dynamics.labels, dynamics.output_weights, dynamics.slope or None)
    step_size = dynamics.method.step_size
    found = parameter_units(theta[None], dynamics.points)
    unit = None if found is None else found[0]
    with jax.enable_x64(True):
        given = (kept(theta, unit), kept(low, unit), unit)
        moved = _run(given, rounding, count, data, step_size, dynamics.loss.name)
        high, low, bound, drift, kick_error, sign_lost = (np.asarray(part) for part in moved)
    high, low = (high, low) if unit is None else (high / unit, low / unit)
    return Moved(high, low, float(bound), float(drift), kick_error, sign_lost)


@partial(jax.jit, static_argnames=("loss",))
def _run(
    given: tuple[jax.Array, jax.Array, jax.Array | None],
    error: jax.Array,
    count: jax.Array,
    data: tuple[Any, ...],
    step_size: jax.Array,
    loss: str,
) -> tuple[jax.Array, ...]:
    fixed, weights = Data(*data), LOSSES[loss].weights
    high, low, unit = given
    unit = None if unit is None else unit[..., None]
    state = DescentState(
        DoubleDouble(high[..., None], low[..., None]), jnp.asarray(error, float)[None]
    )

    def one(
        _: jax.Array, carry: tuple[DescentState, jax.Array, jax.Array, jax.Array]
    ) -> tuple[DescentState, jax.Array, jax.Array, jax.Array]:
        state, drift, kick_error, sign_lost = carry
        pull = step_size * pulls(state.parameters, fixed, weights, unit)
        terms = contract("jkt,ik->jit", jnp.abs(state.parameters.high), jnp.abs(fixed.points))
        ulps = UNIT_ROUNDOFF * contract("j,jit->it", jnp.abs(fixed.output_weights), terms).max(
            axis=0
        )
        moved = step(state, fixed, weights, step_size, unit)
        added = 2.0 * ulps * length_bound(pull, fixed)
        state = DescentState(moved.parameters, moved.error + added)
        near = _near(state, fixed, unit)
        kicks, dying = lax.cond(
            near.any(),
            lambda: _undecided(near, pull[..., 0], state, fixed, weights, step_size, unit),
            lambda: (none, none > 0),
        )
        return state, drift + added, kick_error + KICKS * kicks, sign_lost | dying

    none = jnp.zeros(len(high))
    carried = (state, jnp.zeros(1), none, none > 0)
    state, drift, kick_error, sign_lost = lax.fori_loop(0, count, one, carried)
    high, low = (part[..., 0] for part in state.parameters)
    return high, low, state.error[0], drift[0], kick_error, sign_lost


def _near(state: DescentState, data: Data, unit: jax.Array | None) -> jax.Array:
    """Pre-activations within their error of a kink, (m, n)."""
    a = preactivations(state.parameters, data, unit)[..., 0]
    high = jnp.abs(state.parameters.high if unit is None else state.parameters.high / unit)
    terms = contract("jkt,ik->jit", high, jnp.abs(data.points))[..., 0]
    off = jnp.minimum(state.error, _MOST_OFF * high.max()) * _lengths(data)
    return jnp.abs(a) <= off + 2 * UNIT_ROUNDOFF * terms


def _undecided(
    near: jax.Array,
    before: jax.Array,
    state: DescentState,
    data: Data,
    loss_weights: LossWeights,
    step_size: jax.Array,
    unit: jax.Array | None,
) -> tuple[jax.Array, jax.Array]:
    """How far signs within rounding may move neurons (m,), and whether one may kill it (m,).

    near (m, n): pairs that stand so close to their kink; before (m, n): pulls in the step that led
    to `state`; a neuron that felt none was dead, and a pair that did not move (x = -1, 1 do not see
    one another) is where it was decided to be.  A neuron lives if a point that pulls it up holds
    it, by more than such a kick.
    """
    a, lengths = preactivations(state.parameters, data, unit)[..., 0], _lengths(data)
    rise = before @ data.points @ data.points.T
    still = 8 * UNIT_ROUNDOFF * (jnp.abs(before) @ jnp.abs(data.points) @ jnp.abs(data.points).T)
    open_ = near & (jnp.abs(rise) > still)
    pull = data.output_weights[:, None] * data.labels
    margins = data.labels * (data.output_weights @ activated(a, data.slope))
    kick = step_size * jnp.abs(pull) * loss_weights(margins) * lengths
    if data.slope is not None:  # no sign kills a neuron that the slope keeps alive
        kicks = jnp.where(open_, (1 - data.slope) * kick, 0.0)
        return kicks.sum(axis=1), jnp.zeros(len(a), bool)
    kicks = jnp.where(open_, kick, 0.0)
    holds = (pull > 0) & ~open_ & (a > 2 * kicks.max(axis=1, keepdims=True) * lengths)
    return kicks.sum(axis=1), open_.any(axis=1) & ~holds.any(axis=1)


def _lengths(data: Data) -> jax.Array:
    return jnp.sqrt((data.points**2).sum(axis=1))
