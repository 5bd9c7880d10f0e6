"""The distance from a point to {y N <= 0}, by walking the cells of the kink hyperplanes outwards.

In a cell every neuron is active or not, and N is affine.  The straight way from the point to any
other crosses cells one after the other, none farther than where it ends: so cells are taken in the
order of their distance, each opening its neighbours, until the next is farther than the nearest
zero found.  In any dimension and norm this is exact branch and bound with a convex subproblem for
each cell.  A solver in float64 finds the multipliers of its constraints, and weak duality makes
them a lower bound whatever the solver's tolerances are; where that bound does not meet the
point found, the subproblem is solved in integers.
"""

from __future__ import annotations

import heapq
import math
from fractions import Fraction

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.margin.exact.integers import Seen, rounded

from .local import DUAL, Local, norms
from .projection import nearest

_GAP = 1e-13  # relative, between the bounds of a distance that counts as known
_BEYOND = 1 + 1e-12  # a step from a zero onwards, behind which N must have changed sign
_CANCELLED = 1e-3  # of its terms: a slope that is less is summed up in integers


class _Cells:
    """Subproblems of the cells around a point; distances in units of `reach`.

    settled: whether what float64 leaves in doubt is solved in integers.
    """

    def __init__(self, seen: Seen, reach: float, p: float, *, settled: bool) -> None:
        self.seen, self.reach, self.p, self.settled = seen, reach, p, settled
        self.local = Local.of(seen, reach, p)
        self.error = 4e-16 * (4 + len(self.local.heights) + len(self.local.slope))
        self.per_value = Fraction(1, seen.value)
        self.per_slope = Fraction(reach) * (1 << seen.power) / seen.value

    def away(self, crossed: Bools, best: float) -> float:
        """Distance to a cell, or a number of at least `best` if that is as far."""
        lower, point = self._solved(*self._walls(crossed))
        if lower >= best:
            return lower
        if point is not None and lower >= float(norms(point, self.p)) * (1 - 1e-9):
            return lower
        if not self.settled:
            return lower
        return self.seen.distance(crossed, self.p, zero=False) / self.reach

    def zero(self, crossed: Bools, best: float) -> tuple[float, float]:
        """Bounds of the distance to the points of a cell with N <= 0; `best` if that is as far."""
        rows, right = self._zeros(crossed)
        if not len(rows):
            return best, best
        lower, point = self._solved(rows, right)
        if lower >= best * (1 - _GAP):
            return best, best
        if point is not None and self._is_zero(point, lower):
            return lower, float(norms(point, self.p))
        if self.settled:
            exact = self.seen.distance(crossed, self.p, zero=True) / self.reach
            return (min(best, exact),) * 2
        return lower, best

    def nearest_zero(self, crossed: Bools) -> Floats | None:
        """About the nearest point of a cell with N <= 0; None where it has none."""
        rows, right = self._zeros(crossed)
        return nearest(rows, right, self.p)[1] if len(rows) else None

    def _zeros(self, crossed: Bools) -> tuple[Floats, Floats]:
        """The part of a cell with N <= 0 as normals @ u >= offsets; no rows where N is constant and
        positive."""
        value, slope = self._line(crossed)
        rows, right = self._walls(crossed)
        if not slope.any() and value > 0:
            return rows[:0], right[:0]
        length = float(norms(slope, DUAL[self.p]))
        if length > 0:
            rows, right = np.vstack([rows, -slope / length]), np.append(right, value / length)
        return rows, right

    def _is_zero(self, point: Floats, lower: float) -> bool:
        """Whether N changes sign just behind the point, and nothing is much nearer."""
        if lower < float(norms(point, self.p)) * (1 - 10 * _GAP):
            return False
        return bool(self.local.values(point * _BEYOND) < -self.local.noise)

    def _walls(self, crossed: Bools) -> tuple[Floats, Floats]:
        """The cell as normals @ u >= offsets."""
        side = np.where(crossed, 1.0, -1.0)
        return side[:, None] * self.local.normals, side * self.local.heights

    def _line(self, crossed: Bools) -> tuple[float, Floats]:
        """f in the cell: value at the point and slope, each to a few ulp."""
        local, gains = self.local, self.local.gains[crossed]
        value = 1.0 - float(gains @ local.heights[crossed])
        slope = local.slope + gains @ local.normals[crossed]
        most = np.abs(gains)
        terms = 1.0 + float(most @ local.heights[crossed])
        steep = np.abs(local.slope) + most @ np.abs(local.normals[crossed])
        if abs(value) > _CANCELLED * terms and np.abs(slope).max() > _CANCELLED * steep.max():
            return value, slope
        exact, ways = self.seen.line(crossed)
        rises = [rounded(self.per_slope * way) for way in ways]
        return rounded(self.per_value * exact), np.array(rises)

    def _solved(self, rows: Floats, right: Floats) -> tuple[float, Floats | None]:
        """A lower bound of min |u| subject to rows u >= right, by weak duality, and a u."""
        multipliers, point = nearest(rows, right, self.p)
        if multipliers is None:
            return 0.0, point
        total = float(multipliers @ right) - self.error * float(multipliers @ np.abs(right))
        if not total > 0:
            return 0.0, point
        length = float(norms(multipliers @ rows, DUAL[self.p]))
        return total / (length + self.error * float(multipliers.sum())), point


