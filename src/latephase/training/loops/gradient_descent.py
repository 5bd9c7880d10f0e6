"""Gradient descent, theta <- theta - step_size * grad L(theta), with an estimate of its error.

Every trial makes its own number of steps; `follow.py` has the loop of all methods.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from latephase.core.arrays import Floats, Ints
from latephase.core.errors import InputError
from latephase.problem import losses
from latephase.problem.activation import activated
from latephase.training.loops.blocks import Columns, StepFunction, in_blocks
from latephase.training.parameters import (
    UNIT_ROUNDOFF,
    Array,
    Data,
    DoubleDouble,
    add,
    freed,
    in_units,
    joined,
    kept,
    parameter_units,
    parted,
    pulled,
)

_FEW = 2048  # products in a sum that is written out

LossWeights = Callable[[Array], Array]
"""`weights` of a Loss: margins q_i = y_i N(x_i) to -dloss_i/dq_i, elementwise."""


class DescentState(NamedTuple):
    """What a step maps: parameters and their absolute error estimate (trial,)."""

    parameters: DoubleDouble
    error: Array


class Stepped(NamedTuple):
    """Parameters after stepping: weights (T, m, d), biases (T, m), error (T,), absolute.

    The parameters are weights + weights_low and biases + biases_low (None without); the low parts
    may be dropped. `error` estimates the Euclidean distance of weights and biases, with or without
    their low parts, from exact gradient descent.
    """

    weights: Floats
    biases: Any
    error: Floats
    weights_low: Floats
    biases_low: Any


def advance(
    weights: Floats,
    biases: Floats | None,
    counts: Ints,
    *,
    inputs: Floats,
    labels: NDArray[Any],
    output_weights: Floats,
    method: Any,
    loss: str = "exponential",
    error: Floats | None = None,
    weights_low: Floats | None = None,
    biases_low: Floats | None = None,
    negative_slope: float = 0.0,
) -> Stepped:
    """Step trial i of T exactly counts[i] times (fewer once it is not finite: it stays so).

    weights (T, m, d), biases (T, m) or None, counts (T,), inputs (n, d), labels (n,) of +-1,
    output_weights (m,), fixed. error (T,): absolute error of the given parameters, default 0;
    weights_low, biases_low: the low parts of an earlier `Stepped`, default 0. The loss is the
    sum over points; relu'(0) = 0, a neuron is active where its pre-activation is positive.

    Rigour: the parameters are measured (float64, compensated), their error is estimated: by the
    expansion bound of the steps within activation patterns, not across a change of pattern that
    rounding could flip.
    """
    if not (method.has_late_phase and method.discrete):
        raise InputError("GradientDescent(step_size)", method, "use it, or training.loops.follow")
    losses.named(loss)
    has = biases is not None
    high = joined(weights, biases)
    data = Data.of(inputs, labels, output_weights, has, negative_slope)
    low = np.zeros_like(high)
    if weights_low is not None:
        low = joined(weights_low, biases_low)
    error = np.zeros(len(counts)) if error is None else np.asarray(error, np.float64)
    unit = parameter_units(high, data.points)
    columns = (kept(high, unit), kept(low, unit), error, *([] if unit is None else [unit]))
    moved = in_blocks(columns, np.asarray(counts), data, _STEPS[loss], method.step_size)
    high, low = freed(moved[0], unit), freed(moved[1], unit)
    error = moved[2] + UNIT_ROUNDOFF * np.abs(high).sum(axis=(0, 1))
    return Stepped(*parted(high, has), error, *parted(low, has))


def _descend(
    loss_weights: LossWeights, columns: Columns, data: tuple[Array, ...], step_size: Array
) -> Columns:
    """One step of `advance`: high and low parts of the parameters, their error, and their units
    where they have some."""
    high, low, error, *unit = columns
    state = DescentState(DoubleDouble(high, low), error)
    state = step(state, Data(*data), loss_weights, step_size, *unit)
    return *state.parameters, state.error, *unit


_STEPS: dict[str, StepFunction] = {
    name: partial(_descend, one.weights) for name, one in losses.LOSSES.items()
}


def step(
    state: DescentState,
    data: Data,
    loss_weights: LossWeights,
    step_size: Array,
    unit: Array | None = None,
) -> DescentState:
    """One update of every trial, and of its error estimate.

    Inside an activation pattern an update is theta -> theta - step_size * grad L, with Jacobian
    I - step_size * Hessian, of norm at most max(1, step_size * curvature - 1): an error is at
    most multiplied by that. The update itself is rounded at a few 2^-53 of its own size.
    unit: of the parameters, where they are too small for XLA.
    """
    pull = step_size * pulls(state.parameters, data, loss_weights, unit)
    update = contract("jit,ik->jkt", pull, data.points)
    # The Hessian is sum_i loss''_i g_i g_i^T with |g_i|^2 = |(x_i, 1)|^2 sum_(j active) v_j^2, and
    # loss'' <= -loss' for both losses: its trace bounds the curvature.  (Where a neuron is inactive
    # on a point, g_i has the square of the slope, and this its first power.)
    squares = (data.points**2).sum(axis=1)
    curvature = contract("j,i,jit->t", jnp.abs(data.output_weights), squares, jnp.abs(pull))
    growth = jnp.maximum(1.0, curvature - 1.0)
    error = state.error * growth + 4.0 * UNIT_ROUNDOFF * length_bound(pull, data)
    return DescentState(add(state.parameters, kept(update, unit)), error)


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


def preactivations(parameters: DoubleDouble, data: Data, unit: Array | None = None) -> Array:
    """a_ji = w_j . x_i + b_j, (neuron, point, trial), rounded at 2^-53 of the terms' size.

    unit: what the parameters are multiplied by, see `parameters.py`.
    """
    return in_units(parameters, unit, lambda part: contract("jkt,ik->jit", part, data.points))


def pulls(
    parameters: DoubleDouble, data: Data, loss_weights: LossWeights, unit: Array | None = None
) -> Array:
    """-dLoss/da_ji, (neuron, point, trial), for the sum of the losses; relu'(0) = 0."""
    preactivation = preactivations(parameters, data, unit)
    signs = data.output_weights[:, None, None] * data.labels[:, None]
    active = activated(preactivation, data.slope)
    outputs = contract("j,jit->it", data.output_weights, active)
    weights = loss_weights(data.labels[:, None] * outputs)
    return pulled(preactivation, signs * weights, data.slope)


def length_bound(pull: Array, data: Data) -> Array:
    """Upper bound of the length of an update, and of its terms before they cancel, (trial,)."""
    return contract("i,jit->t", jnp.abs(data.points).sum(axis=1), jnp.abs(pull))
