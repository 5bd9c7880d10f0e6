"""The nearest zero of a network of several inputs, point after point, the likeliest first.

Float64 with bounds of its errors rules out most points (`scene`); around the others the plane is
drawn (`plane`), and in more dimensions cells are walked (`cells`, `bundles`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from latephase.core.arrays import Bools, Floats

from .bundles import bundled, walk_bundles
from .cells import zeros_within
from .local import steepest
from .plane import is_free, plane_distance
from .scene import Scene

CELLS = 300  # that are looked at for each point of a larger network
MOST_CELLS = 20_000  # around a point, where all zeros at one distance are looked for


def nearest_zero(scene: Scene, optimum: float, *, exact: bool) -> tuple[float, float]:
    """Bounds of the least distance from a point to the zero set; all points are on their side.

    optimum: the margin that none exceeds;  exact: whether the bounds have to meet.
    """
    lower, best = math.inf, optimum * (1 + 1e-14)  # however the optimum was rounded
    ways, slopes = steepest(scene.slopes, scene.p)
    order = np.argsort(scene.outputs / slopes)
    left = order[_may_be_nearer(scene, order, best)]
    while len(left):
        i, left = left[0], left[1:]
        in_sight = scene.tame and scene.in_plane and exact and best < optimum
        if in_sight and is_free(scene.local(i, best)):
            continue
        reach = best
        if scene.tame:
            reach = min(best, scene.first_zero(i, scene.ways(i, ways[i])))
        if math.isinf(reach) and scene.tame:  # one label only: look in every direction that N knows
            reach = scene.first_zero(i, scene.all_ways())
        low, high = _distance(scene, i, reach, exact=exact)
        lower = min(lower, low)
        if min(high, reach) < best:
            best = min(high, reach)
            left = left[_may_be_nearer(scene, left, best)]
    best = min(best, optimum)
    return min(lower, best), best


def zeros_near(scene: Scene, reach: float) -> list[tuple[int, Floats]] | None:
    """Points i and, for each cell around one of them with a zero within `reach`, the nearest (d,).

    Kinks that are the same but for rounding are one.  None where there are too many cells.
    """
    found, points = list[tuple[int, Floats]](), np.arange(len(scene.x))
    for i in points[_may_be_nearer(scene, points, reach)]:
        seen = scene.exact.seen_from(scene.x[i], scene.y[i])
        fewer, _ = bundled(seen.within(reach, scene.p), reach, scene.p)
        near = zeros_within(fewer, reach, scene.p, MOST_CELLS)
        if near is None:
            return None
        found += [(int(i), scene.x[i] + u) for u in near]
    return found


def _may_be_nearer(scene: Scene, some: NDArray[np.intp], best: float) -> Bools:
    """Which of the points (k,) may have a zero nearer than `best`."""
    if not scene.tame:
        return np.ones(len(some), dtype=bool)
    open_ = ~(scene.lower_bounds(best)[some] > 0)
    if scene.in_plane and math.isfinite(best) and open_.any():
        open_[open_] = ~(scene.sector_bounds(some[open_], best) > 0)
    return open_


def _distance(scene: Scene, i: int, reach: float, *, exact: bool) -> tuple[float, float]:
    """Bounds of the distance from a point to the zero set, none beyond `reach`."""
    x, y, p = scene.x[i], scene.y[i], scene.p
    if scene.in_plane:
        reach, certain = plane_distance(scene.exact, x, y, reach, p)
        if certain:
            return reach, reach
    most_cells = math.inf if exact else CELLS
    lower, upper = walk_bundles(scene.exact.seen_from(x, y), reach, p, most_cells)
    return max(lower, scene.safe_distance(i)), upper
