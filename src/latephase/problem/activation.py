"""What a neuron makes of its pre-activation: a where a > 0, else a times the negative slope."""

from __future__ import annotations

from typing import Any

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
