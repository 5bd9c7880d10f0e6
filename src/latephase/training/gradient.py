"""The gradient of the loss as (ln L, grad L / L): nothing underflows, however large the margins.

At margins of 10^6 the loss is e^(-10^6); its logarithm and the direction of its gradient are plain
numbers. Arrays have the trial as their last axis; parameters are (neuron, feature, trial), the
bias being the last feature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax.nn import softplus
from jax.scipy.special import logsumexp

from latephase.training.base import Array, Data

_TAIL = 40.0  # beyond it ln ln(1 + e^-q) is -q to the last bit


class Gradient(NamedTuple):
    """log_loss: ln L (trial,);  direction: G = grad L / L (neuron, feature, trial)."""

    log_loss: Array
    direction: Array

    @property
    def length(self) -> Array:
        """|grad L| / L, (trial,)."""
        return length(self.direction)

    @property
    def unscaled(self) -> Array:
        """grad L itself; 0 where it underflows."""
        return jnp.exp(self.log_loss) * self.direction


def length(array: Array) -> Array:
    """Euclidean length over neurons and features, (trial,)."""
    return jnp.sqrt((array**2).sum(axis=(0, 1)))


def _exponential(margins: Array) -> tuple[Array, Array]:
    """ln sum_i e^(-q_i), and -dloss/dq_i over the loss: a softmax."""
    top = (-margins).max(axis=0)
    each = jnp.exp(-margins - top)
    total = each.sum(axis=0)
    return top + jnp.log(total), each / total


def _logistic(margins: Array) -> tuple[Array, Array]:
    """ln sum_i ln(1 + e^(-q_i)), and 1/(1 + e^(q_i)) over the loss."""
    near = jnp.log(softplus(-jnp.minimum(margins, _TAIL)))
    log_loss = logsumexp(jnp.where(margins > _TAIL, -margins, near), axis=0)
    return log_loss, jnp.exp(-softplus(margins) - log_loss)


LOG_WEIGHTS: dict[str, Callable[[Array], Array]] = {
    "exponential": lambda margins: -margins,
    "logistic": lambda margins: -softplus(margins),
}
"""Margins to ln(-dloss_i/dq_i), elementwise."""

LOSSES: dict[str, Callable[[Array], tuple[Array, Array]]] = {
    "exponential": _exponential,
    "logistic": _logistic,
}
"""Margins (point, trial) to ln L (trial,) and relative weights -dL/dq_i / L (point, trial)."""


def neuron_directions(preactivation: Array, data: Data, loss: str) -> Array:
    """The gradient with each neuron's rows divided by its largest weight, (neuron, feature, trial).

    For what depends on signs only: where margins differ by more than 745, the point of the larger
    one has no weight left in grad L / L, though its sign still moves the neuron that serves it.
    """
    active = preactivation > 0.0
    outputs = jnp.einsum("j,jit->it", data.output_weights, jnp.maximum(preactivation, 0.0))
    log_weights = LOG_WEIGHTS[loss](data.labels[:, None] * outputs)
    top = jnp.where(active, log_weights, -jnp.inf).max(axis=1, keepdims=True)
    top = jnp.where(jnp.isfinite(top), top, 0.0)
    signs = data.output_weights[:, None, None] * data.labels[:, None]
    pull = jnp.where(active, signs * jnp.exp(jnp.minimum(log_weights - top, 0.0)), 0.0)
    return -jnp.einsum("jit,ik->jkt", pull, data.points)


def gradient(preactivation: Array, data: Data, loss: str, keep: Array | None = None) -> Gradient:
    """The gradient at pre-activations (neuron, point, trial), summed over points; relu'(0) = 0.

    keep (point, trial): of these points only.
    """
    outputs = jnp.einsum("j,jit->it", data.output_weights, jnp.maximum(preactivation, 0.0))
    margins = data.labels[:, None] * outputs
    if keep is not None:
        margins = jnp.where(keep, margins, jnp.inf)
    log_loss, weights = LOSSES[loss](margins)
    signs = data.output_weights[:, None, None] * data.labels[:, None]
    pull = jnp.where(preactivation > 0.0, signs * weights, 0.0)
    return Gradient(log_loss, -jnp.einsum("jit,ik->jkt", pull, data.points))
