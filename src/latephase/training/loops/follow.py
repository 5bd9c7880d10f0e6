"""The loop of the methods in `methods/`: all trials keep step and are sampled on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from latephase.core.arrays import Floats
from latephase.training.gradient import (
    Gradient,
    forward,
    gradient,
    neuron_directions,
    shifted,
    squares,
)
from latephase.training.loops.blocks import BLOCK, Stretch, compiled
from latephase.training.method import SteppedMethod, View
from latephase.training.parameters import (
    Array,
    Data,
    DoubleDouble,
    Parts,
    freed,
    joined,
    kept,
    parameter_units,
    parted,
)
from latephase.training.user_code import began, made


class Followed(NamedTuple):
    """Samples of T trials: weights (S, T, m, d), biases (S, T, m) or None, log_flow_time (S, T),
    and output_weights (S, T, m) and output_bias (S, T) where they are trained, else None.

    evaluations (S,): of the gradient of the whole loss; log_flow_time: ln of the sum of effective
    step sizes |update| / |grad L|, -inf where nothing has moved.
    """

    weights: Floats
    biases: Any
    evaluations: Floats
    log_flow_time: Floats
    output_weights: Any = None
    output_bias: Any = None


class FlowTime(NamedTuple):
    """A sum of step sizes, total e^scale, (trial,): they may be e^(10^6), and a logarithm of the
    sum in every step would take a third of the time."""

    total: Array
    scale: Array

    @property
    def log(self) -> Array:
        """Its natural logarithm."""
        return jnp.log(self.total) + self.scale

    def plus(self, change: Array, now: Gradient) -> FlowTime:
        """The sum with |change| / |grad L|; nothing is added where nothing moves."""
        moved, size = squares(change), squares(now.direction)
        step = jnp.sqrt(moved / jnp.where(size > 0.0, size, jnp.inf))
        grown = -now.log_loss > self.scale
        less = jnp.exp(-jnp.abs(self.scale + now.log_loss))
        total = jnp.where(grown, self.total * less + step, self.total + step * less)
        return FlowTime(total, jnp.maximum(self.scale, -now.log_loss))


class MethodState(NamedTuple):
    """Parameters as high + low, the method's memory, updates, gradient evaluations, flow time."""

    parameters: DoubleDouble
    memory: Any
    time: Array
    evaluations: Array
    flow_time: FlowTime


