"""Robustness margins of networks of any width and inputs of any dimension, in three norms."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from .cells import walk
from .lines import Array, rescaled
from .mixed_integer import nearest_zero
from .normalised import margins
from .plane import plane_margin
from .robustness import robustness_margin
from .value import Margin, MarginBounds, checked_norm

EXACT_NEURONS = 16  # up to which every margin is exact, in any dimension
PLANE = 2  # features, with which every margin is exact for any width
CELLS = 300  # that are looked at for each point of a larger network
_HALVINGS = 60
_PARTNERS = 8  # nearest points of the other label towards which an upper bound is looked for
_DUAL = {1.0: math.inf, 2.0: 2.0, math.inf: 1.0}


def margin_of(
    weights: ArrayLike,
    biases: ArrayLike,
    output_weights: ArrayLike,
    inputs: ArrayLike,
    labels: ArrayLike,
    norm: object = 2,
) -> Margin | MarginBounds:
    """Robustness margin of one network in the given norm, in units of x.

    weights (m, d), biases (m,), output_weights (m,), inputs (n, d), labels (n,).  Exact for one and
    two features; for more features and up to 16 neurons in the 2-norm (to about 1e-9 relative) and
    in the norms 1 and inf (mixed-integer programs, to about 1e-7 relative); bounds otherwise.
    0 if a point is misclassified, inf if N has no zero.  Raises InputError.
    """
    p = checked_norm(norm)
    parts = (np.asarray(a, float) for a in (weights, biases, output_weights, inputs, labels))
    w, b, outer, x, y = parts
    if x.shape[1] == 1:
        return Margin(float(robustness_margin(w, b, outer, x, y)), p)
    w, b = (part[0] for part in rescaled(w[None], b[None, :, None], axis=1))
    return _margin(w, b[:, 0], outer, x, y, p)


def _margin(
    w: Array, b: Array, outer: Array, x: Array, y: Array, p: float
) -> Margin | MarginBounds:
    q = margins(w, b, outer, x, y)
    if not (q > 0).all():
        return Margin(0.0 if np.isfinite(q).all() else math.nan, p)
    if x.shape[1] == PLANE:
        return Margin(plane_margin(w, b, outer, x, y, p), p)
    steepest = float(np.abs(outer) @ np.linalg.norm(w, ord=_DUAL[p], axis=1))
    safe = q / steepest if steepest > 0 else np.full(len(q), math.inf)
    upper = _crossings(w, b, outer, x, y, p)
    exact = len(outer) <= EXACT_NEURONS
    lower, best = math.inf, float(upper.min(initial=math.inf))
    for i in np.argsort(upper + safe):
        if safe[i] < min(best, lower):
            low, high = _point(w, b, outer * y[i], x[i], min(best, upper[i]), safe[i], p, exact)
            lower, best = min(lower, low), min(best, high)
    lower = min(lower, best)
    exact = exact or lower >= best * (1 - 1e-12)
    return Margin(best, p) if exact else MarginBounds(float(lower), best, p)


def _point(
    w: Array, b: Array, outer: Array, x: Array, upper: float, safe: float, p: float, exact: bool
) -> tuple[float, float]:
    """Bounds of the distance from a point where N > 0 to the zero set."""
    if p == 2:
        found = walk(w, b, outer, x, upper, math.inf if exact else CELLS)
        return max(found.lower, safe), found.upper
    if exact:
        distance = nearest_zero(w, b, outer, x, upper, p)
        return distance, distance
    return safe, upper


def _crossings(w: Array, b: Array, outer: Array, x: Array, y: Array, p: float) -> Array:
    """For each point a distance at which N has changed sign, on the way to the points of the other
    label (n,): upper bounds of the distances."""
    found = np.full(len(x), math.inf)
    for i in range(len(x)):
        others = x[y != y[i]]
        others = others[np.argsort(np.linalg.norm(others - x[i], axis=1))[:_PARTNERS]]
        inside, outside = np.zeros(len(others)), np.ones(len(others))
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            at = x[i] + middle[:, None] * (others - x[i])
            right = y[i] * (np.maximum(at @ w.T + b, 0.0) @ outer) > 0
            inside, outside = np.where(right, middle, inside), np.where(right, outside, middle)
        reach = outside * np.linalg.norm(others - x[i], ord=p, axis=1)
        found[i] = reach.min(initial=math.inf)
    return found
