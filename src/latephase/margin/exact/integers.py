"""A network in integers: what it is at a point, and how far the zeros of each of its cells are.

Doubles are rational numbers whose denominators are powers of two, so nothing is rounded here until
a distance is handed out.  This decides what float64 leaves in doubt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from latephase.core.arrays import Bools, Floats

from .pivoting import BigInts, least_norm, root


def integers(*arrays: Floats) -> tuple[list[BigInts], int]:
    """The arrays times 2^power, all of them integers, and the power."""
    ratios = [[v.as_integer_ratio() for v in array.ravel().tolist()] for array in arrays]
    power = max((d.bit_length() - 1 for row in ratios for _, d in row), default=0)
    scaled = [[n << (power - d.bit_length() + 1) for n, d in row] for row in ratios]
    parts = (np.array(row, dtype=object) for row in scaled)
    return [part.reshape(a.shape) for part, a in zip(parts, arrays, strict=True)], power


class ExactNetwork:
    """Weights and biases as integers over 2^power, output weights of neurons that are active
    (`on`) and that are not (`off`) over 2^(power + slope_power)."""

    def __init__(
        self, weights: Floats, biases: Floats, outer: Floats, negative_slope: float = 0.0
    ) -> None:
        self.floats, self.leak = (weights, biases, outer), negative_slope
        (self.weights, self.biases, exact), self.power = integers(weights, biases, outer)
        share, whole = negative_slope.as_integer_ratio()
        self.on, self.off, self.slope_power = exact * whole, exact * share, whole.bit_length() - 1
        self.none = np.array([0] * weights.shape[1], dtype=object)  # a slope of nothing

    def heights(self, x: Floats) -> tuple[BigInts, int]:
        """Pre-activations (m,) at the point x (d,), over 2^(self.power + power), and that power."""
        (point,), power = integers(x)
        return self.weights @ point + self.biases * (1 << power), power

    def value(self, x: Floats) -> Fraction:
        """N at the point x (d,)."""
        a, power = self.heights(x)
        total = sum(self.gains((a > 0).astype(bool)) * a)
        return Fraction(total, 1 << (2 * self.power + self.slope_power + power))

    def gains(self, active: Bools) -> BigInts:
        """Output weights (m,) of neurons that are `active` or not (m,)."""
        return np.where(active, self.on, self.off)

    def seen_from(self, x: Floats, y: float) -> Seen:
        """y N around the point x (d,)."""
        a, power = self.heights(x)
        active = (a > 0).astype(bool)
        outer, bends = self.gains(active) * int(y), (self.on - self.off) * int(y)
        kinks: dict[tuple[int, ...], int] = {}
        dead: set[tuple[int, ...]] = set()
        for row, height, gain in zip(self.weights, a, bends, strict=True):
            size = math.gcd(*row)
            if size and gain:
                away = [-v for v in row] if height > 0 else list(row)
                size = math.gcd(size, height)
                key = (*(v // size for v in away), abs(height) // size)
                kinks[key] = kinks.get(key, 0) + gain * size
                dead |= {key} if height > 0 else set()
        some = {key: gain for key, gain in kinks.items() if gain}
        table = np.array(list(some), dtype=object).reshape(len(some), len(x) + 1)
        return Seen(
            value=sum(outer * a),
            slope=(outer[:, None] * self.weights).sum(axis=0) + self.none,
            normals=table[:, :-1],
            heights=table[:, -1],
            gains=np.array(list(some.values()), dtype=object),
            dead=np.array([key in dead for key in some], dtype=bool),
            power=power,
        )


@dataclass(frozen=True)
class Seen:
    """y N(x + u 2^-power) = value + slope u + sum_j gains_j max(0, normals_j u - heights_j).

    Up to a positive factor.  All are integers, heights >= 0: kink j is crossed where
    normals_j u > heights_j.  Neurons with the same kink are one, and those that cancel are none:
    in float64 the sides of kinks that coincide cannot be told.
    slope (d,), normals (k, d), heights (k,), gains (k,)
    dead (k,): which kinks are crossed where none of the neurons is active.
    """

    value: int
    slope: BigInts
    normals: BigInts
    heights: BigInts
    gains: BigInts
    dead: Bools
    power: int

    def within(self, reach: float, p: float) -> Seen:
        """Without the kinks that are farther than `reach` in the norm p."""
        if math.isinf(reach):
            return self
        limit, ulp = Fraction(reach) * (1 << self.power), Fraction(int(p == 2), 1 << 64)
        lengths = [dual_length(row, p) + ulp for row in self.normals]  # no less than they are
        pairs = zip(self.heights, lengths, strict=True)
        near = np.array([h <= limit * length for h, length in pairs], dtype=bool)
        parts = self.normals[near], self.heights[near], self.gains[near], self.dead[near]
        return Seen(self.value, self.slope, *parts, self.power)

    def line(self, crossed: Bools) -> tuple[int, BigInts]:
        """y N beyond the kinks crossed (k,): its value at u = 0 and its slope (d,)."""
        gains = self.gains[crossed]
        value = self.value - sum(gains * self.heights[crossed])
        return value, self.slope + (gains[:, None] * self.normals[crossed]).sum(axis=0)

    def distance(self, crossed: Bools, p: float, *, zero: bool) -> float:
        """Distance to the cell beyond the kinks crossed, or to where y N <= 0 in it; inf if none.

        In units of x, in the norm p.  Rigour: exact, rounded once.
        """
        side = np.where(crossed, 1, -1).astype(object)
        rows, right = side[:, None] * self.normals, side * self.heights
        if zero:
            value, slope = self.line(crossed)
            if not slope.any() and value > 0:
                return math.inf
            if slope.any():
                rows, right = np.vstack([rows, -slope]), np.append(right, value)
        found = least_norm(rows, right, p)
        if found is None:
            return math.inf
        return rounded((root(found) if p == 2 else found) / (1 << self.power))


def dual_length(row: BigInts, p: float) -> Fraction:
    """The dual norm of a row, rounded down at 2^-64 where it is a root."""
    if p == 2:
        return Fraction(math.isqrt(sum(v * v for v in row) << 128), 1 << 64)
    return Fraction(max(map(abs, row)) if p == 1 else sum(map(abs, row)))


def rounded(value: Fraction) -> float:
    """The float next to a fraction; infinite beyond float64."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
