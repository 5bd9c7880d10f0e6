"""The loop of the methods in `methods.py`: all trials in step, sampled on the way, on one clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from latephase.core.arrays import Floats
from latephase.training.base import Array, Data, Pair
from latephase.training.gradient import (
    Gradient,
    gradient,
    neuron_directions,
    preactivations,
    squares,
)
from latephase.training.method import SteppedMethod, View
from latephase.training.units import kept, units
from latephase.training.units import preactivations as in_units
from latephase.training.users import began, made

BLOCK = 512  # trials that run side by side: their state stays in a core's cache
_SECONDS = 0.3  # between two reports of progress, about


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
    method: SteppedMethod,
    loss: str = "exponential",
    first_trial: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Followed:
    """Step T networks to each of the ascending `times` (updates done).

    weights (T, m, d), biases (T, m), inputs (n, d), labels (n,) of +-1, output_weights (m,), fixed;
    first_trial: number of the first network, for methods that draw;  progress: called with the
    updates done and their number, about every 0.3 s.  A network that overflows becomes NaN and
    stays so.  Raises InputError where a method's own code fails.
    Rigour: measured (float64, parameters as compensated sums).
    """
    points = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1, dtype=np.float64)
    theta = np.concatenate([weights, np.asarray(biases)[..., None]], axis=-1, dtype=np.float64)
    data = (points, np.asarray(labels, np.float64), np.asarray(output_weights, np.float64))
    if len(times) == 0:
        nothing = np.empty((0, *theta.shape))
        return Followed(nothing[..., :-1], nothing[..., -1], np.empty(0), nothing[..., 0, 0])
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
    method: SteppedMethod,
    loss: str,
    tell: Callable[[int, int], None],
) -> tuple[Floats, Floats, Floats]:
    """Samples of one block: parameters (S, T, m, d + 1), evaluations (S,), ln flow time (S, T)."""
    trials = jnp.arange(first, first + len(theta), dtype=jnp.uint32)
    turned, unit = np.moveaxis(theta, 0, -1), units(theta, data[0])
    unit = None if unit is None else np.moveaxis(unit, 0, -1)
    problem = (trials, data, unit)
    state, done, seen = _begin(kept(turned, unit), problem, method, loss), 0, []
    stretch = _Stretch()
    for t in times:
        while done < t:
            count = min(stretch.length, t - done)
            with stretch:
                state = _steps(state, float(count), problem, method, loss)
                jax.block_until_ready(state)
            done += count
            tell(done, times[-1])
        part = (state.parameters.high, state.evaluations, state.flow_time.log)
        seen.append([np.asarray(one) for one in part])
    high, evaluations, log_flow = (np.stack(part) for part in zip(*seen, strict=True))
    high = high if unit is None else high / unit
    return np.moveaxis(high, -1, 1), evaluations, log_flow


class _Stretch:
    """How many updates are made at once: as many as take less than _SECONDS."""

    def __init__(self) -> None:
        self.length, self._began = 256, 0.0

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        took = time.monotonic() - self._began
        if took < _SECONDS / 2:
            self.length *= 2
        elif took > _SECONDS:
            self.length = max(1, self.length // 2)


@partial(jax.jit, static_argnames=("loss",))
def _begin(theta: Array, problem: Any, method: SteppedMethod, loss: str) -> State:
    parameters = Pair(theta, jnp.zeros_like(theta))
    memory = began(method, _view(parameters, jnp.zeros(()), problem, loss))
    none = FlowTime(jnp.zeros(theta.shape[-1]), jnp.full(theta.shape[-1], -jnp.inf))
    state = State(parameters, memory, jnp.zeros(()), jnp.zeros(()), none)
    # Types as a step returns them ("weak" ones are others): else it would be compiled twice.
    return jax.tree.map(lambda part: lax.convert_element_type(part, part.dtype), state)


# XLA's default is 256 bits; where a CPU has 512 a step takes two thirds of the time.
@partial(jax.jit, static_argnames=("loss",), compiler_options={"xla_cpu_prefer_vector_width": 512})
def _steps(state: State, count: Array, problem: Any, method: SteppedMethod, loss: str) -> State:
    """`count` updates."""

    def one(_: Array, state: State) -> State:
        view = _view(state.parameters, state.time, problem, loss)
        step = made(method, view, state.memory)
        change = _difference(step.parameters, state.parameters)
        change = change if view.unit is None else change / view.unit
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


def _view(parameters: Pair, time: Array, problem: Any, loss: str) -> View:
    trials, parts, unit = problem
    data = Data(*parts)
    plain = partial(preactivations, data=data)
    here = in_units(parameters, unit, plain)

    def at(shift: Array | None = None, keep: Array | None = None) -> Gradient:
        moved = here if shift is None else here + plain(shift)
        return gradient(moved, data, loss, keep)

    apart = partial(neuron_directions, here, data, loss)
    return View(parameters, time, at, apart, data, trials, unit)
