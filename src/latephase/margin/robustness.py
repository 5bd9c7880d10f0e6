"""Robustness margin: the distance from the inputs to the set where the network's output is zero.

N is piecewise linear with kinks at -b_j / w_j, and may vanish on an interval or a half-line, so
the margin is found from the kinks and not from a formula for the boundary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latephase.core.errors import InputError
from latephase.problem import Dataset
from latephase.problem.geometry import two_product, two_sum

from .lines import Array, cross_product, line_value, rescaled

Mask = NDArray[np.bool_]
BLOCK = 1 << 15  # networks at a time: temporaries that stay in the cache are three times as fast


def two_neuron_margin(
    weights: ArrayLike, biases: ArrayLike, inputs: ArrayLike, labels: ArrayLike
) -> Array:
    """Robustness margins (...) of networks relu(w_1 x + b_1) - relu(w_2 x + b_2), in units of x.

    weights, biases (2, ...): the neuron with output weight +1 first;  inputs, labels (n,).
    0 where an input is misclassified or on the boundary, inf where N has no zero, NaN where a
    parameter is NaN.  Rigour: exact (closed form, a few tens of ulp at worst).  In one dimension
    the zero set is {both neurons inactive} and, if both are active there, the crossing x*; the
    distance to an intersection of two half-lines is the larger of the two distances.
    """
    w, b = np.broadcast_arrays(np.asarray(weights, float), np.asarray(biases, float))
    w, b = rescaled(w, b, axis=0)
    shape, w, b = w.shape[1:], w.reshape(2, -1), b.reshape(2, -1)
    points = np.asarray(inputs, float).ravel()
    signs = np.asarray(labels, float).ravel()
    margin = np.empty(w.shape[1])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for start in range(0, margin.size, BLOCK):
            block = slice(start, start + BLOCK)
            margin[block] = _two_neuron_block(w[:, block], b[:, block], points, signs)
    return margin.reshape(shape)


def _two_neuron_block(w: Array, b: Array, points: Array, signs: Array) -> Array:
    slope, intercept = two_sum(w[0], -w[1]), two_sum(b[0], -b[1])
    determinant = cross_product(w[0], b[1], w[1], b[0])
    crosses = np.where(slope[0] < 0, -determinant, determinant) > 0
    pair = [[line_value((w[j], 0.0), (b[j], 0.0), x) for x in points] for j in (0, 1)]
    difference = [line_value(slope, intercept, x) for x in points]
    return margin_from_lines(w, pair, difference, crosses, signs)


def margin_from_lines(
    weights: ArrayLike,
    preactivations: Array | Sequence[Sequence[Array]],
    difference: Array | Sequence[Array],
    crosses: Mask,
    labels: ArrayLike,
) -> Array:
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


def _to_half_line(preactivation: Array, weight: Array) -> Array:
    """Distance to where the neuron is inactive: inf if it is active everywhere."""
    return np.where(preactivation > 0, np.abs(preactivation / weight), 0.0)


def _signed(distance: Array, output: Array) -> Array:
    """The distance where the point is on its side, else 0 (NaN where the output is NaN)."""
    return np.where(output > 0, distance, np.where(np.isnan(output), np.nan, 0.0))


def robustness_margin(
    weights: ArrayLike,
    biases: ArrayLike,
    output_weights: ArrayLike,
    inputs: ArrayLike,
    labels: ArrayLike,
) -> Array:
    """Robustness margins (...) of shallow ReLU networks on the line, in units of x.

    weights (..., m, 1), biases (..., m), output_weights (m,), inputs (n, 1), labels (n,).
    0 where an input is misclassified or on the boundary, inf where N has no zero.  Rigour: exact.
    Two neurons with output weights +-1: a few tens of ulp, as `two_neuron_margin`.  More neurons:
    the margin of a network whose parameters differ by a few ulp.
    Raises InputError for inputs of more than one feature.
    """
    w, b, outer, points, signs = _checked(weights, biases, output_weights, inputs, labels)
    w, b = rescaled(w, b, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        network = _Network(w, b, outer, _signs_at_kinks(w, b, outer))
        margins = [network.margin_at(x, y) for x, y in zip(points, signs, strict=True)]
    return np.minimum.reduce(margins)


def _checked(*arguments: ArrayLike) -> tuple[Array, Array, Array, Array, Array]:
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


@dataclass(frozen=True)
class _Network:
    """N as a piecewise-linear function with its sign at each kink (..., m)."""

    weights: Array
    biases: Array
    output_weights: Array
    signs: Array

    def margin_at(self, x: float, y: float) -> Array:
        """Distance (...) from x to the zero set, or 0 if N(x) has not the sign y."""
        preactivations = line_value((self.weights, 0.0), (self.biases, 0.0), x)
        slope, intercept = self.lines((preactivations > 0)[..., None, :])
        output = line_value(slope, intercept, x)[..., 0]
        # Seen from x, where kinks near x are told apart; a neuron of weight 0 has its kink at inf.
        kinks = np.where(self.weights == 0, np.inf, -preactivations / self.weights)
        return _signed(self.distance_to_zeros(kinks, x), y * output)

    def lines(self, active: Mask) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Slope and intercept (..., k) of N where the neurons `active` (..., k, m) are."""
        weights, biases = self.weights[..., None, :], self.biases[..., None, :]
        outer = self.output_weights
        return _active_sum(active, outer, weights), _active_sum(active, outer, biases)

    def distance_to_zeros(self, kinks: Array, x: float) -> Array:
        """Distance from x to the zero set, given the kinks (..., m) as offsets from x."""
        order = np.argsort(kinks, axis=-1, kind="stable")
        slope, intercept = self.lines(self.active_on_pieces(order))
        far_left = np.where(slope[0] != 0, -np.sign(slope[0]), np.sign(intercept[0]))[..., :1]
        far_right = np.where(slope[0] != 0, np.sign(slope[0]), np.sign(intercept[0]))[..., -1:]
        signs = np.where(self.weights == 0, far_right, self.signs)
        signs = np.concatenate([far_left, np.take_along_axis(signs, order, -1), far_right], -1)
        roots = -line_value(slope, intercept, x) / slope[0]
        # Opposite signs but no slope: rounding noise of m > 2 neurons; any point there will do.
        roots = np.where(slope[0] == 0, 0.0, roots)
        return _nearest_zero(np.take_along_axis(kinks, order, -1), signs, roots)

    def active_on_pieces(self, order: NDArray[np.intp]) -> Mask:
        """Which neurons are active (..., m + 1, m) on the pieces between the kinks in order."""
        rank = np.argsort(order, axis=-1, kind="stable")[..., None, :]
        piece = np.arange(rank.shape[-1] + 1)[:, None]
        w, b = self.weights[..., None, :], self.biases[..., None, :]
        mask: Mask = np.where(w > 0, piece > rank, np.where(w < 0, piece <= rank, b > 0))
        return mask


