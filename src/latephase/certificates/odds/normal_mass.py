"""P(0 < S < x) for a normal S, from a table of erf: integers, rounded outward."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from latephase.core.arrays import Floats, Ints
from latephase.core.balls import arb, exact, float_bounds, precision

DEVIATIONS = 8  # of u and S; the mass beyond, less than 2^-48, is undecided
TABLE_BITS, S_BITS = 10, 26  # 2^10 entries per deviation of S, masses in units of 2^-26
LAST = DEVIATIONS << TABLE_BITS
FRACTION_BITS = 20
BITS = 96


def up(values: Floats) -> Floats:
    """The next doubles above."""
    return np.nextafter(values, np.inf)


def down(values: Floats) -> Floats:
    """The next doubles below."""
    return np.nextafter(values, -np.inf)


def in_units(values: Floats, unit: float) -> tuple[Floats, Floats]:
    """values / unit, rounded down and up; an infinity is far enough on the outer side."""
    with np.errstate(over="ignore"):
        quotients = values / unit
    return down(quotients), up(quotients)


def whole(lower: Floats, upper: Floats, bits: int) -> tuple[Ints, Ints]:
    """Bounds of non-negative masses in units of 2^-bits, as integers.  Rigour: proved."""
    below = np.floor(np.maximum(lower, 0.0) * 2.0**bits)  # times a power of two: exact
    return below.astype(np.int64), np.ceil(upper * 2.0**bits).astype(np.int64)


@lru_cache
def _table() -> tuple[Ints, Ints]:
    """Bounds of P(0 < S < k / 2^10 deviations) in units of 2^-26, for k = 0 to LAST."""
    with precision(BITS):
        scale = 1 / (exact(2).sqrt() * (1 << TABLE_BITS))
        lower, upper = float_bounds([(k * scale).erf() / 2 for k in range(LAST + 1)])
    low, high = whole(lower, upper, S_BITS)
    high[-1] = 1 << S_BITS - 1  # serves everything beyond the table, too
    return low, high


def _between(positions: Floats) -> tuple[Ints, Floats]:
    """The entry before each position, in units of the table, and how far from there to the next."""
    places = np.clip(positions, 0, LAST)
    k = np.minimum(places.astype(np.int64), LAST - 1)
    return k, (places - k) * 2.0**FRACTION_BITS


def psi_lower(positions: Floats) -> Ints:
    """Lower bounds of P(0 < S < position), 0 below 0: a concave function lies above its chords."""
    low, (k, part) = _table()[0], _between(positions)
    return low[k] + ((low[k + 1] - low[k]) * part.astype(np.int64) >> FRACTION_BITS)


def psi_upper(positions: Floats) -> Ints:
    """Upper bounds of P(0 < S < position), at least 0.

    It exceeds a chord by at most max |psi''| / 8 / 2^20 < 2^-25, that is two units: psi'' is the
    derivative of the normal density, at most 0.242.
    """
    high, (k, part) = _table()[1], _between(positions)
    return high[k] - ((high[k] - high[k + 1]) * np.ceil(part).astype(np.int64) >> FRACTION_BITS) + 2


def erfc(length: float, unit: float) -> arb:
    """erfc(length / unit); from 30 on, where it is below 1e-390, a ball around 0.

    The radius of erfc(1e20) has an exponent that fills the memory once it is written as a fraction.
    """
    if length > 30 * unit:
        return arb(0, 1e-300)
    return (exact(length) / exact(unit)).erfc()
