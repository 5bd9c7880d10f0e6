"""Affine functions of a point evaluated to full relative accuracy, also next to their zeros.

A distance to a zero is |slope x + intercept| / |slope|: if the sum cancels, so does the margin.
Where it cancels the sum is done again without rounding errors; elsewhere two operations suffice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.problem.geometry import two_product, two_sum

Number = Floats | float
Sum = tuple[Number, Number]  # unevaluated: rounded value, rounding error
Networks = tuple[Floats, Floats]  # weights, biases

CANCELLED = 1 / 16  # a sum smaller than this share of a term has lost four bits or more
SWEEPS = 4  # each sweep of the error-free summation adds 53 bits


def rescaled(weights: Floats, biases: Floats, axis: int) -> Networks:
    """Networks multiplied by a power of two that brings their largest parameter near 1.

    The zeros of N stay where they are, and products of parameters neither vanish nor overflow.
    Networks of ordinary size are returned as they are.
    """
    largest = np.maximum(np.abs(weights).max(axis=axis), np.abs(biases).max(axis=axis))
    odd = (largest > 0) & ((largest < 1e-100) | (largest > 1e100)) & np.isfinite(largest)
    if not odd.any():
        return weights, biases
    exponent = np.expand_dims(np.where(odd, -np.frexp(largest)[1], 0), axis)
    return np.ldexp(weights, exponent), np.ldexp(biases, exponent)


def has_vanished(before: Networks, after: Networks, axis: int) -> Bools:
    """Where (...) networks have parameters that `rescaled` took below float64."""
    if before[0] is after[0]:
        return np.zeros((), dtype=bool)
    pairs = zip(before, after, strict=True)
    lost = [((new == 0) & (old != 0)).any(axis=axis) for old, new in pairs]
    return np.asarray(lost[0] | lost[1])


def if_right(distance: Floats, output: Floats) -> Floats:
    """The distance where the point is on its side, else 0 (NaN where the output is NaN)."""
    return np.where(output > 0, distance, np.where(np.isnan(output), np.nan, 0.0))


def is_tame(values: Floats, axis: int | tuple[int, ...] | None = None) -> Bools:
    """Whether all numbers along the axis are finite, and products of three stay within float64."""
    sizes = np.abs(values)
    tame: Bools = (sizes < 1e70) & ((sizes > 1e-70) | (sizes == 0))
    return np.asarray(tame.all(axis=axis))


def accurate_sum(terms: Sequence[Floats]) -> Floats:
    """Sum over the sequence without loss by cancellation; an exact zero is 0.0 [dekker1971]."""
    parts = [np.asarray(term) for term in terms]
    for _ in range(SWEEPS):
        for k in range(1, len(parts)):
            parts[k], parts[k - 1] = two_sum(parts[k], parts[k - 1])
    total: Floats = sum(parts[1:], start=parts[0])
    return total


def line_value(slope: Sum, intercept: Sum, x: Number) -> Floats:
    """slope * x + intercept, elementwise, with a relative error of about 40 ulp or less.

    slope, intercept: unevaluated sums that broadcast against x.  The sign is exact, and the value
    is 0.0 exactly where the sum vanishes, barring underflow.  Values beyond float64 are infinite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        value = np.asarray(slope[0] * x + intercept[0])
        cancelled = np.abs(value) < CANCELLED * np.abs(intercept[0])
        if cancelled.any():
            parts = np.broadcast_arrays(*slope, *intercept, x)
            w, w_error, b, b_error, at = (part[cancelled] for part in parts)
            exact = accurate_sum((*two_product(w, at), *two_product(w_error, at), b, b_error))
            # Sums beyond float64 leave NaN errors behind; the plain sum is infinite there.
            value[cancelled] = np.where(np.isfinite(exact), exact, w * at + b)
    return value


def cross_product(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    """a * b - c * d, elementwise, to about 40 ulp and with the exact sign, barring underflow.

    Rounding is monotone, so only close products need a second look; two zeros (no biases) do not.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        left = a * b
        value = np.asarray(left - c * d)
        close = np.abs(value) < CANCELLED * np.abs(left)
        if close.any():
            a, b, c, d = (factor[close] for factor in np.broadcast_arrays(a, b, c, d))
            (p, p_error), (q, q_error) = two_product(a, b), two_product(c, d)
            exact = accurate_sum((p, p_error, -q, -q_error))
            value[close] = np.where(np.isfinite(exact), exact, p - q)
    return value
