"""The bars of an ensemble's picture: their intervals, and those of ends that no trial has had.

Each check is seen to fail under a planted error.
"""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import latephase as lp
from helpers import relative_error
from latephase.draw import ensemble as module

Z = 1.959963984540054  # of the normal distribution at 97.5 %
REGIMES = ("specialised", "one_dead", "both_dead")
TRIALS = 40


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    """Trials of which none has one neuron dead."""
    data, gd = lp.Dataset([1.0, -1.0], [1, -1]), lp.GradientDescent(0.5)
    drawn = lp.ensemble("he_normal", data, gd, trials=4 * TRIALS, seed=3, until="1e9", samples=9)
    kept = drawn.isel(trial=np.flatnonzero(drawn.regime.values != "one_dead")[:TRIALS])
    assert kept.sizes["trial"] == TRIALS
    return kept


def interval(k: int) -> tuple[float, float]:
    """Wilson's: where |share - p| = Z sqrt(p (1 - p) / n), a quadratic in p."""
    a, b, c = TRIALS + Z**2, 2 * k + Z**2, k * k / TRIALS
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    return (b - root) / (2 * a), (b + root) / (2 * a)


def check(found: xr.Dataset) -> None:
    """A bar for every regime, with the interval of its share."""
    counts = sorted(int((found.regime.values == regime).sum()) for regime in REGIMES)
    ends = lp.plot_ensemble(found).get_axes()[2]
    heights = sorted(patch.get_height() for patch in ends.patches)
    lines = sorted(sorted(line[:, 1]) for line in ends.collections[0].get_segments())
    plt.close("all")
    assert relative_error(heights, [k / TRIALS for k in counts]) < 1e-12
    (low, high), (lows, highs) = np.transpose(lines), np.transpose([*map(interval, counts)])
    assert relative_error(high, highs) < 1e-9
    assert (low[0], counts[0]) == (0.0, 0)
    assert relative_error(low[1:], lows[1:]) < 1e-9


def test_bars_and_their_intervals(found):
    """Ground truth: counts of regimes, and Wilson's interval as the roots of its equation."""
    check(found)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("_LEVEL", 0.94), ("_LEVEL", 0.9500001), ("_PAIRS", ["specialised", "both_dead"])],
    ids=str,
)
def test_planted_errors_are_seen(found, monkeypatch, name, wrong):
    """Ground truth: another level of the interval; no bar of an end that no trial has had."""
    monkeypatch.setattr(module, name, wrong)
    with pytest.raises(AssertionError):
        check(found)
