"""Gradient descent as floating point makes it: float64, float32, float16, bfloat16, to its stall.

Rounded to p bits, an update is a whole number of units in the last place; late in training it stays
the same number for many steps, and one day it is 0 for ever. Between two changes all steps are
alike, and made at once where they are known to be (`leap.py`). A run to t = 10^15 takes as
many leaps as its update has different values. Where steps alternate (chatter), each is made by
itself. Formats of less than 64 bits are computed in float64 and rounded after every operation; in
float64 itself XLA flushes subnormal numbers, so that steps that meet one are made by NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import lax
from numpy.typing import NDArray

from latephase.core import InputError
from latephase.core.arrays import Bools, Floats
from latephase.training.arithmetic.formats import format_of
from latephase.training.arithmetic.leap import Arithmetic, RoundedState, is_open, leap
from latephase.training.loops.blocks import Stretch
from latephase.training.parameters import SMALLEST_NORMAL, Array, Data, joined, parted

ROUNDINGS = ("nearest", "stochastic")
_BURST = 16  # leaps made by NumPy before XLA is tried again; doubled each time

Progress = Callable[[int, int], None]


class Descended(NamedTuple):
    """Samples of T trials: weights (S, T, m, d), biases (S, T, m) or None, as float64; stalled
    (T,): the update from which on nothing changes, NaN if none was seen; done (T,): updates made at
    the end; exhausted (T,): whether max_leaps ended the run before the last of the times;
    output_weights (S, T, m) where they are trained, else None.
    """

    weights: Floats
    biases: Any
    stalled: Floats
    done: Floats
    exhausted: Bools
    output_weights: Any = None


def descend(
    weights: Floats,
    biases: Floats | None,
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
    max_leaps: int = 10**6,
    progress: Progress | None = None,
    negative_slope: float = 0.0,
) -> Descended:
    """Gradient descent in the arithmetic of `dtype`, sampled at ascending `times` (updates done).

    weights (T, m, d), biases (T, m) or None, inputs (n, d), labels (n,) of +-1, output_weights
    (m,), fixed, or (T, m), trained, step_size and negative_slope are rounded to the format first;
    subnormal numbers are kept.
    accumulate: data, gradients and updates in float32 (as trainers do it), only parameters are
    rounded.  rounding: "stochastic" rounds the new parameters up or down with probabilities that
    keep their mean; updates are then float64.  start: updates done already.  progress: called with
    updates done and their number, about every 0.3 s.
    Samples that max_leaps does not reach are NaN.  Rigour: measured: this is the arithmetic.
    """
    form = format_of(dtype)
    if rounding not in ROUNDINGS:
        raise InputError(f"a rounding, {' or '.join(ROUNDINGS)}", rounding, "use one of these")
    kind = Arithmetic(form.name, accumulate, rounding == "stochastic", loss)
    has, trained = biases is not None, np.ndim(output_weights) > 1
    theta = joined(weights, biases, output_weights if trained else None)
    fixed = None if trained else output_weights
    data = Data.of(inputs, labels, fixed, has, negative_slope)
    with jax.enable_x64(True), np.errstate(all="ignore"):
        held: Any = [None if part is None else kind.working.held(part) for part in data]
        rate = kind.working.held(np.asarray(step_size, np.float64))
        loop = _Loop(Data(*held), rate, kind, max_leaps, seed, progress, float(times[-1]))
        ones: Any = np.ones(theta.shape[-1])
        never, no = np.nan * ones, ones < 0
        counts = np.zeros(len(ones), np.int64)
        state = RoundedState(form.held(theta), start * ones, ones, never, counts, no)
        seen = []
        for t in times:
            state = loop.until(state, float(t))
            reached = (state.done >= t) | ~np.isnan(state.stalled)
            seen.append(np.where(reached, state.theta, np.nan))
        exhausted = np.asarray(is_open(state, float(times[-1]), np))
    ended, done = np.asarray(state.stalled), np.asarray(state.done)
    samples, outer = np.stack(seen), None
    if trained:
        samples, outer = samples[:, :, :-1], np.moveaxis(samples[:, :, -1], -1, -2)
    return Descended(*parted(samples, has), ended, done, exhausted, outer)


@dataclass
class _Loop:
    """Leaps, in stretches short enough to be told, by XLA where it can and by NumPy elsewhere.

    unfit: whether the problem itself has numbers that XLA would flush
    """

    data: Data
    rate: Any
    kind: Arithmetic
    max_leaps: int
    seed: int
    progress: Progress | None
    last: float

    def __post_init__(self) -> None:
        self.stretch = Stretch(1024, 64)
        parts = [part for part in (*self.data, self.rate) if part is not None]
        self.unfit = self.kind.watched and any(_subnormal(part).any() for part in parts)

    def until(self, state: RoundedState, time_: float) -> RoundedState:
        """Updates up to time_ (trial by trial), to the stall, or to the last leap allowed."""
        burst = _BURST
        while (is_open(state, time_, np) & (state.leaps < self.max_leaps)).any():
            with self.stretch:
                state = self._by_xla(state, time_)
                if state.lost.any():
                    state = self._by_numpy(state, time_, burst)
                    burst *= 2
                self._tell(state)
        return state

    def _by_xla(self, state: RoundedState, time_: float) -> RoundedState:
        """A stretch of leaps; `lost` marks the trials whose next step meets a subnormal number."""
        if self.kind.watched:
            lost = self.unfit | _subnormal(state.theta).any(axis=(0, 1))
            state = state._replace(lost=np.broadcast_to(lost, state.lost.shape))
        if state.lost.all():
            return state
        limits = (time_, self.max_leaps, self.stretch.length, self.seed)
        found = _leaps(state, (self.data, self.rate), limits, self.kind)
        return RoundedState(*(np.asarray(part) for part in found))

    def _by_numpy(self, state: RoundedState, time_: float, burst: int) -> RoundedState:
        """A burst of leaps of the lost trials, by NumPy, which knows subnormal numbers."""
        rows = np.flatnonzero(np.asarray(state.lost))
        part: Any = RoundedState(*(np.asarray(one)[..., rows] for one in state))
        part, kind = part._replace(lost=part.lost & False), self.kind._replace(by_numpy=True)
        for _ in range(burst):
            going = is_open(part, time_, np) & (part.leaps < self.max_leaps)
            if not np.any(going):
                break
            moved = leap(part, time_, self.data, self.rate, kind)
            part = RoundedState(*(np.where(going, *pair) for pair in zip(moved, part, strict=True)))
        whole: Any = [np.array(one) for one in state]
        for target, value in zip(whole, part, strict=True):
            target[..., rows] = value
        return RoundedState(*whole)

    def _tell(self, state: RoundedState) -> None:
        if self.progress is not None:
            done = np.where(is_open(state, self.last, np), state.done, self.last).min()
            self.progress(*(int(min(t, 2.0**1023)) for t in (done, self.last)))


def _subnormal(values: Any) -> Bools:
    return np.asarray((values != 0) & (np.abs(values) < SMALLEST_NORMAL))


@partial(jax.jit, static_argnames=("kind",))
def _leaps(
    state: RoundedState, problem: Any, limits: tuple[Any, ...], kind: Arithmetic
) -> RoundedState:
    """At most `stretch` leaps of the trials that are not lost."""
    until, max_leaps, stretch, seed = limits
    data, step_size = problem

    def going(state: RoundedState) -> Array:
        return is_open(state, until, jax.numpy) & (state.leaps < max_leaps) & ~state.lost

    def one(carry: tuple[Array, RoundedState]) -> tuple[Array, RoundedState]:
        count, state = carry
        key = jax.random.fold_in(jax.random.key(seed), state.leaps.max())
        moved = leap(state, until, data, step_size, kind, key)
        kept = partial(jax.numpy.where, going(state))
        return count + 1, jax.tree.map(kept, moved, state)

    def goes_on(carry: tuple[Array, RoundedState]) -> Array:
        return going(carry[1]).any() & (carry[0] < stretch)

    return lax.while_loop(goes_on, one, (jax.numpy.int64(0), state))[1]
