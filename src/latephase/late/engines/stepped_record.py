"""The record of networks that steps have made: what they say is read off their parameters."""

from __future__ import annotations

import numpy as np

from latephase.core import Outcome, Rigour
from latephase.core.arrays import Floats
from latephase.late.engine import Record
from latephase.late.pattern import statuses
from latephase.problem import Problem


def network_path(weights: Floats, biases: Floats) -> Floats:
    """theta (S, m, d + 1) of weights (S, m, d) and biases (S, m); NaN where one is not finite."""
    theta = np.concatenate([weights, biases[..., None]], axis=-1)
    return np.where(np.isfinite(theta).all(axis=(1, 2), keepdims=True), theta, np.nan)


@np.errstate(all="ignore")
def evaluation_error(weights: Floats, biases: Floats, outer: Floats, inputs: Floats) -> Floats:
    """Bounds (...) of max_i |Delta q_i| / (1 + |q_i|) by evaluating the q_i of networks, weights
    (..., m, d), in float64: as many roundings as there are terms, each of the sizes of all terms.
    """
    (m, d), points = weights.shape[-2:], np.abs(inputs).T
    q = np.maximum(weights @ inputs.T + biases[..., None], 0.0).swapaxes(-2, -1) @ outer
    terms = np.abs(weights) @ points + np.abs(biases)[..., None]
    size = terms.swapaxes(-2, -1) @ np.abs(outer)
    return np.asarray((2.0**-53 * (m + d + 3) * size / (1 + np.abs(q))).max(axis=-1))


def stepped_record(problem: Problem, theta: Floats, outcome: Outcome) -> Record:
    """The record of theta (S, m, d + 1), NaN where not reached; how far it is from exact arithmetic
    is not known, margin_error that of evaluation alone.
    """
    network, inputs = problem.network, problem.data.inputs
    w, b, v = theta[..., :-1], theta[..., -1], network.output_weights
    reached = np.isfinite(theta).all(axis=(1, 2))
    with np.errstate(all="ignore"):
        a = w @ inputs.T + b[..., None]
    return Record(
        parameters=theta,
        error=np.full(len(theta), np.nan),
        margin_error=np.where(reached, evaluation_error(w, b, v, inputs), np.nan),
        rigour=np.full(len(theta), Rigour.measured.name),
        outcome=outcome,
        pattern=statuses(a[reached][-1]) if reached.any() else None,
    )
