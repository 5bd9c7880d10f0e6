"""The decision boundary x* of two neurons on the line, where N crosses zero with both active."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from latephase.core.arrays import Floats
from latephase.problem.geometry import two_sum

from .lines import cross_product, line_value, rescaled


def boundary(weights: ArrayLike, biases: ArrayLike) -> Floats:
    """x* = (b_2 - b_1) / (w_1 - w_2) where both neurons are active at x*, else NaN.

    weights, biases (2, ...): the neuron with output weight +1 first; output weights +1 and -1.
    Shape (...), in units of x.  Rigour: exact (2 ulp).  If both kinks are at x* and the slopes
    have opposite signs (no biases), x* is the only zero of N and is returned too.
    """
    w, b = _pairs(weights, biases)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        crossing = (b[1] - b[0]) / (w[0] - w[1]) + 0.0  # no negative zero
    return np.where(_crosses(w, b), crossing, np.nan)


def boundary_offset(weights: ArrayLike, biases: ArrayLike, first: float, second: float) -> Floats:
    """x* minus the midpoint of the points `first` and `second`; NaN where x* is undefined.

    Arguments as for `boundary`.  Rigour: exact (a few tens of ulp), also where x* agrees with the
    midpoint to many digits: for two points the margin deficit is then its absolute value.
    """
    w, b = _pairs(weights, biases)
    slope, (intercept, lost) = two_sum(w[0], -w[1]), two_sum(b[0], -b[1])
    ends = two_sum(np.asarray(first, float), np.asarray(second, float))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        tail = slope[0] * ends[1]
        height = line_value(slope, (2 * intercept, 2 * lost + tail), ends[0])
        return np.where(_crosses(w, b), -height / (2 * slope[0]) + 0.0, np.nan)


def _pairs(weights: ArrayLike, biases: ArrayLike) -> tuple[Floats, Floats]:
    w, b = np.broadcast_arrays(np.asarray(weights, float), np.asarray(biases, float))
    return rescaled(w, b, axis=0)


def _crosses(w: Floats, b: Floats) -> Floats:
    """Whether both neurons are active at x*: there each is determinant / (w_1 - w_2)."""
    determinant = cross_product(w[0], b[1], w[1], b[0])
    active = np.where(w[0] < w[1], -determinant, determinant) > 0
    touches = (determinant == 0) & (np.sign(w[0]) * np.sign(w[1]) < 0)
    return (active & (w[0] != w[1])) | touches
