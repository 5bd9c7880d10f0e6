"""The distance from a point to {y N <= 0}, by walking the cells of the kink hyperplanes outwards.

In a cell every neuron is active or not, and N is affine. The straight way from the point to any
other crosses cells one after the other, none farther than where it ends: so cells are taken in the
order of their distance, each opening its neighbours, until the next is farther than the nearest
zero found. In any dimension this is exact branch and
bound with a convex subproblem for each cell.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .lines import Array
from .projection import nearest


@dataclass(frozen=True)
class Walk:
    """What a walk found: the zero set is at least `lower` and at most `upper` away."""

    lower: float
    upper: float


class _Cells:
    """The cells around a point x, in units of `scale` from it.

    normals (k, d) of length 1 and heights (k,): neuron j is active where normals_j u >= -heights_j;
    gains (k,): its output there is gains_j * (normals_j u + heights_j);  base: output of neurons
    that do not depend on x.
    """

    def __init__(self, weights: Array, biases: Array, outer: Array, x: Array, scale: float) -> None:
        lengths = np.linalg.norm(weights, axis=1)
        some = lengths > 0
        self.base = float(outer[~some] @ np.maximum(biases[~some], 0.0))
        self.normals = weights[some] / lengths[some, None]
        self.heights = (weights[some] @ x + biases[some]) / lengths[some] / scale
        self.gains = outer[some] * lengths[some] * scale

    def walls(self, active: NDArray[np.bool_]) -> tuple[Array, Array]:
        """The cell as normals @ u >= offsets."""
        side = np.where(active, 1.0, -1.0)
        return side[:, None] * self.normals, -side * self.heights

    def zero(self, active: NDArray[np.bool_]) -> Array | None:
        """The nearest u in the cell at which N <= 0."""
        walls, offsets = self.walls(active)
        slope = self.gains[active] @ self.normals[active]
        value = self.base + self.gains[active] @ self.heights[active]
        length = np.linalg.norm(slope)
        size = np.abs(self.gains[active]).sum() + 1e-300
        if length <= 1e-14 * size:  # N is constant in the cell
            return nearest(walls, offsets) if value <= 1e-14 * size else None
        return nearest(np.vstack([walls, -slope / length]), np.append(offsets, value / length))


def walk(
    weights: Array,
    biases: Array,
    outer: Array,
    x: Array,
    upper: float,
    most_cells: float = math.inf,
) -> Walk:
    """Distance from x (d,), where N > 0, to {N <= 0}; `upper`: where it is known to have a point.

    weights (m, d), biases (m,), outer (m,).  With most_cells the walk may end before the bounds
    meet.  Rigour: exact up to about 1e-12 relative.
    """
    scale = upper if math.isfinite(upper) else max(1.0, float(np.linalg.norm(x)))
    cells = _Cells(weights, biases, outer, x, scale)
    best = upper / scale
    near = np.flatnonzero(np.abs(cells.heights) < best)  # kinks that lie within reach at all
    start = cells.heights > 0
    queue: list[tuple[float, int, NDArray[np.bool_]]] = [(0.0, 0, start)]
    seen, count = {start.tobytes()}, 0
    while queue:
        distance, _, active = heapq.heappop(queue)
        if distance >= best:
            break
        if count >= most_cells:
            return Walk(distance * scale, best * scale)
        found = cells.zero(active)
        if found is not None:
            best = min(best, float(np.linalg.norm(found)))
        for j in near[np.abs(cells.heights[near]) < best]:
            _open(cells, queue, seen, active, int(j), distance, best)
        count += 1
    return Walk(best * scale, best * scale)


def _open(
    cells: _Cells,
    queue: list[tuple[float, int, NDArray[np.bool_]]],
    seen: set[bytes],
    active: NDArray[np.bool_],
    j: int,
    distance: float,
    best: float,
) -> None:
    """Put the neighbour across the kink of neuron j into the queue, if it is near enough."""
    other = active.copy()
    other[j] = not other[j]
    key = other.tobytes()
    if key in seen:
        return
    seen.add(key)
    point = nearest(*cells.walls(other))
    if point is None:
        return
    away = max(float(np.linalg.norm(point)), distance)
    if away < best:
        heapq.heappush(queue, (away, len(seen), other))
