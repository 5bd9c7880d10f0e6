"""The plane of inputs (x1, x2): where the boundary ends and how fast, in closed form."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from latephase.core.arrays import Floats
from latephase.problem import Dataset, TwoPointGeometry

from ..bench.finding import Series

REACH, CELLS = 4, 41


class RateClass(IntEnum):
    """How fast the boundary converges when the loss tends to 0."""

    start = 0  # k12 < 0: 1/ln t, the constant set by the start; margin not optimal
    border = 1  # k12 = 0: 1/ln t, likewise; margin optimal
    data = 2  # k12 > 0, |x1| != |x2|: 1/ln t, the constant set by the data alone; margin optimal
    fast = 3  # k12 > 0, x2 = -x1: the constant is 0, faster than 1/ln t; margin optimal


RATE_NAMES = (
    "k12 < 0: 1/ln t, constant set by the start",
    "k12 = 0: 1/ln t, constant set by the start",
    "k12 > 0: 1/ln t, constant set by the data",
    "k12 > 0, x2 = -x1: faster than 1/ln t",
)


def rate(geometry: TwoPointGeometry) -> RateClass:
    """The rate class, by the exact sign of k12.  Source: docs/theory.md, "Laws"."""
    if geometry.gram_sign < 0:
        return RateClass.start
    if geometry.gram_sign == 0:
        return RateClass.border
    return RateClass.fast if geometry.x1 == -geometry.x2 else RateClass.data


def relative_limit(geometry: TwoPointGeometry) -> float:
    """Limiting margin / optimal margin: 1 for k12 >= 0, else 2 M (1 + m^2) / ((M + m)(1 + M m)),
    M and m the larger and smaller |x_i|.  Rigour: exact."""
    if geometry.gram_sign >= 0:
        return 1.0
    small, large = sorted((abs(geometry.x1), abs(geometry.x2)))
    return 2 * large * (1 + small**2) / ((large + small) * (1 + large * small))


def grid() -> tuple[Floats, Floats, Floats]:
    """Inputs (CELLS,) along a side, relative limits and rate classes (x2, x1); NaN at x1 = x2."""
    half = CELLS // 2
    side = np.arange(-half, half + 1) * REACH / half
    limits, rates = np.full((2, CELLS, CELLS), np.nan)
    for i, j in np.argwhere(~np.eye(CELLS, dtype=bool)):
        g = TwoPointGeometry.of(Dataset([side[j], side[i]], [1, -1]))
        limits[i, j], rates[i, j] = relative_limit(g), rate(g)
    return side, limits, rates


def hyperbola() -> list[Series]:
    """The curve x1 x2 = -1, on which k12 = 0."""
    x = np.geomspace(1 / REACH, REACH, 60)
    return [
        Series("line", x, -1 / x, "x1 x2 = -1", role="reference"),
        Series("line", -x, 1 / x, role="reference"),
    ]
