"""Robustness margins of inputs, weights and output weights of any magnitude."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from helpers import relative_error
from latephase.margin import margins_of, nearest_zeros

pytestmark = pytest.mark.quick

# Powers of 2 of inputs, weights and output weights; biases are as large as weights times inputs.
POWERS = [
    (-100, 0, -997),
    (-333, -333, -997),
    (-997, 0, -997),
    (-997, 997, -997),
    (664, 0, 664),
    (997, -997, 997),
    (498, 498, 498),
    (-664, -332, 0),
    (0, -997, 997),
]


def problem(d: int, m: int, biased: bool, slope: float, powers: tuple[int, int, int]):
    """A network that is right on four points, and these."""
    rng = np.random.default_rng(5)
    inputs, labels = rng.normal(size=(4, d)), np.array([1, 1, -1, -1])
    inputs[:, 0] += 2.5 * labels
    weights, biases = 0.3 * rng.normal(size=(m, d)), 0.1 * rng.normal(size=m)
    weights[:, 0] += np.resize([1.0, -1.2], m)
    size, way, outer = powers
    net = lp.ShallowReLU(
        np.ldexp(weights, way),
        np.ldexp(biases, way + size) if biased else None,
        np.ldexp(np.resize([1.0, -1.0], m), outer),
        negative_slope=slope,
    )
    return net, lp.Dataset(np.ldexp(inputs, size), labels)


@pytest.mark.parametrize("powers", POWERS, ids=str)
@pytest.mark.parametrize(("biased", "slope"), [(True, 0.0), (False, 0.5), (True, 1.0)])
@pytest.mark.parametrize(("d", "m"), [(1, 3), (2, 2), (2, 5), (3, 3), (5, 4), (3, 20)])
def test_margins_are_those_of_ordinary_numbers(d, m, biased, slope, powers):
    """Ground truth: powers of two lose no bit, those of weights and output weights leave all zeros
    where they are, and that of the inputs and biases moves them by as much."""
    truth = lp.robustness_margin(*problem(d, m, biased, slope, (0, 0, 0)))
    net, data = problem(d, m, biased, slope, powers)
    found = lp.robustness_margin(net, data)
    for name in ("lower", "upper"):
        assert (
            relative_error(np.ldexp(getattr(found, name), -powers[0]), getattr(truth, name)) < 1e-12
        )
    for norm in (1, np.inf):
        other = lp.robustness_margin(*problem(d, m, biased, slope, (0, 0, 0)), norm)
        there = np.ldexp(lp.robustness_margin(net, data, norm).upper, -powers[0])
        assert relative_error(there, other.upper) < 1e-12


@pytest.mark.parametrize("powers", POWERS, ids=str)
@pytest.mark.parametrize("d", [2, 3])
def test_nearest_zeros_are_those_of_ordinary_numbers(d, powers):
    """Ground truth: as above."""
    net, data = problem(d, 3, True, 0.1, (0, 0, 0))
    truth = nearest_zeros(net, data, 3.0)
    assert truth
    found = nearest_zeros(*problem(d, 3, True, 0.1, powers), np.ldexp(3.0, powers[0]))
    assert [i for i, _ in found] == [i for i, _ in truth]
    for (_, there), (_, zero) in zip(found, truth):
        assert relative_error(np.ldexp(there, -powers[0]), zero) < 1e-12


@pytest.mark.parametrize("powers", POWERS, ids=str)
def test_many_margins_in_the_plane_are_those_of_ordinary_numbers(powers):
    """Ground truth: as above, of networks that are looked at all at once."""
    found = []
    for one in ((0, 0, 0), powers):
        net, data = problem(2, 4, True, 0.0, one)
        sizes = np.linspace(0.8, 1.2, 8)
        weights = sizes[:, None, None] * net.weights
        biases = np.tile(net.biases, (8, 1))
        path = margins_of(weights, biases, net.output_weights, data.inputs, data.labels)
        found.append(np.ldexp(path, -one[0]))
    assert relative_error(found[1], found[0]) < 1e-12
