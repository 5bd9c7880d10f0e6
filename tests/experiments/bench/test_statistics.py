"""Intervals and summaries of the experiments."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from helpers import relative_error
from latephase.experiments.bench.statistics import (
    family_level,
    mean_and_error,
    power_above,
    quantiles,
    two_sided,
    wilson,
)

pytestmark = pytest.mark.quick

LEVELS = [0.5, 0.95, 0.99, 0.9999]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("successes", "trials"), [(0, 7), (3, 7), (7, 7), (2500, 10_000)])
def test_wilson_interval(successes: int, trials: int, level: float):
    """Ground truth: scipy's Wilson interval without continuity correction."""
    got = wilson(successes, trials, level)
    want = stats.binomtest(successes, trials).proportion_ci(level, "wilson")
    assert relative_error([got.lower, got.upper], [want.low, want.high]) < 1e-12
    assert got.estimate == successes / trials


def test_wilson_of_no_trials_says_nothing():
    """Ground truth: without a trial every fraction is possible."""
    got = wilson(0, 0, 0.95)
    assert (got.lower, got.upper) == (0.0, 1.0)
    assert np.isnan(got.estimate)


def test_wilson_intervals_cover_as_often_as_they_say():
    """Ground truth: the level itself; the coverage is summed over the exact binomial law."""
    k = np.arange(2001)
    covered = wilson(k, 2000, 0.99).contains(0.25)
    coverage = float(stats.binom.pmf(k, 2000, 0.25)[covered].sum())
    assert relative_error(coverage, 0.99) < 2e-3


@pytest.mark.parametrize("level", LEVELS)
def test_normal_quantile(level: float):
    """Ground truth: scipy's normal distribution."""
    assert relative_error(two_sided(level), stats.norm.ppf((1 + level) / 2)) < 1e-12


def test_family_of_disjoint_misses():
    """Ground truth: misses that never coincide add up, so Bonferroni is then exact."""
    assert relative_error(20 * (1 - family_level(0.99, 20)), 0.01) < 1e-12


def test_mean_and_its_error():
    """Ground truth: scipy's standard error of the mean."""
    sample = np.random.default_rng(1).normal(3.0, 2.0, 500)
    mean, error = mean_and_error(sample)
    assert relative_error([mean, error], [sample.mean(), stats.sem(sample)]) < 1e-12
    assert np.isnan(mean_and_error([1.0])[1])


def test_quantiles():
    """Ground truth: numpy's linear interpolation, and infinities read off by eye."""
    sample = np.random.default_rng(2).normal(size=101)
    want = np.quantile(sample, [0.05, 0.5, 0.83])
    assert relative_error(quantiles(sample, 0.05, 0.5, 0.83), want) < 1e-12
    assert quantiles([1.0, np.inf, np.inf], 0.0, 0.8, 1.0) == [1.0, np.inf, np.inf]
    assert np.isnan(quantiles([], 0.5)[0])


@pytest.mark.parametrize(
    ("value", "shown"),
    [(4.4e-15, "1e-14"), (1e-12, "1e-12"), (0.074, "1e-1"), (3.3e-5, "1e-4"), (0.0, "1e-16")],
)
def test_power_above(value: float, shown: str):
    """Ground truth: by hand; a bound that no machine's rounding moves."""
    assert power_above(value) == shown
    assert float(power_above(value)) >= value
