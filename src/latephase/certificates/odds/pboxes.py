"""Distributions known between two bounds (p-boxes), and the difference of two independent ones.

Probabilities are integers, rounded outward before they come here, so that their sums and products
are exact.  The points of a grid are doubles; sums of points are rounded outward.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from latephase.core.arrays import Floats, Ints

Masses = Callable[[float], tuple[int, int]]
Interval = tuple[Fraction, Fraction]
Distribution = Callable[[float], Interval]  # c -> bounds of P(trained and |C| <= c)
MOST = 2**1000  # a longer distance is as good as this one
ROUNDS = 80  # halvings of a cell: more than the bits of a double


def exceedance(grid: Floats, p: Ints, q: Ints, distance: Fraction) -> tuple[int, int]:
    """(lower, upper) bounds of P(p - q > distance), summed over all leading axes.

    grid      (k,) rising points, the last one not below any value of p and q
    p, q      bounds of P(p <= grid), (2, ..., k), lower and upper: rising integers >= 0 in any
              unit; at the last point both are the whole mass of p or q
    distance  >= 0

    p and q are independent within each entry of the leading axes.  Unit: that of p times that of q;
    the caller sees to it that the result is below 2^63.  Rigour: proved: P(p > y + distance) falls
    in y, so all of q is moved to the lower or upper end of its cell, as far down or up as its
    bounds allow.
    """
    (p_lower, p_upper), (q_lower, q_upper) = p, q
    whole = p_lower[..., -1:]
    p_lower = np.concatenate([np.zeros_like(whole), p_lower], axis=-1)  # 0 below the grid
    nearest = float(distance) if distance < MOST else float(MOST)
    low_ends = np.nextafter(grid[:-1] + np.nextafter(nearest, -np.inf), -np.inf)
    high_ends = np.nextafter(grid + np.nextafter(nearest, np.inf), np.inf)
    above_low = whole - p_lower[..., np.searchsorted(grid, low_ends, "right")]
    not_below = np.minimum(np.searchsorted(grid, high_ends, "left"), len(grid) - 1)
    above_high = whole - p_upper[..., not_below]
    upper = np.sum(np.diff(q_upper) * above_low) + np.sum(q_upper[..., :1] * whole)
    lower = np.sum(np.diff(q_lower, prepend=0) * above_high)
    return int(lower), int(upper)


def refined(masses: Masses, points: Floats, most: int) -> tuple[Floats, Ints]:
    """(grid, bounds): a grid finer than `points`, and the rising bounds (2, k) there.

    points  rising; their cells are halved until none is sure to have more than `most` of the mass
    """
    known = {float(x): masses(float(x)) for x in points}
    for _ in range(ROUNDS):
        grid = np.array(sorted(known))
        lower, upper = np.array([known[float(x)] for x in grid], dtype=np.int64).T
        if np.any(lower > upper):  # a mistake in the bounds would be halved without end
            raise ArithmeticError("a lower bound exceeds its upper bound: please report this")
        middle = grid[:-1] / 2 + grid[1:] / 2
        split = (lower[1:] - upper[:-1] > most) & (grid[:-1] < middle) & (middle < grid[1:])
        if not split.any():
            break
        known |= {float(x): masses(float(x)) for x in middle[split]}
    grid = np.array(sorted(known))
    lower, upper = np.array([known[float(x)] for x in grid], dtype=np.int64).T
    # A distribution rises, so each bound holds on one side of its point as well.
    upper = np.minimum.accumulate(upper[::-1])[::-1]
    return grid, np.stack([np.maximum.accumulate(lower), upper])
