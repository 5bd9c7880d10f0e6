"""The loop of gradient descent in the late phase: every trial makes its own number of steps.

Ten thousand trials at a time, with an error estimate. `follow.py` has the loop of all methods.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from latephase.core.arrays import Floats, Ints
from latephase.core.errors import InputError
from latephase.problem import losses
from latephase.training.base import (
    UNIT_ROUNDOFF,
    Array,
    Data,
    LossWeights,
    Pair,
    State,
)
from latephase.training.gradient_descent import step
from latephase.training.units import kept, units

# Small enough to stay in a core's cache, large enough to hide the cost of starting a kernel;
# a block ends with its own longest trial. A GPU wants all trials at once.
CPU_BLOCK = 512
STEPS_BETWEEN_CHECKS = 256


class Stepped(NamedTuple):
    """Parameters after stepping: weights (T, m, d), biases (T, m), error (T,), absolute.

    The parameters are weights + weights_low and biases + biases_low; the low parts may be
    dropped. `error` estimates the Euclidean distance of weights and biases, with or without
    their low parts, from exact gradient descent.
    """

    weights: Floats
    biases: Floats
    error: Floats
    weights_low: Floats
    biases_low: Floats


def advance(
    weights: Floats,
    biases: Floats,
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
) -> Stepped:
    """Step trial i of T exactly counts[i] times (fewer once it is not finite: it stays so).

    weights (T, m, d), biases (T, m), counts (T,), inputs (n, d), labels (n,) of +-1,
    output_weights (m,), fixed. error (T,): absolute error of the given parameters, default 0;
    weights_low, biases_low: the low parts of an earlier `Stepped`, default 0. The loss is the
    sum over points; relu'(0) = 0, a neuron is active where its pre-activation is positive.

    Rigour: the parameters are measured (float64, compensated), their error is estimated: by the
    expansion bound of the steps within activation patterns, not across a change of pattern that
    rounding could flip.
    """
    _check(method, loss)
    high = _joined(weights, biases)
    low = np.zeros_like(high)
    if weights_low is not None and biases_low is not None:
        low = _joined(weights_low, biases_low)
    error = np.zeros(len(counts)) if error is None else np.asarray(error, np.float64)
    points = _joined(inputs, np.ones(len(inputs)))
    data = tuple(np.asarray(a, np.float64) for a in (points, labels, output_weights))
    unit = units(high, points)
    given = (kept(high, unit), kept(low, unit), error, *([] if unit is None else [unit]))
    columns = tuple(np.moveaxis(a, 0, -1) for a in given)
    moved = in_blocks(columns, np.asarray(counts), data, _STEPS[loss], method.step_size)
    high, low, error = (np.moveaxis(a, -1, 0) for a in moved[:3])
    if unit is not None:
        high, low = high / unit, low / unit
    error = error + UNIT_ROUNDOFF * np.abs(high).sum(axis=(1, 2))
    return Stepped(high[..., :-1], high[..., -1], error, low[..., :-1], low[..., -1])


def _check(method: Any, loss: str) -> None:
    if not (method.has_late_phase and method.discrete):
        raise InputError("GradientDescent(step_size)", method, "use it, or training.follow")
    losses.named(loss)


def _joined(weights: Floats, biases: Floats) -> Floats:
    """(..., d) and (...) to (..., d + 1): the bias as the last weight."""
    return np.concatenate([weights, np.asarray(biases)[..., None]], axis=-1, dtype=np.float64)


Columns = tuple[Array, ...]
Step = Callable[[Columns, tuple[Array, ...], Array], Columns]


def _descend(
    loss_weights: LossWeights, columns: Columns, data: tuple[Array, ...], step_size: Array
) -> Columns:
    """One step of `advance`: high and low parts of the parameters, their error, and their units
    where they have some."""
    high, low, error, *unit = columns
    state = step(State(Pair(high, low), error), Data(*data), loss_weights, step_size, *unit)
    return *state.parameters, state.error, *unit


_STEPS: dict[str, Step] = {
    name: partial(_descend, one.weights) for name, one in losses.LOSSES.items()
}


def in_blocks(
    columns: tuple[NDArray[Any], ...],
    counts: Ints,
    data: tuple[Floats, ...],
    step: Step,
    step_size: float,
) -> list[NDArray[Any]]:
    """Columns (..., trial) stepped counts[i] times each, in the order they came in.

    step(columns, data, step_size): one step of all trials, a module-level function, compiled once;
    a trial whose first column is no longer finite stays as it is.
    """
    if len(counts) == 0:
        return list(columns)
    order = _by_count(counts)
    steps = np.where(np.arange(len(order)) < len(order) - len(counts), 0, counts[order])
    block = min(len(order), CPU_BLOCK) if jax.default_backend() == "cpu" else len(order)
    turned = tuple(a[..., order] for a in columns)
    with jax.enable_x64(True):
        moved = _run(turned, steps, data, step_size, step, block)
        back = np.empty(len(counts), np.int64)
        back[order] = np.arange(len(order))
        return [np.asarray(a)[..., back] for a in moved]


def _by_count(counts: Ints) -> Ints:
    """Trials by count, so that those of a block end together, led by as many copies of the first
    as make their number a power of two: one compilation for each power."""
    order = np.argsort(counts, kind="stable")
    padded = 1 << (len(counts) - 1).bit_length()
    return np.concatenate([np.repeat(order[:1], padded - len(counts)), order])


# XLA's default is 256 bits; where a CPU has 512 a step takes two thirds of the time.
@partial(jax.jit, static_argnums=(4, 5), compiler_options={"xla_cpu_prefer_vector_width": 512})
def _run(
    columns: Columns,
    counts: Array,
    data: tuple[Array, ...],
    step_size: Array,
    step: Step,
    block: int,
) -> Columns:
    """Columns (..., trial) cut into blocks along the trial axis, stepped, and put together."""

    def run_block(cut: tuple[Columns, Array]) -> Columns:
        columns, counts = cut
        return _loop(columns, counts, lambda columns: step(columns, data, step_size))

    def cut(a: Array) -> Array:
        return jnp.moveaxis(a.reshape(*a.shape[:-1], -1, block), -2, 0)

    moved: Columns = lax.map(run_block, jax.tree.map(cut, (columns, counts)))
    return tuple(jnp.moveaxis(a, 0, -2).reshape(*a.shape[1:-1], -1) for a in moved)


def _loop(columns: Columns, counts: Array, step: Callable[[Columns], Columns]) -> Columns:
    """Lockstep to the largest count of a trial that is still finite, each trial by its own."""

    def one_step(done: Array, columns: Columns) -> Columns:
        moved: Columns = jax.tree.map(partial(jnp.where, done < counts), step(columns), columns)
        return moved

    def last_step(columns: Columns) -> Array:
        size = jnp.abs(columns[0]).sum(axis=(0, 1))
        return jnp.where(jnp.isfinite(size), counts, 0).max()

    def some_steps(carry: tuple[Array, Array, Columns]) -> tuple[Array, Array, Columns]:
        done, last, columns = carry
        until = jnp.minimum(last, done + STEPS_BETWEEN_CHECKS)
        columns = lax.fori_loop(done, until, one_step, columns)
        return until, last_step(columns), columns

    carry = (jnp.zeros_like(counts[0]), last_step(columns), columns)
    return lax.while_loop(lambda carry: carry[0] < carry[1], some_steps, carry)[2]
