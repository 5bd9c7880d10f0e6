"""The loop of the methods in `methods.py`: all trials in step, sampled on the way, on one clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from latephase.training.base import Array, Data, Pair
from latephase.training.gradient import (
    Gradient,
    gradient,
    neuron_directions,
    preactivations,
    squares,
)
from latephase.training.method import Method, View

Floats = NDArray[np.float64]
BLOCK = 512  # trials that run side by side: their state stays in a core's cache


class Followed(NamedTuple):
    """Samples of T trials: weights (S, T, m, d), biases (S, T, m), log_flow_time (S, T).

    evaluations (S,): of the gradient of the whole loss; log_flow_time: ln of the sum of effective
    step sizes |update| / |grad L|, -inf where nothing has moved.
    """

    weights: Floats
    biases: Floats
    evaluations: Floats
    log_flow_time: Floats


class FlowTime(NamedTuple):
    """A sum of step sizes, total e^scale, (trial,): they may be e^(10^6), and a logarithm of the
    sum in every step would take a third of the time."""

    total: Array
    scale: Array

    @property
    def log(self) -> Array:
        """Its natural logarithm."""
        return jnp.log(self.total) + self.scale


class State(NamedTuple):
    """Parameters as high + low, the method's memory, updates, gradient evaluations, flow time."""

    parameters: Pair
    memory: Any
    time: Array
    evaluations: Array
    flow_time: FlowTime


def follow(
    weights: Floats,
    biases: Floats,
    times: Sequence[int],
    *,
    inputs: Floats,
    labels: NDArray[Any],
    output_weights: Floats,
    method: Method,
    loss: str = "exponential",
    first_trial: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Followed:
    """Step T networks to each of the ascending `times` (updates done).

    weights (T, m, d), biases (T, m), inputs (n, d), labels (n,) of +-1, output_weights (m,), fixed;
    first_trial: number of the first network, for methods that draw;  progress: called with the
    updates done after each sample.  A network that overflows becomes NaN and stays so.
    Rigour: measured (float64, parameters as compensated sums).
    """
    points = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1, dtype=np.float64)
    theta = np.concatenate([weights, np.asarray(biases)[..., None]], axis=-1, dtype=np.float64)
    data = (points, np.asarray(labels, np.float64), np.asarray(output_weights, np.float64))
    with jax.enable_x64(True):
        parts = [
            _block(
                theta[start : start + BLOCK], start + first_trial, times, data, method, loss, told
            )
            for start, told in _blocks(len(theta), progress)
        ]
    high, evaluations, log_flow = zip(*parts, strict=True)
    whole = np.concatenate(high, axis=1)
    flow_time = np.concatenate(log_flow, axis=1)
    return Followed(whole[..., :-1], whole[..., -1], evaluations[0], flow_time)


def _blocks(trials: int, progress: Any) -> Any:
    """(first trial, what to tell) of each block."""
    starts = range(0, trials, BLOCK)
    for number, start in enumerate(starts):
        yield start, partial(_tell, progress, number, len(starts))


def _tell(progress: Any, number: int, blocks: int, done: int, last: int) -> None:
    if progress is not None:
        progress((number * last + done) // blocks, last)


def _block(
    theta: Floats,
    first: int,
    times: Sequence[int],
    data: tuple[Floats, ...],
    method: Method,
    loss: str,
    tell: Callable[[int, int], None],
) -> tuple[Floats, Floats, Floats]:
    """Samples of one block: parameters (S, T, m, d + 1), evaluations (S,), ln flow time (S, T)."""
    trials = jnp.arange(first, first + len(theta), dtype=jnp.uint32)
    state, done, seen = _begin(np.moveaxis(theta, 0, -1), trials, data, method, loss), 0, []
    for t in times:
        state = _steps(state, float(t - done), trials, data, method, loss)
        kept = (state.parameters.high, state.evaluations, state.flow_time.log)
        seen.append([np.asarray(part) for part in kept])
        done = t
        tell(done, times[-1])
    high, evaluations, log_flow = (np.stack(part) for part in zip(*seen, strict=True))
    return np.moveaxis(high, -1, 1), evaluations, log_flow


@partial(jax.jit, static_argnames=("loss",))
def _begin(theta: Array, trials: Array, data: Any, method: Method, loss: str) -> State:
    parameters = Pair(theta, jnp.zeros_like(theta))
    memory = method.init(_view(parameters, jnp.zeros(()), trials, Data(*data), loss))
    none = FlowTime(jnp.zeros(theta.shape[-1]), jnp.full(theta.shape[-1], -jnp.inf))
    state = State(parameters, memory, jnp.zeros(()), jnp.zeros(()), none)
    # Types as a step returns them ("weak" ones are others): else it would be compiled twice.
    return jax.tree.map(lambda part: lax.convert_element_type(part, part.dtype), state)


# XLA's default is 256 bits; where a CPU has 512 a step takes two thirds of the time.
@partial(jax.jit, static_argnames=("loss",), compiler_options={"xla_cpu_prefer_vector_width": 512})
def _steps(
    state: State, count: Array, trials: Array, data: Any, method: Method, loss: str
) -> State:
    """`count` updates."""

    def one(_: Array, state: State) -> State:
        view = _view(state.parameters, state.time, trials, Data(*data), loss)
        step = method.step(view, state.memory)
        change = _difference(step.parameters, state.parameters)
        return State(
            step.parameters,
            step.memory,
            state.time + 1.0,
            state.evaluations + step.evaluations,
            _later(state.flow_time, change, step.gradient),
        )

    moved: State = lax.fori_loop(0, count.astype(int), one, state)
    return moved


def _difference(now: Pair, before: Pair) -> Array:
    return (now.high - before.high) + (now.low - before.low)


def _later(flow_time: FlowTime, change: Array, now: Gradient) -> FlowTime:
    """The sum with |change| / |grad L|; nothing is added where nothing moves."""
    moved, size = squares(change), squares(now.direction)
    step = jnp.sqrt(moved / jnp.where(size > 0.0, size, jnp.inf))
    grown = -now.log_loss > flow_time.scale
    less = jnp.exp(-jnp.abs(flow_time.scale + now.log_loss))
    total = jnp.where(grown, flow_time.total * less + step, flow_time.total + step * less)
    return FlowTime(total, jnp.maximum(flow_time.scale, -now.log_loss))


def _view(parameters: Pair, time: Array, trials: Array, data: Data, loss: str) -> View:
    here = preactivations(parameters.high, data) + preactivations(parameters.low, data)

    def at(shift: Array | None = None, keep: Array | None = None) -> Gradient:
        moved = here if shift is None else here + preactivations(shift, data)
        return gradient(moved, data, loss, keep)

    apart = partial(neuron_directions, here, data, loss)
    return View(parameters, time, at, apart, data, trials)
