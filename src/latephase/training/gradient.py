"""The gradient of the loss as (ln L, grad L / L): nothing underflows, however large the margins.

At margins of 10^6 the loss is e^(-10^6); its logarithm and the direction of its gradient are plain
numbers. Arrays have the trial as their last axis; parameters are (neuron, feature, trial), the
bias being the last feature, or the one before the output weight where that is trained.
"""

from __future__ import annotations

from functools import partial, reduce
from typing import NamedTuple

import jax.numpy as jnp
from jax.scipy.special import logsumexp

from latephase.problem import LOSSES, Loss
from latephase.problem.activation import activated
from latephase.training.parameters import Array, Data, DoubleDouble, in_units, outer_of, pulled


class Forward(NamedTuple):
    """What a gradient depends on: pre-activations (neuron, point, trial), and output weights
    (neuron, trial), or (neuron, 1) where all trials have the same."""

    preactivation: Array
    outer: Array


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


# Reductions of a few terms are written out: XLA fuses them with what stands around them, and a step
# of two neurons on two points takes less than half the time.
_FEW = 8


def total(array: Array) -> Array:
    """The sum over the first axis."""
    return reduce(jnp.add, list(array)) if len(array) <= _FEW else array.sum(axis=0)


def _largest(array: Array) -> Array:
    """The largest along the first axis."""
    return reduce(jnp.maximum, list(array)) if len(array) <= _FEW else array.max(axis=0)


def squares(array: Array) -> Array:
    """The sum of squares over neurons and features, (trial,)."""
    return total((array**2).reshape(-1, array.shape[-1]))


def length(array: Array) -> Array:
    """Euclidean length over neurons and features, (trial,)."""
    return jnp.sqrt(squares(array))


def _relative(margins: Array, loss: Loss) -> tuple[Array, Array]:
    """ln L (trial,) and relative weights -dL/dq_i / L (point, trial) at margins (point, trial)."""
    logs = loss.log_each(margins)
    if not loss.is_its_weight:
        log_loss = logsumexp(logs, axis=0)
        return log_loss, jnp.exp(loss.log_weights(margins) - log_loss)
    top = _largest(logs)  # a softmax: one exponential serves both
    each = jnp.exp(logs - top)
    whole = total(each)
    return top + jnp.log(whole), each / whole


def neuron_directions(here: Forward, data: Data, loss: str) -> Array:
    """The gradient with each neuron's rows divided by its largest weight, (neuron, feature, trial).

    For what depends on signs only: where margins differ by more than 745, the point of the larger
    one has no weight left in grad L / L, though its sign still moves the neuron that serves it.
    """
    log_weights = LOSSES[loss].log_weights(data.labels[:, None] * _outputs(here, data))
    served = (here.preactivation > 0.0) | (data.slope is not None)
    served = served if data.constant is None else served | data.constant
    top = jnp.where(served, log_weights, -jnp.inf).max(axis=1, keepdims=True)
    top = jnp.where(jnp.isfinite(top), top, 0.0)
    return -_collected(jnp.exp(jnp.minimum(log_weights - top, 0.0)), here, data)


def gradient(here: Forward, data: Data, loss: str, keep: Array | None = None) -> Gradient:
    """The gradient there, summed over points; relu'(0) = 0.

    keep (point, trial): of these points only.
    """
    margins = data.labels[:, None] * _outputs(here, data)
    if keep is not None:
        margins = jnp.where(keep, margins, jnp.inf)
    log_loss, weights = _relative(margins, LOSSES[loss])
    return Gradient(log_loss, -_collected(weights, here, data))


def forward(parameters: DoubleDouble, data: Data, unit: Array | None = None) -> Forward:
    """What the gradient at parameters depends on; unit: what they are multiplied by."""
    a = in_units(parameters, unit, partial(preactivations, data=data))
    if data.output_weights is not None:
        return Forward(a, outer_of(parameters.high, data))
    return Forward(a, in_units(parameters, unit, partial(outer_of, data=data)))


def shifted(here: Forward, shift: Array, data: Data) -> Forward:
    """The same with parameters moved by `shift`."""
    outer = here.outer if data.output_weights is not None else here.outer + outer_of(shift, data)
    return Forward(here.preactivation + preactivations(shift, data), outer)


def preactivations(parameters: Array, data: Data) -> Array:
    """a_ji = w_j . x_i + b_j, (neuron, point, trial)."""
    k = data.points.shape[1]
    if k > _FEW:
        return jnp.einsum("jkt,ik->jit", parameters[:, :k], data.points)
    features = enumerate(data.points.T)
    return reduce(jnp.add, [parameters[:, k, None] * x[:, None] for k, x in features])


def _outputs(here: Forward, data: Data) -> Array:
    """N(x_i), (point, trial)."""
    return total(here.outer[:, None] * _activations(here, data))


def _activations(here: Forward, data: Data) -> Array:
    """(neuron, point, trial)."""
    active = activated(here.preactivation, data.slope)
    return active if data.constant is None else jnp.where(data.constant, 1.0, active)


def _collected(weights: Array, here: Forward, data: Data) -> Array:
    """sum_i weights_i grad q_i, (neuron, feature, trial).

    weights (point, trial), or (neuron, point, trial) where each neuron has its own.
    """
    a = here.preactivation
    pull = pulled(a, here.outer[:, None] * data.labels[:, None] * weights, data.slope)
    moved = _over_points(pull, data)
    if data.output_weights is not None:
        return moved
    if data.constant is not None:  # a leaky neuron would feel its points
        moved = jnp.where(data.constant, 0.0, moved)
    outward = (data.labels[:, None] * weights * _activations(here, data)).sum(axis=1, keepdims=True)
    return jnp.concatenate([moved, outward], axis=1)


def _over_points(pull: Array, data: Data) -> Array:
    """sum_i pull_ji (x_i, 1), (neuron, feature, trial)."""
    if len(data.points) > _FEW:
        return jnp.einsum("jit,ik->jkt", pull, data.points)
    points = enumerate(data.points)
    return reduce(jnp.add, [pull[:, i, None] * x[:, None] for i, x in points])
