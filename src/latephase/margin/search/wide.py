"""Robustness margins of networks of any width and inputs of any dimension, in three norms."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latephase.core.arrays import Bools, Floats
from latephase.margin.robustness import least_distance, robustness_margin
from latephase.margin.value import Margin, MarginBounds, checked_norm

from .cells import walk
from .local import norms, steepest
from .plane import is_free, plane_distance
from .scene import Scene

EXACT_NEURONS = 16  # up to which every margin is exact, in any dimension
PLANE = 2  # features, with which every margin is exact for any width
CELLS = 300  # that are looked at for each point of a larger network
_PARTNERS = 8  # nearest points of the other label towards which a first zero is looked for


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
    w, b = _enlarged(w, b)
    with np.errstate(all="ignore"):  # what leaves float64 is in doubt, and decided in integers
        return _margin(Scene(w, b, outer, x, y, p))


def _enlarged(w: Floats, b: Floats) -> tuple[Floats, Floats]:
    """A network of 1e-300, say, brought near 1, if that loses no bit: N has the same zeros."""
    power = -int(np.frexp(max(np.abs(w).max(initial=0.0), np.abs(b).max(initial=0.0)))[1])
    new = np.ldexp(w, power), np.ldexp(b, power)
    kept = all((np.ldexp(n, -power) == old).all() for n, old in zip(new, (w, b), strict=True))
    return new if kept else (w, b)


def _margin(scene: Scene) -> Margin | MarginBounds:
    p, d = scene.p, scene.x.shape[1]
    if not scene.is_right():
        return Margin(0.0, p)
    exact = d == PLANE or len(scene.outer) <= EXACT_NEURONS
    optimum, lower = least_distance(scene.x, scene.y, p) / 2, math.inf
    best = optimum * (1 + 1e-14)  # no less than the margin, however the distance was rounded
    steep = steepest(scene.slopes, p)
    order = np.argsort(scene.outputs / steep[1])
    left = order[_may_be_nearer(scene, order, best)]
    while len(left):
        i, left = left[0], left[1:]
        if exact and best < optimum and _is_free(scene, i, best):
            continue
        reach = best
        if scene.tame:
            reach = min(best, scene.first_zero(i, _ways(scene, i, steep[0][i])))
        if math.isinf(reach) and scene.tame:  # one label only: look in every direction that N knows
            reach = scene.first_zero(i, _all_ways(scene))
        low, high = _point(scene, i, reach, exact=exact)
        lower = min(lower, low)
        if min(high, reach) < best:
            best = min(high, reach)
            left = left[_may_be_nearer(scene, left, best)]
    best = min(best, optimum)
    lower = min(lower, best)
    exact = exact or lower >= best * (1 - 1e-12)
    return Margin(best, p) if exact else MarginBounds(lower, best, p)


def _may_be_nearer(scene: Scene, some: NDArray[np.intp], best: float) -> Bools:
    """Which of the points (k,) may have a zero nearer than `best`."""
    if not scene.tame:
        return np.ones(len(some), dtype=bool)
    open_ = ~(scene.lower_bounds(best)[some] > 0)
    if scene.x.shape[1] == PLANE and math.isfinite(best) and open_.any():
        open_[open_] = ~(scene.sector_bounds(some[open_], best) > 0)
    return open_


def _is_free(scene: Scene, i: int, best: float) -> bool:
    """Whether no zero is nearer than `best` to a point of the plane, as float64 can tell."""
    return scene.tame and scene.x.shape[1] == PLANE and is_free(scene.local(i, best))


def _point(scene: Scene, i: int, reach: float, *, exact: bool) -> tuple[float, float]:
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


def _safe(scene: Scene, i: int) -> float:
    """The distance that the steepest slope anywhere leaves."""
    if not scene.tame:
        return 0.0
    steepest_slope = float(np.abs(scene.outer) @ scene.lengths) * (1 + 1e-12)
    certain = float(scene.outputs[i] - scene.noise[i])
    return max(0.0, certain / steepest_slope) if steepest_slope > 0 else 0.0


def _ways(scene: Scene, i: int, down: Floats) -> Floats:
    """Ways (k, d) of p-norm 1 to look for a zero: down the slope and to points of other label."""
    ways = -down[None]
    if scene.x.shape[1] > PLANE:
        apart = scene.x[scene.y != scene.y[i]] - scene.x[i]
        length = norms(apart, scene.p)
        nearest = np.argsort(length)[:_PARTNERS]
        ways = np.vstack([ways, apart[nearest] / length[nearest, None]])
    return ways


def _all_ways(scene: Scene) -> Floats:
    """Along and against the axes and the weights (2 (d + m), d)."""
    some = scene.w[scene.lengths > 0]
    rows = np.vstack([np.eye(scene.w.shape[1]), some / norms(some, scene.p)[:, None]])
    return np.vstack([rows, -rows])
