"""All zeros of a network on the line: its decision boundary, however many neurons there are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from latephase.core.arrays import Floats
from latephase.problem.activation import activated

_ROUNDING = 1e-12  # a sum below this share of its terms is 0


def zeros_on_line(
    weights: ArrayLike,
    biases: ArrayLike,
    output_weights: ArrayLike,
    negative_slope: float = 0.0,
) -> Floats:
    """Where N(x) = sum_j v_j sigma(w_j x + b_j) vanishes, ascending, (k,), in units of x.

    weights, biases, output_weights (m,).  Intervals and half-lines of zeros are given by their
    finite ends.  Rigour: exact up to rounding: values at kinks within 1e-12 of the size of their
    terms count as 0, so that kinks which should coincide may differ by a few ulp.
    """
    w, b, v = (np.asarray(part, float) for part in (weights, biases, output_weights))
    bends = (w != 0) & (v != 0)
    kinks = np.unique(-b[bends] / w[bends]) + 0.0
    if not len(kinks):
        return kinks
    # Values at the kinks, and slopes beyond the outermost ones; rounding noise is put to 0.
    terms = v * activated(kinks[:, None] * w + b, negative_slope)
    sizes = np.abs(v) * (np.abs(kinks[:, None] * w) + np.abs(b))
    total, noise = terms.sum(axis=1), _ROUNDING * float(np.abs(v * w).max())
    values = np.where(np.abs(total) <= _ROUNDING * sizes.max(axis=1), 0.0, total)
    outside = [float((v * w)[w * side > 0].sum()) for side in (-1, 1)]
    if negative_slope:
        outside = [outside[k] + negative_slope * outside[1 - k] for k in (0, 1)]
    left, right = (0.0 if abs(slope) <= noise else slope for slope in outside)
    # Kinks that are zeros, but not inside an interval of zeros.
    zero = values == 0
    flat = np.concatenate([[left == 0], zero, [right == 0]])
    at_kinks = kinks[zero & ~(flat[:-2] & flat[2:])]
    # Between two kinks, and beyond the first and the last one.
    inner = values[:-1] * values[1:] < 0
    start, end, value = kinks[:-1][inner], kinks[1:][inner], values[:-1][inner]
    between = start + (end - start) * (value / (value - values[1:][inner]))
    ends = ((kinks[0], values[0], left, -1), (kinks[-1], values[-1], right, 1))
    beyond = [x - value / slope for x, value, slope, side in ends if value * slope * side < 0]
    return np.unique(np.concatenate([at_kinks, between, beyond]))
