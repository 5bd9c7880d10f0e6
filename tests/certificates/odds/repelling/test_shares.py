"""Proved shares where x1 x2 < -1, against samples and closed forms."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

import latephase as lp
from helpers import message_is_one_line
from latephase.certificates.odds.probability import certified_distribution
from latephase.certificates.odds.repelling.adaptive import integrated
from latephase.certificates.odds.repelling.axes import Normal, box_mass
from latephase.certificates.odds.repelling.points import Repelling
from latephase.certificates.odds.repelling.shares import NormalPair, shares
from latephase.core import InputError
from latephase.problem import Dataset, GradientDescent

pytestmark = pytest.mark.slow
TRIALS = 100_000


def certified(x1, x2, step_size, constants=(0.0,), undecided=0.1, initializer="standard_normal"):
    data = Dataset([x1, x2], [1, -1])
    method = GradientDescent(step_size)
    return certified_distribution(initializer, data, method, constants, undecided=undecided)


def outside(bounds, hits):
    """By how many deviations a count of TRIALS lies outside the bounds of its probability."""
    lower, upper = bounds
    assert lower <= upper
    share = hits / TRIALS
    nearest = min(max(share, lower), upper)
    return abs(share - nearest) / math.sqrt(max(nearest * (1 - nearest), 1 / TRIALS) / TRIALS)


@pytest.mark.parametrize(
    ("x1", "x2", "step_size"),
    [
        (1.2, -1.0, 0.1),
        *(
            pytest.param(*case, marks=pytest.mark.campaign)
            for case in [(-1.0, 2.0, 1.0), (2.0, -2.0, 0.1), (2.0, -1.0, 0.01), (2.0, -1.0, 0.1)]
        ),
    ],
)
def test_bands_of_a_hundredth_hold_what_ensembles_count(x1, x2, step_size):
    """Ground truth: 100,000 runs to t = 1e1000; the width is the criterion, fixed beforehand."""
    found = certified(x1, x2, step_size, undecided=1e-2)
    assert found.undecided <= 1e-2
    data = Dataset([x1, x2], [1, -1])
    runs = lp.ensemble(
        "standard_normal",
        data,
        GradientDescent(step_size),
        trials=TRIALS,
        seed=11,
        until="1e1000",
        samples=2,
    )
    assert (runs["outcome"] == "settled").all()
    for regime, band in [
        ("specialised", found.trained),
        ("one_dead", found.one_dead),
        ("both_dead", found.both_dead),
    ]:
        assert outside(band, int((runs["regime"] == regime).sum())) < 4


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("x1", "x2", "step_size"),
    [pytest.param(2.0, -1.0, 0.1, marks=pytest.mark.marathon), (-2.0, 2.0, 0.5)],
)
def test_bands_of_the_constant_hold_what_ensembles_count(x1, x2, step_size):
    """Ground truth: |C| of 100,000 runs, from the law of each."""
    some = (0.1, 1.0, 10.0)
    found = certified(x1, x2, step_size, some, undecided=0.1)
    data = Dataset([x1, x2], [1, -1])
    runs = lp.ensemble(
        "standard_normal",
        data,
        GradientDescent(step_size),
        trials=TRIALS,
        seed=12,
        until="1e1000",
        samples=2,
    )
    sizes = np.abs(runs["law_constant"].values[runs["regime"].values == "specialised"])
    for c, *band in zip(some, found.lower, found.upper):
        assert outside(band, np.sum(sizes <= c)) < 4
    assert list(found.lower) == sorted(found.lower)
    assert found.upper[-1] <= found.trained[1]


@pytest.mark.parametrize(("x1", "x2"), [(2.0, -1.0), (1.2, -1.0), (2.0, -2.0)])
def test_small_steps_lead_where_flow_leads(x1, x2):
    """Ground truth: the closed form of gradient flow, (1/2 + arcsin(kappa/sqrt(k11 k22))/2 pi)^2.

    Steps of 1e-5 only add networks, at most as many as their last step overshoots.
    """
    pair = NormalPair.of(Repelling.of(x1, x2, 1e-5), 1.0)
    (low, high), *_ = shares(pair, 1e-2)
    kappa, size = -(1 + x1 * x2), math.sqrt((1 + x1 * x1) * (1 + x2 * x2))
    flow = (0.5 + math.asin(kappa / size) / (2 * math.pi)) ** 2
    assert low <= flow * (1 + 1e-5)
    assert flow * (1 - 1e-9) <= high
    assert high - low <= 1e-2


def test_the_plane_of_two_points_that_hardly_repel():
    """Ground truth: 1/4, 1/2, 1/4 where k12 = 0; here k12 = -2e-16."""
    found = certified(1.0000000000000002, -1.0, 0.1)
    for (low, high), share in [
        (found.trained, 0.25),
        (found.one_dead, 0.5),
        (found.both_dead, 0.25),
    ]:
        assert low <= share * (1 + 1e-12)
        assert share * (1 - 1e-12) <= high
        assert high - low < 1e-5


def test_an_integral_in_closed_form():
    """Ground truth: P(X + Y <= c) = Phi(c / sqrt 2) of two normals."""
    axis, c = Normal((1.0, 1.0)), 0.7

    def evaluate(lower, upper):
        least, most = box_mass(lower, upper, [axis, axis])
        surely, maybe = upper.sum(axis=0) <= c, lower.sum(axis=0) <= c
        return (least * surely)[None], (most * maybe)[None]

    low, high = integrated(evaluate, [-8, -8], [8, 8], 1e-2, 1 << 16)
    truth = NormalDist().cdf(c / math.sqrt(2))
    assert low[0] <= truth <= high[0] + 2.0**-44
    assert high[0] - low[0] <= 1e-2


def test_masses_of_cells():
    """Ground truth: NormalDist in float64."""
    normal = Normal((1.5, 1.5))
    ends = np.concatenate([np.linspace(-12, 12, 200), np.linspace(0, 1e-6, 50)])
    for least, most in (
        normal.between(ends[:-1], ends[1:].clip(ends[:-1])),
        normal.window(ends[:-1], ends[1:].clip(ends[:-1])),
    ):
        below = [NormalDist(0, 1.5).cdf(x) for x in ends.tolist()]
        truth = np.maximum(np.diff(below), 0)
        assert np.all(least <= truth * (1 + 1e-9) + 1e-16)
        assert np.all(truth * (1 - 1e-9) - 1e-16 <= most)
        assert np.max(most - least) < 1e-6


@pytest.mark.parametrize(
    ("x1", "x2", "initializer"),
    [
        (0.5, -0.5, "standard_normal"),
        (3.0, 1.0, "standard_normal"),
        (2.0, -1.0, "he_normal"),
        (2.0, -1.0, "uniform"),
        (2000.0, -1.0, "standard_normal"),
        (3.0, -1 / 3, "standard_normal"),
    ],
)
def test_what_is_not_proved_is_refused(x1, x2, initializer):
    """Ground truth: one line that says what is proved; (3, -1/3) has k12 > 0 by 6e-17."""
    with pytest.raises(InputError) as caught:
        certified(x1, x2, 0.1, initializer=initializer)
    assert message_is_one_line(caught.value)
