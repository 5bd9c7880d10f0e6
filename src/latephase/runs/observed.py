"""The variables of a run over time: what an engine recorded, and what is measured on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from latephase.core.arrays import Floats
from latephase.late.engine import Record
from latephase.margin import boundary, margin_of, margin_on_line, zeros_on_line
from latephase.problem import Problem
from latephase.problem.activation import activated


def observed(problem: Problem, record: Record) -> dict[str, Any]:
    """All variables (S, ...) of a record; what its engine has not observed itself is measured."""
    theta = record.parameters
    known = dict(record.observed)
    if "boundary" not in known:
        known = measured(problem, theta, record.output_weights) | known
    weights, biases = problem.network.parted(theta)
    outer = record.output_weights
    return {
        "weights": weights,
        **({} if biases is None else {"biases": biases}),
        **({} if outer is None else {"output_weights": outer}),
        **known,
        **record.clocks,
        "error": record.error,
        "margin_error": record.margin_error,
        "rigour": np.where(record.reached, record.rigour, ""),
    }


@np.errstate(over="ignore", invalid="ignore")
def measured(
    problem: Problem, theta: Floats, output_weights: Floats | None = None
) -> dict[str, Floats]:
    """What networks of parameters theta (S, m, k) are seen to do; NaN where theta is.

    output_weights (S, m): theirs, where these are trained.
    By the float64 parameters of any network; `late.pair.observe` has it from pre-activations, which
    know a pair's boundary and deficit to digits that its parameters have lost.
    """
    network, data = problem.network, problem.data
    v = network.output_weights if output_weights is None else output_weights
    reached = np.isfinite(theta).all(axis=(1, 2)) & np.isfinite(v).all(axis=-1)
    a = activated(network.preactivations(theta, data.inputs), network.negative_slope)
    q = np.einsum("sni,i->sn" if v.ndim == 1 else "sni,si->sn", a.swapaxes(1, 2), v)
    rho, crossing = np.full((2, len(theta)), np.nan)
    if reached.any():
        seen = theta[reached], v if v.ndim == 1 else v[reached]
        rho[reached], crossing[reached] = _margins(problem, *seen), _crossings(problem, *seen)
    deficit = data.optimal_margin - rho
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "boundary": crossing,
            "robustness_margin": rho,
            "margin_deficit": deficit,
            "log_margin_deficit": np.log(deficit),
            "log_loss": np.where(reached, problem.loss.log_loss(data.labels * q), np.nan),
        }


def _margins(problem: Problem, theta: Floats, v: Floats) -> Floats:
    """Robustness margins (S,) of networks theta (S, m, k), v (m,) or (S, m); NaN where there are
    more than two features, as they take their time."""
    network, data = problem.network, problem.data
    w, b = network.parted(theta)
    b = np.zeros(w.shape[:-1]) if b is None else b
    points, slope = (data.inputs, data.labels), network.negative_slope
    if network.d == 1 and v.ndim == 1:
        return margin_on_line(w, b, v, *points, slope)
    if network.d > 2:
        return np.full(len(theta), np.nan)
    each = zip(w, b, np.broadcast_to(v, b.shape), strict=True)
    return np.array([float(margin_of(*parts, *points, 2, slope)) for parts in each])


def _crossings(problem: Problem, theta: Floats, v: Floats) -> Floats:
    """x* (S,) of networks theta (S, m, k), v (m,) or (S, m): the zero of a leaky network, if it is
    the only one, and that of two neurons that pull apart where both are active; else NaN."""
    network = problem.network
    none = np.full(len(theta), np.nan)
    if network.d > 1:
        return none
    w, b = network.parted(theta)
    w, b = w[..., 0], np.zeros(w.shape[:-1]) if b is None else b
    outer = np.broadcast_to(v, b.shape)
    if network.negative_slope > 0:
        each = zip(w, b, outer, strict=True)
        zeros = (zeros_on_line(*parts, network.negative_slope) for parts in each)
        return np.array([found[0] if len(found) == 1 else np.nan for found in zeros])
    apart = network.m == 2 and (v.ndim > 1 or sorted(v) == [-1.0, 1.0])
    if not apart:
        return none
    # |v| is part of what is in front of the ReLU: the neuron of the positive one comes first.
    first = np.argsort(-outer, axis=1)
    w, b = (np.take_along_axis(np.abs(outer) * part, first, axis=1) for part in (w, b))
    pulls_apart = (outer.min(axis=1) < 0) & (outer.max(axis=1) > 0)
    return np.where(pulls_apart, boundary(w.T, b.T), np.nan)
