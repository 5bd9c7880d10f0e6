"""Properties of the margins that hold for every network."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import relative_error
from latephase.margin import (
    boundary,
    boundary_offset,
    margin_on_line,
    normalised_margin,
    two_neuron_margin,
)
from references.rational import exact_margin, exact_output

deterministic = settings(derandomize=True, max_examples=300, deadline=None, database=None)

ULPS = 1e-14

# Round numbers make ties, kinks on inputs and dead neurons; the others make rounding errors.
round_numbers = st.integers(-6, 6).map(lambda k: k / 4)
magnitudes = st.floats(1e-30, 1e30) | st.floats(0.01, 10)
numbers = round_numbers | magnitudes | magnitudes.map(lambda v: -v)
twos = st.tuples(numbers, numbers)
inputs = st.tuples(numbers, numbers).filter(lambda x: x[0] != x[1])


@deterministic
@given(twos, twos, inputs)
def test_margin_of_two_neurons_is_exact(w, b, x):
    """Ground truth: rational arithmetic."""
    truth = exact_margin(w, b, (1, -1), x, (1, -1))
    expected = np.inf if truth is None else float(truth)
    assert relative_error(two_neuron_margin(w, b, x, (1, -1)), expected) < ULPS
    general = margin_on_line(np.c_[list(w)], b, (1, -1), np.c_[list(x)], (1, -1))
    assert relative_error(general, expected) < ULPS


@deterministic
@given(st.lists(st.tuples(round_numbers, round_numbers), min_size=1, max_size=6), inputs)
def test_margin_of_wider_networks_is_exact(neurons, x):
    """Ground truth: rational arithmetic, alternating output weights, many ties."""
    w, b = np.array(neurons).T
    outer = np.resize([1.0, -1.0], len(w))
    truth = exact_margin(w, b, outer, x, (1, -1))
    got = margin_on_line(w[:, None], b, outer, np.c_[list(x)], (1, -1))
    assert relative_error(got, np.inf if truth is None else float(truth)) < ULPS


@deterministic
@given(st.tuples(round_numbers, round_numbers), st.tuples(round_numbers, round_numbers))
def test_margin_against_dense_sampling(w, b):
    """Ground truth: sign changes and zeros of N on a grid, no formula for the zero set."""
    grid = np.linspace(-6, 6, 12 * 480 + 1)
    outputs = np.maximum(w[0] * grid + b[0], 0) - np.maximum(w[1] * grid + b[1], 0)
    right = outputs[np.searchsorted(grid, 1)] > 0 > outputs[np.searchsorted(grid, -1)]
    margin = float(two_neuron_margin(w, b, (1, -1), (1, -1)))
    assert right == (margin > 0)
    zero = np.flatnonzero(np.sign(outputs[1:]) * np.sign(outputs[:-1]) <= 0)
    if right:
        ends = grid[np.concatenate([zero, zero + 1])]
        nearest = np.abs(np.abs(ends) - 1).min(initial=np.inf)
        assert nearest == margin or abs(nearest - margin) < 1.01 / 480 or margin > 5


@deterministic
@given(twos, twos, inputs)
def test_mirrors_keep_the_margin(w, b, x):
    """Ground truth: symmetry, to the last bit. x -> -x; neurons and labels swapped (N -> -N)."""
    margin = two_neuron_margin(w, b, x, (1, -1))
    assert margin == two_neuron_margin((-w[0], -w[1]), b, (-x[0], -x[1]), (1, -1))
    assert margin == two_neuron_margin(w[::-1], b[::-1], x, (-1, 1))
    assert margin == two_neuron_margin(w, b, x[::-1], (-1, 1))


@deterministic
@given(twos, twos, inputs, st.integers(-8, 8))
def test_scaling_by_powers_of_two(w, b, x, power):
    """Ground truth: homogeneity, exact in binary. Scaling the network keeps the margin, scaling
    inputs and biases scales it.
    """
    scale = 2.0**power
    margin = two_neuron_margin(w, b, x, (1, -1))
    assert margin == two_neuron_margin(scale * np.array(w), scale * np.array(b), x, (1, -1))
    stretched = two_neuron_margin(w, scale * np.array(b), scale * np.array(x), (1, -1))
    assert scale * margin == stretched
    column, points = np.c_[list(w)], np.c_[list(x)]
    normalised = normalised_margin(column, b, (1, -1), points, (1, -1))
    again = normalised_margin(scale * column, scale * np.array(b), (1, -1), points, (1, -1))
    assert normalised == again or (np.isnan(normalised) and np.isnan(again))


@deterministic
@given(twos, twos, inputs)
def test_margin_is_the_distance_to_the_boundary_where_that_is_nearest(w, b, x):
    """Ground truth: definition. A correct network between whose points x* lies has margin
    at most the distance to x*, and the optimum minus |offset| where both are the same.
    """
    margin = float(two_neuron_margin(w, b, x, (1, -1)))
    crossing, offset = float(boundary(w, b)), float(boundary_offset(w, b, *x))
    assert np.isnan(crossing) == np.isnan(offset)
    if margin > 0 and min(x) < crossing < max(x):
        distance = min(abs(x[0] - crossing), abs(x[1] - crossing))
        assert margin <= distance + 1e-15 * max(abs(crossing), *map(abs, x))
        optimum = abs(x[0] - x[1]) / 2
        assert abs(optimum - abs(offset) - distance) <= 4e-15 * max(abs(crossing), *map(abs, x))


powers = st.integers(-300, 300) | st.integers(-12, 12)
decimals = st.integers(-20, 20).map(lambda k: k / 10)
scaled = st.tuples(decimals, powers).map(lambda v: v[0] * 10.0 ** v[1])
neurons = st.tuples(scaled | decimals, scaled | decimals, scaled | decimals)
offsets = st.sampled_from([0.0, 0.0, 2020.0, 1e7, 1e-9])


@deterministic
@given(st.lists(neurons, min_size=1, max_size=5), st.tuples(decimals, decimals, scaled), offsets)
def test_margin_on_the_line_over_all_magnitudes(network, places, offset):
    """Ground truth: rational arithmetic; decimals that float64 cannot sum, 600 decades of sizes."""
    w, b, outer = np.array(network).T
    x = np.unique(np.array(places) + offset)
    q = (np.array([exact_output(w, b, outer, v) for v in x])).astype(int)
    x, y = (x[q != 0], q[q != 0]) if q.any() else (x, np.ones(len(x)))
    truth = exact_margin(w, b, outer, x, y)
    expected = np.inf if truth is None or truth > 10**308 else float(truth)
    got = margin_on_line(w[:, None], b, outer, x[:, None], y)
    assert relative_error(got, expected) < 2e-14
    if len(w) == 2:
        both = exact_margin(w, b, (1, -1), x, y)
        expected = np.inf if both is None or both > 10**308 else float(both)
        assert relative_error(two_neuron_margin(w, b, x, y), expected) < 2e-14
