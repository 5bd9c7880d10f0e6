"""Networks without a known late phase: gradient descent, step by step, up to the step budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latephase.core import Outcome, Rigour
from latephase.margin import boundary, robustness_margin
from latephase.problem import LOSSES, Dataset, GradientDescent, ShallowReLU

from .run import Run, Times
from .trajectory import dataset

if TYPE_CHECKING:
    from latephase.training import Stepped  # imports JAX: only where steps are taken

Array = NDArray[np.float64]


def simulate_stepped(
    network: ShallowReLU,
    data: Dataset,
    method: GradientDescent,
    times: Times,
    loss: str,
    max_steps: int,
) -> Run:
    """Step a single network through the sample times that lie within the budget."""
    from latephase.training import Stepped

    state = Stepped(
        network.weights[None],
        network.biases[None],
        np.zeros(1),
        np.zeros((1, network.m, network.d)),
        np.zeros((1, network.m)),
    )
    done, rows = 0, []
    for t in times.sorted:
        if t.as_float > max_steps or not np.isfinite(state.weights).all():
            rows.append(_blank(network))
            continue
        step = int(t.as_float)
        state, done = _advance(state, step - done, network, data, method, loss), step
        rows.append(_observe(state, network, data, loss))
    if not rows or done < min(times.until.as_float, max_steps):
        last = int(min(times.until.as_float, max_steps))
        state = _advance(state, last - done, network, data, method, loss)
    arrays: dict[str, Any] = {
        name: np.array([r[name] for r in rows])[times.positions] for name in rows[0]
    }
    arrays["rigour"] = np.full(len(times.given), Rigour.measured.name)
    outcome = _outcome(state, times, max_steps)
    return Run(
        network, data, method, dataset(arrays, times.given), outcome, None, None, Rigour.measured
    )


def _advance(
    state: Stepped,
    steps: int,
    network: ShallowReLU,
    data: Dataset,
    method: GradientDescent,
    loss: str,
) -> Stepped:
    from latephase.training import advance

    return advance(
        state.weights,
        state.biases,
        np.array([steps]),
        inputs=data.inputs,
        labels=data.labels,
        output_weights=network.output_weights,
        method=method,
        loss=loss,
        error=state.error,
        weights_low=state.weights_low,
        biases_low=state.biases_low,
    )


def _observe(state: Stepped, network: ShallowReLU, data: Dataset, loss: str) -> dict[str, Any]:
    w, b, v = state.weights[0], state.biases[0], network.output_weights
    q = data.labels * (np.maximum(data.inputs @ w.T + b, 0) @ v)
    line = network.d == 1
    two = line and sorted(v) == [-1.0, 1.0]
    rho = float(robustness_margin(w, b, v, data.inputs, data.labels)) if line else np.nan
    deficit = data.optimal_margin - rho
    norms = np.sqrt((w**2).sum(axis=1) + b**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "weights": w,
            "biases": b,
            "boundary": float(boundary(w[:, 0], b)) if two else np.nan,
            "robustness_margin": rho,
            "margin_deficit": deficit,
            "log_margin_deficit": float(np.log(deficit)),
            "log_loss": float(LOSSES[loss].log_loss(q)),
            "error": float(state.error[0] / norms[norms > 0].min(initial=np.inf)),
        }


def _blank(network: ShallowReLU) -> dict[str, Any]:
    names = (
        "boundary",
        "robustness_margin",
        "margin_deficit",
        "log_margin_deficit",
        "log_loss",
        "error",
    )
    return {
        "weights": np.full((network.m, network.d), np.nan),
        "biases": np.full(network.m, np.nan),
        **dict.fromkeys(names, np.nan),
    }


def _outcome(state: Stepped, times: Times, max_steps: int) -> Outcome:
    if not np.isfinite(state.weights).all():
        return Outcome.overflowed
    return Outcome.stepped if times.until.as_float <= max_steps else Outcome.stepped_to_budget
