"""Gradient descent with a constant step size: theta <- theta - step_size * grad L(theta)."""

from __future__ import annotations

import jax.numpy as jnp

from latephase.training.base import (
    UNIT_ROUNDOFF,
    Array,
    Data,
    LossWeights,
    State,
    add,
    curvature_bound,
    descent,
    length_bound,
    pulls,
)
from latephase.training.units import kept


def step(
    state: State,
    data: Data,
    loss_weights: LossWeights,
    step_size: Array,
    unit: Array | None = None,
) -> State:
    """One update of every trial, and of its error estimate.

    Inside an activation pattern an update is theta -> theta - step_size * grad L, with Jacobian
    I - step_size * Hessian, of norm at most max(1, step_size * curvature - 1): an error is at
    most multiplied by that. The update itself is rounded at a few 2^-53 of its own size.
    unit: of the parameters, where they are too small for XLA.
    """
    pull = step_size * pulls(state.parameters, data, loss_weights, unit)
    update = descent(pull, data)
    growth = jnp.maximum(1.0, curvature_bound(pull, data) - 1.0)
    error = state.error * growth + 4.0 * UNIT_ROUNDOFF * length_bound(pull, data)
    return State(add(state.parameters, kept(update, unit)), error)
