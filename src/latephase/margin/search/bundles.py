"""Kinks that are the same but for rounding, taken as one.

The neurons of a network in its late phase point in a few directions, and where they have arrived
their kinks differ by ulps.  To a walk over cells k such kinks are 2^k cells, which no solver in
float64 can tell from empty ones.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from latephase.margin.exact.integers import Seen, dual_length

from .cells import walk
from .local import Local

_SAME = 1e-12  # of unit normals and heights: kinks that rounding holds apart
_MEET = 1 - 1e-12  # lower over upper bound of a distance that counts as known


def walk_bundles(seen: Seen, upper: float, p: float, most_cells: float) -> tuple[float, float]:
    """`walk` with one kink for each bundle; with all of them where those bounds do not meet."""
    seen = seen.within(upper, p)
    fewer, apart = bundled(seen, upper, p)
    low, high = 0.0, upper
    if len(fewer.heights) < len(seen.heights) and apart < fewer.value:
        low, _ = walk(replace(fewer, value=fewer.value - apart), upper, p, most_cells)
        _, high = walk(replace(fewer, value=fewer.value + apart), upper, p, most_cells)
        value, slope = seen.line(seen.dead)
        if not value and not slope.any():  # N is 0 there, and that of one kink for each almost
            high = min(high, seen.distance(seen.dead, p, zero=False))
        if high * _MEET <= low:
            return low, high
    lower, higher = walk(seen, high, p, most_cells)
    return max(low, lower), min(high, higher)


def bundled(seen: Seen, reach: float, p: float) -> tuple[Seen, int]:
    """One kink for each bundle, and how far y N without the others is from y N within `reach`.

    A kink is given the normal and height of the first of its bundle, times the ratio of their
    lengths; what that leaves out is summed up.  Rigour: proved, in integers.
    """
    first = _firsts(seen, reach, p)
    others = np.flatnonzero(first != np.arange(len(first)))
    if not len(others):
        return seen, 0
    ulp, length = Fraction(1, 1 << 64), {k: dual_length(seen.normals[k], p) for k in set(first)}
    gains, apart = {k: Fraction(seen.gains[k]) for k in sorted(set(first))}, Fraction(0)
    for j in others:
        k, normal, height = first[j], seen.normals[j], seen.heights[j]
        ratio = dual_length(normal, p) / length[k]
        times, unit = ratio.as_integer_ratio()
        turned = dual_length(normal * unit - seen.normals[k] * times, p) + ulp
        moved = abs(height * unit - seen.heights[k] * times)
        far = Fraction(reach) * (1 << seen.power)
        apart += abs(seen.gains[j]) * (turned * far + moved) / unit
        gains[k] += seen.gains[j] * ratio
    bend = {k: gain for k, gain in gains.items() if gain}
    unit = math.lcm(*(gain.denominator for gain in bend.values()))
    fewer = replace(
        seen,
        value=seen.value * unit,
        slope=seen.slope * unit,
        normals=seen.normals[list(bend)],
        heights=seen.heights[list(bend)],
        gains=np.array([int(gain * unit) for gain in bend.values()], dtype=object),
        dead=seen.dead[list(bend)],
    )
    return fewer, math.ceil(apart * unit)


def _firsts(seen: Seen, reach: float, p: float) -> NDArray[np.intp]:
    """The first kink of the bundle of each (k,): itself, where it is like none before it."""
    if not math.isfinite(reach):
        return np.arange(len(seen.heights))
    local = Local.of(seen, reach, p)
    kinks = np.column_stack([local.normals, local.heights])
    alone = np.ones(len(kinks), dtype=bool)
    first = np.arange(len(kinks))
    with np.errstate(invalid="ignore"):  # what float64 does not hold is like nothing
        for k, kink in enumerate(kinks):
            like = alone & (np.abs(kinks - kink) <= _SAME).all(axis=1) & alone[k]
            like[: k + 1] = False
            first[like], alone[like] = k, False
    return first
