"""Sums, products and exponentials of arrays of doubles, rounded outward.

Sums and products are rounded to the nearest double, so a neighbour bounds them.  What NumPy's
exponential returns is nowhere promised: here it is put together from tables, which come from balls.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from latephase.core.arrays import Floats
from latephase.core.balls import exact, float_bounds, precision

LARGEST = 700  # exponents beyond this are not needed: what depends on them is taken as infinite
PARTS = 256
SLACK = 2.0**-44  # relative: the remainder r^5 / 120 of r < 2^-8 is below 2^-46, roundings too


def up(values: Floats) -> Floats:
    """The next doubles above."""
    return np.nextafter(values, np.inf)


def down(values: Floats) -> Floats:
    """The next doubles below."""
    return np.nextafter(values, -np.inf)


def scaled(factor: float | Floats, values: Floats) -> Floats:
    """factor * values; 0 where the factor is 0, also of infinities."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(np.equal(factor, 0), 0.0, factor * values)


def times(values: tuple[Floats, Floats], factor: tuple[float, float]) -> tuple[Floats, Floats]:
    """Bounds of the products of enclosed values of any sign with an enclosed factor > 0."""
    lower, upper = values
    return (
        down(np.where(lower > 0, lower * factor[0], lower * factor[1])),
        up(np.where(upper > 0, upper * factor[1], upper * factor[0])),
    )


def multiplied(values: tuple[Floats, Floats], factor: tuple[float, float]) -> tuple[Floats, Floats]:
    """Bounds of the products of enclosed values with an enclosed factor, both of any sign."""
    if factor[0] >= 0:
        return times(values, factor)
    if factor[1] > 0:  # rounding left the sign open
        size = up(np.maximum(-values[0], values[1]) * max(-factor[0], factor[1]))
        return -size, size
    lower, upper = times(values, (-factor[1], -factor[0]))
    return -upper, -lower


@lru_cache
def _tables() -> tuple[Floats, Floats]:
    """exp(k) for k = -701 to 700, and exp(j / 256) for j = 0 to 256: within an ulp."""
    with precision(96):
        whole = [exact(k).exp() for k in range(-LARGEST - 1, LARGEST + 1)]
        part = [(exact(j) / PARTS).exp() for j in range(PARTS + 1)]
        return float_bounds(whole)[0], float_bounds(part)[0]


def _exp(x: Floats) -> Floats:
    """exp(x) for |x| <= 700, relative error below SLACK / 2."""
    whole, part = _tables()
    k = np.floor(x)
    rest = x - k  # exact, but for |x| < 2^-53, where it may become 1
    j = np.floor(rest * PARTS)
    r = rest - j / PARTS
    series = 1 + r * (1 + r / 2 * (1 + r / 3 * (1 + r / 4)))
    return whole[k.astype(np.int64) + LARGEST + 1] * part[j.astype(np.int64)] * series


def exp_lower(x: Floats) -> Floats:
    """Lower bounds of exp(x), 0 below -700.  Rigour: proved."""
    return np.where(x < -LARGEST, 0.0, _exp(np.clip(x, -LARGEST, LARGEST)) * (1 - SLACK))


def exp_upper(x: Floats) -> Floats:
    """Upper bounds of exp(x), infinite above 700.  Rigour: proved."""
    return np.where(x > LARGEST, np.inf, _exp(np.clip(x, -LARGEST, LARGEST)) * (1 + SLACK))
