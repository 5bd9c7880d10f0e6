"""Pre-activations, and which neuron is active on which input."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latephase.core.arrays import Bools, Floats

from .accurate_sums import line_value


def biases_of(weights: Floats, biases: ArrayLike | None) -> Floats:
    """Biases (..., m) as floats; zeros where networks of weights (..., m, d) have none."""
    return np.zeros(weights.shape[:-1]) if biases is None else np.asarray(biases, float)


def preactivations(weights: ArrayLike, biases: ArrayLike | None, inputs: ArrayLike) -> Floats:
    """a_ji = w_j . x_i + b_j, shape (..., m, n), for inputs (n, d); rounded term by term."""
    w, x = (np.asarray(part, float) for part in (weights, inputs))
    b = biases_of(w, biases)
    return np.asarray(np.einsum("...md,nd->...mn", w, x) + b[..., None])


def is_active(weights: ArrayLike, biases: ArrayLike, inputs: ArrayLike) -> Bools:
    """s_ji = [w_j . x_i + b_j > 0], shape (..., m, n).

    weights (..., m, d), biases (..., m), inputs (n, d).  Rigour: exact for d = 1, barring
    underflow; for wider inputs the sign is that of the rounded sum.
    """
    w, b, x = (np.asarray(part, float) for part in (weights, biases, inputs))
    if x.shape[1] != 1:
        return preactivations(w, b, x) > 0
    return line_value((w, np.zeros(())), (b[..., None], np.zeros(())), x[:, 0]) > 0


def activation_pattern(
    weights: ArrayLike, biases: ArrayLike, inputs: ArrayLike
) -> NDArray[np.str_]:
    """Activation patterns as texts of m * n digits, shape (...): "1001" = s_11 s_12 s_21 s_22.

    Neurons in order, and for each neuron the inputs in the order given; arguments as for
    `is_active`.  For two points the paper's order has the input labelled +1 first.
    """
    active = is_active(weights, biases, inputs)
    digits = np.where(active.reshape(*active.shape[:-2], -1), "1", "0")
    return np.ascontiguousarray(digits).view(f"U{digits.shape[-1]}")[..., 0]
