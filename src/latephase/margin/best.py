"""The largest normalised margin that networks of a kind can have: exactly for few points and
neurons, by a bound for any number of neurons.

The margins are linear on every cell of parameters whose activation pattern is the same, so that the
largest one there is a least-distance problem; the bound is that of the convex program to which all
widths together lead ([pilanci2020]): rho_j = |v_j| |theta_j| has a sum of at least `least_sum`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement, product
from math import comb, prod

import numpy as np

from latephase.core import InputError, Words
from latephase.core.arrays import Bools, Floats
from latephase.core.nonnegative import nonnegative_least_squares

MOST = 20_000  # activation patterns of a network that are gone through
_ROUNDS, _CLOSE, _GAIN = 200, 1e-9, 1e-5


def best_normalised_margin(
    points: Floats, labels: Floats, output_weights: Floats, negative_slope: float = 0.0
) -> float:
    """The largest min_i y_i N(x_i) / |theta| over all theta (m, k) of networks on points (n, k).

    points: with a column of ones where there are biases;  output_weights (m,).  0 where none fits
    all points.  Raises InputError where there are more than MOST activation patterns.
    Rigour: measured: a least-distance problem in float64 for each pattern.
    """
    outer, sides = np.asarray(output_weights, float), patterns(points)
    values, counts = np.unique(outer, return_counts=True)
    number = prod(comb(len(sides) + int(count) - 1, int(count)) for count in counts)
    if number > MOST:
        got = Words(f"{number:,} of {len(outer)} neurons on {len(points)} points")
        raise InputError(f"at most {MOST:,} activation patterns", got, "use the upper bound")
    sorted_outer = np.repeat(values, counts)
    best = 0.0
    for chosen in _choices(len(sides), counts.tolist()):
        best = max(best, _margin_in(sides[chosen], points, labels, sorted_outer, negative_slope))
    return best


def normalised_margin_bound(
    points: Floats, labels: Floats, output_weights: Floats, negative_slope: float = 0.0
) -> float:
    """An upper bound of `best_normalised_margin`, for any number of neurons.

    |theta| >= (sum_j |v_j| |theta_j|) / |v|, and the sum is at least sum_i lambda_i for multipliers
    >= 0 under which no neuron of length 1 gains more than 1: those of a linear program, with the
    best neuron of every pattern as a new constraint until none gains more.
    Rigour: a bound up to the rounding of the last gain, whatever the multipliers.
    """
    from scipy.optimize import linprog  # slow to import, and needed here only

    outer, sides = np.asarray(output_weights, float), patterns(points)
    signs = [s for s in (1.0, -1.0) if (np.sign(outer) == s).any()]
    rows, bound = _gains(points, labels, points, signs, negative_slope), np.inf
    for _ in range(_ROUNDS):
        limits = np.ones(len(rows))
        found = linprog(-np.ones(len(labels)), rows, limits, bounds=(0, 1e9), method="highs")
        multipliers = np.maximum(found.x, 0.0)
        best = [
            _best_neuron(side, points, sign * labels * multipliers, negative_slope)
            for side in sides
            for sign in signs
        ]
        most = max(float(np.linalg.norm(one)) for one in best)
        bound = min(bound, float(np.linalg.norm(outer)) * most / float(multipliers.sum()))
        if most <= 1 + _GAIN:
            break
        longer = [one / np.linalg.norm(one) for one in best if np.linalg.norm(one) > 1]
        rows = np.concatenate(
            [rows, _gains(np.array(longer), labels, points, signs, negative_slope)]
        )
    return bound


def patterns(points: Floats) -> Bools:
    """The sets of points (n, k) that a neuron can be active on, without one on its kink, (D, n)."""
    found: list[list[bool]] = [[]]
    for _ in points:
        found = [
            [*one, side] for one in found for side in (False, True) if _open([*one, side], points)
        ]
    return np.array(found)


def _open(side: Sequence[bool], points: Floats) -> bool:
    """Whether some theta has the first points on these sides."""
    from scipy.optimize import linprog

    few = points[: len(side)] / np.linalg.norm(points[: len(side)], axis=1)[:, None]
    signed = np.where(side, 1.0, -1.0)[:, None] * few
    rows = np.append(-signed, np.ones((len(side), 1)), axis=1)
    goal = np.append(np.zeros(points.shape[1]), -1.0)
    limits = [(-1, 1)] * points.shape[1] + [(None, 1)]
    return bool(-linprog(goal, rows, np.zeros(len(side)), bounds=limits).fun > _CLOSE)


def _choices(number: int, counts: list[int]) -> Iterator[list[int]]:
    """Patterns for neurons that can be exchanged within groups of so many."""
    groups = (combinations_with_replacement(range(number), count) for count in counts)
    for chosen in product(*groups):
        yield [one for group in chosen for one in group]


def _margin_in(sides: Bools, points: Floats, labels: Floats, outer: Floats, slope: float) -> float:
    """The largest normalised margin with the pattern `sides` (m, n), 0 if none fits all points.

    The least theta with G theta >= h, by non-negative least squares [lawsonhanson1995, Chapter 23].
    """
    gains = np.where(sides, 1.0, slope) * np.outer(outer, labels)  # (m, n)
    if not (gains > 0).any(axis=0).all():
        return 0.0
    (m, n), k = sides.shape, points.shape[1]
    margins = (gains.T[:, :, None] * points[:, None, :]).reshape(n, m * k)
    kept = np.zeros((m, n, m, k))
    kept[np.arange(m), :, np.arange(m)] = np.where(sides, 1.0, -1.0)[:, :, None] * points
    rows = np.concatenate([margins, kept.reshape(m * n, m * k)])
    heights = np.append(np.ones(n), np.zeros(m * n))
    target = np.append(np.zeros(m * k), 1.0)
    matrix = np.vstack([rows.T, heights])
    weights, _ = nonnegative_least_squares(matrix, target)
    rest = target - matrix @ weights
    if rest[-1] <= _CLOSE:
        return 0.0
    return float(1 / np.linalg.norm(rest[:-1] / rest[-1]))


def _gains(
    neurons: Floats, labels: Floats, points: Floats, signs: list[float], slope: float
) -> Floats:
    """What neurons (l, k), made of length 1, of either sign gain per multiplier, (signs l, n)."""
    a = (neurons / np.linalg.norm(neurons, axis=1)[:, None]) @ points.T
    served = labels * np.where(a > 0, a, slope * a)
    return np.concatenate([sign * served for sign in signs])


def _best_neuron(side: Bools, points: Floats, pulls: Floats, slope: float) -> Floats:
    """The neuron (k,) that gains most with a pattern (n,): what pulls it, projected on the cell.

    Its length is the gain of one of length 1.
    """
    pull = (np.where(side, 1.0, slope) * pulls) @ points
    outward = np.where(side, -1.0, 1.0)[:, None] * points
    weights, _ = nonnegative_least_squares(outward.T, pull)
    return np.asarray(pull - outward.T @ weights)
