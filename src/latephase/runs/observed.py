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
        known = measured(problem, theta) | known
    weights, biases = problem.network.parted(theta)
    return {
        "weights": weights,
        **({} if biases is None else {"biases": biases}),
        **known,
        **record.clocks,
        "error": record.error,
        "margin_error": record.margin_error,
        "rigour": np.where(record.reached, record.rigour, ""),
    }


@np.errstate(over="ignore", invalid="ignore")
def measured(problem: Problem, theta: Floats) -> dict[str, Floats]:
    """What networks of parameters theta (S, m, k) are seen to do; NaN where theta is.

    By the float64 parameters of any network; `late.pair.observe` has it from pre-activations, which
    know a pair's boundary and deficit to digits that its parameters have lost.
    """
    network, data = problem.network, problem.data
    (w, b), v, slope = network.parted(theta), network.output_weights, network.negative_slope
    reached = np.isfinite(theta).all(axis=(1, 2))
    a = activated(network.preactivations(theta, data.inputs), slope)
    q = np.einsum("sni,i->sn", a.swapaxes(1, 2), v)
    b = np.zeros(w.shape[:-1]) if b is None else b
    rho = np.full(len(theta), np.nan)
    if network.d == 1 and reached.any():
        rho[reached] = margin_on_line(w[reached], b[reached], v, data.inputs, data.labels, slope)
    if network.d == 2:  # in milliseconds; more features take their time
        for k in np.flatnonzero(reached):
            rho[k] = float(margin_of(w[k], b[k], v, data.inputs, data.labels, 2, slope))
    crossing = np.full(len(theta), np.nan)
    if network.d == 1 and slope > 0:
        each = [zeros_on_line(w[k, :, 0], b[k], v, slope) for k in np.flatnonzero(reached)]
        crossing[reached] = [zeros[0] if len(zeros) == 1 else np.nan for zeros in each]
    elif network.d == 1 and sorted(v) == [-1.0, 1.0]:
        first = list(problem.neuron_order)
        crossing = boundary(w[:, first, 0].T, b[:, first].T)
    deficit = data.optimal_margin - rho
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "boundary": np.where(reached, crossing, np.nan),
            "robustness_margin": rho,
            "margin_deficit": deficit,
            "log_margin_deficit": np.log(deficit),
            "log_loss": np.where(reached, problem.loss.log_loss(data.labels * q), np.nan),
        }
