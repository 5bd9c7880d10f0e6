"""Confidence intervals and summaries that several claims use."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from latephase.core.arrays import Bools, Floats


@dataclass(frozen=True)
class Interval:
    """Confidence interval(s): estimate, lower and upper end, of any one shape."""

    estimate: Floats
    lower: Floats
    upper: Floats

    def contains(self, value: ArrayLike) -> Bools:
        """Whether the interval holds the value, elementwise; False where it is NaN."""
        wanted = np.asarray(value, float)
        return (self.lower <= wanted) & (wanted <= self.upper)


def family_level(level: float, size: int) -> float:
    """Level of each of `size` intervals that holds them all at `level` together.

    Bonferroni's correction, which needs no independence: fractions that sum to 1 have none.
    """
    return 1 - (1 - level) / size


def two_sided(level: float) -> float:
    """How many standard deviations around its mean hold `level` of a normal distribution."""
    return NormalDist().inv_cdf((1 + level) / 2)


def wilson(successes: ArrayLike, trials: ArrayLike, level: float) -> Interval:
    """Wilson's score interval of a fraction at `level`, elementwise [wilson1927].

    successes, trials (...);  no trials: the whole of [0, 1] with the estimate NaN.
    """
    k, n = np.broadcast_arrays(np.asarray(successes, float), np.asarray(trials, float))
    z2 = two_sided(level) ** 2
    centre = (k + z2 / 2) / (n + z2)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.sqrt(z2 * (np.where(n > 0, k * (n - k) / n, 0.0) + z2 / 4)) / (n + z2)
        share = k / n
    # At k = 0 and k = n the ends are 0 and 1 exactly; rounding would leave them just inside.
    lower = np.where(k == 0, 0.0, centre - reach)
    upper = np.where(k == n, 1.0, centre + reach)
    return Interval(share, lower, upper)


def mean_and_error(values: ArrayLike) -> tuple[float, float]:
    """Mean of a sample (k,) and its standard error; NaN for k < 2."""
    sample = np.asarray(values, float)
    if sample.size < 2:
        return float("nan"), float("nan")
    return float(sample.mean()), float(sample.std(ddof=1) / np.sqrt(sample.size))


def quantiles(values: ArrayLike, *shares: float) -> list[float]:
    """Quantiles of a sample (k,), linearly interpolated, NaN of an empty one; inf may occur."""
    return [quantile(values, share) for share in shares]


def quantile(values: ArrayLike, share: float) -> float:
    """One quantile of a sample (k,), as in `quantiles`."""
    sample = np.sort(np.asarray(values, float))
    if not sample.size:
        return float("nan")
    place = share * (sample.size - 1)
    low, high = sample[int(np.floor(place))], sample[int(np.ceil(place))]
    # Two infinities have no difference to interpolate.
    return float(low if low == high else low + (high - low) * (place - np.floor(place)))


def median(values: ArrayLike) -> float:
    """Median of a sample; NaN of an empty one."""
    sample = np.asarray(values, float)
    return float(np.median(sample)) if sample.size else float("nan")


def share(values: Bools) -> float:
    """Share of a sample that is true; NaN of an empty one."""
    return float(values.mean()) if values.size else float("nan")


def largest(values: ArrayLike, none: float = 0.0) -> float:
    """The largest of a sample of values at or above `none`, and `none` of an empty one."""
    return float(np.asarray(values, float).max(initial=none))


def power_above(value: float) -> str:
    """The power of ten at or above a positive value, "1e-12": digits of rounding differ between
    machines, and a summary shows none that do not hold."""
    return f"1e{int(np.ceil(np.log10(value)))}" if value > 0 else "1e-16"
