"""The loop: every trial makes its own number of steps, ten thousand trials at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from latephase.training import gradient_descent
from latephase.training.base import LOSS_WEIGHTS, Array, Data, Family, Pair, Parameters, State

Floats = NDArray[np.float64]

FAMILIES: dict[str, Family] = {"GradientDescent": gradient_descent.FAMILY}
"""Training methods by the name of their record in `problem.methods`."""

# A block's state (80 kB at two neurons) stays in a core's cache, and a block ends with its own
# longest trial. A GPU wants all trials at once.
CPU_BLOCK = 512
STEPS_BETWEEN_CHECKS = 256
SMALLEST_BLOCK = 1


class Stepped(NamedTuple):
    """Parameters after stepping: weights (T, m, d), biases (T, m), error (T,), absolute.

    The parameters are weights + weights_low and biases + biases_low; whoever drops the low parts
    rounds once, by 2^-53 of each parameter, which `error` does not contain. `error` estimates
    the Euclidean distance of a trial's parameters from exact gradient descent.
    """

    weights: Floats
    biases: Floats
    error: Floats
    weights_low: Floats
    biases_low: Floats


def advance(
    weights: Floats,
    biases: Floats,
    counts: NDArray[np.int64],
    *,
    inputs: Floats,
    labels: NDArray[np.int64],
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
    if len(counts) == 0:
        return Stepped(
            *(np.array(a, np.float64) for a in (weights, biases, counts, weights, biases))
        )
    low = [_or_zeros(weights_low, weights), _or_zeros(biases_low, biases)]
    columns = [weights, low[0], biases, low[1], _or_zeros(error, weights[:, 0, 0])]
    order = _blocks_order(counts)
    family = FAMILIES[type(method).__name__]
    with jax.enable_x64(True):
        data = Data(*(jnp.asarray(a, jnp.float64) for a in (inputs, labels, output_weights)))
        moved = _run(
            [np.moveaxis(np.asarray(a, np.float64)[order], 0, -1) for a in columns],
            *(np.where(np.arange(len(order)) < len(order) - len(counts), 0, counts[order]), data),
            family.hyperparameters(method),
            *(family, loss, _block_size(len(order))),
        )
    back = np.empty(len(counts), np.int64)
    back[order] = np.arange(len(order))
    return Stepped(*(np.moveaxis(np.asarray(a), -1, 0)[back] for a in moved))


def _or_zeros(array: Floats | None, like: Floats) -> Floats:
    return np.zeros_like(like, np.float64) if array is None else array


def _blocks_order(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Trials by count, so that a block's trials end together, after copies of the first of them
    that make the number a power of two (one compilation for each)."""
    order = np.argsort(counts, kind="stable")
    return np.concatenate([np.repeat(order[:1], _padded(len(counts)) - len(counts)), order])


def _padded(trials: int) -> int:
    return max(SMALLEST_BLOCK, 1 << (trials - 1).bit_length())


def _block_size(trials: int) -> int:
    return min(trials, CPU_BLOCK) if jax.default_backend() == "cpu" else trials


@partial(jax.jit, static_argnums=(4, 5, 6))
def _run(
    columns: list[Array],
    counts: Array,
    data: Data,
    hyper: tuple[Array, ...],
    family: Family,
    loss: str,
    block: int,
) -> tuple[Array, ...]:
    """Columns (..., trial) cut into blocks along the trial axis, stepped, and put together."""

    def run_block(cut: tuple[list[Array], Array]) -> tuple[Array, ...]:
        (weights, weights_low, biases, biases_low, error), counts = cut
        parameters = Parameters(Pair(weights, weights_low), Pair(biases, biases_low))
        step = partial(family.step, data=data, loss_weights=LOSS_WEIGHTS[loss], hyper=hyper)
        state = _loop(family.init(parameters, error), counts, step)
        (weights, weights_low), (biases, biases_low) = state.parameters
        return weights, biases, state.error, weights_low, biases_low

    def cut(a: Array) -> Array:
        return jnp.moveaxis(a.reshape(*a.shape[:-1], -1, block), -2, 0)

    moved = lax.map(run_block, jax.tree.map(cut, (columns, counts)))
    return jax.tree.map(lambda a: jnp.moveaxis(a, 0, -2).reshape(*a.shape[1:-1], -1), moved)


def _loop(state: State, counts: Array, step: Callable[[State], State]) -> State:
    """Lockstep to the largest count of a trial that is still finite, each trial by its own."""

    def one_step(done: Array, state: State) -> State:
        return jax.tree.map(partial(jnp.where, done < counts), step(state), state)

    def wanted(state: State) -> Array:
        (weights, _), (biases, _) = state.parameters
        size = jnp.abs(weights).sum(axis=(0, 1)) + jnp.abs(biases).sum(axis=0)
        return jnp.where(jnp.isfinite(size), counts, 0).max()

    def some_steps(carry: tuple[Array, Array, State]) -> tuple[Array, Array, State]:
        done, until, state = carry
        stop = jnp.minimum(until, done + STEPS_BETWEEN_CHECKS)
        state = lax.fori_loop(done, stop, one_step, state)
        return stop, wanted(state), state

    first = (jnp.zeros_like(counts[0]), wanted(state), state)
    return lax.while_loop(lambda carry: carry[0] < carry[1], some_steps, first)[2]