def follow(
    weights: Floats,
    biases: Floats | None,
    times: Sequence[int],
    *,
    inputs: Floats,
    labels: NDArray[Any],
    output_weights: Floats,
    method: SteppedMethod,
    loss: str = "exponential",
    first_trial: int = 0,
    progress: Callable[[int, int], None] | None = None,
    negative_slope: float = 0.0,
    output_bias: Floats | None = None,
) -> Followed:
    """Step T networks to each of the ascending `times` (updates done).

    weights (T, m, d), biases (T, m) or None, inputs (n, d), labels (n,) of +-1,
    output_weights (m,), fixed, or (T, m), trained, and then output_bias (T,) or None;
    first_trial: number of the first network, for methods that draw;  progress: called with the
    updates done and their number, about every 0.3 s.  A network that overflows becomes NaN and
    stays so.  Raises InputError where a method's own code fails.
    Rigour: measured (float64, parameters as compensated sums).
    """
    trained = np.ndim(output_weights) > 1
    parts = Parts(biases is not None, trained, output_bias is not None)
    method = method.ahead(times[-1], parts) if len(times) else method
    theta = joined(weights, biases, output_weights if trained else None, output_bias)
    last = (np.arange(len(theta)) == len(theta) - 1)[:, None, None] if parts.output_bias else None
    fixed = None if trained else output_weights
    data = Data.of(inputs, labels, fixed, parts.biases, negative_slope, last)
    if len(times) == 0:
        nothing = np.empty((0, *theta.shape))
        return _samples(nothing, np.empty(0), nothing[:, 0, 0], parts)
    starts = range(0, theta.shape[-1], BLOCK)
    blocks = []
    with jax.enable_x64(True):
        for number, start in enumerate(starts):

            def told(done: int, number: int = number) -> None:
                if progress is not None:
                    progress((number * times[-1] + done) // len(starts), times[-1])

            part = theta[..., start : start + BLOCK]
            blocks.append(_block(part, start + first_trial, times, data, method, loss, told))
    high, evaluations, log_flow = zip(*blocks, strict=True)
    whole, flow_time = (np.concatenate(part, axis=-1) for part in (high, log_flow))
    return _samples(whole, evaluations[0], flow_time, parts)


def _samples(theta: Floats, evaluations: Floats, log_flow_time: Floats, parts: Parts) -> Followed:
    """Samples of parameters (S, m, k, T)."""
    outer = last = None
    if parts.output_bias:
        theta, last = theta[:, :-1], theta[:, -1, -1]
    if parts.output_weights:
        theta, outer = theta[:, :, :-1], np.moveaxis(theta[:, :, -1], -1, -2)
    weights, biases = parted(theta, parts.biases)
    return Followed(weights, biases, evaluations, log_flow_time, outer, last)


def _block(
    theta: Floats,
    first: int,
    times: Sequence[int],
    data: Data,
    method: SteppedMethod,
    loss: str,
    tell: Callable[[int], None],
) -> tuple[Floats, Floats, Floats]:
    """Samples of one block: parameters (S, m, d + 1, T), evaluations (S,), ln flow time (S, T)."""
    trials = np.arange(first, first + theta.shape[-1], dtype=np.uint32)
    unit = parameter_units(theta, np.asarray(data.points))
    problem = (trials, data, unit)
    state, done, seen = _begin(kept(theta, unit), problem, method, loss), 0, []
    stretch = Stretch(256)
    for t in times:
        while done < t:
            count = min(stretch.length, t - done)
            with stretch:
                state = _steps(state, float(count), problem, method, loss)
                jax.block_until_ready(state)
            method.check(state.memory)
            done += count
            tell(done)
        part = (state.parameters.high, state.evaluations, state.flow_time.log)
        seen.append([np.asarray(one) for one in part])
    high, evaluations, log_flow = (np.stack(part) for part in zip(*seen, strict=True))
    return freed(high, unit), evaluations, log_flow


@partial(jax.jit, static_argnames=("loss",))
def _begin(theta: Array, problem: Any, method: SteppedMethod, loss: str) -> MethodState:
    parameters = DoubleDouble(theta, jnp.zeros_like(theta))
    memory = began(method, _view(parameters, jnp.zeros(()), problem, loss))
    none = FlowTime(jnp.zeros(theta.shape[-1]), jnp.full(theta.shape[-1], -jnp.inf))
    state = MethodState(parameters, memory, jnp.zeros(()), jnp.zeros(()), none)
    # Types as a step returns them ("weak" ones are others): else it would be compiled twice.
    return jax.tree.map(lambda part: lax.convert_element_type(part, part.dtype), state)


@partial(compiled, static_argnames=("loss",))
def _steps(
    state: MethodState, count: Array, problem: Any, method: SteppedMethod, loss: str
) -> MethodState:
    """`count` updates."""

    def one(_: Array, state: MethodState) -> MethodState:
        view = _view(state.parameters, state.time, problem, loss)
        step = made(method, view, state.memory)
        (high, low), (was_high, was_low) = step.parameters, state.parameters
        change = freed((high - was_high) + (low - was_low), view.unit)
        return MethodState(
            step.parameters,
            step.memory,
            state.time + 1.0,
            state.evaluations + step.evaluations,
            state.flow_time.plus(change, step.gradient),
        )

    moved: MethodState = lax.fori_loop(0, count.astype(int), one, state)
    return moved


def _view(parameters: DoubleDouble, time: Array, problem: Any, loss: str) -> View:
    trials, data, unit = problem
    here = forward(parameters, data, unit)

    def at(shift: Array | None = None, keep: Array | None = None) -> Gradient:
        moved = here if shift is None else shifted(here, shift, data)
        return gradient(moved, data, loss, keep)

    def elsewhere(parameters: Array) -> Gradient:
        plain = DoubleDouble(parameters, jnp.zeros_like(parameters))
        return gradient(forward(plain, data), data, loss)

    apart = partial(neuron_directions, here, data, loss)
    return View(parameters, time, at, apart, data, trials, unit, elsewhere)
