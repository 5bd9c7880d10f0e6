"""How far a direction of parameters is from a KKT point of the maximum-margin problem."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from latephase.core.arrays import Floats

from .activation import preactivations
from .normalised import margins


def kkt_residual(
    weights: ArrayLike,
    biases: ArrayLike,
    output_weights: ArrayLike,
    inputs: ArrayLike,
    labels: ArrayLike,
    kink_tolerance: float = 0.0,
) -> Floats:
    """Residual of the KKT conditions of min |theta|^2 / 2 subject to y_i N(x_i) >= 1 [lyuli2020].

    weights (..., m, d), biases (..., m), output_weights (m,), inputs (n, d), labels (n,); shape
    (...), dimensionless.  theta is scaled to margin 1; over multipliers lambda_i >= 0 and
    gradients g_i in Clarke's subdifferential the residual is the least value of
    sqrt(|theta - sum_i lambda_i g_i|^2 + sum_i (lambda_i (q_i - 1) / |theta|)^2) / |theta|,
    q_i the margins: 0 exactly at KKT points, inf where a point is misclassified.
    kink_tolerance: a pre-activation up to this share of |(w_j, b_j)| |(x_i, 1)| counts as zero, for
    runs that chatter around a kink.  Rigour: measured (non-negative least squares, about 1e-15).
    """
    w, b, x = (np.asarray(part, float) for part in (weights, biases, inputs))
    outer, signs = np.asarray(output_weights, float), np.asarray(labels, float)
    shape = b.shape[:-1]
    theta = np.concatenate([w, b[..., None]], axis=-1).reshape(-1, *w.shape[-2:-1], x.shape[1] + 1)
    residuals = [_residual(one, outer, x, signs, kink_tolerance) for one in theta]
    return np.array(residuals).reshape(shape)


def _residual(
    theta: Floats, outer: Floats, inputs: Floats, signs: Floats, tolerance: float
) -> float:
    from scipy.optimize import nnls  # slow to import, and needed here only

    q = margins(theta[:, :-1], theta[:, -1], outer, inputs, signs)
    if not q.min() > 0:
        return float("inf")
    theta, q = theta / q.min(), q / q.min()
    norm = np.linalg.norm(theta)
    columns = []
    for i, slack in enumerate(q - 1):
        for gradient in _gradients(theta, outer * signs[i], inputs[i], tolerance):
            complementarity = np.zeros(len(q))
            complementarity[i] = slack / norm
            columns.append(np.concatenate([gradient.ravel(), complementarity]))
    target = np.concatenate([theta.ravel(), np.zeros(len(q))])
    return float(nnls(np.array(columns).T, target)[1] / norm)


def _gradients(theta: Floats, outer: Floats, x: Floats, tolerance: float) -> list[Floats]:
    """Extreme gradients (m, d + 1) of a margin: each neuron on its kink is either on or off."""
    point = np.append(x, 1.0)
    height = preactivations(theta[:, :-1], theta[:, -1], x[None, :])[:, 0]
    reach = tolerance * np.linalg.norm(theta, axis=1) * np.linalg.norm(point)
    choices = [(0, 1) if abs(h) <= r else (int(h > 0),) for h, r in zip(height, reach, strict=True)]
    return [(outer * states)[:, None] * point for states in product(*choices)]
