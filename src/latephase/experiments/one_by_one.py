"""Networks on two points of the line, stepped one by one to 10^8: a loop that shares nothing.

The other claims follow runs by closed forms, and hold them against laws made of the same conserved
quantities: that finds slips, not a mistake in the law. Here gradient descent is done as its
definition says, on plain numbers, a hundred million times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from latephase.core import Regime
from latephase.margin import robustness_margin
from latephase.problem import Dataset, ShallowReLU

from .base import PAPER_DATA, STEP_SIZE, Bench
from .paper_runs import COMMON, TIMES
from .stepped import in_parallel

Array = NDArray[np.float64]
DECADES = (10**4, 10**5, 10**6, 10**7, 10**8)
FEW = 1000  # trials of a bench below which the last decade, nine tenths of the work, is left out
LOG_RISE = float(np.log(10))  # of ln t over the last decade, where slopes are taken


@dataclass(frozen=True)
class Stepped:
    """One trained network of each common initializer, K of them, at the first S of DECADES.

    times (S,);  weights, biases (K, S, 2);  margin (K, S): exact, from the zeros of the network;
    constant, offset (K,): of the law predicted at the entry into the last regime.
    """

    times: Array
    weights: Array
    biases: Array
    margin: Array
    constant: Array
    offset: Array

    @property
    def boundary(self) -> Array:
        """x* = (b2 - b1) / (w1 - w2), (K, S)."""
        return np.asarray(-np.diff(self.biases, axis=-1) / np.diff(self.weights, axis=-1))[..., 0]

    @property
    def denominator(self) -> Array:
        """w1 - w2, (K, S)."""
        return np.asarray(self.weights[..., 0] - self.weights[..., 1])

    @property
    def measured_constant(self) -> Array:
        """C (K,): ln t over 1/x*, both as differences over the last decade."""
        return np.asarray(LOG_RISE / rise(1 / self.boundary))

    @property
    def until(self) -> str:
        """The last time, "10^8"."""
        return f"10^{np.log10(self.times[-1]):.0f}"

    @property
    def allowed(self) -> float:
        """Relative error of a slope over the last decade, from t to 10 t, that is none: 10^4 / t.

        The law leaves out O(1/t), with e^(margin at the start) as its factor.
        """
        return float(1e4 / self.times[-2])


def rise(values: Array) -> Array:
    """How much values (K, S) grow over the last decade, (K,)."""
    return np.asarray(values[:, -1] - values[:, -2])


def stepped(bench: Bench) -> Stepped:
    """The runs, made once: of each common initializer the trained network of median |C|.

    A median one, since terms of O(1/t) move the slope by O(1/(t |C|)), and some |C| is always tiny.
    """
    starts, laws = [], []
    for name in COMMON:
        found = bench.ensemble(name, at=TIMES)
        kept = np.flatnonzero(found["regime"].values == Regime.specialised.name)
        order = np.argsort(np.abs(found["law_constant"].values[kept]))
        for i in kept[order][len(kept) // 2 :][:1]:
            one = found.isel(trial=i)
            starts.append((one.weights.values[0, :, 0], one.biases.values[0]))
            laws.append((float(one.law_constant), float(one.law_offset)))
    key = tuple((*map(float, w), *map(float, b)) for w, b in starts)
    times = DECADES if bench.trials >= FEW else DECADES[:-1]
    return _stepped(key, tuple(laws), times)


@cache
def _stepped(
    starts: tuple[tuple[float, ...], ...],
    laws: tuple[tuple[float, float], ...],
    times: tuple[int, ...],
) -> Stepped:
    nets = [ShallowReLU(start[:2], start[2:]) for start in starts]
    runs = in_parallel(lambda net: descend(net, PAPER_DATA, STEP_SIZE, times), nets)
    weights, biases = (np.stack(part) for part in zip(*runs, strict=True))
    points = ((1.0, -1.0), PAPER_DATA.inputs, PAPER_DATA.labels)
    margin = np.asarray(robustness_margin(weights[..., None], biases, *points))
    constant, offset = np.array(laws).T
    return Stepped(np.array(times, float), weights, biases, margin, constant, offset)


def descend(
    network: ShallowReLU, data: Dataset, step_size: float, times: Sequence[int]
) -> tuple[Array, Array]:
    """Weights and biases (S, m) of one network on points of the line after ascending step numbers.

    Exponential loss, relu'(0) = 0.  Two neurons on two points: about 40 ns a step.
    Rigour: measured, in float64 with compensated sums.
    """
    with jax.enable_x64(True):
        numbers = (*network.weights[:, 0], *network.biases)
        state = tuple((jnp.float64(v), jnp.float64(0.0)) for v in numbers)
        problem = (data.inputs[:, 0], data.labels, network.output_weights)
        fixed = tuple(tuple(jnp.float64(v) for v in part) for part in problem)
        seen, now = [], 0
        for t in times:
            state, now = _steps(state, t - now, fixed, jnp.float64(step_size)), t
            seen.append([float(high) for high, _ in state])
    found = np.array(seen).reshape(len(seen), 2, -1)
    return found[:, 0], found[:, 1]


# Plain numbers, no arrays: XLA then compiles the loop into one function, thirty times as fast.
@jax.jit
def _steps(state: Any, count: Any, fixed: Any, step_size: Any) -> Any:
    inputs, labels, outer = fixed
    m = len(outer)

    def one(_: Any, state: Any) -> Any:
        w, b = [high for high, _ in state[:m]], [high for high, _ in state[m:]]
        change_w: list[Any] = [0.0] * m
        change_b: list[Any] = [0.0] * m
        for x, y in zip(inputs, labels, strict=True):
            a = [w[j] * x + b[j] for j in range(m)]
            output = sum(outer[j] * jnp.maximum(a[j], 0.0) for j in range(m))
            pull = step_size * y * jnp.exp(-y * output)
            for j in range(m):
                moved = jnp.where(a[j] > 0.0, outer[j] * pull, 0.0)
                change_w[j] += moved * x
                change_b[j] += moved
        changes = (*change_w, *change_b)
        return tuple(_add(high, low, c) for (high, low), c in zip(state, changes, strict=True))

    return jax.lax.fori_loop(0, count, one, state)


def _add(high: Any, low: Any, change: Any) -> tuple[Any, Any]:
    """Kahan's compensated sum: `low` is what the last one left out."""
    more = change + low
    total = high + more
    return total, more - (total - high)
