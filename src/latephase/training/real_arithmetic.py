"""Gradient descent as floating point makes it: float64, float32, float16, bfloat16, to its stall.

Rounded to p bits, an update is a whole number of units in the last place; late in training it stays
the same number for many steps, and one day it is 0 for ever. Between two changes all steps are
alike, so that they are made at once: if the first and the last steps of a stretch add the same, all
between do, since the margins grow and rounding is monotone between two powers of two. A run to
t = 10^15 takes as many leaps as its update has different values. Where steps alternate (chatter),
each is made by itself. Values of 16 bits are computed in float32 and rounded after every operation,
which rounds correctly: twice 11 bits and two fit in 24.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from latephase.core import InputError
from latephase.training.base import Array, Data
from latephase.training.gradient import LOG_WEIGHTS

Floats = NDArray[np.float64]
MAX_LEAPS = 10**6


@dataclass(frozen=True)
class Format:
    """A binary floating-point format: its name in JAX and its significand, hidden bit included."""

    name: str
    bits: int
    exponent_bits: int

    def rounded(self, values: Array) -> Array:
        """Values rounded to the nearest of the format, ties to even; subnormal ones to 0."""
        kept = min(self.bits, jnp.finfo(values.dtype).nmant + 1)
        return lax.reduce_precision(values, self.exponent_bits, kept - 1)

    def spacing(self, values: Floats) -> Floats:
        """One unit in the last place of values in this format (subnormal numbers apart)."""
        _, exponent = np.frexp(np.abs(values))
        return np.where(values == 0, 0.0, np.ldexp(1.0, exponent - self.bits))


FORMATS = {
    one.name: one
    for one in (
        Format("float64", 53, 11),
        Format("float32", 24, 8),
        Format("float16", 11, 5),
        Format("bfloat16", 8, 8),
    )
}
ROUNDINGS = ("nearest", "stochastic")


class Rounded(NamedTuple):
    """Samples of T trials: weights (S, T, m, d), biases (S, T, m), as float64; stalled (T,): the
    update from which on nothing changes, NaN if none was seen; done (T,): updates made at the end;
    exhausted (T,): whether max_leaps ended the run before the last of the times.
    """

    weights: Floats
    biases: Floats
    stalled: Floats
    done: Floats
    exhausted: NDArray[np.bool_]


class State(NamedTuple):
    """theta (neuron, feature, trial) in float64, holding values of the format; updates done, the
    length of the next leap, and the update of the stall (trial,); leaps made."""

    theta: Array
    done: Array
    leap: Array
    stalled: Array
    leaps: Array


def format_of(dtype: object) -> Format:
    """The format of a name.  Raises InputError."""
    name = getattr(dtype, "name", dtype)
    if not isinstance(name, str) or name not in FORMATS:
        raise InputError(f"a dtype, {', '.join(FORMATS)}", dtype, "use one of these names")
    return FORMATS[name]


def descend(
    weights: Floats,
    biases: Floats,
    times: Sequence[float],
    *,
    inputs: Floats,
    labels: NDArray[Any],
    output_weights: Floats,
    step_size: float,
    dtype: str,
    accumulate: bool = False,
    rounding: str = "nearest",
    seed: int = 0,
    start: float = 0.0,
    loss: str = "exponential",
    max_leaps: int = MAX_LEAPS,
) -> Rounded:
    """Gradient descent in the arithmetic of `dtype`, sampled at ascending `times` (updates done).

    weights (T, m, d), biases (T, m), rounded to the format first; inputs (n, d), labels (n,) of
    +-1, output_weights (m,).  accumulate: gradients and updates in float32, only parameters are
    rounded (as trainers do it), instead of every operation.  rounding: "stochastic" rounds the new
    parameters up or down with probabilities that keep their mean.  start: updates done already.
    Samples that max_leaps does not reach are NaN.  Rigour: measured: this is the arithmetic.
    """
    form = format_of(dtype)
    if rounding not in ROUNDINGS:
        raise InputError(f"a rounding, {' or '.join(ROUNDINGS)}", rounding, "use one of these")
    theta = np.moveaxis(np.concatenate([weights, np.asarray(biases)[..., None]], axis=-1), 0, -1)
    points = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)
    kind = (form.name, accumulate, rounding == "stochastic", loss)
    with jax.enable_x64(True):
        data = tuple(jnp.asarray(a, jnp.float64) for a in (points, labels, output_weights))
        state = _begin(theta, start, form)
        seen = []
        for t in times:
            state = _leaps(state, float(t), data, step_size, max_leaps, seed, kind)
            reached = (state.done >= t) | ~jnp.isnan(state.stalled)
            seen.append(np.asarray(jnp.where(reached, state.theta, jnp.nan)))
        ended, done = np.asarray(state.stalled), np.asarray(state.done)
        exhausted = np.asarray(_open(state, float(times[-1])))
    moved = np.moveaxis(np.stack(seen), -1, 1)
    return Rounded(moved[..., :-1], moved[..., -1], ended, done, exhausted)


def _begin(theta: Floats, start: float, form: Format) -> State:
    rounded = form.rounded(jnp.asarray(theta, jnp.float64))
    none = jnp.full(theta.shape[-1], jnp.nan)
    return State(rounded, jnp.full_like(none, start), jnp.ones_like(none), none, jnp.int64(0))


# Without this option XLA keeps intermediate results of 16 bits in 32: another arithmetic.
@partial(jax.jit, static_argnames=("kind",), compiler_options={"xla_allow_excess_precision": False})
def _leaps(
    state: State,
    until: Array,
    data: tuple[Array, ...],
    step_size: Array,
    max_leaps: Array,
    seed: Array,
    kind: tuple[str, bool, bool, str],
) -> State:
    """Updates up to `until` (trial by trial), to the stall, or to the last leap allowed."""
    stochastic = kind[2]

    def step(theta: Array, leaps: Array) -> Array:
        return _step(
            theta, Data(*data), step_size, jax.random.fold_in(jax.random.key(seed), leaps), kind
        )

    def leap(state: State) -> State:
        there = step(state.theta, state.leaps)
        change = there - state.theta
        still = (change == 0).all(axis=(0, 1)) & (not stochastic)
        length = jnp.minimum(state.leap, until - state.done)
        far = state.theta + length * change
        alike = _evenly(state.theta, length * change, far)
        # Ties go to even numbers, so that steps from even and from odd ones may differ: both kinds
        # are looked at, at either end.
        for place in (there, far - change, far):
            alike &= (step(place, state.leaps) - place == change).all(axis=(0, 1))
        long = alike & (length > 1) & (not stochastic)
        made = jnp.where(long, length, 1.0)
        going = _open(state, until) & ~still
        return State(
            jnp.where(going, jnp.where(long, far, there), state.theta),
            jnp.where(going, state.done + made, state.done),
            jnp.where(alike, 2.0 * state.leap, jnp.maximum(1.0, jnp.floor(state.leap / 2.0))),
            jnp.where(_open(state, until) & still, state.done, state.stalled),
            state.leaps + 1,
        )

    return lax.while_loop(
        lambda state: _open(state, until).any() & (state.leaps < max_leaps), leap, state
    )


def _open(state: State, until: Array | float) -> Array:
    """Which trials still move towards `until`, (trial,)."""
    finite = jnp.isfinite(state.theta).all(axis=(0, 1))
    return (state.done < until) & jnp.isnan(state.stalled) & finite


def _evenly(theta: Array, change: Array, total: Array) -> Array:
    """Whether theta + change is `total`, unrounded and between the same powers of two, (trial,):
    beyond one, units in the last place are others."""
    moved = total - theta
    error = (theta - (total - moved)) + (change - moved)
    even = jnp.frexp(total)[1] == jnp.frexp(theta)[1]
    return ((error == 0) & even).all(axis=(0, 1))


def _step(
    theta: Array, data: Data, step_size: Array, key: Array, kind: tuple[str, bool, bool, str]
) -> Array:
    """One update, every operation in the working type; float64 in and out."""
    name, accumulate, stochastic, loss = kind
    wide = jnp.promote_types(name, jnp.float32)
    working = jnp.dtype(jnp.float64) if stochastic else wide
    rounded = FORMATS[name].rounded if not (accumulate or stochastic) else lambda value: value

    def total(terms: Sequence[Array]) -> Array:
        """The sum of products, one after the other, as a loop makes it."""
        first, *rest = (rounded(term) for term in terms)
        for term in rest:
            first = rounded(first + term)
        return first

    points, labels, outer = (part.astype(working) for part in data)
    parameters, rate = theta.astype(working), step_size.astype(working)
    preactivation = total([parameters[:, k, None] * x[:, None] for k, x in enumerate(points.T)])
    active = jnp.maximum(preactivation, 0)
    outputs = total([v * a for v, a in zip(outer, active, strict=True)])
    weights = rounded(jnp.exp(rounded(LOG_WEIGHTS[loss](labels[:, None] * outputs))))
    pull = jnp.where(preactivation > 0, outer[:, None, None] * labels[:, None] * weights, 0)
    grown = total([pull[:, i, None] * x[:, None] for i, x in enumerate(points)])
    moved = parameters + rounded(rate * grown)
    if stochastic:
        return _stochastic(moved, FORMATS[name], key)
    return jnp.asarray(FORMATS[name].rounded(moved).astype(jnp.float64))


def _stochastic(values: Array, form: Format, key: Array) -> Array:
    """Values rounded to the format, up with the probability that keeps the mean."""
    dropped = np.uint64(2 ** (53 - form.bits) - 1)
    bits = lax.bitcast_convert_type(values, jnp.uint64)
    noise = jax.random.bits(key, values.shape, jnp.uint64) & dropped
    return lax.bitcast_convert_type((bits + noise) & ~dropped, jnp.float64)