def _nearest_zero(kinks: Array, signs: Array, roots: Array) -> Array:
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


def _active_sum(active: Mask, outer: Array, values: Array) -> tuple[Array, Array]:
    """Sum of outer * values over the active neurons (last axis), to twice the precision."""
    products, errors = two_product(outer, values)
    total = np.zeros(active.shape[:-1])
    error = np.zeros(active.shape[:-1])
    for j in range(active.shape[-1]):
        total, lost = two_sum(total, np.where(active[..., j], products[..., j], 0.0))
        error += lost + np.where(active[..., j], errors[..., j], 0.0)
    return two_sum(total, error)


def _signs_at_kinks(w: Array, b: Array, outer: Array) -> Array:
    """Sign of N at the kink of each neuron (..., m); meaningless for neurons of weight 0.

    At the kink of neuron k, |w_k| times the pre-activation of neuron j is a determinant, whose
    sign float64 decides exactly: kinks that round to the same number are no special case.
    """
    kink_w, kink_b = w[..., :, None], b[..., :, None]
    heights = cross_product(kink_w, b[..., None, :], w[..., None, :], kink_b) * np.sign(kink_w)
    return np.sign(_active_sum(heights > 0, outer, heights)[0])


def optimal_margin(data: Dataset) -> float:
    """Largest robustness margin that any classifier can have on the data, in units of x."""
    return data.optimal_margin


def margin_deficit(margins: ArrayLike, data: Dataset) -> Array:
    """Optimal robustness margin minus the robustness margins (...), in units of x.

    Its absolute error is an ulp of the optimal margin: take deficits far below 1e-8 of it from
    `boundary_offset` or from the law of the late phase.
    """
    return data.optimal_margin - np.asarray(margins, float)
