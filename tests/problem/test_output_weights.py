"""Output weights of networks that are drawn: by a rule, or by the name of an initializer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from helpers import refusal, relative_error
from latephase.problem import initializers
from latephase.problem.output_weights import output_weights


def drawn(choice, width=4, trials=600, start=0, d=3, bias=True):
    size = {"trials": trials, "width": width, "d": d, "bias": bias}
    w, b = initializers.standard_normal(seed=5, start=start, **size)
    return w, b, output_weights(choice, w, b, seed=5, start=start)


@pytest.mark.parametrize("choice", ["he_normal", "balanced", "alternating", [2.0, -1.0, 0.5, 3.0]])
def test_a_trial_is_the_same_however_it_is_drawn(choice):
    """Ground truth: 600 trials drawn at once."""
    whole = drawn(choice)[2]
    for start, trials in [(0, 3), (255, 2), (250, 300)]:
        assert np.array_equal(drawn(choice, 4, trials, start)[2], whole[start : start + trials])


def test_the_distribution_is_that_of_the_output_layer():
    """Ground truth: He, of fan_in = width, and independent of the hidden weights: a correlation of
    about 1/sqrt(20000)."""
    w, _, v = drawn("he_normal", width=4, trials=5000)
    assert stats.kstest(v.ravel() / math.sqrt(2 / 4), stats.norm.cdf).pvalue > 1e-6
    assert abs(np.corrcoef(w[..., 0].ravel(), v.ravel())[0, 1]) < 5 / math.sqrt(20_000)
    small = drawn("small_normal", trials=5000)[2]
    assert relative_error(small.std(), 1e-3) < 0.03


@pytest.mark.parametrize("bias", [True, False])
def test_balanced_is_as_long_as_the_neuron(bias):
    """Ground truth: |v_j| = |(w_j, b_j)|, signs +, -, +, -; whose squares may overflow."""
    w, b, v = drawn("balanced", bias=bias)
    squares = (w**2).sum(axis=-1) + (0 if b is None else b**2)
    assert relative_error(v, np.sqrt(squares) * [1, -1, 1, -1]) < 1e-15
    for size in (1e200, 1e-200):
        big = output_weights("balanced", size * w, None, seed=0)
        assert relative_error(big, size * output_weights("balanced", w, None, seed=0)) < 1e-14


def test_what_is_given_is_of_every_trial():
    """Ground truth: the array."""
    assert (drawn([2.0, -1.0, 0.5, 3.0])[2] == [2.0, -1.0, 0.5, 3.0]).all()
    assert (drawn(None, width=2)[2] == [1.0, -1.0]).all()


@pytest.mark.parametrize("choice", ["he", "", None, [1.0, 2.0], 3, [[1.0, 2.0, 3.0, 4.0]]])
def test_bad_choices_are_refused_in_one_line(choice):
    """Ground truth: the contract, for four neurons."""
    assert "output_weights" in refusal(drawn, choice).replace(" ", "_")
