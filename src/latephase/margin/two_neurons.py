"""Closed forms for two neurons (output weights +1, -1) on the line: the decision boundary x*, where
N crosses zero with both active, and the robustness margin; many networks at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from latephase.core.arrays import Bools, Floats
from latephase.problem.geometry import two_sum

from .accurate_sums import cross_product, has_vanished, if_right, is_tame, line_value, rescaled
from .exact.on_line import settled

BLOCK = 1 << 15  # networks at a time: temporaries that stay in the cache are three times as fast


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


def two_neuron_margin(
    weights: ArrayLike, biases: ArrayLike, inputs: ArrayLike, labels: ArrayLike
) -> Floats:
    """Robustness margins (...) of networks relu(w_1 x + b_1) - relu(w_2 x + b_2), in units of x.

    weights, biases (2, ...): the neuron with output weight +1 first;  inputs, labels (n,).
    0 where an input is misclassified or on the boundary, inf where N has no zero, NaN where a
    parameter is NaN.  Rigour: exact (closed form, a few tens of ulp at worst).  In one dimension
    the zero set is {both neurons inactive} and, if both are active there, the crossing x*; the
    distance to an intersection of two half-lines is the larger of the two distances.
    """
    w, b = np.broadcast_arrays(np.asarray(weights, float), np.asarray(biases, float))
    shape, w, b = w.shape[1:], w.reshape(2, -1), b.reshape(2, -1)
    given, (w, b) = (w, b), rescaled(w, b, axis=0)
    points = np.asarray(inputs, float).ravel()
    signs = np.asarray(labels, float).ravel()
    margin = np.empty(w.shape[1])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for start in range(0, margin.size, BLOCK):
            u, c = w[:, start : start + BLOCK], b[:, start : start + BLOCK]
            slope, intercept = two_sum(u[0], -u[1]), two_sum(c[0], -c[1])
            determinant = cross_product(u[0], c[1], u[1], c[0])
            crosses = np.where(slope[0] < 0, -determinant, determinant) > 0
            lines = [[line_value((u[j], 0.0), (c[j], 0.0), x) for x in points] for j in (0, 1)]
            apart = [line_value(slope, intercept, x) for x in points]
            margin[start : start + BLOCK] = margin_from_lines(u, lines, apart, crosses, signs)
        tame = is_tame(w, 0) & is_tame(b, 0) & is_tame(points)
    doubtful, outer = ~tame | has_vanished(given, (w, b), 0), np.array([1.0, -1.0])
    margin = settled(margin, doubtful, given[0].T, given[1].T, outer, points, signs)
    return margin.reshape(shape)


def margin_from_lines(
    weights: ArrayLike,
    preactivations: Floats | Sequence[Sequence[Floats]],
    difference: Floats | Sequence[Floats],
    crosses: Bools,
    labels: ArrayLike,
) -> Floats:
    """Robustness margins (...) of two neurons whose lines are known at the inputs already.

    weights (2, ...);  preactivations (2, n, ...) and their difference (n, ...): the two lines at
    the inputs;  crosses (...): whether both are active where they meet.  Rigour: exact, to the
    accuracy of the lines.
    """
    w = np.asarray(weights)
    slope = w[0] - w[1]
    margin = np.full(np.shape(crosses), np.inf)
    for first, second, apart, y in zip(*preactivations, difference, np.ravel(labels), strict=True):
        both = (first > 0) & (second > 0)
        output = np.where(both, apart, np.maximum(first, 0) - np.maximum(second, 0))
        to_crossing = np.where(crosses, np.abs(apart / slope), np.inf)
        # To where both are inactive: infinitely far if one of them is active everywhere.
        away = [np.where(a > 0, np.abs(a / v), 0.0) for a, v in ((first, w[0]), (second, w[1]))]
        to_dead = np.maximum(*away)
        # If the two half-lines do not meet, x* lies between them: never farther than the farther.
        distance = np.minimum(to_crossing, to_dead)
        margin = np.minimum(margin, if_right(distance, y * output))
    return margin
