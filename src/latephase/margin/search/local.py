"""A network as it looks from a point, in units of the output there and of a reach around it.

    f(u) = 1 + slope u + sum_j gains_j max(0, normals_j u - heights_j)

is y N(x + reach u) / (y N(x)): one affine function, bent where kinks are crossed.  So kinks
near the point keep their digits however far it is from the origin, and those beyond the reach are
not there at all: no tolerance depends on them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from latephase.core.arrays import Bools, Floats
from latephase.margin.exact.integers import Seen, rounded

DUAL = {1.0: math.inf, 2.0: 2.0, math.inf: 1.0}


@dataclass(frozen=True)
class Local:
    """f near a point: slope (d,), normals (k, d) of dual norm 1, heights (k,) >= 0, gains (k,).

    Each number has a relative error of a few ulp (the slope: of its norm).
    active (k,): which of these neurons are so at the point;  quiet: whether no other neuron is;
    error: of f, beside the rounding;  blur: error of the place of a kink.
    """

    slope: Floats
    normals: Floats
    heights: Floats
    gains: Floats
    p: float
    active: Bools | None = None
    quiet: bool = False
    error: float = 0.0
    blur: float = 1e-14

    @classmethod
    def of(cls, seen: Seen, reach: float, p: float) -> Local:
        """The floats next to the exact numbers."""
        unit = Fraction(reach) * (1 << seen.power)
        lengths = [_dual_norm(row, p) for row in seen.normals]
        pairs = list(zip(seen.normals, lengths, strict=True))
        rows = [_rounded(v / length for v in row) for row, length in pairs]
        per_value = unit / seen.value
        return cls(
            slope=_rounded(v * per_value for v in seen.slope),
            normals=np.array(rows).reshape(seen.normals.shape),
            heights=_rounded(h / (n * unit) for h, n in zip(seen.heights, lengths, strict=True)),
            gains=_rounded(g * n * per_value for g, n in zip(seen.gains, lengths, strict=True)),
            p=p,
        )

    def within(self, reach: float) -> Local:
        """The same in units of `reach` of the present ones, without kinks beyond."""
        near, active = self.heights < reach, self.active
        return replace(
            self,
            slope=self.slope * reach,
            normals=self.normals[near],
            heights=self.heights[near] / reach,
            gains=self.gains[near] * reach,
            blur=self.blur / min(reach, 1.0),
            active=active[near] if active is not None else None,
            quiet=self.quiet and active is not None and not active[~near].any(),
        )

    def values(self, u: Floats) -> Floats:
        """f at points u (..., d)."""
        beyond = np.maximum(u @ self.normals.T - self.heights, 0.0)
        return np.asarray(1.0 + u @ self.slope + beyond @ self.gains)

    @property
    def noise(self) -> float:
        """More than the error of `values` in the unit ball."""
        size = 1.0 + float(np.abs(self.slope).sum()) + 2 * float(np.abs(self.gains).sum())
        return size * 2.3e-16 * (12 + len(self.gains)) + self.error

    def is_dead(self, u: Floats) -> Bools:
        """Where (...) no neuron is active for certain, at points u (..., d) of the unit ball."""
        if self.active is None or not self.quiet:
            return np.zeros(u.shape[:-1], dtype=bool)
        beyond = u @ self.normals.T - self.heights
        return np.asarray((np.where(self.active, beyond, -beyond) > 1e-14).all(axis=-1))


def steepest(slopes: Floats, p: float) -> tuple[Floats, Floats]:
    """Ways (z, d) of p-norm 1 along which slopes (z, d) rise most, and by how much (z,)."""
    if p == 2:
        length = np.linalg.norm(slopes, axis=1)
        return slopes / np.where(length > 0, length, 1.0)[:, None], length
    if p == 1:
        most = np.abs(slopes).argmax(axis=1)[:, None] == np.arange(slopes.shape[1])
        return np.sign(slopes) * most, np.abs(slopes).max(axis=1)
    return np.sign(slopes), np.abs(slopes).sum(axis=1)


def norms(vectors: Floats, p: float) -> Floats:
    """The p-norms (...) of vectors (..., d)."""
    return np.asarray(np.linalg.norm(vectors, ord=p, axis=-1))


def _dual_norm(row: NDArray[np.object_], p: float) -> Fraction:
    if p == 2:
        return Fraction(math.isqrt(sum(v * v for v in row) << 128), 1 << 64)
    return Fraction(max(map(abs, row)) if p == 1 else sum(map(abs, row)))


def _rounded(values: Iterable[Fraction]) -> Floats:
    return np.array([rounded(value) for value in values])
