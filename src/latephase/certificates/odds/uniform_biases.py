"""P(trained and |C| <= c) for weights and biases uniform on (-h, h), x = +-1.

The pre-activations (a_j1, a_j2) of a neuron are uniform on the diamond |a_j1| + |a_j2| < 2h: the
two of a neuron depend on each other, the neurons do not.  With right sides r1 = a11, r2 = a22 > 0
and wrong sides w1 = a12 of neuron 1 (at x = -1), w2 = a21 of neuron 2 (at x = +1), each pair of
signs of w1 and w2 has probability 1/16:

    both <= 0   frozen: |a12| and |a21| are independent of density ~ 2h - y; closed form
    one > 0     that one lands at L(its point's r, w); the other is uniform on (-(2h - its r), 0)
    both > 0    C = (L(r1, w2) - L(r2, w1)) / 2

Lengths are counted in cells, 2h / n each, so that cells have whole ends; areas are integers in
units of 2^-16 cells, and sums are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, log2

import numpy as np

from latephase.core.arrays import Floats, Ints
from latephase.core.balls import arb, exact, float_bounds

from .landing import Ladder, after_one_step, ladder
from .pboxes import Distribution, Interval, exceedance

FRACTION_BITS = 16
FAR, ENDLESS = 1 << 40, 1 << 60  # lengths beyond every cell, in units of 2^-16
BLOCKS = 128  # of r where both sides land; cells of a block share one distribution
POINTS = 256  # of the distribution of L

SHARE = 256  # orbits per step
CELLS = 0.16


@dataclass(frozen=True)
class Landed:
    """low[i, k] <= L <= high[i, k] for r in cell i, w in cell k, (n, n), units of 2^-16 cells."""

    low: Ints
    high: Ints

    @property
    def n(self) -> int:
        """Cells of each side."""
        return len(self.low)


def uniform_biases(c: float, half_width: float, undecided: float) -> Distribution:
    """The function of a constant that bounds P(trained and |C| <= constant).  Rigour: proved.

    c = 2 step_size; `undecided` sets the number of cells.
    """
    n = BLOCKS * int(min(16, max(1, 2 ** ceil(log2(CELLS / undecided)))))
    landed = landed_on_cells(c, half_width, n)
    both_land = _both_land(landed)

    def distribution(constant: float) -> Interval:
        distance = Fraction(constant) / Fraction(half_width)  # of p2 and q1, over 2h
        one, both = _one_lands(landed, distance * n), both_land(distance * n)
        # Both frozen: ||a12| - |a21|| <= 2h distance; each has tail (1 - y/2h)^2.
        rest = max(1 - distance, Fraction(0))
        frozen = (1 - rest**3 * (1 + distance / 3)) / 16
        return frozen + one[0] + both[0], frozen + one[1] + both[1]

    return distribution


def _one_lands(landed: Landed, distance: Fraction) -> Interval:
    """Bounds of P(one lands, trained, |L - frozen| <= distance); both choices of the one."""
    near, far = _whole(distance)
    n, ends = landed.n, np.arange(landed.n, -1, -1)[:, None] << FRACTION_BITS
    weights = 2 * n - 1 - 2 * np.arange(n)  # twice the area of {w in the cell, r > 0}
    # The frozen one is uniform on (-(2h - r), 0): lengths of its overlap with L +- distance.
    shortest = np.minimum(landed.low + near, 0) - np.maximum(landed.high - near, -ends[1:])
    longest = np.minimum(landed.high + far, 0) - np.maximum(landed.low - far, -ends[:-1])
    unit = Fraction(1, 4 * n**4 << FRACTION_BITS)  # sums stay below n^4 2^15 <= 2^59
    lower, upper = (int(np.sum(np.maximum(k, 0) * weights)) for k in (shortest, longest))
    return lower * unit, upper * unit


def _both_land(landed: Landed) -> Callable[[Fraction], Interval]:
    """distance -> bounds of P(both land, trained, |L(r1, w2) - L(r2, w1)| <= distance).

    r1 and r2 lie in blocks of cells.  For r1 in block I, w1 is taken up to 2h - (upper end of I),
    so that w1 and r1 are independent; the triangles that are left out are undecided.  Then, for r1
    in I and r2 in J, the two L are independent, and their distributions are counts of cells.
    """
    # Values of L with about the same number of cells between any two, and 0.
    middle = np.sort(np.maximum((landed.low + landed.high).ravel() // 2, -FAR))
    chosen = middle[:: max(1, middle.size // POINTS)]
    grid = np.unique(np.append(chosen, 0)).astype(np.float64)  # whole numbers below 2^53
    p = np.stack([_counts(landed.high, grid), _counts(landed.low, grid)])
    q = p.swapaxes(1, 2)
    unit = Fraction(1, 4 * landed.n**4)
    whole = int(np.sum(p[0, ..., -1] * q[0, ..., -1])) * unit

    def distribution(distance: Fraction) -> Interval:
        lower, upper = exceedance(grid, p, q, distance * (1 << FRACTION_BITS))
        return whole - 2 * upper * unit, Fraction(1, 16) - 2 * lower * unit

    return distribution


def _counts(values: Ints, grid: Floats) -> Ints:
    """Cells with r in block I, w below 2h - (upper end of block J), value <= grid: (I, J, k)."""
    side = np.arange(len(values)) // (len(values) // BLOCKS)
    bins = np.searchsorted(grid, values, "left")
    places = (side[:, None] * BLOCKS + side) * len(grid) + bins
    shape = (BLOCKS, BLOCKS, len(grid))
    counts = np.bincount(places.ravel(), minlength=BLOCKS * BLOCKS * len(grid)).reshape(shape)
    sums = np.cumsum(np.cumsum(counts, axis=1), axis=2)
    return np.concatenate([sums[:, -2::-1], np.zeros_like(sums[:, :1])], axis=1)


def landed_on_cells(c: float, half_width: float, n: int) -> Landed:
    """Bounds of L for c = 2 step_size, r and w in (0, 2h) cut into n cells each.  Rigour: proved.

    Cells with the same r - w share an orbit.  Call it within a `precision` block.
    """
    cell = 2 * exact(half_width) / n
    width = 2 * half_width / n
    steps = ladder(
        c, -2 * half_width, 4 * half_width, finest=width / 16, gap=width / 4, share=SHARE
    )
    orbits = _Orbits(c, steps, cell, n)
    low, high = np.empty((2, n, n), dtype=np.int64)
    for shift in range(1 - n, n):
        k = np.arange(max(0, -shift), n - max(0, shift))
        low[k + shift, k], high[k + shift, k] = orbits.landed(shift, 2 * k + shift)
    return Landed(low, high)


class _Orbits:
    """Orbits from u_0 within a cell of k cells, for k = -n to n, in units of 2^-16 cells."""

    def __init__(self, c: float, steps: Ladder, cell: arb, n: int) -> None:
        self.n, self.phases, self.rungs = n, steps.phases, len(steps.lower)
        low, high = after_one_step(c, [cell * k for k in range(-n, n + 1)])
        low, high = np.minimum(low[:-1], low[1:]), np.maximum(high[:-1], high[1:])
        self.a, self.b = steps.between(low, high)
        self.first = _counted(low, high, cell)
        self.lower, self.upper = _counted(steps.lower, steps.upper, cell)
        self.steps = _counted(steps.steps, steps.steps, cell)[1]

    def landed(self, shift: int, start: Ints) -> tuple[Ints, Ints]:
        """Bounds of L for r - w within 1 of `shift` and r + w between start and start + 2."""
        k = shift + self.n - 1
        # u_1, u_2, ... as far as the ladder tells.
        rungs = np.arange(self.b[k] + self.phases, self.rungs, self.phases)
        lower = np.append(self.first[0][k], self.lower[rungs - (self.b[k] - self.a[k])])
        upper = np.append(self.first[1][k], self.upper[rungs])
        begin, end = start << FRACTION_BITS, start + 2 << FRACTION_BITS
        early = np.searchsorted(upper, begin, "left")  # the first that may be beyond r + w
        late = np.searchsorted(lower, end, "left")  # the first that surely is
        there = np.minimum(early, len(lower) - 1)
        # Not landed by the first that may be: from there on, at most half a step below 0.
        later = np.minimum(self.a[k] + there * self.phases, len(self.steps) - 1)
        after = np.where((late > early) | (early == len(lower)), -self.steps[later], 0)
        at_once = np.where(early < len(lower), begin - upper[there], 0)
        sure = (late == early) & (early < len(lower))
        high = np.where(sure, np.minimum(end - lower[there] + 1, 0), 0)
        return np.minimum(np.minimum(at_once, after), 0) >> 1, np.minimum(high >> 1, 0)


def _counted(lower: Floats, upper: Floats, cell: arb) -> tuple[Ints, Ints]:
    """Positions in units of 2^-16 cells, rounded down and up; from FAR on, up is ENDLESS."""
    least, most = float_bounds([(1 << FRACTION_BITS) / cell])
    with np.errstate(over="ignore"):
        low = np.nextafter(np.minimum(lower * least, lower * most), -np.inf)
        high = np.nextafter(np.maximum(upper * least, upper * most), np.inf)
    down, up = (np.clip(part, -FAR, FAR) for part in (np.floor(low), np.ceil(high)))
    return down.astype(np.int64), np.where(up < FAR, up.astype(np.int64), ENDLESS)


def _whole(distance: Fraction) -> tuple[int, int]:
    """A length in cells as units of 2^-16, rounded down and up; from FAR on, up is ENDLESS."""
    units = distance * (1 << FRACTION_BITS)
    return min(floor(units), FAR), ceil(units) if units < FAR else ENDLESS
