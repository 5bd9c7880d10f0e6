"""The variables of a run over time: what an engine recorded, and what is measured on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from latephase.core.arrays import Floats
from latephase.late.engine import Record
from latephase.margin import boundary, margins_of, zeros_on_line
from latephase.problem import Problem
from latephase.problem.activation import activated, with_constant


def observed(problem: Problem, record: Record) -> dict[str, Any]:
    """All variables (S, ...) of a record; what its engine has not observed itself is measured."""
    theta = record.parameters
    known = dict(record.observed)
    if "boundary" not in known:
        known = measured(problem, theta, record.output_weights, record.output_bias) | known
    weights, biases = problem.network.parted(theta)
    layer = {"output_weights": record.output_weights, "output_bias": record.output_bias}
    return {
        "weights": weights,
        **({} if biases is None else {"biases": biases}),
        **{name: values for name, values in layer.items() if values is not None},
        **known,
        **record.clocks,
        "error": record.error,
        "margin_error": record.margin_error,
        "rigour": np.where(record.reached, record.rigour, ""),
    }


@np.errstate(over="ignore", invalid="ignore")
def measured(
    problem: Problem,
    theta: Floats,
    output_weights: Floats | None = None,
    output_bias: Floats | None = None,
) -> dict[str, Floats]:
    """What networks of parameters theta (S, m, k) are seen to do; NaN where theta is.

    output_weights (S, m), output_bias (S,): theirs, where these are trained.
    By the float64 parameters of any network; `late.pair.observe` has it from pre-activations, which
    know a pair's boundary and deficit to digits that its parameters have lost.
    """
    network, data = problem.network, problem.data
    v = network.output_weights if output_weights is None else output_weights
    reached = np.isfinite(theta).all(axis=(1, 2)) & np.isfinite(v).all(axis=-1)
    a = activated(network.preactivations(theta, data.inputs), network.negative_slope)
    q = np.einsum("sni,i->sn" if v.ndim == 1 else "sni,si->sn", a.swapaxes(1, 2), v)
    q = q if output_bias is None else q + output_bias[:, None]
    rho, crossing = np.full((2, len(theta)), np.nan)
    if reached.any():
        w, b = network.parted(theta[reached])
        parts = (w, np.zeros(w.shape[:-1]) if b is None else b, v if v.ndim == 1 else v[reached])
        parts = parts if output_bias is None else with_constant(*parts, output_bias[reached])
        rho[reached], crossing[reached] = _margins(problem, *parts), _crossings(problem, *parts)
    deficit = data.optimal_margin - rho
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "boundary": crossing,
            "robustness_margin": rho,
            "margin_deficit": deficit,
            "log_margin_deficit": np.log(deficit),
            "log_loss": np.where(reached, problem.loss.log_loss(data.labels * q), np.nan),
        }


def _margins(problem: Problem, w: Floats, b: Floats, v: Floats) -> Floats:
    """Robustness margins (S,) of networks of v (m,) or (S, m); NaN where there are more than two
    features, as they take their time."""
    data = problem.data
    points, slope = (data.inputs, data.labels), problem.network.negative_slope
    if data.d > 2:  # those of one and two are measured in milliseconds
        return np.full(len(w), np.nan)
    return margins_of(w, b, v, *points, slope)


def _crossings(problem: Problem, w: Floats, b: Floats, v: Floats) -> Floats:
    """x* (S,) of networks of v (m,) or (S, m): the zero of a leaky network, if it is the only one,
    and that of two neurons that pull apart where both are active; else NaN."""
    network, outer = problem.network, np.broadcast_to(v, b.shape)
    if network.d > 1:
        return np.full(len(w), np.nan)
    if network.negative_slope > 0 or network.output_bias is not None:
        each = zip(w[..., 0], b, outer, strict=True)
        zeros = (zeros_on_line(*parts, network.negative_slope) for parts in each)
        return np.array([found[0] if len(found) == 1 else np.nan for found in zeros])
    if network.m != 2 or (v.ndim == 1 and sorted(v) != [-1.0, 1.0]):
        return np.full(len(w), np.nan)
    # |v| is part of what is in front of the ReLU: the neuron of the positive one comes first.
    first = np.argsort(-outer, axis=1)
    w, b = (np.take_along_axis(np.abs(outer) * p, first, axis=1) for p in (w[..., 0], b))
    pulls_apart = (outer.min(axis=1) < 0) & (outer.max(axis=1) > 0)
    return np.where(pulls_apart, boundary(w.T, b.T), np.nan)
