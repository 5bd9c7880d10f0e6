"""One step of an explicit Runge-Kutta pair of order 8, of many trials at once, each its own length.

SciPy's solvers carry one system with one step length; ten thousand networks that turn at different
times would all take the shortest.  The coefficients are SciPy's (DOP853 of [hairerode1993]).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from latephase.core.arrays import Bools, Floats

Field = Callable[[Floats, Floats], Floats]
"""dy/ds (D, R) at s (R,), y (D, R)."""

_SAFETY, _LEAST, _MOST, _ORDER = 0.9, 0.2, 6.0, 8


@dataclass(frozen=True)
class Step:
    """y (D, R) after one step and dy/ds there;  error (R,): estimated, 1 is just tolerable."""

    y: Floats
    slope: Floats
    error: Floats

    @property
    def accepted(self) -> Bools:
        """Whose error is tolerable, (R,)."""
        return np.asarray(self.error <= 1)

    @property
    def growth(self) -> Floats:
        """By what to multiply the step length, (R,)."""
        with np.errstate(divide="ignore"):
            wanted = _SAFETY * self.error ** (-1 / _ORDER)
        return np.clip(np.nan_to_num(wanted, nan=_LEAST, posinf=_MOST), _LEAST, _MOST)


def step(field: Field, s: Floats, y: Floats, slope: Floats, length: Floats, scale: Floats) -> Step:
    """A step of `length` (R,) from y (D, R), where dy/ds is `slope`.

    scale (D, R): the error of each component that is just tolerable.
    """
    pair = _pair()
    k = np.empty((pair.n_stages + 1, *y.shape))
    k[0] = slope
    for i in range(1, pair.n_stages):
        k[i] = field(s + pair.C[i] * length, y + length * _sum(pair.A[i, :i], k[:i]))
    new = y + length * _sum(pair.B, k[:-1])
    k[-1] = field(s + length, new)
    fifth, third = (length * _sum(e, k) / scale for e in (pair.E5, pair.E3))
    size = np.hypot(fifth, 0.1 * third)
    error = np.where(size > 0, fifth**2 / np.where(size > 0, size, 1.0), 0.0).max(axis=0)
    return Step(new, k[-1], np.where(np.isfinite(new).all(axis=0), error, np.inf))


@cache
def _pair() -> Any:
    from scipy.integrate import DOP853  # slow to import, and needed here only

    return DOP853


def _sum(weights: Floats, k: Floats) -> Floats:
    """The weighted sum of stages, in one order however many trials there are."""
    first, *others = np.flatnonzero(weights)
    total = weights[first] * k[first]
    for i in others:
        total += weights[i] * k[i]
    return np.asarray(total)
