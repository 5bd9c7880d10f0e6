"""All zeros of a network on the line: its decision boundary, however many neurons there are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from latephase.core.arrays import Floats

_ROUNDING = 1e-12  # a sum below this share of its terms is 0


def zeros_on_line(weights: ArrayLike, biases: ArrayLike, output_weights: ArrayLike) -> Floats:
    """Where N(x) = sum_j v_j relu(w_j x + b_j) vanishes, ascending, (k,), in units of x.

    weights, biases, output_weights (m,).  Intervals and half-lines of zeros are given by their
    finite ends.  Rigour: exact up to rounding: values at kinks within 1e-12 of the size of their
    terms count as 0, so that kinks which should coincide may differ by a few ulp.
    """
    w, b, v = (np.asarray(part, float) for part in (weights, biases, output_weights))
    bends = (w != 0) & (v != 0)
    kinks = np.unique(-b[bends] / w[bends]) + 0.0
    values = _values(kinks, w, b, v)
    inner = values[:-1] * values[1:] < 0
    left, right, start = kinks[:-1][inner], kinks[1:][inner], values[:-1][inner]
    crossings = left + (right - left) * (start / (start - values[1:][inner]))
    ends = [_beyond(kinks, values, side, w, b, v) for side in (-1, 1)] if len(kinks) else []
    return np.unique(np.concatenate([kinks[_is_end(kinks, values, w, v)], crossings, *ends]))


def _values(x: Floats, w: Floats, b: Floats, v: Floats) -> Floats:
    terms = v * np.maximum(x[:, None] * w + b, 0.0)
    sizes = np.abs(v) * (np.abs(x[:, None] * w) + np.abs(b))
    total = terms.sum(axis=1)
    return np.where(np.abs(total) <= _ROUNDING * sizes.max(axis=1, initial=0.0), 0.0, total)


def _slopes(w: Floats, v: Floats) -> tuple[float, float]:
    """Slopes of N far to the left and far to the right, rounding noise put to 0."""
    found = [float((v * w)[w * side > 0].sum()) for side in (-1, 1)]
    noise = _ROUNDING * float(np.abs(v * w).max(initial=0.0))
    left, right = (0.0 if abs(s) <= noise else s for s in found)
    return left, right


def _is_end(kinks: Floats, values: Floats, w: Floats, v: Floats) -> np.ndarray:
    """Which kinks (k,) are zeros but not inside an interval of zeros."""
    zero = values == 0
    left, right = _slopes(w, v)
    flat = np.concatenate([[left == 0], zero, [right == 0]])
    return np.asarray(zero & ~(flat[:-2] & flat[2:]))


def _beyond(kinks: Floats, values: Floats, side: int, w: Floats, b: Floats, v: Floats) -> Floats:
    """The zero outside the kinks on one side (0 or 1 of them)."""
    slope = _slopes(w, v)[side > 0]
    end, value = (kinks[-1], values[-1]) if side > 0 else (kinks[0], values[0])
    return np.array([end - value / slope] if value * slope * side < 0 else [])
