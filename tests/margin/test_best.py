"""The largest normalised margin of a kind of network, and a bound of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

import latephase as lp
from helpers import refusal, relative_error
from latephase.margin import (
    best_normalised_margin,
    largest_normalised_margin,
    margins,
    normalised_margin_bound,
)
from latephase.margin.best import patterns
from latephase.problem import TwoPointGeometry

PULLING = np.array([1.0, -1.0])


def on_line(*inputs: float) -> np.ndarray:
    return np.array([[x, 1.0] for x in inputs])


@pytest.mark.parametrize("inputs", [(1, -1), (3, -1), (0.5, -0.5), (3, 0.5), (-0.25, 2.0)])
def test_two_neurons_on_two_points(inputs):
    """Ground truth: the closed form; where k12 <= 0 all widths together have no better one."""
    geometry = TwoPointGeometry.of(lp.Dataset(list(inputs), [1, -1]))
    known = largest_normalised_margin(geometry)
    points, labels = on_line(*inputs), np.array([1.0, -1.0])
    assert relative_error(best_normalised_margin(points, labels, PULLING), known) < 1e-12
    bound = normalised_margin_bound(points, labels, PULLING)
    assert bound >= known * (1 - 1e-9)


def searched(points, labels, outer, slope, starts=25):
    """1 / |theta| of the shortest theta with all margins at least 1 that SLSQP finds."""

    def gap(theta):
        return margins(theta.reshape(len(outer), -1), None, outer, points, labels, slope) - 1

    best = np.inf
    rng = np.random.default_rng(0)
    for _ in range(starts):
        start = 2 * rng.normal(size=len(outer) * points.shape[1])
        rule = {"type": "ineq", "fun": gap}
        found = minimize(lambda theta: theta @ theta, start, method="SLSQP", constraints=rule)
        if gap(found.x).min() > -1e-6:
            best = min(best, found.x @ found.x)
    return best**-0.5


CASES = {
    "three points, two neurons": (on_line(0.3, -1.2, 2.0), [1, -1, 1], [1.0, -1.0], 0.0),
    "three neurons": (on_line(0.3, -1.2, 2.0), [1, -1, 1], [1.0, 1.0, -2.0], 0.0),
    "leaky": (on_line(0.3, -1.2, 2.0), [1, 1, -1], [1.0, -1.0], 0.25),
    "plane, without biases": (np.array([[1, 0.5], [-1, 1], [0.2, -1]]), [1, 1, -1], PULLING, 0.0),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_what_a_search_finds(case):
    """Ground truth: SLSQP from 25 starts, which finds none better; the bound is none below."""
    points, labels, outer, slope = CASES[case]
    labels, outer = np.array(labels, float), np.array(outer)
    best = best_normalised_margin(points, labels, outer, slope)
    found = searched(points, labels, outer, slope)
    assert relative_error(best, found) < 1e-5
    assert normalised_margin_bound(points, labels, outer, slope) >= best * (1 - 1e-9)


def test_of_the_linear_model_both_are_the_largest_margin_of_a_plane():
    """Ground truth: |v| times that of one linear neuron, of points at 1 and -1: 1 / |(1, 0)|."""
    points, labels, outer = on_line(1.0, -1.0), np.array([1.0, -1.0]), np.array([3.0, -4.0])
    assert relative_error(best_normalised_margin(points, labels, outer, 1.0), 5.0) < 1e-12
    assert relative_error(normalised_margin_bound(points, labels, outer, 1.0), 5.0) < 1e-9


def test_the_patterns_of_a_line():
    """Ground truth: n points of the line are cut in 2 n ways, all of the plane's four in 14."""
    assert len(patterns(on_line(0.0, 1.0, -2.0, 0.5))) == 8
    plane = np.array([[0.0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]])
    assert len({tuple(one) for one in patterns(plane)}) == len(patterns(plane)) == 14


def test_what_no_network_fits_and_what_is_too_many():
    """Ground truth: one neuron does not fit -, +, -; 12 neurons on 3 points have 462 ** 2."""
    points = on_line(-1.0, 0.0, 1.0)
    assert best_normalised_margin(points, np.array([-1.0, 1, -1]), np.ones(1)) == 0
    many = np.tile(PULLING, 6)
    assert "213,444" in refusal(best_normalised_margin, points, np.array([1.0, -1, 1]), many)
