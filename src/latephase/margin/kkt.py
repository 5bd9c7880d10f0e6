"""How far a direction of parameters is from a KKT point of the maximum-margin problem."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from latephase.core.arrays import Floats
from latephase.core.nonnegative import nonnegative_least_squares

from .activation import preactivations
from .normalised import margins


def kkt_residual(
    weights: ArrayLike,
    biases: ArrayLike | None,
    output_weights: ArrayLike,
    inputs: ArrayLike,
    labels: ArrayLike,
    kink_tolerance: float = 0.0,
    negative_slope: float = 0.0,
) -> Floats:
    """Residual of the KKT conditions of min |theta|^2 / 2 subject to y_i N(x_i) >= 1 [lyuli2020].

    weights (..., m, d), biases (..., m) or None, output_weights (m,), inputs (n, d), labels (n,);
    shape (...), dimensionless.  theta is scaled to margin 1; over multipliers lambda_i >= 0 and
    gradients g_i in Clarke's subdifferential the residual is the least value of
    sqrt(|theta - sum_i lambda_i g_i|^2 + sum_i (lambda_i (q_i - 1) / |theta|)^2) / |theta|,
    q_i the margins: 0 exactly at KKT points, inf where a point is misclassified.
    kink_tolerance: a pre-activation up to this share of |(w_j, b_j)| |(x_i, 1)| counts as zero, for
    runs that chatter around a kink.  Rigour: measured (non-negative least squares, about 1e-15).
    """
    w, x = (np.asarray(part, float) for part in (weights, inputs))
    outer, signs = np.asarray(output_weights, float), np.asarray(labels, float)
    theta, points = w, x
    if biases is not None:
        theta = np.concatenate([w, np.asarray(biases, float)[..., None]], axis=-1)
        points = np.concatenate([x, np.ones((len(x), 1))], axis=-1)
    flat = theta.reshape(-1, *theta.shape[-2:])
    residuals = [_residual(t, outer, points, signs, kink_tolerance, negative_slope) for t in flat]
    return np.array(residuals).reshape(w.shape[:-2])


def _residual(
    theta: Floats, outer: Floats, points: Floats, signs: Floats, tolerance: float, leak: float
) -> float:
    q = margins(theta, None, outer, points, signs, leak)
    if not q.min() > 0:
        return float("inf")
    theta, q = theta / q.min(), q / q.min()
    norm = np.linalg.norm(theta)
    columns = []
    for i, slack in enumerate(q - 1):
        for gradient in _gradients(theta, outer * signs[i], points[i], tolerance, leak):
            complementarity = np.zeros(len(q))
            complementarity[i] = slack / norm
            columns.append(np.concatenate([gradient.ravel(), complementarity]))
    target = np.concatenate([theta.ravel(), np.zeros(len(q))])
    return nonnegative_least_squares(np.array(columns).T, target)[1] / float(norm)


def _gradients(
    theta: Floats, outer: Floats, point: Floats, tolerance: float, leak: float
) -> list[Floats]:
    """Extreme gradients (m, k) of a margin: each neuron on its kink is either on or off."""
    height = preactivations(theta, None, point[None, :])[:, 0]
    reach = tolerance * np.linalg.norm(theta, axis=1) * np.linalg.norm(point)
    gains = np.where(height > 0, 1.0, leak)
    close = np.abs(height) <= reach
    choices = [(leak, 1.0) if near else (gain,) for gain, near in zip(gains, close, strict=True)]
    return [(outer * states)[:, None] * point for states in product(*choices)]
