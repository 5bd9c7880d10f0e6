"""The pieces that every gradient step shares: parameters as compensated sums, gradients, bounds.

The trial axis is the last one everywhere, so that the short loops over neurons, points and features
stay outside and every operation is one vector operation over trials. Parameters are one array
(neuron, feature, trial) whose last feature is the bias: its input is 1. They are carried as
unevaluated sums high + low (compensated summation [dekker1971]): a step may be 2^-53 of the
parameter it is added to, and 10^5 of them must not be lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from latephase.training.units import preactivations as in_units

Array = jax.Array
UNIT_ROUNDOFF = 2.0**-53
_FEW = 2048  # products in a sum that is written out


class Pair(NamedTuple):
    """The unevaluated sum high + low of two float64 arrays, |low| at most half an ulp of high."""

    high: Array
    low: Array


class State(NamedTuple):
    """What a step of gradient descent maps: parameters and absolute error estimate (trial,)."""

    parameters: Pair
    error: Array


class Data(NamedTuple):
    """Points (x_i, 1) (point, feature), labels (point,), output weights (neuron,); float64."""

    points: Array
    labels: Array
    output_weights: Array


LossWeights = Callable[[Array], Array]
"""`weights` of a Loss: margins q_i = y_i N(x_i) to -dloss_i/dq_i, elementwise."""


def add(pair: Pair, change: Array) -> Pair:
    """high + low + change, the rounding error of the new high kept in low (TwoSum [knuth1997])."""
    change = pair.low + change
    total = pair.high + change
    moved = total - pair.high
    return Pair(total, (pair.high - (total - moved)) + (change - moved))


def contract(spec: str, *parts: Array) -> Array:
    """`jnp.einsum`, in whose place a few numbers of a single trial are multiplied and summed.

    XLA fuses such sums with what comes before and after them, and calls a routine for each einsum:
    a step of 8 neurons on 6 points takes 0.8 instead of 2.7 microseconds; of 256 trials at once it
    would take four times as long.
    """
    ins, out = spec.split("->")
    names = ins.split(",")
    sizes: dict[str, int] = {}
    for name, part in zip(names, parts, strict=True):
        sizes.update(zip(name, part.shape, strict=True))
    if sizes.get("t") != 1 or math.prod(sizes.values()) > _FEW:
        return jnp.einsum(spec, *parts)
    order = out + "".join(k for k in sizes if k not in out)
    total = jnp.ones(())
    for name, part in zip(names, parts, strict=True):
        axes = sorted(range(len(name)), key=lambda axis: order.index(name[axis]))
        shape = [sizes[k] if k in name else 1 for k in order]
        total = total * jnp.transpose(part, axes).reshape(shape)
    return total.sum(axis=tuple(range(len(out), len(order))))


def preactivations(parameters: Pair, data: Data, unit: Array | None = None) -> Array:
    """a_ji = w_j . x_i + b_j, (neuron, point, trial), rounded at 2^-53 of the terms' size.

    unit: what the parameters are multiplied by, see `units.py`.
    """
    return in_units(parameters, unit, lambda part: contract("jkt,ik->jit", part, data.points))


def pulls(
    parameters: Pair, data: Data, loss_weights: LossWeights, unit: Array | None = None
) -> Array:
    """-dLoss/da_ji, (neuron, point, trial), for the sum of the losses; relu'(0) = 0."""
    preactivation = preactivations(parameters, data, unit)
    signs = data.output_weights[:, None, None] * data.labels[:, None]
    outputs = contract("j,jit->it", data.output_weights, jnp.maximum(preactivation, 0.0))
    weights = loss_weights(data.labels[:, None] * outputs)
    return jnp.where(preactivation > 0.0, signs * weights, 0.0)


def descent(pull: Array, data: Data) -> Array:
    """-gradient of the loss, shaped like the parameters."""
    return contract("jit,ik->jkt", pull, data.points)


def length_bound(pull: Array, data: Data) -> Array:
    """Upper bound of the length of `descent`, and of its terms before they cancel, (trial,)."""
    return contract("i,jit->t", jnp.abs(data.points).sum(axis=1), jnp.abs(pull))


def curvature_bound(pull: Array, data: Data) -> Array:
    """Upper bound of the loss's largest Hessian eigenvalue inside the activation pattern, (trial,).

    The Hessian is sum_i loss''_i g_i g_i^T with |g_i|^2 = |(x_i, 1)|^2 sum_(j active) v_j^2, and
    loss'' <= -loss' for both losses; the bound is its trace.
    """
    squares = (data.points**2).sum(axis=1)
    return contract("j,i,jit->t", jnp.abs(data.output_weights), squares, jnp.abs(pull))