def walk(seen: Seen, upper: float, p: float, most_cells: float = math.inf) -> tuple[float, float]:
    """Bounds of the distance from a point to {N <= 0} in the norm p.

    upper: where it is known to have a point.  Rigour: exact to 1e-12 relative.  With most_cells the
    walk may end before the bounds meet, and they may stay apart where float64 cannot tell.
    """
    seen = seen.within(upper, p)
    reach = upper if math.isfinite(upper) else 1.0
    with np.errstate(all="ignore"):  # numbers beyond float64 are settled in integers
        cells = _Cells(seen, reach, p, settled=math.isinf(most_cells))
        lower, best = _walked(cells, upper / reach, most_cells)
    return min(lower, best) * reach, best * reach


def zeros_within(seen: Seen, reach: float, p: float, most_cells: int) -> Floats | None:
    """The nearest zeros u (k, d) of all cells that have one within `reach` in the norm p.

    seen: without kinks that are farther.  None where more cells than those are near.  Rigour:
    float64, nothing is settled in integers.
    """
    with np.errstate(all="ignore"):
        cells = _Cells(seen, reach, p, settled=False)
        start = np.zeros(len(cells.local.heights), dtype=bool)
        left, opened, found = [start], {start.tobytes()}, []
        while left:
            if len(opened) > most_cells:
                return None
            crossed = left.pop()
            point = cells.nearest_zero(crossed)
            if point is not None and norms(point, p) <= 1:
                found.append(point * reach)
            for j in np.flatnonzero(cells.local.heights < 1):
                other = crossed.copy()
                other[j] = not other[j]
                if other.tobytes() not in opened and cells.away(other, 1.0) < 1:
                    opened.add(other.tobytes())
                    left.append(other)
    return np.reshape(found, (-1, len(seen.slope)))


def _walked(cells: _Cells, best: float, most_cells: float) -> tuple[float, float]:
    start = np.zeros(len(cells.local.heights), dtype=bool)  # the cell of the point itself
    queue: list[tuple[float, int, Bools]] = [(0.0, 0, start)]
    opened, count, lower = {start.tobytes()}, 0, math.inf
    while queue:
        distance, _, crossed = heapq.heappop(queue)
        if distance >= best or count >= most_cells:
            return min(lower, distance), best
        low, high = cells.zero(crossed, best)
        lower, best = min(lower, low), min(best, high)
        for j in np.flatnonzero(cells.local.heights < best):
            other = crossed.copy()  # the neighbour across kink j
            other[j] = not other[j]
            if other.tobytes() in opened:
                continue
            opened.add(other.tobytes())
            away = max(cells.away(other, best), distance)
            if away < best:
                heapq.heappush(queue, (away, len(opened), other))
        count += 1
    return lower, best
