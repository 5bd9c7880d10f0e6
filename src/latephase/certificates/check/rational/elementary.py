"""exp and log in fixed point, x 2^places as an integer, by their series: one-sided bounds.

Every operation is rounded to the side that is asked for, and what is left out of a series is
bounded, so that what comes out is a bound on that side whatever the arguments are.
"""

from __future__ import annotations

import math
from functools import lru_cache

_GUARD = 16  # more places, for the rounding of some hundred operations


@lru_cache(maxsize=64)
def log2(places: int, up: bool) -> int:
    """A bound of ln 2 = sum of 2/((2k+1) 9^k 3): what is left out is less than its last term."""
    inner = places + _GUARD
    total, power, k = 0, (2 << inner) // 3, 0
    while power:
        total, power, k = total + power // (2 * k + 1), power // 9, k + 1
    # Each term is less than 2 too small, by its power and by its quotient, and so is the rest.
    return (total + 2 * k + 2 >> _GUARD) + 1 if up else total >> _GUARD


def exp(x: int, places: int, up: bool) -> tuple[int, int]:
    """(m, e): m 2^e is a bound of e^x."""
    halvings = math.isqrt(places) // 2 + 2
    inner = places + halvings + _GUARD
    # x = k ln 2 + r, ln 2 <= r < 2 ln 2 or nearly: r is positive whatever ln 2 exactly is.
    k = x // log2(places, False) - 1
    r = (x << inner - places) - k * log2(inner, up != (k > 0))
    r = up_shifted(r, halvings) if up else r >> halvings
    total = _series_above(r, inner) if up else _series_below(r, inner)
    for _ in range(halvings):
        total = up_shifted(total * total, inner) if up else total * total >> inner
    return total, k - inner


def _series_below(r: int, places: int) -> int:
    """The sum of r^n/n!, r >= 0, every term rounded down."""
    term = total = 1 << places
    n = 0
    while term:
        n += 1
        term = (term * r >> places) // n
        total += term
    return total


def _series_above(r: int, places: int) -> int:
    """The same rounded up, r <= 1/2: what is left out is no more than its last term."""
    term = total = 1 << places
    n = 0
    while term > 1:
        n += 1
        term = -(-up_shifted(term * r, places) // n)
        total += term
    return total + term


def up_shifted(m: int, by: int) -> int:
    """m / 2^by, rounded up; `>>` rounds down."""
    return -(-m >> by)


def log(f: int, places: int, up: bool) -> int:
    """A bound of ln f, 1 <= f <= 2: of e^y near f for a y that need not be right, and of the rest.

    ln f = y + 2 artanh u, u = (f - e^y)/(f + e^y), and 2|u| <= 2 artanh |u| <= 2|u| + |u|^3.
    """
    y = _near_log(f, places)
    m, e = exp(y, places, not up)
    # The other bound of e^y, in as many places: exp has more.
    g = m >> -e - places if up else up_shifted(m, -e - places)
    apart, both = f - g << places, f + g
    u = -(-apart // both) if up else apart // both
    rest = up_shifted(abs(u) ** 3, 2 * places)
    if up:
        return y + 2 * u + (rest if u > 0 else 0)
    return y + 2 * u - (rest if u < 0 else 0)


def _near_log(f: int, places: int) -> int:
    """About ln f, to a third of the places: Halley's steps from a float."""
    have = 48
    y = int(math.log(f / (1 << places)) * 2.0**have)
    while 3 * have < places:
        more = 3 * have
        g, y = f >> places - more, y << more - have
        m, e = exp(y, more, False)
        near = m >> -e - more
        y, have = y + ((g - near) * 2 << more) // (g + near), more
    return y << places - have
