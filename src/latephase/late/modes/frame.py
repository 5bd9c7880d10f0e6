"""Coordinates in which no pre-activation is a difference of large numbers, and the first signs.

On x = 2021 and 2020 a pre-activation w x + b of 0.4 is the difference of two numbers of 1400, and
the second direction of motion is 2e-7 of the first: arithmetic on (w, b) loses both. With Z = Q R,
Z (d + 1, n) the points (x_i, 1) as columns, pivoted, a neuron is carried as phi = Q^T theta.
Q is orthogonal, so gradient descent and flow are the same in phi, on the points R. The rows of R
fall from the largest point to the smallest difference: what is small stands in rows of its own.
R and phi are found in 80 digits and rounded once. Source: docs/theory.md, "Any shallow network".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latephase.core.arrays import Floats, Ints
from latephase.core.errors import InputError, Words

_EVEN = 1e-2  # of the largest pivot: points whose pivots are all at least this stay as they are
_DIGITS = Context(prec=80, Emax=MAX_EMAX, Emin=MIN_EMIN)
_DEPENDENT = Decimal("1e-60")  # of its squared length: then a point adds no direction
_ROUNDING = Decimal("1e-150")  # of its squared length: what 80 digits leave of such a point
_SMALLEST = 1e-30  # of the largest feature: the smallest one that can be told from rounding
_EXACTLY_OR_FAR = "points (x_i, 1) that are on a line or plane exactly, or off it by 1e-30 at least"
_SIGNED = 2.0**-49  # of its terms: a rounded pre-activation beyond it has the right sign


Decimals = NDArray[np.object_]


@dataclass(frozen=True)
class Frame:
    """The points (n, k) in the coordinates of a run, and their axes.

    raw (n, d + 1): points (x_i, 1), or x_i alone (n, d) without biases;  axes (k, d + 1): the
    columns of Q, None where the coordinates are (w, b) themselves;  scale (k,): the largest entry
    of each coordinate.
    """

    raw: Floats
    points: Floats
    axes: Decimals | None
    scale: Floats

    @classmethod
    def of(cls, raw: Floats) -> Frame:
        """The frame of points (n, d + 1): (w, b) itself where that is as good."""
        points, axes = raw, None
        if not _even(raw):
            axes, points = _triangular(raw)
        scale = np.abs(points).max(axis=0)
        return cls(raw, points, axes, np.where(scale > 0, scale, 1.0))

    @cached_property
    def order(self) -> Ints:
        """The coordinates (k,), the largest first."""
        return np.argsort(-self.scale, kind="stable")

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs: not what can be made again."""
        return vars(replace(self))

    def coordinates(self, theta: Floats) -> tuple[Floats, Floats]:
        """Coordinates (m, k) of theta (m, d + 1), and their low parts."""
        if self.axes is None:
            return theta.copy(), np.zeros_like(theta)
        with localcontext(_DIGITS):
            exact = _decimals(theta) @ self.axes.T
            high = exact.astype(float)
            if not np.isfinite(high).all():
                came = Words(f"parameters up to {np.abs(theta).max():.3g}")
                raise InputError("parameters with sums within float64", came, "scale them down")
            return high, (exact - _decimals(high)).astype(float)

    def parameters(self, start: Floats, entered: Floats, coordinates: Floats) -> Floats:
        """theta (..., m, d + 1) at `coordinates` (..., m, k) of a run that went from `start`, whose
        coordinates are `entered`; what no point sees of it stays as it was."""
        if self.axes is None:
            return coordinates
        return np.asarray(start + (coordinates - entered) @ self.axes.astype(float))

    def signs(self, theta: Floats) -> Ints:
        """The exact signs (m, n) of w_j x_i + b_j on the doubles given.

        x = .1, w = .3, b = -.03 is +1.7e-18 and rounds to 0: fractions decide where doubles do not.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            a = theta @ self.raw.T
            terms = np.abs(theta) @ np.abs(self.raw).T
        signs = np.sign(np.nan_to_num(a)).astype(np.int64)
        for j, i in np.argwhere(~(np.abs(a) > _SIGNED * terms + 1e-290)):
            exact = sum(
                Fraction(float(c)) * Fraction(float(x))
                for c, x in zip(theta[j], self.raw[i], strict=True)
            )
            signs[j, i] = (exact > 0) - (exact < 0)
        return signs

    def on_their_sides(self, coordinates: Floats, signs: Ints) -> Floats:
        """Coordinates (m, k) moved by a few ulp so that rounded pre-activations have these signs
        (m, n), 0 being on the inactive side: then every later step sees them, too."""
        a, terms = coordinates @ self.points.T, np.abs(coordinates) @ np.abs(self.points).T
        open_ = (np.abs(a) <= _SIGNED * terms) & (terms > 0)
        moved = coordinates.copy()
        for j in np.flatnonzero(open_.any(axis=1)):
            i = np.flatnonzero(open_[j])
            wanted = np.where(signs[j, i] > 0, 2.0, -2.0) * _SIGNED * terms[j, i]
            scaled = self.points[i] / self.scale
            shift = np.linalg.lstsq(scaled, wanted - a[j, i], rcond=1e-9)[0]
            moved[j] += shift / self.scale
        return moved


def _even(raw: Floats) -> bool:
    """Whether the pivots of the points (n, d + 1) are of one size, so that nothing is lost."""
    from scipy.linalg import qr

    largest = np.abs(raw).max()
    pivots = np.abs(np.diag(qr(raw.T / largest, mode="r", pivoting=True)[0]))
    full = len(pivots) if len(raw) >= raw.shape[1] else len(raw)
    return bool(pivots[:full].min() >= _EVEN * pivots.max())


def _triangular(raw: Floats) -> tuple[Decimals, Floats]:
    """Q's columns (k, d + 1) and R as points (n, k): modified Gram-Schmidt with pivoting.

    Refuses points that are new by less than 1e-30 of their size, and not for rounding: on
    x = +-1e-31 nothing moves for 10^62 steps, and then the run would be wrong.
    """
    sizes = np.abs(raw).max(axis=0)
    if sizes[sizes > 0].min() < _SMALLEST * sizes.max():
        raise InputError(
            f"features (and bias input 1) within {_SMALLEST:.0e} of one another",
            Words(f"sizes {sizes[sizes > 0].min():.1e} and {sizes.max():.1e}"),
            "rescale the inputs",
        )
    axes: list[Decimals] = []
    columns: list[Floats] = []
    with localcontext(_DIGITS):
        left = _decimals(raw)
        whole = (left * left).sum(axis=1)
        while len(axes) < raw.shape[1]:
            squares = (left * left).sum(axis=1)
            new = squares > _DEPENDENT * whole
            doubtful = ~new & (squares > _ROUNDING * whole)
            if doubtful.any():
                share = float((squares[doubtful][0] / whole[doubtful][0]).sqrt())
                came = Words(f"one that is off by {share:.1e} of its length")
                do = "rescale or drop the feature that is next to 0"
                raise InputError(_EXACTLY_OR_FAR, came, do)
            if not new.any():
                break
            best = int(np.argmax(np.where(new, squares, 0)))
            axis = left[best] / squares[best].sqrt()
            along = left @ axis
            left = left - np.outer(along, axis)
            axes.append(axis)
            # An entry that is 0 but for the 80th digit is 0.
            columns.append(np.where(along * along > _DEPENDENT * whole, along, 0).astype(float))
    return np.array(axes), np.stack(columns, axis=1)


def _decimals(values: Floats) -> Decimals:
    return np.array([[Decimal(float(c)) for c in row] for row in values], dtype=object)
