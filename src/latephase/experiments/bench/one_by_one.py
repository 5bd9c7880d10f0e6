"""Networks on two points of the line, stepped one by one to 10^8: a loop that shares nothing.

The other claims follow runs by closed forms, and hold them against laws made of the same conserved
quantities: that finds slips, not a mistake in the law. Here gradient descent is done as its
definition says, on plain numbers, a hundred million times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from latephase.core import Regime
from latephase.core.arrays import Floats
from latephase.margin import margin_on_line
from latephase.problem import Dataset, GradientDescent, ShallowReLU

from .base import PAPER_DATA, STEP_SIZE, Bench
from .paper_runs import COMMON, TIMES

Job = TypeVar("Job")
Result = TypeVar("Result")
_WORKERS = 2  # a call of few trials occupies one core

DECADES = (10**4, 10**5, 10**6, 10**7, 10**8)
FEW = 1000  # trials of a bench below which the last decade, nine tenths of the work, is left out
LOG_RISE = float(np.log(10))  # of ln t over the last decade, where slopes are taken


@dataclass(frozen=True)
class SteppedRuns:
    """One trained network of each common initializer, K of them, at the first S of DECADES.

    times (S,);  weights, biases (K, S, 2);  margin (K, S): exact, from the zeros of the network;
    constant, offset (K,): of the law predicted at the entry into the last regime.
    """

    times: Floats
    weights: Floats
    biases: Floats
    margin: Floats
    constant: Floats
    offset: Floats

    @property
    def boundary(self) -> Floats:
        """x* = (b2 - b1) / (w1 - w2), (K, S)."""
        return np.asarray(-np.diff(self.biases, axis=-1) / np.diff(self.weights, axis=-1))[..., 0]

    @property
    def denominator(self) -> Floats:
        """w1 - w2, (K, S)."""
        return np.asarray(self.weights[..., 0] - self.weights[..., 1])

    @property
    def constant_error(self) -> Floats:
        """Relative error (K,) of C as measured: ln t over 1/x*, both over the last decade."""
        return np.abs(LOG_RISE / rise(1 / self.boundary) / self.constant - 1)

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


def rise(values: Floats) -> Floats:
    """How much values (K, S) grow over the last decade, (K,)."""
    return np.asarray(values[:, -1] - values[:, -2])


def stepped(bench: Bench) -> SteppedRuns:
    """The runs, made once: of each common initializer the trained network of median |C|.

    A median one, since terms of O(1/t) move the slope by O(1/(t |C|)), and some |C| is always tiny.
    """
    return bench.once("stepped", lambda: _stepped(bench))


def _stepped(bench: Bench) -> SteppedRuns:
    from latephase.training.by_definition import descend  # imports JAX

    nets, laws = [], []
    for name in COMMON:
        found = bench.ensemble(name, at=TIMES)
        kept = np.flatnonzero(found["regime"].values == Regime.specialised.name)
        order = np.argsort(np.abs(found["law_constant"].values[kept]))
        for i in kept[order][len(kept) // 2 :][:1]:
            one = found.isel(trial=i)
            nets.append(ShallowReLU(one.weights.values[0, :, 0], one.biases.values[0]))
            laws.append((float(one.law_constant), float(one.law_offset)))
    times = DECADES if bench.trials >= FEW else DECADES[:-1]
    runs = in_parallel(lambda net: descend(net, PAPER_DATA, STEP_SIZE, times), nets)
    weights, biases = (np.stack(part) for part in zip(*runs, strict=True))
    points = ((1.0, -1.0), PAPER_DATA.inputs, PAPER_DATA.labels)
    margin = np.asarray(margin_on_line(weights[..., None], biases, *points))
    constant, offset = np.array(laws).T
    return SteppedRuns(np.array(times, float), weights, biases, margin, constant, offset)


def step_to(
    networks: tuple[Floats, Floats], data: Dataset, step_size: float, times: Sequence[int]
) -> tuple[Floats, Floats]:
    """Weights and biases (S, T, 2) of networks (T, 2) at ascending step numbers.

    Rigour: measured, in compensated float64.
    """
    from latephase.training import advance  # imports JAX

    problem: dict[str, Any] = {
        "inputs": data.inputs,
        "labels": data.labels,
        "output_weights": np.array([1.0, -1.0]),
        "method": GradientDescent(step_size),
    }
    weights, biases = networks[0][..., None], networks[1]
    low, now, seen = (np.zeros_like(weights), np.zeros_like(biases)), 0, []
    for t in times:
        steps = np.full(len(biases), t - now)
        moved = advance(weights, biases, steps, **problem, weights_low=low[0], biases_low=low[1])
        weights, biases, now = moved.weights, moved.biases, t
        low = (moved.weights_low, moved.biases_low)
        seen.append((weights[..., 0], biases))
    return np.stack([w for w, _ in seen]), np.stack([b for _, b in seen])


def in_parallel(work: Callable[[Job], Result], jobs: Sequence[Job]) -> list[Result]:
    """Results of the jobs in order; stepping lets go of the interpreter."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        return list(pool.map(work, jobs))
