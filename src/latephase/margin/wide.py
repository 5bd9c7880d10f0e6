"""Robustness margins of networks of any width and inputs of any dimension, in three norms."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .cells import walk
from .exact import ExactNetwork
from .lines import Array
from .local import DUAL, norms, steepest
from .plane import plane_distance
from .robustness import least_distance, robustness_margin
from .value import Margin, MarginBounds, checked_norm

EXACT_NEURONS = 16  # up to which every margin is exact, in any dimension
PLANE = 2  # features, with which every margin is exact for any width
CELLS = 300  # that are looked at for each point of a larger network
_PARTNERS = 8  # nearest points of the other label towards which a first zero is looked for
_ROUNDING = 2.3e-16
_TINY = 1e-290  # a sum below may have lost terms to underflow
_BEYOND = 1 + 1e-9  # a step past a zero, where N must have changed sign


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
    two features, and for more features with up to 16 neurons: that of these doubles to about 1e-12
    relative, since what float64 leaves in doubt is decided in integers; bounds otherwise.
    0 if a point is misclassified, inf if N has no zero.  Raises InputError.
    """
    p = checked_norm(norm)
    parts = (np.asarray(a, float) for a in (weights, biases, output_weights, inputs, labels))
    w, b, outer, x, y = parts
    if x.shape[1] == 1:
        return Margin(float(robustness_margin(w, b, outer, x, y)), p)
    if not all(np.isfinite(part).all() for part in (w, b, outer)):
        return Margin(math.nan, p)
    with np.errstate(all="ignore"):  # what leaves float64 is in doubt, and decided in integers
        return _margin(_Scene(w, b, outer, x, y, p))


class _Scene:
    """A network among points, in float64 with bounds of the rounding errors.

    heights (n, m): pre-activations;  outputs (n,): y N, each known to within noise (n,)
    """

    def __init__(self, w: Array, b: Array, outer: Array, x: Array, y: Array, p: float) -> None:
        self.w, self.b, self.outer, self.x, self.y, self.p = w, b, outer, x, y, p
        self.heights = x @ w.T + b
        sizes = np.abs(x) @ np.abs(w).T + np.abs(b)
        self.noise = _ROUNDING * (sum(w.shape) + 8) * (sizes @ np.abs(outer)) + _TINY
        self.outputs = y * (np.maximum(self.heights, 0.0) @ outer)

    @cached_property
    def exact(self) -> ExactNetwork:
        """The network in integers."""
        return ExactNetwork(self.w, self.b, self.outer)

    @cached_property
    def lengths(self) -> Array:
        """Dual norms (m,) of the weights: pre-activations over them are distances to kinks."""
        return norms(self.w, DUAL[self.p])

    @cached_property
    def slopes(self) -> Array:
        """Gradients (n, d) of y N at the points."""
        return ((self.heights > 0) * self.outer * self.y[:, None]) @ self.w

    def is_right(self) -> bool:
        """Whether y N > 0 at every point, decided exactly."""
        doubtful = np.flatnonzero(~(np.abs(self.outputs) > self.noise))
        if (np.delete(self.outputs, doubtful) <= 0).any():
            return False
        return all(self.y[i] * self.exact.value(self.x[i]) > 0 for i in doubtful)

    def lower_bounds(self, reach: float) -> Array:
        """Lower bounds (n,) of y N within `reach` of each point: with the slope that N has there,
        and a fall beyond each kink that bends it down."""
        falls = np.stack([np.maximum(-self.outer, 0.0), np.maximum(self.outer, 0.0)], axis=1)
        beyond = np.maximum(reach * self.lengths - np.abs(self.heights), 0.0) @ falls
        bends = np.where(self.y > 0, beyond[:, 0], beyond[:, 1])
        slopes = steepest(self.slopes, self.p)[1]
        return (self.outputs - self.noise) - (reach * slopes + bends) * (1 + 1e-12) - self.noise

    def first_zero(self, i: int, ways: Array) -> float:
        """A distance at which y N <= 0 for certain, on one of the ways (k, d) of p-norm 1."""
        height, outer, rates = self.heights[i], self.outer * self.y[i], ways @ self.w.T
        breaks = -height / rates
        last = np.max(breaks, axis=1, where=np.isfinite(breaks), initial=0.0)[:, None]
        breaks = np.sort(np.where((breaks > 0) & (breaks < last), breaks, last), axis=1)
        at = np.concatenate([np.zeros((len(ways), 1)), breaks], axis=1)
        values = np.maximum(height + at[..., None] * rates[:, None, :], 0.0) @ outer
        k, ends = np.arange(len(ways)), np.maximum((values <= 0).argmax(axis=1), 1)
        left, right = values[k, ends - 1], values[k, ends]
        share = np.where(left > right, left / (left - right), np.inf)
        between = at[k, ends - 1] + (at[k, ends] - at[k, ends - 1]) * share
        far = last[:, 0] - values[:, -1] / np.minimum(np.maximum(rates, 0.0) @ outer, 0.0)
        place = np.where((values <= 0).any(axis=1), between, far) * _BEYOND
        terms = height + place[:, None] * rates
        noise = self.noise[i] + _ROUNDING * (len(height) + 8) * (np.abs(terms) @ np.abs(outer))
        certain = (np.maximum(terms, 0.0) @ outer < -noise) & (place > 0)
        return float(place[certain].min(initial=math.inf))


