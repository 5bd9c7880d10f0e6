"""Normal coordinates of boxes, and the probability of a box of independent ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latephase.certificates.odds import normal_mass as mass
from latephase.core.arrays import Floats
from latephase.core.balls import exact, float_bounds, precision

from .enclosed import down, up

BITS = 96
Range = tuple[Floats, Floats]


@dataclass(frozen=True)
class Normal:
    """A normal of mean 0 and of a deviation between two bounds."""

    deviation: tuple[float, float]

    @property
    def reach(self) -> float:
        """Beyond it, on either side, lies a mass below 2^-48."""
        return mass.DEVIATIONS * self.deviation[1]

    def below(self, lower: Floats, upper: Floats) -> Range:
        """Bounds of P(X < x) for lower <= x <= upper.  Rigour: proved."""
        least, most = self.deviation
        with np.errstate(over="ignore"):
            low = down(np.where(lower > 0, lower / most, lower / least))
            high = up(np.where(upper > 0, upper / least, upper / most))
        return _half_plus(low)[0], _half_plus(high)[1]

    def window(self, lower: Floats, upper: Floats) -> Range:
        """Bounds of P(lower < X < upper), 0 where lower > upper.  Rigour: proved."""
        first, last = self.below(lower, lower), self.below(upper, upper)
        # Multiples of 2^-26 below 2: differences are exact.
        return np.maximum(last[0] - first[1], 0.0), np.maximum(last[1] - first[0], 0.0)

    def between(self, lower: Floats, upper: Floats) -> Range:
        """The same for lower <= upper, closer, and slower where most ends differ.

        Cells may be so small that 2^-26, of which `below` errs by a few, is much of their mass.
        """
        ends, places = np.unique(np.stack([lower, upper]), return_inverse=True)
        with precision(BITS):
            scale = exact(2).sqrt() * exact(self.deviation[0]).union(exact(self.deviation[1]))
            least, most = float_bounds([(exact(x) / scale).erf() / 2 for x in ends.tolist()])
        first, last = places.reshape(2, -1)
        return np.maximum(down(least[last] - most[first]), 0.0), up(most[last] - least[first])


def box_mass(lower: Floats, upper: Floats, axes: Sequence[Normal]) -> Range:
    """Bounds of the probability of boxes of independent coordinates, (n,); lower, upper (d, n)."""
    least, most = np.ones(lower.shape[1]), np.ones(lower.shape[1])
    for begin, end, axis in zip(lower, upper, axes, strict=True):
        low, high = axis.between(begin, end)
        least, most = down(least * low), up(most * high)
    return np.maximum(least, 0.0), most


def _half_plus(x: Floats) -> Range:
    """Bounds of P(X < x) for X of deviation 1."""
    places = np.abs(x) * (1 << mass.TABLE_BITS)  # exact
    near, far = mass.psi_lower(places), mass.psi_upper(places)
    half, unit = 1 << mass.S_BITS - 1, 2.0**-mass.S_BITS
    low, high = np.where(x > 0, near, -far), np.where(x > 0, far, -near)
    return np.maximum(half + low, 0) * unit, np.minimum(half + high, 2 * half) * unit
