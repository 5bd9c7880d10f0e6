"""Gradient descent in NumPy's and ml_dtypes' own arithmetic: every operation of theirs, one by one.

Subnormal numbers included; trials side by side, so that thousands of runs take a second.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

TYPES: dict[str, Any] = {
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
}
# How many runs tests make side by side: XLA takes a second for each number, so two for all formats.
TRIALS = {"float64": 12, "float32": 12, "float16": 512, "bfloat16": 512}


def stepped(
    weights: Any,
    biases: Any,
    times: Any,
    *,
    inputs: Any,
    labels: Any,
    output_weights: Any,
    step_size: float,
    dtype: str,
    loss: str = "exponential",
    negative_slope: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(theta (S, T, m, d + 1), (S, T, m, d) without biases, at the times, last (T,): the update
    before which nothing changes). Output weights (m,) are fixed, (T, m) trained: one more feature
    behind these."""
    kind = TYPES[dtype]
    x, y, v = (np.asarray(part).astype(kind) for part in (inputs, labels, output_weights))
    trained = v.ndim > 1
    theta = np.asarray(weights)
    if biases is not None:
        theta = np.concatenate([weights, np.asarray(biases)[..., None]], axis=-1)
        x = np.concatenate([x, np.ones((len(x), 1), kind)], axis=1)
    theta = np.concatenate([theta, v[..., None].astype(float)], axis=-1) if trained else theta
    theta, rate = np.moveaxis(theta.astype(kind), 0, -1), np.asarray(step_size).astype(kind)
    slope = None if negative_slope is None else np.asarray(negative_slope).astype(kind)
    seen, stalled = [], np.full(theta.shape[-1], np.nan)
    with np.errstate(all="ignore"):
        for t in range(int(max(times)) + 1):
            seen += [theta.astype(float)] * list(times).count(t)
            new = theta + rate * _descent(theta, x, y, None if trained else v, loss, slope)
            same = (new == theta).all(axis=(0, 1)) & np.isnan(stalled)
            stalled[same], theta = t, new
    return np.moveaxis(np.stack(seen), -1, 1), stalled


def _descent(theta: Any, x: Any, y: Any, v: Any, loss: str, slope: Any) -> Any:
    """-grad L (neuron, feature, trial)."""
    zero, trained = np.zeros((), theta.dtype), v is None
    v = theta[:, -1] if trained else v[:, None]  # (neuron, trial) or (neuron, 1)
    a = _sum([theta[:, k, None] * x[:, k][:, None] for k in range(x.shape[1])])
    felt = np.maximum(a, zero) if slope is None else np.where(a > 0, a, slope * a)
    outputs = _sum([v[j] * felt[j] for j in range(len(v))])
    margins = y[:, None] * outputs
    # NumPy's own exp of float16 is off in the last place for four numbers of 65536.
    weight = np.exp(_log_weight(margins, loss).astype(np.float64)).astype(x.dtype)
    signs = v[:, None] * y[:, None]
    pull = np.where(a > 0, signs * weight, zero if slope is None else signs * (slope * weight))
    inner = _sum([pull[:, i, None] * x[i][:, None] for i in range(len(x))])
    if not trained:
        return inner
    outward = _sum([y[i] * weight[i] * felt[:, i] for i in range(len(x))])
    return np.concatenate([inner, outward[:, None]], axis=1)


def _log_weight(margins: Any, loss: str) -> Any:
    if loss == "exponential":
        return -margins
    wide = -np.logaddexp(0.0, margins.astype(np.float64))
    return wide.astype(margins.dtype)


def _sum(terms: list[Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