def _margin(scene: _Scene) -> Margin | MarginBounds:
    p, d = scene.p, scene.x.shape[1]
    if not scene.is_right():
        return Margin(0.0, p)
    exact = d == PLANE or len(scene.outer) <= EXACT_NEURONS
    optimum, lower = least_distance(scene.x, scene.y, p) / 2, math.inf
    best = optimum * (1 + 1e-14)  # no less than the margin, however the distance was rounded
    steep = steepest(scene.slopes, p)
    order = np.argsort(scene.outputs / steep[1])
    open_ = _undecided(scene, best)
    for i in order:
        if not open_[i]:
            continue
        reach = min(best, scene.first_zero(i, _ways(scene, i, steep[0][i])))
        if math.isinf(reach):  # one label only: look in every direction that N knows
            reach = scene.first_zero(i, _all_ways(scene))
        low, high = _point(scene, i, reach, exact=exact)
        lower = min(lower, low)
        if min(high, reach) < best:
            best = min(high, reach)
            open_ = _undecided(scene, best)
    best = min(best, optimum)
    lower = min(lower, best)
    exact = exact or lower >= best * (1 - 1e-12)
    return Margin(best, p) if exact else MarginBounds(lower, best, p)


def _undecided(scene: _Scene, best: float) -> NDArray[np.bool_]:
    """Points (n,) that may have a zero nearer than `best`."""
    return np.asarray(~(scene.lower_bounds(best) > 0))


def _point(scene: _Scene, i: int, reach: float, *, exact: bool) -> tuple[float, float]:
    """Bounds of the distance from a point to the zero set, none beyond `reach`."""
    x, y, p = scene.x[i], scene.y[i], scene.p
    if scene.x.shape[1] == PLANE:
        reach, certain = plane_distance(scene.exact, x, y, reach, p)
        if certain:
            return reach, reach
    if exact or p == 2:
        walked = walk(scene.exact.seen_from(x, y), reach, p, math.inf if exact else CELLS)
        return max(walked.lower, _safe(scene, i)), walked.upper
    return _safe(scene, i), reach


def _safe(scene: _Scene, i: int) -> float:
    """The distance that the steepest slope anywhere leaves."""
    steepest_slope = float(np.abs(scene.outer) @ scene.lengths) * (1 + 1e-12)
    certain = float(scene.outputs[i] - scene.noise[i])
    return max(0.0, certain / steepest_slope) if steepest_slope > 0 else 0.0


def _ways(scene: _Scene, i: int, down: Array) -> Array:
    """Ways (k, d) of p-norm 1 to look for a zero: down the slope and to points of other label."""
    ways = -down[None]
    if scene.x.shape[1] > PLANE:
        apart = scene.x[scene.y != scene.y[i]] - scene.x[i]
        length = norms(apart, scene.p)
        nearest = np.argsort(length)[:_PARTNERS]
        ways = np.vstack([ways, apart[nearest] / length[nearest, None]])
    return ways


def _all_ways(scene: _Scene) -> Array:
    """Along and against the axes and the weights (2 (d + m), d)."""
    some = scene.w[scene.lengths > 0]
    rows = np.vstack([np.eye(scene.w.shape[1]), some / norms(some, scene.p)[:, None]])
    return np.vstack([rows, -rows])
