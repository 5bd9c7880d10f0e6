"""A run of gradient descent at every one of its first steps, where a kink is chattered about."""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Floats
from latephase.late.pair.observe import observe_pair
from latephase.problem import Problem
from latephase.runs.observed import measured

FEW = 20_000
"""Steps of which each may be looked at by itself."""
MANY = 600_000
"""The same where all are looked at at once: on the line."""


def stepped(problem: Problem, count: int) -> dict[str, Floats]:
    """Parameters, boundary, margin, deficit and loss after 0, 1, ..., count steps.

    Rigour: measured: they are made one by one.
    """
    from latephase.training.loops.every_step import every_step  # imports JAX

    theta = every_step(problem, count)
    if problem.is_pair:
        parameters = np.moveaxis(theta[:, list(problem.neuron_order)], 0, -1)
        a = problem.geometry.preactivations(theta[..., 0], theta[..., 1])
        a = np.moveaxis(a[:, list(problem.neuron_order)], 0, -1)
        seen = observe_pair(problem.geometry, parameters, a, loss=problem.loss.name)
    else:
        seen = measured(problem, theta)
    weights, biases = problem.network.parted(theta)
    return {"weights": weights, **({} if biases is None else {"biases": biases}), **seen}
