"""Robustness margin: the distance from the inputs to the set where the network's output is zero.

N is piecewise linear with kinks at -b_j / w_j, and may vanish on an interval or a half-line, so
the margin is found from the kinks and not from a formula for the boundary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latephase.core.arrays import Bools, Floats
from latephase.core.errors import InputError
from latephase.problem import Dataset
from latephase.problem.geometry import two_product, two_sum

from .exact.line import exact_line_margin
from .lines import cross_product, is_tame, line_value, rescaled
from .value import checked_norm

Mask = Bools
_DOUBT = 1e-13  # share of its terms below which a sum is done again in rationals
BLOCK = 1 << 15  # networks at a time: temporaries that stay in the cache are three times as fast


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
            block = slice(start, start + BLOCK)
            margin[block] = _two_neuron_block(w[:, block], b[:, block], points, signs)
        doubtful = ~(is_tame(w, 0) & is_tame(b, 0) & is_tame(points)) | _vanished(given, (w, b), 0)
    outer = np.array([1.0, -1.0])
    settled = _settled(margin, doubtful, given[0].T, given[1].T, outer, points, signs)
    return settled.reshape(shape)


def _two_neuron_block(w: Floats, b: Floats, points: Floats, signs: Floats) -> Floats:
    slope, intercept = two_sum(w[0], -w[1]), two_sum(b[0], -b[1])
    determinant = cross_product(w[0], b[1], w[1], b[0])
    crosses = np.where(slope[0] < 0, -determinant, determinant) > 0
    pair = [[line_value((w[j], 0.0), (b[j], 0.0), x) for x in points] for j in (0, 1)]
    difference = [line_value(slope, intercept, x) for x in points]
    return margin_from_lines(w, pair, difference, crosses, signs)


def margin_from_lines(
    weights: ArrayLike,
    preactivations: Floats | Sequence[Sequence[Floats]],
    difference: Floats | Sequence[Floats],
    crosses: Mask,
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
        to_dead = np.maximum(_to_half_line(first, w[0]), _to_half_line(second, w[1]))
        # If the two half-lines do not meet, x* lies between them: never farther than the farther.
        distance = np.minimum(to_crossing, to_dead)
        margin = np.minimum(margin, _signed(distance, y * output))
    return margin


def _to_half_line(preactivation: Floats, weight: Floats) -> Floats:
    """Distance to where the neuron is inactive: inf if it is active everywhere."""
    return np.where(preactivation > 0, np.abs(preactivation / weight), 0.0)


def _signed(distance: Floats, output: Floats) -> Floats:
    """The distance where the point is on its side, else 0 (NaN where the output is NaN)."""
    return np.where(output > 0, distance, np.where(np.isnan(output), np.nan, 0.0))


def robustness_margin(
    weights: ArrayLike,
    biases: ArrayLike,
    output_weights: ArrayLike,
    inputs: ArrayLike,
    labels: ArrayLike,
) -> Floats:
    """Robustness margins (...) of shallow ReLU networks on the line, in units of x.

    weights (..., m, 1), biases (..., m), output_weights (m,), inputs (n, 1), labels (n,).
    0 where an input is misclassified or on the boundary, inf where N has no zero.  Rigour: exact.
    A few tens of ulp; networks whose sums cancel, and numbers beyond 1e70 or below 1e-70, are
    measured one by one in rational arithmetic.
    Raises InputError for inputs of more than one feature.
    """
    w, b, outer, points, signs = _checked(weights, biases, output_weights, inputs, labels)
    given, (w, b) = (w, b), rescaled(w, b, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        network = _Network(w, b, outer)
        each = [network.margin_at(x, y) for x, y in zip(points, signs, strict=True)]
        doubtful = network.doubtful | ~is_tame(np.concatenate([outer, points]))
        doubtful |= _vanished(given, (w, b), -1)
        margins = np.minimum.reduce(each)
    return _settled(margins, doubtful, *given, outer, points, signs)


def _vanished(before: tuple[Floats, Floats], after: tuple[Floats, Floats], axis: int) -> Mask:
    """Where (...) a network had parameters that scaling took below float64."""
    if before[0] is after[0]:
        return np.zeros((), dtype=bool)
    lost = [
        ((new == 0) & (old != 0)).any(axis=axis) for old, new in zip(before, after, strict=True)
    ]
    return np.asarray(lost[0] | lost[1])


def _settled(
    margins: Floats,
    doubtful: Mask,
    w: Floats,
    b: Floats,
    outer: Floats,
    points: Floats,
    signs: Floats,
) -> Floats:
    """The margins (...), those of doubtful networks (..., m) in rationals if they are finite."""
    finite = np.isfinite(w).all(axis=-1) & np.isfinite(b).all(axis=-1)
    margins = np.asarray(margins)
    for place in np.argwhere(np.atleast_1d(doubtful & finite)):
        k = tuple(place[: margins.ndim].tolist())
        margins[k] = exact_line_margin(w[k], b[k], outer, points, signs)
    return margins


def _checked(*arguments: ArrayLike) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    weights, biases, outer, inputs, labels = (np.asarray(part, float) for part in arguments)
    if inputs.ndim == 2 and inputs.shape[1] != 1:
        raise InputError(
            "inputs with one feature", inputs, "measure wider inputs with another method"
        )
    if weights.shape != (*biases.shape, 1) or outer.shape != biases.shape[-1:]:
        shapes = (weights.shape, biases.shape, outer.shape)
        raise InputError(
            "weights (..., m, 1), biases (..., m) and output weights (m,)", shapes, "reshape them"
        )
    return weights[..., 0], biases, outer, inputs.ravel(), labels.ravel()


class _Network:
    """N as a piecewise-linear function with its sign at each kink (..., m).

    doubtful (...): where a sum cancelled so far that its sign or its digits may be wrong
    """

    def __init__(self, weights: Floats, biases: Floats, outer: Floats) -> None:
        self.weights, self.biases, self.output_weights = weights, biases, outer
        self.steep = np.abs(weights) @ np.abs(outer)
        self.high = np.abs(biases) @ np.abs(outer)
        self.doubtful = ~(is_tame(weights, -1) & is_tame(biases, -1))
        self.signs = self._signs_at_kinks()

    def _signs_at_kinks(self) -> Floats:
        """Sign of N at the kink of each neuron (..., m); meaningless for neurons of weight 0.

        At the kink of neuron k, |w_k| times the pre-activation of neuron j is a determinant, whose
        sign float64 decides exactly: kinks that round to the same number are no special case.
        """
        w, b = self.weights, self.biases
        heights = cross_product(w[..., :, None], b[..., None, :], w[..., None, :], b[..., :, None])
        heights *= np.sign(w[..., :, None])
        active = heights > 0
        value = _active_sum(active, self.output_weights, heights)[0]
        size = np.abs(w) * self.high[..., None] + np.abs(b) * self.steep[..., None]
        self._doubt(value, size, active)
        return np.sign(value)

    def _doubt(self, total: Floats, size: Floats, active: Mask) -> None:
        """Doubt the networks of which a sum (..., k) over active neurons cancels."""
        close = np.abs(total) <= _DOUBT * size
        if close.any():
            close &= (total != 0) | active.any(axis=-1)  # a sum of nothing is 0 for certain
            self.doubtful = self.doubtful | close.any(axis=-1)

    def margin_at(self, x: float, y: float) -> Floats:
        """Distance (...) from x to the zero set, or 0 if N(x) has not the sign y."""
        preactivations = line_value((self.weights, 0.0), (self.biases, 0.0), x)
        active = (preactivations > 0)[..., None, :]
        slope, intercept = self.lines(active)
        output = line_value(slope, intercept, x)
        self._doubt(output, (self.steep * abs(x) + self.high)[..., None], active)
        # Seen from x, where kinks near x are told apart; a neuron of weight 0 has its kink at inf.
        kinks = np.where(self.weights == 0, np.inf, -preactivations / self.weights)
        return _signed(self.distance_to_zeros(kinks, x), y * output[..., 0])

    def lines(self, active: Mask) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
        """Slope and intercept (..., k) of N where the neurons `active` (..., k, m) are."""
        weights, biases = self.weights[..., None, :], self.biases[..., None, :]
        outer = self.output_weights
        return _active_sum(active, outer, weights), _active_sum(active, outer, biases)

    def distance_to_zeros(self, kinks: Floats, x: float) -> Floats:
        """Distance from x to the zero set, given the kinks (..., m) as offsets from x."""
        order = np.argsort(kinks, axis=-1, kind="stable")
        active = self.active_on_pieces(order)
        slope, intercept = self.lines(active)
        self._doubt(slope[0][..., [0, -1]], self.steep[..., None], active[..., [0, -1], :])
        far_left = np.where(slope[0] != 0, -np.sign(slope[0]), np.sign(intercept[0]))[..., :1]
        far_right = np.where(slope[0] != 0, np.sign(slope[0]), np.sign(intercept[0]))[..., -1:]
        signs = np.where(self.weights == 0, far_right, self.signs)
        signs = np.concatenate([far_left, np.take_along_axis(signs, order, -1), far_right], -1)
        values = line_value(slope, intercept, x)
        crossing = signs[..., :-1] * signs[..., 1:] < 0
        self._doubt(np.where(crossing, slope[0], np.inf), self.steep[..., None], active)
        size = (self.steep * abs(x) + self.high)[..., None]
        self._doubt(np.where(crossing, values, np.inf), size, active)
        # Opposite signs but no slope: kinks that round to the same number as seen from a far x, in
        # the wrong order; any point between them will do.
        roots = np.where(slope[0] == 0, 0.0, -values / slope[0])
        return _nearest_zero(np.take_along_axis(kinks, order, -1), signs, roots)

    def active_on_pieces(self, order: NDArray[np.intp]) -> Mask:
        """Which neurons are active (..., m + 1, m) on the pieces between the kinks in order."""
        rank = np.argsort(order, axis=-1, kind="stable")[..., None, :]
        piece = np.arange(rank.shape[-1] + 1)[:, None]
        w, b = self.weights[..., None, :], self.biases[..., None, :]
        mask: Mask = np.where(w > 0, piece > rank, np.where(w < 0, piece <= rank, b > 0))
        return mask


def _nearest_zero(kinks: Floats, signs: Floats, roots: Floats) -> Floats:
    """Distance from 0 to the zeros of a piecewise-linear function.

    kinks (..., m) ascending;  signs (..., m + 2): at -inf, the kinks and +inf;  roots (..., m + 1):
    where the line of each piece is zero.
    """
    far = np.full((*kinks.shape[:-1], 1), np.inf)
    start, end = np.concatenate([-far, kinks], -1), np.concatenate([kinks, far], -1)
    left, right = signs[..., :-1], signs[..., 1:]
    crossing = np.where(left * right < 0, np.abs(np.clip(roots, start, end)), np.inf)
    # An interval of zeros counts by its ends (a point inside it is misclassified anyway), and
    # every kink is where some piece starts.
    return np.where(left == 0, np.abs(start), crossing).min(axis=-1)


def _active_sum(active: Mask, outer: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Sum of outer * values over the active neurons (last axis), to twice the precision."""
    products, errors = two_product(outer, values)
    total = np.zeros(active.shape[:-1])
    error = np.zeros(active.shape[:-1])
    for j in range(active.shape[-1]):
        total, lost = two_sum(total, np.where(active[..., j], products[..., j], 0.0))
        error += lost + np.where(active[..., j], errors[..., j], 0.0)
    return two_sum(total, error)


