"""Gradient descent of one network with every step kept, for what differs from step to step."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np

from latephase.core.arrays import Floats
from latephase.problem import Problem
from latephase.training.gradient import forward, gradient
from latephase.training.parameters import (
    Array,
    Data,
    DoubleDouble,
    add,
    freed,
    joined,
    kept,
    parameter_units,
)

_AT_ONCE = 16_384  # steps of one compiled loop


def every_step(problem: Problem, count: int) -> Floats:
    """theta (count + 1, m, k) of a problem of gradient descent after 0, 1, ..., count steps.

    Rigour: measured (float64, parameters as compensated sums).
    """
    network, points = problem.network, problem.data
    biases = network.biases
    theta = joined(network.weights[None], None if biases is None else biases[None])
    kind = network.output_weights, biases is not None, network.negative_slope
    data = Data.of(points.inputs, points.labels, *kind)
    unit = parameter_units(theta, np.asarray(data.points))
    high = kept(theta, unit)
    parts, done = [high[None]], 0
    with jax.enable_x64(True):
        state = DoubleDouble(jax.numpy.asarray(high), jax.numpy.zeros_like(high))
        while done < count:
            state, seen = _steps(state, problem.method.step_size, data, unit, problem.loss.name)
            parts.append(np.asarray(seen))
            done += _AT_ONCE
    return np.asarray(freed(np.concatenate(parts)[: count + 1], unit))[..., 0]


@partial(jax.jit, static_argnames=("loss",))
def _steps(
    state: DoubleDouble, step_size: Array, data: Any, unit: Any, loss: str
) -> tuple[DoubleDouble, Array]:
    def one(state: DoubleDouble, _: None) -> tuple[DoubleDouble, Array]:
        here = gradient(forward(state, data, unit), data, loss)
        after = add(state, kept(-step_size * here.unscaled, unit))
        return after, after.high

    return jax.lax.scan(one, state, None, length=_AT_ONCE)
