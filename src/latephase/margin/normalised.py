"""Normalised margin: how well a network separates the data for the size of its parameters."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from latephase.core.arrays import Floats
from latephase.problem.activation import activated
from latephase.problem.geometry import TwoPointGeometry

from .activation import biases_of, preactivations


def normalised_margin(
    weights: ArrayLike,
    biases: ArrayLike | None,
    output_weights: ArrayLike,
    inputs: ArrayLike,
    labels: ArrayLike,
    negative_slope: float = 0.0,
    train_output: bool = False,
) -> Floats:
    """min_i y_i N(x_i) / |theta|, theta = all weights and biases; dimensionless, NaN at theta = 0.

    weights (..., m, d), biases (..., m) or None, output_weights (m,) or (..., m), inputs (n, d),
    labels (n,); shape (...).  Negative if a point is misclassified.  With fixed output weights the
    network is homogeneous of degree 1 in theta; where they are trained, it is of degree 2 in theta
    and v together, and their squared length stands below [lyuli2020].  Rigour: exact up to the
    rounding of N.
    """
    w, v = np.asarray(weights, float), np.asarray(output_weights, float)
    b = biases_of(w, biases)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Divided by the largest parameter first: the squares of 1e200 overflow.
        size = np.maximum(np.abs(w).max(axis=(-2, -1)), np.abs(b).max(axis=-1))
        size = np.maximum(size, np.abs(v).max(axis=-1)) if train_output else size
        w, b = w / size[..., None, None], b / size[..., None]
        squares = (w**2).sum(axis=(-2, -1)) + (b**2).sum(axis=-1)
        if train_output:
            v = v / size[..., None]
            norm = squares + (v**2).sum(axis=-1)
        else:
            norm = np.sqrt(squares)
        q = margins(w, b, v, inputs, labels, negative_slope)
        return np.asarray(q.min(axis=-1) / norm)


def largest_normalised_margin(geometry: TwoPointGeometry) -> float:
    """The largest normalised margin of two neurons (output weights +1, -1) on two points.

    1 / |theta| of the shortest theta with both margins at least 1. Where k12 <= 0 each neuron is
    a multiple of (its point, 1). Where k12 > 0 its kink lies at the other's point, unless k12
    exceeds k11 or k22: then the neuron of the longer point takes on both points, and the other one
    takes part of it back (s or r below). Rigour: exact. Source: docs/theory.md, "Remedies".
    """
    k11, k22, k12, d = geometry.k11, geometry.k22, geometry.k12, geometry.determinant
    if geometry.gram_sign <= 0:
        return float((1 / k11 + 1 / k22) ** -0.5)
    s, r = max(0.0, k12 / k22 - 1) / 2, max(0.0, k12 / k11 - 1) / 2
    first = k22 * (1 + s) ** 2 - 2 * k12 * r * (1 + s) + k11 * r**2
    second = k11 * (1 + r) ** 2 - 2 * k12 * s * (1 + r) + k22 * s**2
    return float((d / (first + second)) ** 0.5)


def margins(
    weights: ArrayLike,
    biases: ArrayLike | None,
    output_weights: ArrayLike,
    inputs: ArrayLike,
    labels: ArrayLike,
    negative_slope: float = 0.0,
) -> Floats:
    """y_i N(x_i), shape (..., n); arguments as for `normalised_margin`."""
    active = activated(preactivations(weights, biases, inputs), negative_slope)
    signs, outer = np.asarray(labels, float), np.asarray(output_weights, float)
    each = "m,...mn->...n" if outer.ndim == 1 else "...m,...mn->...n"
    return signs * np.einsum(each, outer, active)
