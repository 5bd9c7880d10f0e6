"""Losses in the log domain, from margins where float64 overflows to margins where it underflows."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from flint import arb

from helpers import relative_error
from latephase.core.balls import exact, precision, relative_error_upper
from latephase.problem import LOSSES

MARGINS = [
    -1e300,
    -2000.0,
    -30.0,
    -0.1,
    0.0,
    1e-9,
    1.0,
    20.0,
    25.0,
    36.0,
    39.999,
    40.001,
    800.0,
    1e15,
]


def logistic_log_loss(q: float) -> arb:
    """ln ln(1 + e^-q); expanded where e^-q is below the precision, where e^-q would overflow."""
    if q < -1e6:
        return (-exact(q)).log()
    if q > 1e6:
        return -exact(q)
    return (1 + (-exact(q)).exp()).log().log()


def logistic_log_weight(q: float) -> arb:
    """ln 1/(1 + e^q)."""
    if abs(q) > 1e6:
        return -exact(max(q, 0.0))
    return -(1 + exact(q).exp()).log()


@pytest.mark.parametrize("q", MARGINS)
def test_logistic_loss_against_balls(q):
    """Ground truth: ln ln(1 + e^-q) in balls of 4000 bits; error relative to max(1, |value|)."""
    with precision(4000):
        truth = logistic_log_loss(q)
        got = float(LOSSES["logistic"].log_loss([q]))
        assert relative_error_upper(got, truth) < 1e-15 * max(1.0, 1 / abs(float(truth.mid())))


@pytest.mark.parametrize("q", MARGINS)
def test_logistic_weight_against_balls(q):
    """Ground truth: ln 1/(1 + e^q) in balls of 4000 bits; a weight of 1 may read ln 1 = 0."""
    with precision(4000):
        truth = logistic_log_weight(q)
        got = float(LOSSES["logistic"].log_weights(np.array(q)))
        if q < -745:  # e^q is below the smallest double
            assert got == 0.0
        else:
            assert relative_error_upper(got, truth) < 1e-15


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("q", [-3.0, -0.2, 0.5, 4.0])
def test_weight_is_minus_the_derivative_of_the_loss(name, q):
    """Ground truth: central difference of second order, error about h^2."""
    h, loss = 1e-5, LOSSES[name]
    low, high = np.exp(loss.log_each(np.array([q - h, q + h])))
    assert relative_error(np.exp(loss.log_weights(np.array(q))), (low - high) / (2 * h)) < 1e-8


@pytest.mark.parametrize("name", LOSSES)
def test_sum_over_points(name):
    """Ground truth: the sum of the losses where float64 holds them."""
    q = np.array([[0.1, 2.0, -1.0], [5.0, 5.0, 6.0]])
    each = np.exp(-q) if name == "exponential" else np.log1p(np.exp(-q))
    assert relative_error(np.exp(LOSSES[name].log_loss(q)), each.sum(axis=1)) < 1e-14
    assert relative_error(np.exp(LOSSES[name].log_loss(q, axis=0)), each.sum(axis=0)) < 1e-14


@pytest.mark.parametrize("name", LOSSES)
def test_losses_far_below_float64(name):
    """Ground truth: two points with loss e^-2302.5 have the loss 2 e^-2302.5."""
    got = LOSSES[name].log_loss([2302.5, 2302.5])
    assert relative_error(got, np.log(2.0) - 2302.5) < 1e-15


@pytest.mark.parametrize("name", LOSSES)
def test_infinite_margins(name):
    """Ground truth: limits of the loss at plus and minus infinity, and NaN stays NaN."""
    log_loss = LOSSES[name].log_loss
    assert log_loss([np.inf, np.inf]) == -np.inf
    assert log_loss([-np.inf, 1.0]) == np.inf
    assert np.isnan(log_loss([np.nan, 1.0]))


def test_a_loss_goes_to_another_process_and_stays_the_same():
    """Ground truth: the record itself; its functions cannot be pickled."""
    for loss in LOSSES.values():
        assert pickle.loads(pickle.dumps(loss)) is loss
