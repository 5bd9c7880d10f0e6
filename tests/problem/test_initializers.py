"""Initializers: their distributions, and that trial i is the same network however it is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from helpers import message_is_one_line, relative_error
from latephase.core import InputError
from latephase.problem import initializers

FAN_IN, FAN_OUT = 3, 5
# (scale, shape) of the weights; zero bias or drawn like the weights
WEIGHTS = {
    "he_normal": (math.sqrt(2 / 3), stats.norm),
    "he_uniform": (math.sqrt(6 / 3), stats.uniform(-1, 2)),
    "xavier_normal": (math.sqrt(2 / 8), stats.norm),
    "xavier_uniform": (math.sqrt(6 / 8), stats.uniform(-1, 2)),
    "lecun_normal": (math.sqrt(1 / 3), stats.norm),
    "pytorch_default": (1 / math.sqrt(3), stats.uniform(-1, 2)),
    "standard_normal": (1.0, stats.norm),
    "uniform": (1.0, stats.uniform(-1, 2)),
    "small_normal": (1e-3, stats.norm),
    "large_normal": (10.0, stats.norm),
}
RECORDED_WEIGHTS = [
    [-0.26324799317304215, 1.3820920465495143],
    [-0.2323954660637062, -1.5346454414638893],
]
RECORDED_BIASES = [
    [0.14986164785187747, -0.2168001938610219],
    [0.658148008085295, -2.9017401587836953],
]
ZERO_BIAS = {"he_normal", "he_uniform", "xavier_normal", "xavier_uniform", "lecun_normal"}


def test_every_initializer_is_tested_here():
    """Ground truth: the ten names of the specification."""
    assert set(initializers.names()) == set(WEIGHTS)
    for name in WEIGHTS:
        assert initializers.get(name) is getattr(initializers, name)


@pytest.mark.parametrize("name", WEIGHTS)
def test_distribution(name):
    """Ground truth: the distribution of the literature, by Kolmogorov-Smirnov on 300,000 draws.

    The standard deviation of so many is known to 0.13 %: five of that are allowed.
    """
    scale, law = WEIGHTS[name]
    w, b = initializers.get(name)(trials=20_000, seed=11, d=FAN_IN, width=FAN_OUT)
    assert w.shape == (20_000, FAN_OUT, FAN_IN)
    assert b.shape == (20_000, FAN_OUT)
    assert stats.kstest(w.ravel() / scale, law.cdf).pvalue > 1e-6
    assert relative_error(np.std(w), scale * law.std()) < 0.0065
    if name in ZERO_BIAS:
        assert not b.any()
    else:
        assert stats.kstest(b.ravel() / scale, law.cdf).pvalue > 1e-6


@pytest.mark.parametrize("name", WEIGHTS)
def test_law_names_the_distribution(name):
    """Ground truth: the distribution of the literature; a draw of one's own has no name."""
    init = initializers.get(name)
    assert (init.law == "normal") == (WEIGHTS[name][1] is stats.norm)
    assert init.law in ("normal", "uniform")
    own = initializers.Initializer("own", lambda g, shape: g.random(shape), init.scale, True)
    assert own.law == "other"


@pytest.mark.parametrize("name", WEIGHTS)
def test_trial_is_the_same_however_it_is_drawn(name):
    """Ground truth: 700 trials drawn at once."""
    init = initializers.get(name)
    w, b = init(trials=700, seed=3)
    for start, trials in [(0, 10), (5, 1), (255, 2), (256, 256), (200, 500), (699, 1)]:
        w_part, b_part = init(trials=trials, seed=3, start=start)
        assert np.array_equal(w_part, w[start : start + trials])
        assert np.array_equal(b_part, b[start : start + trials])


def test_draws_are_those_of_every_other_machine():
    """Ground truth: values recorded with NumPy 2.4; another stream breaks stored ensembles."""
    w, b = initializers.standard_normal(trials=2, seed=0, start=255)
    assert relative_error(w[:, :, 0], RECORDED_WEIGHTS) < 1e-14
    assert relative_error(b, RECORDED_BIASES) < 1e-14


def test_seeds_and_names_are_independent():
    """Ground truth: independent samples have a correlation of about 1/sqrt(4000)."""
    draws = [
        initializers.get(name)(trials=2000, seed=seed)[0].ravel()
        for name, seed in [("he_normal", 0), ("he_normal", 1), ("lecun_normal", 0)]
    ]
    correlation = np.corrcoef(draws) - np.eye(3)
    assert np.max(np.abs(correlation)) < 5 / math.sqrt(4000)


def test_neurons_and_trials_are_independent():
    """Ground truth: independent entries, within a trial and between neighbouring blocks."""
    w, b = initializers.standard_normal(trials=5120, seed=2)
    columns = np.column_stack([w[:, :, 0], b, np.roll(w[:, 0, 0], 256), np.roll(w[:, 0, 0], 1)])
    correlation = np.corrcoef(columns.T) - np.eye(6)
    assert np.max(np.abs(correlation)) < 5 / math.sqrt(5120)


BAD = [
    {"trials": 0}, {"trials": -1}, {"trials": 1.5}, {"trials": True}, {"trials": "10"},
    {"seed": -1}, {"seed": 2**64}, {"seed": 0.5}, {"seed": None},
    {"width": 0}, {"d": 0}, {"bias": 1}, {"start": -1},
]  # fmt: skip


@pytest.mark.parametrize("change", BAD)
def test_bad_arguments_are_refused_in_one_line(change):
    """Ground truth: the contract of an initializer."""
    with pytest.raises(InputError) as caught:
        initializers.he_normal(**({"trials": 4, "seed": 0} | change))
    assert message_is_one_line(caught.value)


@pytest.mark.parametrize("name", ["kaiming", "", None, 3])
def test_unknown_names_are_refused_with_the_known_ones(name):
    """Ground truth: the ten names."""
    with pytest.raises(InputError, match="he_normal, he_uniform") as caught:
        initializers.get(name)
    assert message_is_one_line(caught.value)