def least_distance(inputs: Floats, labels: ArrayLike, p: float = 2.0) -> float:
    """Least distance in the norm p between inputs (n, d) of opposite labels; inf if none are."""
    from scipy.spatial.distance import cdist  # slow to import, and needed here only

    right = np.ravel(labels) > 0
    if right.all() or not right.any():
        return math.inf
    size = 2.0 ** math.frexp(float(np.abs(inputs).max()))[1]  # without rounding differences
    metric = {1.0: "cityblock", 2.0: "euclidean", math.inf: "chebyshev"}[p]
    found = float(cdist(inputs[right] / size, inputs[~right] / size, metric).min())
    return found * size if found > 1e-140 else math.inf  # squares of less underflow


def optimal_margin(data: Dataset, norm: object = 2) -> float:
    """Largest robustness margin that any classifier can have on the data, in units of x.

    Half the least distance between opposite points in the norm 1, 2 or inf.  Raises InputError.
    """
    p = checked_norm(norm)
    return data.optimal_margin if p == 2 else least_distance(data.inputs, data.labels, p) / 2


def margin_deficit(margins: ArrayLike, data: Dataset) -> Floats:
    """Optimal robustness margin minus the robustness margins (...), in units of x.

    Its absolute error is an ulp of the optimal margin: take deficits far below 1e-8 of it from
    `boundary_offset` or from the law of the late phase.
    """
    return data.optimal_margin - np.asarray(margins, float)
