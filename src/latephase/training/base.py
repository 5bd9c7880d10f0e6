"""The interface of a training method, and the pieces every gradient method shares.

For developers. A method is a `Family` of three functions: `hyperparameters` reads the numbers of
its record (traced: no recompilation when they change), `init` makes the state from parameters,
`step` maps a state to the next one. Both are pure functions of arrays, without masks or loops:
which trial steps how often is `loop.py`'s business alone. A new method is a new file with its
`FAMILY` and one line in `loop.FAMILIES`; what it remembers between steps (a momentum, a step
count) goes into `State.memory`, any pytree whose arrays end in the trial axis. The trial axis is
the last one everywhere, so that the short loops over neurons, points and features stay outside
and every operation is one vector operation over trials.

Parameters are carried as unevaluated sums high + low (compensated summation [dekker1971]): a
step may be 2^-53 of the parameter it is added to, and 10^5 of them must not be lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array
UNIT_ROUNDOFF = 2.0**-53


class Pair(NamedTuple):
    """The unevaluated sum high + low of two float64 arrays, |low| at most half an ulp of high."""

    high: Array
    low: Array


class Parameters(NamedTuple):
    """Weights (neuron, feature, trial) and biases (neuron, trial)."""

    weights: Pair
    biases: Pair


class State(NamedTuple):
    """What a step maps: parameters, absolute error estimate (trial,), the method's own memory."""

    parameters: Parameters
    error: Array
    memory: Any = ()


class Data(NamedTuple):
    """Inputs (point, feature), labels (point,), output weights (neuron,); float64."""

    inputs: Array
    labels: Array
    output_weights: Array


LossWeights = Callable[[Array], Array]
"""Margins q_i = y_i N(x_i) to -dloss_i/dq_i, elementwise."""

LOSS_WEIGHTS: dict[str, LossWeights] = {
    "exponential": lambda margins: jnp.exp(-margins),
    "logistic": lambda margins: 1.0 / (1.0 + jnp.exp(margins)),  # no inf / inf at either end
}


class Family(NamedTuple):
    """A training method: see the module's paragraph for developers."""

    hyperparameters: Callable[[Any], tuple[float, ...]]
    init: Callable[[Parameters, Array], State]
    step: Callable[[State, Data, LossWeights, tuple[Array, ...]], State]


def add(pair: Pair, change: Array) -> Pair:
    """high + low + change, the rounding error of the new high kept in low (TwoSum [knuth1997])."""
    change = pair.low + change
    total = pair.high + change
    moved = total - pair.high
    return Pair(total, (pair.high - (total - moved)) + (change - moved))


def preactivations(parameters: Parameters, data: Data) -> Array:
    """a_ji = w_j . x_i + b_j, (neuron, point, trial), rounded at 2^-53 of the terms' size."""

    def forward(weights: Array, biases: Array) -> Array:
        products = weights[:, None] * data.inputs[None, :, :, None]
        return products.sum(axis=2) + biases[:, None]

    weights, biases = parameters
    return forward(weights.high, biases.high) + forward(weights.low, biases.low)


def pulls(parameters: Parameters, data: Data, loss_weights: LossWeights) -> Array:
    """-dLoss/da_ji, (neuron, point, trial), for the sum of the losses; relu'(0) = 0."""
    preactivation = preactivations(parameters, data)
    signs = data.output_weights[:, None, None] * data.labels[:, None]
    margins = (signs * jnp.maximum(preactivation, 0.0)).sum(axis=0)
    return jnp.where(preactivation > 0.0, signs * loss_weights(margins), 0.0)


def descent(pull: Array, data: Data) -> tuple[Array, Array]:
    """-gradient of the loss: for weights (neuron, feature, trial) and biases (neuron, trial)."""
    weights = (pull[:, :, None] * data.inputs[None, :, :, None]).sum(axis=1)
    return weights, pull.sum(axis=1)


def curvature_bound(pull: Array, data: Data) -> Array:
    """Upper bound of the loss's largest Hessian eigenvalue inside the activation pattern, (trial,).

    The Hessian is sum_i loss''_i g_i g_i^T with |g_i|^2 = |(x_i, 1)|^2 sum_(j active) v_j^2, and
    loss'' <= -loss' for both losses; the bound is its trace.
    """
    squares = 1.0 + (data.inputs**2).sum(axis=1)
    scale = jnp.abs(data.output_weights)[:, None] * squares
    return (jnp.abs(pull) * scale[:, :, None]).sum(axis=(0, 1))
