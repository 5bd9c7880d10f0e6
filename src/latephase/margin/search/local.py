"""A network as it looks from a point, in units of the output there and of a reach around it.

    f(u) = 1 + slope u + sum_j gains_j max(0, normals_j u - heights_j)

is y N(x + reach u) / (y N(x)): one affine function, bent where kinks are crossed.  So kinks
near the point keep their digits however far it is from the origin, and those beyond the reach are
not there at all: no tolerance depends on them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.margin.exact.integers import Seen, dual_length, rounded

DUAL = {1.0: math.inf, 2.0: 2.0, math.inf: 1.0}


@dataclass(frozen=True)
class Local:
    """f near a point: slope (d,), normals (k, d) of dual norm 1, heights (k,) >= 0, gains (k,).

    Each number has a relative error of a few ulp (the slope: of its norm).
    active (k,): which of these neurons are so at the point;  quiet: whether no other neuron is, so
    that N is 0 where none of these is;
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

    @staticmethod
    def kinks(
        w: Floats,
        lengths: Floats,
        outer: Floats,
        heights: Floats,
        reach: float,
        unit: float,
        active: Bools,
    ) -> tuple[tuple[Floats, Floats, Floats], Bools]:
        """Normals, heights and gains of the kinks within `reach`, and which they are (m,).

        w (m, d), of dual norms `lengths` (m,);  outer, heights, active (m,): output weights times
        the label and 1 - negative slope, pre-activations and activity at the point;  unit: reach
        over the output there.
        """
        with np.errstate(all="ignore"):  # neurons that are 0 have no kink
            away = np.abs(heights) / lengths / reach
        near = (away < 1.0) & (outer != 0) & (lengths > 0)
        side = np.where(active, -1.0, 1.0)[near, None]
        normals = side * w[near] / lengths[near, None]
        return (normals, away[near], outer[near] * lengths[near] * unit), near

    @classmethod
    def of(cls, seen: Seen, reach: float, p: float) -> Local:
        """The floats next to the exact numbers."""
        unit = Fraction(reach) * (1 << seen.power)
        per_value = unit / seen.value
        lengths = [dual_length(row, p) for row in seen.normals]
        each = list(zip(lengths, seen.normals, seen.heights, seen.gains, strict=True))
        rows = [[rounded(v / length) for v in row] for length, row, _, _ in each]
        return cls(
            slope=np.array([rounded(v * per_value) for v in seen.slope]),
            normals=np.array(rows).reshape(seen.normals.shape),
            heights=np.array([rounded(h / (length * unit)) for length, _, h, _ in each]),
            gains=np.array([rounded(g * length * per_value) for length, _, _, g in each]),
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
