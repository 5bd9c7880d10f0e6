"""What the loops share: blocks of trials that stay in a core's cache, compiled for its vectors.

`in_blocks` gives every trial its own number of steps, ten thousand trials at a time: gradient
descent in the late phase (`gradient_descent`; `compiled` also makes steps of pairs, `late/pair`).
`Stretch` cuts a long run, in which all trials keep step, where progress is to be
told: all other methods (`follow`), and gradient descent as a machine rounds it (`arithmetic`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from latephase.core.arrays import Floats, Ints
from latephase.training.parameters import Array

BLOCK = 512  # trials that run side by side: enough of them to hide the cost of starting a kernel
STEPS_BETWEEN_CHECKS = 256
_SECONDS = 0.3  # between two reports of progress, about

# XLA's default is 256 bits; where a CPU has 512 a step takes two thirds of the time.
compiled = partial(jax.jit, compiler_options={"xla_cpu_prefer_vector_width": 512})

Columns = tuple[Array, ...]
StepFunction = Callable[[Columns, tuple[Array, ...], Array], Columns]


def in_blocks(
    columns: tuple[NDArray[Any], ...],
    counts: Ints,
    data: tuple[Floats, ...],
    step: StepFunction,
    step_size: float,
) -> list[NDArray[Any]]:
    """Columns (..., trial) stepped counts[i] times each, in the order they came in.

    step(columns, data, step_size): one step of all trials, a module-level function, compiled once;
    a trial whose first column is no longer finite stays as it is.
    """
    if len(counts) == 0:
        return list(columns)
    # By count, so that the trials of a block end together, led by as many copies of the first as
    # make their number a power of two: one compilation for each power.
    order = np.argsort(counts, kind="stable")
    copies = (1 << (len(counts) - 1).bit_length()) - len(counts)
    order = np.concatenate([np.repeat(order[:1], copies), order])
    steps = np.where(np.arange(len(order)) < copies, 0, counts[order])
    # A GPU wants all trials at once.
    block = min(len(order), BLOCK) if jax.default_backend() == "cpu" else len(order)
    turned = tuple(a[..., order] for a in columns)
    with jax.enable_x64(True):
        moved = _run(turned, steps, data, step_size, step, block)
        back = np.empty(len(counts), np.int64)
        back[order] = np.arange(len(order))
        return [np.asarray(a)[..., back] for a in moved]


@partial(compiled, static_argnums=(4, 5))
def _run(
    columns: Columns,
    counts: Array,
    data: tuple[Array, ...],
    step_size: Array,
    step: StepFunction,
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


class Stretch:
    """How many steps are made at once (`length`): as many as take about _SECONDS / 2.

    Used as a context around them, which it times.
    """

    def __init__(self, length: int, least: int = 1, most: int = 2**40) -> None:
        self.length, self._least, self._most, self._began = length, least, most, 0.0

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        took = time.monotonic() - self._began
        if took < _SECONDS / 2:
            self.length = min(2 * self.length, self._most)
        elif took > _SECONDS:
            self.length = max(self._least, self.length // 2)
