"""A pattern: what its two sums A1 and A2 move, and how steps add to them; see `runs`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Floats

from .boxes import WRONG1, WRONG2, Boxes
from .enclosed import down, exp_lower, exp_upper, scaled, up
from .points import Repelling

Pattern = tuple[int, int, int, int]  # right 1, wrong 1, right 2, wrong 2: whether active
Move = tuple[int, float, float] | None


@dataclass(frozen=True)
class Moves:
    """What a pattern makes of A1 and A2.

    rows    for each of the 8 rows its (sign, lower, upper) times A1 and A2, None where 0
    g       (lower, upper) of the 2 x 2 matrix g, (2, 2) each
    """

    pattern: Pattern
    rows: list[tuple[Move, Move]]
    g_lower: Floats
    g_upper: Floats

    @staticmethod
    def of(points: Repelling, pattern: Pattern) -> Moves:
        """The moves of that pattern."""
        r1, w1, r2, w2 = pattern
        k11, k22, kappa = points.k11, points.k22, points.kappa
        table = [
            ((r1, 1, k11), (w1, 1, kappa)),
            ((r1, -1, kappa), (w1, -1, k22)),
            ((r1, 1, points.rest2), (0, 1, k22)),
            ((0, 1, k11), (w1, -1, points.rest1)),
            ((w2, 1, kappa), (r2, 1, k22)),
            ((w2, -1, k11), (r2, -1, kappa)),
            ((0, 1, k11), (r2, 1, points.rest1)),
            ((w2, -1, points.rest2), (0, 1, k22)),
        ]
        rows: list[tuple[Move, Move]] = [
            ((one[1], *one[2]) if one[0] else None, (two[1], *two[2]) if two[0] else None)
            for one, two in table
        ]
        both = r1 * w1 + r2 * w2
        g = [
            np.array([[k11[i] * (r1 + w2), kappa[i] * both], [kappa[i] * both, k22[i] * (r2 + w1)]])
            for i in (0, 1)
        ]
        return Moves(pattern, rows, g[0], up(g[1]))  # doubling is exact

    def after(self, start: Boxes, sums: tuple[Floats, Floats], rows: tuple[int, ...]) -> Boxes:
        """The rows named, once the sums are within those bounds, (2, n); other rows are left."""
        lower, upper = start.lower.copy(), start.upper.copy()
        for row in rows:
            for i, move in enumerate(self.rows[row]):
                if move is None:
                    continue
                sign, least, most = move
                low, high = down(least * sums[0][i]), up(most * sums[1][i])
                if sign < 0:
                    low, high = -high, -low
                lower[row], upper[row] = down(lower[row] + low), up(upper[row] + high)
        return Boxes(lower, upper)


def stepped(
    step_size: float, moves: Moves, margins: tuple[Floats, Floats], sums: tuple[Floats, Floats]
) -> tuple[tuple[Floats, Floats], Floats]:
    """Bounds of the sums after a step, (2, n) each, and upper bounds of what was added, (2, n).

    h(A) = A + step_size exp(-u - g A) is convex: largest at an end.  It is least at the lower end,
    for it rises there: the first step starts at A = 0, and after it A >= step_size exp(-u), so that
    step_size g exp(-u - g A) <= x exp(-x) < 1, x = step_size g exp(-u).
    """
    low, high = sums
    own_low, own_high = np.diag(moves.g_lower)[:, None], np.diag(moves.g_upper)[:, None]
    cross_low, cross_high = moves.g_lower[0, 1], moves.g_upper[0, 1]
    least = down(margins[0] + down(scaled(cross_low, low[::-1])))  # exponent but for the own sum
    most = up(margins[1] + up(scaled(cross_high, high[::-1])))
    first = exp_upper(-down(least + down(scaled(own_low, low))))
    last = exp_upper(-down(least + down(scaled(own_low, high))))
    with np.errstate(over="ignore"):
        increments = up(step_size * first)
        new_high = up(np.maximum(low + increments, high + up(step_size * last)))
    at_low = up(most + up(scaled(own_high, low)))
    new_low = down(low + down(step_size * exp_lower(-at_low)))
    return (np.maximum(new_low, low), new_high), increments


def falls_of(moves: Moves, increments: Floats) -> Floats:
    """Upper bounds of what wrong sides fall in a step that adds at most that much, (2, n)."""
    falls = np.zeros_like(increments)
    for neuron, row in enumerate((WRONG1, WRONG2)):
        for i, move in enumerate(moves.rows[row]):
            if move is not None:
                falls[neuron] = up(falls[neuron] + up(move[2] * increments[i]))
    return falls


def most(
    points: Repelling, pattern: Pattern, start: Boxes, sums: Floats, increments: Floats
) -> Floats:
    """Upper bounds of the sums at the end of the pattern, (2, n).

    Before the last step active wrong sides are above 0, and what is added in a step falls.
    """
    r1, w1, r2, w2 = pattern
    bounds: tuple[list[Floats], list[Floats]] = [], []
    for i, on, side, slope in (
        (1, w1, WRONG1, points.k22[0]),
        (0, w1 and r1, WRONG1, points.kappa[0]),
        (0, w2, WRONG2, points.k11[0]),
        (1, w2 and r2, WRONG2, points.kappa[0]),
    ):
        if on:
            bounds[i].append(up(up(start.upper[side] / slope) + increments[i]))
    # A sum that nothing bounds moves nothing.
    most = [
        np.minimum.reduce(part) if part else now for part, now in zip(bounds, sums, strict=True)
    ]
    return np.maximum(np.stack(most), sums)
