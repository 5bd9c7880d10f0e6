"""The record of networks that steps have made: what they say is read off their parameters."""

from __future__ import annotations

import numpy as np

from latephase.core import Outcome, Rigour
from latephase.core.arrays import Floats
from latephase.late.engine import Record
from latephase.late.pattern import statuses
from latephase.problem import Problem, ShallowReLU
from latephase.problem.activation import activated


def network_path(weights: Floats, biases: Floats | None) -> Floats:
    """theta (S, m, k) of weights (S, m, d) and biases (S, m) or None; NaN where one is not
    finite."""
    theta = weights if biases is None else np.concatenate([weights, biases[..., None]], axis=-1)
    return np.where(np.isfinite(theta).all(axis=(1, 2), keepdims=True), theta, np.nan)


@np.errstate(all="ignore")
def evaluation_error(
    network: ShallowReLU, theta: Floats, inputs: Floats, output_weights: Floats | None = None
) -> Floats:
    """Bounds (...) of max_i |Delta q_i| / (1 + |q_i|) by evaluating the q_i of networks of a kind,
    theta (..., m, k), in float64: as many roundings as there are terms, each of the sizes of all.

    output_weights (..., m): theirs, where these are trained.
    """
    outer = (network.output_weights if output_weights is None else output_weights)[..., None]
    a = activated(network.preactivations(theta, inputs), network.negative_slope)
    q = (a.swapaxes(-2, -1) @ outer)[..., 0]
    terms = network.preactivations(np.abs(theta), np.abs(inputs))
    size = (terms.swapaxes(-2, -1) @ np.abs(outer))[..., 0]
    roundings = network.m + network.d + 3
    return np.asarray((2.0**-53 * roundings * size / (1 + np.abs(q))).max(axis=-1))


def stepped_record(
    problem: Problem, theta: Floats, outcome: Outcome, output_weights: Floats | None = None
) -> Record:
    """The record of theta (S, m, k), and of output weights (S, m) where they are trained, NaN where
    not reached; how far it is from exact arithmetic is not known, margin_error that of evaluation
    alone.
    """
    network, inputs = problem.network, problem.data.inputs
    reached = np.isfinite(theta).all(axis=(1, 2))
    with np.errstate(all="ignore"):
        a = network.preactivations(theta, inputs)
    return Record(
        parameters=theta,
        error=np.full(len(theta), np.nan),
        margin_error=np.where(
            reached, evaluation_error(network, theta, inputs, output_weights), np.nan
        ),
        rigour=np.full(len(theta), Rigour.measured.name),
        outcome=outcome,
        pattern=statuses(a[reached][-1]) if reached.any() else None,
        output_weights=output_weights,
    )
