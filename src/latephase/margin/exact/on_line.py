"""The robustness margin on the line in rational arithmetic, for what float64 cannot decide."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np

from latephase.core.arrays import Bools, Floats

from .integers import rounded


def settled(
    margins: Floats,
    doubtful: Bools,
    w: Floats,
    b: Floats,
    outer: Floats,
    points: Floats,
    signs: Floats,
    negative_slope: float = 0.0,
) -> Floats:
    """The margins (...), those of doubtful networks (..., m) in rationals if they are finite."""
    margins, outer = np.asarray(margins), np.broadcast_to(outer, b.shape)
    finite = np.logical_and.reduce([np.isfinite(part).all(axis=-1) for part in (w, b, outer)])
    for place in np.argwhere(np.atleast_1d(doubtful & finite)):
        k = tuple(place[: margins.ndim].tolist())
        margins[k] = exact_line_margin(w[k], b[k], outer[k], points, signs, negative_slope)
    return margins


def exact_line_margin(
    w: Floats, b: Floats, outer: Floats, points: Floats, signs: Floats, negative_slope: float = 0.0
) -> float:
    """Robustness margin of one network: w, b, outer (m,), points, signs (n,).

    0 if a point is misclassified, inf if N has no zero.  Rigour: exact, rounded once.
    """
    neurons = [tuple(map(Fraction, row)) for row in zip(w, b, outer, strict=True)]
    leak = Fraction(negative_slope)

    def output(x: Fraction) -> Fraction:
        heights = ((v, slope * x + height) for slope, height, v in neurons)
        gains = ((v if h > 0 else v * leak, h) for v, h in heights)
        return sum((v * h for v, h in gains if v), Fraction(0))

    places = [Fraction(x) for x in points]
    if any(y * output(x) <= 0 for x, y in zip(places, signs.astype(int).tolist(), strict=True)):
        return 0.0
    kinks = sorted({-height / slope for slope, height, _ in neurons if slope})
    zeros = _zeros([(x, output(x)) for x in [kinks[0] - 1, *kinks, kinks[-1] + 1]]) if kinks else []
    distances = (abs(x - zero) for x in places for zero in zeros)
    return rounded(min(distances, default=Fraction(0))) if zeros else math.inf


def _zeros(knots: list[tuple[Fraction, Fraction]]) -> list[Fraction]:
    """Isolated zeros and ends of intervals of zeros, of a function that is linear between knots.

    The first and the last piece go on for ever.
    """
    found = [x for x, value in knots[1:-1] if value == 0]
    for (x, left), (z, right) in pairwise(knots):
        if left != right:
            root = x + (z - x) * left / (left - right)
            low = x if (x, left) != knots[0] else root
            high = z if (z, right) != knots[-1] else root
            if low <= root <= high:
                found.append(root)
    return found
