"""Step-by-step gradient descent on two-neuron networks, for experiments that trust nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from latephase.core.arrays import Floats
from latephase.problem import Dataset, GradientDescent

Job = TypeVar("Job")
Result = TypeVar("Result")
_WORKERS = 2  # a call of few trials occupies one core


def step_to(
    networks: tuple[Floats, Floats], data: Dataset, step_size: float, times: Sequence[int]
) -> tuple[Floats, Floats]:
    """Weights and biases (S, T, 2) of networks (T, 2) at ascending step numbers.

    Rigour: measured, in compensated float64.
    """
    from latephase.training import advance  # imports JAX

    weights, biases = networks[0][..., None], networks[1]
    low, now, seen = (np.zeros_like(weights), np.zeros_like(biases)), 0, []
    for t in times:
        moved = advance(
            weights,
            biases,
            np.full(len(biases), t - now),
            inputs=data.inputs,
            labels=data.labels,
            output_weights=np.array([1.0, -1.0]),
            method=GradientDescent(step_size),
            weights_low=low[0],
            biases_low=low[1],
        )
        weights, biases, now = moved.weights, moved.biases, t
        low = (moved.weights_low, moved.biases_low)
        seen.append((weights[..., 0], biases))
    return np.stack([w for w, _ in seen]), np.stack([b for _, b in seen])


def in_parallel(work: Callable[[Job], Result], jobs: Sequence[Job]) -> list[Result]:
    """Results of the jobs in order; stepping lets go of the interpreter."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        return list(pool.map(work, jobs))
