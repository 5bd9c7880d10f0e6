"""Two points on a line: their Gram numbers, with the sign of k12 decided exactly.

Source: docs/theory.md, "The system"; the setting of [smorodinsky2026].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from latephase.core import InputError, Words
from latephase.core.arrays import Floats
from latephase.problem.dataset import Dataset

SIGN = np.array([[1.0, -1.0], [-1.0, 1.0]])
"""Output weight of neuron j times label of point i; neuron 0 and point 0 have +1."""

_SPLIT = 134217729.0  # 2^27 + 1 halves a 53-bit significand


@dataclass(frozen=True)
class TwoPointGeometry:
    """Geometry of the data (x1, +1), (x2, -1) in dimension 1; x1 is the input labelled +1.

    Every float is the exact rational number of the given doubles, rounded once.  Units: those of
    the inputs for x1, x2, midpoint, half_gap, x_inf.

    order        data indices (of x1, of x2)
    k11, k22, k12  Gram numbers 1 + x1^2, 1 + x2^2, 1 + x1 x2 of the points with a 1 appended
    gram_sign    exact sign of k12: -1, 0 or 1.  (3, -1/3) has k12 > 0 and (5, -0.2) has k12 < 0,
                 though 1 + x1 * x2 rounds to 0 in floating point for both.
    determinant  k11 k22 - k12^2 = (x1 - x2)^2
    half_gap     (x1 - x2) / 2, signed; its absolute value is the optimal robustness margin
    x_inf        limit of the boundary where the loss tends to 0: the midpoint for k12 > 0,
                 (x1 + x2) / (1 - x1 x2) for k12 <= 0
    excess       (k11 - k12, k22 - k12) = (x1 (x1 - x2), x2 (x2 - x1)); a subtraction of k12 would
                 leave no digit of it at +-1e-9 and at 10001, 10000
    norm_gap     k22 - k11 = (x2 - x1) (x2 + x1)
    """

    x1: float
    x2: float
    order: tuple[int, int]
    k11: float
    k22: float
    k12: float
    gram_sign: int
    determinant: float
    midpoint: float
    half_gap: float
    x_inf: float
    excess: tuple[float, float]
    norm_gap: float

    @staticmethod
    def of(data: Dataset) -> TwoPointGeometry:
        """Geometry of a data set of two points in dimension 1.

        Raises InputError for other data, and where a Gram number leaves the range of float64.
        """
        if not is_two_point(data):
            raise InputError(
                "two inputs in dimension 1",
                Words(f"{data.n} inputs in dimension {data.d}"),
                "give two numbers",
            )
        order = (0, 1) if data.labels[0] == 1 else (1, 0)
        x1, x2 = (float(data.inputs[i, 0]) for i in order)
        try:
            return TwoPointGeometry._exact(Fraction(x1), Fraction(x2), order)
        except OverflowError:
            raise InputError(
                "inputs between about 1e-150 and 1e150 apart and in size",
                Words(f"{x1!r} and {x2!r}"),
                "rescale the inputs",
            ) from None

    @staticmethod
    def _exact(x1: Fraction, x2: Fraction, order: tuple[int, int]) -> TwoPointGeometry:
        """Each number rounded once; OverflowError outside float64."""
        k12, midpoint = 1 + x1 * x2, (x1 + x2) / 2
        if float((x1 - x2) ** 2) < np.finfo(np.float64).tiny:
            raise OverflowError  # a determinant that underflows has lost the points
        return TwoPointGeometry(
            x1=float(x1),
            x2=float(x2),
            order=order,
            k11=float(1 + x1**2),
            k22=float(1 + x2**2),
            k12=float(k12),
            gram_sign=(k12 > 0) - (k12 < 0),
            determinant=float((x1 - x2) ** 2),
            midpoint=float(midpoint),
            half_gap=float((x1 - x2) / 2),
            x_inf=float(midpoint if k12 > 0 else (x1 + x2) / (1 - x1 * x2)),
            excess=(float(x1 * (x1 - x2)), float(x2 * (x2 - x1))),
            norm_gap=float((x2 - x1) * (x2 + x1)),
        )

    @property
    def points(self) -> Floats:
        """(x_i, 1), (2, 2)."""
        return np.array([[self.x1, 1.0], [self.x2, 1.0]])

    @property
    def gram(self) -> Floats:
        """Gram matrix of the points, (2, 2)."""
        return np.array([[self.k11, self.k12], [self.k12, self.k22]])

    @property
    def squares(self) -> Floats:
        """Squared lengths of the points, (2,)."""
        return np.array([self.k11, self.k22])

    def preactivations(self, weights: ArrayLike, biases: ArrayLike) -> Floats:
        """a_ji = w_j x_i + b_j: weights (..., 2), biases (..., 2) -> (..., 2 neurons, 2 points).

        Twice the working precision, rounded once: relative error below 2^-52 even where w x and -b
        agree in all digits, so signs are exactly right and a zero is exactly a zero.
        Source: error-free transformations [dekker1971]; rationals where those leave float64.
        """
        points = np.array([self.x1, self.x2])
        w = np.asarray(weights, dtype=np.float64)[..., None]
        b = np.asarray(biases, dtype=np.float64)[..., None]
        product, product_error = two_product(w, points)
        total, total_error = two_sum(product, b)
        with np.errstate(over="ignore", invalid="ignore"):
            a = np.asarray(total + (product_error + total_error))
            size = np.abs(product)
            odd = (size < 1e-290) & (np.abs(b) < 1e-250) | (size > 1e290) | (np.abs(w) > 1e290)
            odd &= (w * points != 0) | (w != 0) & (points != 0)
        if odd.any():
            terms = (part[odd] for part in np.broadcast_arrays(w, points, b))
            a[odd] = [_affine(*map(float, term)) for term in zip(*terms, strict=True)]
        return a


def _affine(w: float, x: float, b: float) -> float:
    """w x + b of three doubles, rounded once; infinite or not a number where they are."""
    if not all(map(math.isfinite, (w, b))):
        return w * x + b
    value = Fraction(w) * Fraction(x) + Fraction(b)
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def is_two_point(data: Dataset) -> bool:
    """Whether the data are two points in dimension 1 (labels then differ: a Dataset has both)."""
    return data.n == 2 and data.d == 1


def two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """(s, e) with s = fl(a + b) and s + e = a + b exactly (Knuth; [dekker1971])."""
    s = a + b
    bb = s - a
    return s, (a - (s - bb)) + (b - bb)


def two_product(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """(p, e) with p = fl(a b) and p + e = a b exactly, by Veltkamp's split ([dekker1971]).

    Where the split overflows (factors beyond 1e300) e is 0; where e underflows it is rounded.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        p = a * b
        a_high, a_low = _split(a)
        b_high, b_low = _split(b)
        e = ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low
    return p, np.where(np.isfinite(e), e, 0.0)


def _split(a: Floats) -> tuple[Floats, Floats]:
    """a as a sum of two doubles of at most 26 bits each, whose products are exact."""
    c = _SPLIT * a
    high = c - (c - a)
    return high, a - high
