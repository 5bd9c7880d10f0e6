"""What a neuron makes of its pre-activation: a where a > 0, else a times the negative slope.

An output bias is the output weight of a neuron that makes 1 of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from latephase.core.arrays import Floats

Values = Any
"""An array that knows its namespace, of NumPy or of JAX: the answer is of the same."""


def activated(preactivations: Values, slope: Any = None) -> Any:
    """sigma(a), any shape; slope in [0, 1], 0 or None for ReLU.

    A slope that is traced is never 0: for ReLU the compiled program is that of a plain maximum.
    """
    xp = preactivations.__array_namespace__()
    if slope is None or (isinstance(slope, float) and slope == 0.0):
        return xp.maximum(preactivations, 0.0)
    return xp.where(preactivations > 0, preactivations, slope * preactivations)


def with_constant(
    weights: Floats, biases: Floats, output_weights: Floats, output_bias: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    """Weights (..., m, d), biases and output weights (..., m) of m + 1 neurons: the activation of
    the last one is 1, and its output weight an output bias (...)."""
    lead = biases.shape[:-1]
    last = np.broadcast_to(output_bias, lead)[..., None]
    rows = np.concatenate([weights, np.zeros((*lead, 1, weights.shape[-1]))], axis=-2)
    ones, outer = np.ones((*lead, 1)), np.broadcast_to(output_weights, biases.shape)
    columns = (np.concatenate(part, axis=-1) for part in ((biases, ones), (outer, last)))
    return (rows, *columns)  # type: ignore[return-value]
