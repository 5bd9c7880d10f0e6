"""What a network says when it is read off its parameters, and how far that is off."""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Floats, Ints
from latephase.late.pattern import ACTIVE, INACTIVE
from latephase.problem import Problem


def reading_error(problem: Problem, theta: Floats) -> Floats:
    """A bound (S,) of max_i |Delta q_i| / (1 + |q_i|) by evaluating the q_i of theta (S, m, d + 1)
    in float64: as many roundings as there are terms, each of the sizes of all terms."""
    network, inputs = problem.network, problem.data.inputs
    w, b, v = theta[..., :-1], theta[..., -1], network.output_weights
    with np.errstate(all="ignore"):
        q = np.maximum(w @ inputs.T + b[..., None], 0.0).swapaxes(1, 2) @ v
        size = (np.abs(w) @ np.abs(inputs).T + np.abs(b)[..., None]).swapaxes(1, 2) @ np.abs(v)
        error: Floats = 2.0**-53 * (network.m + network.d + 3) * size / (1 + np.abs(q))
    return np.where(np.isfinite(theta).all(axis=(1, 2)), error.max(axis=1), np.nan)


def last_pattern(problem: Problem, parameters: Floats) -> Ints | None:
    """Statuses (m, n) by the pre-activations of the last sample reached of (S, m, d + 1)."""
    reached = np.flatnonzero(np.isfinite(parameters).all(axis=(1, 2)))
    if reached.size == 0:
        return None
    theta = parameters[reached[-1]]
    with np.errstate(over="ignore", invalid="ignore"):
        active = theta[:, :-1] @ problem.data.inputs.T + theta[:, -1:] > 0
    return np.where(active, ACTIVE, INACTIVE)
