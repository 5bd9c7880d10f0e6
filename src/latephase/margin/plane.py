"""The distance from points of the plane to the zero set of N, by its crossings of the kink lines.

In each cell of the line arrangement N is affine, so its zero set is made of segments that end on
kink lines. On a kink line N is piecewise linear with breaks where the others cross it: its zeros
there are all ends of segments. The nearest zero of a point is one of these ends, or the foot of the
perpendicular (in the norm asked for) on the line through one, if it lies in the segment's own cell:
along the segment the distance is convex. With m neurons there
are at most m (m + 1) ends, whatever the number of points. The zero set has no ends only where all
kinks are parallel: then N is a function of one variable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .lines import Array
from .robustness import robustness_margin

_PARALLEL = 1e-14  # sine of an angle below which two kinks do not cross
_TOLERANCE = 1e-12  # of the coordinates: what counts as on a line or in a cell
_BLOCK = 4096  # feet looked at together


@dataclass(frozen=True)
class _Lines:
    """Kink lines normals (k, 2) u = -heights (k,), and gains (k,): neuron j puts out
    gains_j (normals_j u + heights_j) where that is positive; base: output of the others."""

    normals: Array
    heights: Array
    gains: Array
    base: float

    @classmethod
    def of(cls, weights: Array, biases: Array, outer: Array) -> _Lines:
        """The kink lines of a network of two features."""
        lengths = np.linalg.norm(weights, axis=1)
        some = lengths > 0
        base = float(outer[~some] @ np.maximum(biases[~some], 0.0))
        scaled = weights[some] / lengths[some, None], biases[some] / lengths[some]
        return cls(*scaled, outer[some] * lengths[some], base)


def plane_margin(
    weights: Array, biases: Array, outer: Array, x: Array, y: Array, p: float = 2.0
) -> float:
    """Smallest distance from points x (n, 2), at which y N > 0, to the zero set of N.

    weights (m, 2), biases (m,), outer (m,), p: norm 1, 2 or inf.  inf if N has no zero.
    Rigour: exact up to about 1e-12 of the coordinates.
    """
    lines = _Lines.of(weights, biases, outer)
    if len(lines.heights) == 0:
        return float("inf")
    if _all_parallel(lines):
        return _in_one_variable(lines, x, y) / float(_steepest(lines.normals[:1], p)[1][0])
    size = np.abs(x).max() + np.abs(lines.heights).max()
    on = _restricted(lines, _TOLERANCE * size)
    at, zero, level = _zeros(lines, on, _TOLERANCE * size)
    j = zero.nonzero()[0]
    ends = on.origin[j] + at[zero][:, None] * on.along[j]
    best = min(_to_points(x, ends, p), _to_stretches(x, lines, on, level, p))
    return _to_feet(lines, _both_sides(lines, on, zero), x, best, _TOLERANCE * size, p)


def _all_parallel(lines: _Lines) -> bool:
    first = lines.normals[0]
    across = lines.normals @ np.array([-first[1], first[0]])
    return bool((np.abs(across) <= _PARALLEL).all())


def _in_one_variable(lines: _Lines, x: Array, y: Array) -> float:
    """N as a function of the distance along the one normal that there is."""
    normal = lines.normals[0]
    weights = np.append(lines.normals @ normal, 0.0)[:, None]
    biases = np.append(lines.heights, abs(lines.base))
    outer = np.append(lines.gains, np.sign(lines.base))
    return float(robustness_margin(weights, biases, outer, (x @ normal)[:, None], y))


@dataclass(frozen=True)
class _Restricted:
    """N on every kink line, as a function of the place on it: origin + place * along.

    origin, along (k, 2);  low, high (k, k + 1): intervals between its crossings with the others;
    signs (k, k + 1, k): sides of the others in each, 0 for kinks that coincide with the line;
    value, rise (k, k + 1): N = value + rise * place there.
    """

    origin: Array
    along: Array
    low: Array
    high: Array
    signs: Array
    value: Array
    rise: Array


def _restricted(lines: _Lines, tolerance: float) -> _Restricted:
    """N on all kink lines."""
    n, h = lines.normals, lines.heights
    origin, along = -h[:, None] * n, np.stack([-n[:, 1], n[:, 0]], axis=1)
    offset, slope = origin @ n.T + h, along @ n.T  # (line, neuron): its pre-activation there
    slope[np.abs(slope) <= _PARALLEL] = 0.0
    low, high = _intervals(offset, slope)
    signs = np.sign(offset[:, None] + _middle(low, high)[..., None] * slope[:, None])
    same = (slope == 0) & (np.abs(offset) <= tolerance)
    signs[np.broadcast_to(same[:, None], signs.shape)] = 0.0
    active = lines.gains * (signs > 0)
    value = lines.base + np.einsum("jlk,jk->jl", active, offset)
    return _Restricted(
        origin, along, low, high, signs, value, np.einsum("jlk,jk->jl", active, slope)
    )


def _intervals(offset: Array, slope: Array) -> tuple[Array, Array]:
    """Ends (k, k + 1) of the intervals into which the others cut each line."""
    with np.errstate(divide="ignore", invalid="ignore"):
        breaks = np.sort(np.where(slope != 0, -offset / slope, np.inf), axis=1)
    edge = np.full((len(breaks), 1), np.inf)
    return np.concatenate([-edge, breaks], axis=1), np.concatenate([breaks, edge], axis=1)


def _middle(low: Array, high: Array) -> Array:
    """A place within each interval; where it has no end, in proportion to where it begins."""
    with np.errstate(invalid="ignore"):
        middle = (low + high) / 2
        middle = np.where(np.isneginf(low), high - 1 - np.abs(high), middle)
        middle = np.where(np.isposinf(high), low + 1 + np.abs(low), middle)
    return np.where(np.isfinite(middle), middle, 0.0)


def _zeros(
    lines: _Lines, on: _Restricted, tolerance: float
) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]:
    """Places (k, k + 1) at which N would be 0, and in which intervals it is: there, all along."""
    size = np.abs(lines.gains).sum()
    flat = np.abs(on.rise) <= _PARALLEL * size
    with np.errstate(divide="ignore", invalid="ignore"):
        at = -on.value / on.rise
    within = (at >= on.low - tolerance) & (at <= on.high + tolerance)
    some = on.low < on.high
    return at, some & ~flat & within, some & flat & (np.abs(on.value) <= tolerance * size)


def _both_sides(lines: _Lines, on: _Restricted, zero: NDArray[np.bool_]) -> Array:
    """Sides (2 z, k) of the two cells that meet at each zero: above its kink line, then below."""
    j, interval = zero.nonzero()
    signs = on.signs[j, interval]
    turned = np.sign(lines.normals @ lines.normals.T)[j]
    return np.concatenate([np.where(signs == 0, way * turned, signs) for way in (1.0, -1.0)])


def _steepest(slopes: Array, p: float) -> tuple[Array, Array]:
    """Ways (z, 2) of p-norm 1 along which slopes (z, 2) rise most, and by how much (z,)."""
    if p == 2:
        length = np.linalg.norm(slopes, axis=1)
        return slopes / np.where(length > 0, length, 1.0)[:, None], length
    if p == 1:
        most = np.abs(slopes).argmax(axis=1)[:, None] == np.arange(2)
        return np.sign(slopes) * most, np.abs(slopes).max(axis=1)
    return np.sign(slopes), np.abs(slopes).sum(axis=1)


def _to_points(x: Array, points: Array, p: float) -> float:
    if len(points) == 0:
        return float("inf")
    return float(np.linalg.norm(x[:, None] - points, ord=p, axis=-1).min())


def _to_stretches(
    x: Array, lines: _Lines, on: _Restricted, level: NDArray[np.bool_], p: float
) -> float:
    """Distance to the stretches of kink lines on which N = 0: convex along each of them."""
    if not level.any():
        return float("inf")
    j = level.nonzero()[0]
    way, length = _steepest(lines.normals[j], p)
    feet = x[:, None] - ((x @ lines.normals[j].T + lines.heights[j]) / length)[..., None] * way
    place = ((feet - on.origin[j]) * on.along[j]).sum(axis=-1)
    place = np.clip(place, on.low[level], on.high[level])
    off = x[:, None] - on.origin[j] - place[..., None] * on.along[j]
    return float(np.linalg.norm(off, ord=p, axis=-1).min())


def _to_feet(
    lines: _Lines, sides: Array, x: Array, best: float, tolerance: float, p: float
) -> float:
    """The smaller of `best` and the nearest foot within its cell, which sides (z, k) give."""
    active = lines.gains * (sides > 0)
    slope, value = active @ lines.normals, lines.base + active @ lines.heights
    way, length = _steepest(slope, p)
    some = length > _PARALLEL * np.abs(lines.gains).sum()
    way = way[some]
    away = (x @ slope[some].T + value[some]) / length[some]  # (n, z), signed
    near = np.flatnonzero(np.abs(away).ravel() < best)
    near = near[np.argsort(np.abs(away).ravel()[near])]
    sides = sides[some]
    for block in np.split(near, range(_BLOCK, len(near), _BLOCK)):
        i, z = np.unravel_index(block, away.shape)
        feet = x[i] - away[i, z, None] * way[z]
        inside = (sides[z] * (feet @ lines.normals.T + lines.heights) >= -tolerance).all(axis=1)
        if inside.any():
            return float(np.abs(away[i, z])[inside.argmax()])
    return best
