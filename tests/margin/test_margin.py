"""Margins of single networks with known answers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from helpers import relative_error
from latephase.core.errors import InputError
from latephase.margin import (
    activation_pattern,
    boundary,
    boundary_offset,
    is_active,
    kkt_residual,
    margin_deficit,
    margin_on_line,
    normalised_margin,
    optimal_margin,
    robustness_margin,
    two_neuron_margin,
)
from latephase.problem import Dataset, ShallowReLU
from references.rational import exact_margin

PAPER = ([1.0, -1.0], [1, -1])
ULPS = 2e-15


def both_margins(weights, biases, inputs, labels):
    """The closed form and the one from the kinks, which must be the same float."""
    fast = float(two_neuron_margin(weights, biases, inputs, labels))
    column = np.asarray(weights, float)[:, None]
    general = float(margin_on_line(column, biases, [1, -1], np.c_[inputs], labels))
    assert relative_error(general, fast) < ULPS
    return fast


# weights, biases, margin on the paper's data
BY_HAND = {
    "crossing between active neurons": ([1, -1], [1, 0.5], 0.75),
    "no biases: zero at the origin": ([2, -3], [0, 0], 1),
    "dead interval between the kinks": ([1, -1], [-0.25, -0.5], 0.5),
    "dead half-line": ([1, 0], [0.5, -1], 0),
    "half-line of zeros on the right, wrong side": ([-1, -2], [0, 0.5], 0),
    "equal networks": ([0.7, 0.7], [0.2, 0.2], 0),
    "both dead everywhere": ([0, 0], [-1, -1], 0),
    "all parameters zero": ([0, 0], [0, 0], 0),
    "equal kinks, opposite slopes": ([3, -1], [1.5, -0.5], 0.5),
    "constant first neuron": ([0, -2], [1, 0], 0.5),
    "constant second neuron": ([2, 0], [0, 0.5], 0.75),
    "both constant, misclassified": ([0, 0], [1, 0.5], 0),
    "point on the boundary": ([1, -1], [1, -1], 0),
    "parallel neurons": ([1, 1], [2, 1], 0),
}


@pytest.mark.parametrize(("weights", "biases", "expected"), BY_HAND.values(), ids=BY_HAND)
def test_margin_by_hand(weights, biases, expected):
    """Ground truth: zero sets drawn by hand, and the same in rational arithmetic."""
    assert both_margins(weights, biases, *PAPER) == expected
    assert exact_margin(weights, biases, [1, -1], *PAPER) == expected


def test_margin_of_a_network_without_zero_is_infinite():
    """Ground truth: N(x) = 1 has no zero; a single class, as `Dataset` would refuse it."""
    assert both_margins([0, 0], [2, 1], [0.5, 3.0], [1, 1]) == np.inf
    assert exact_margin([0, 0], [2, 1], [1, -1], [0.5, 3.0], [1, 1]) is None
    assert both_margins([1, -1], [2, -2], [-3.0], [-1]) == 1  # kinks at -2: one zero only
    assert both_margins([1, 1], [2, 1], [0.5, 3.0], [1, 1]) == 2.5  # dead left of -2


def test_margin_next_to_the_boundary_keeps_its_digits():
    """Ground truth: rational arithmetic, for inputs an ulp or two from the boundary."""
    weights, biases = [0.7, -0.4], [0.3, 0.1]
    for steps in range(-3, 4):
        x = (biases[1] - biases[0]) / (weights[0] - weights[1]) + steps * 2.0**-55
        truth = exact_margin(weights, biases, [1, -1], [x, -1.0], [1, -1])
        got = both_margins(weights, biases, [x, -1.0], [1, -1])
        assert relative_error(got, float(truth)) < ULPS


def test_margin_decides_equal_products_exactly():
    """Ground truth: rational arithmetic; w_1 b_2 and w_2 b_1 round to the same number here."""
    rng = np.random.default_rng(7)
    for _ in range(300):
        ulps = 1 + 2.0**-52 * rng.integers(-3, 4, size=(2, 2))
        weights, biases = rng.normal(size=(2, 1)) * ulps
        truth = exact_margin(weights, biases, [1, -1], [0.3, -2.0], [1, -1])
        got = both_margins(weights, biases, [0.3, -2.0], [1, -1])
        assert relative_error(got, float(truth)) < 1e-13


def test_margin_with_zero_intervals_of_wider_networks():
    """Ground truth: rational arithmetic on integer networks of 1 to 5 neurons, ties everywhere."""
    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(400):
        m = rng.integers(1, 6)
        w, b = rng.integers(-3, 4, size=(2, m)) / 4
        outer = rng.choice([-1.0, 1.0, 0.5], size=m)
        truth = exact_margin(w, b, outer, [0.5, -1.0, 2.0], [1, -1, 1])
        got = margin_on_line(w[:, None], b, outer, [[0.5], [-1.0], [2.0]], [1, -1, 1])
        expected = np.inf if truth is None else float(truth)
        assert relative_error(got, expected) < ULPS
        seen.add(expected)
    assert len(seen) > 10


def test_margins_of_many_networks_are_those_of_each():
    """Ground truth: the same function, one network at a time; also across blocks of networks."""
    rng = np.random.default_rng(1)
    w, b = rng.normal(size=(2, 2, 5, 7))
    many = two_neuron_margin(w, b, *PAPER)
    general = margin_on_line(
        np.moveaxis(w, 0, -1)[..., None], np.moveaxis(b, 0, -1), [1, -1], [[1.0], [-1.0]], [1, -1]
    )
    one = [[both_margins(w[:, i, j], b[:, i, j], *PAPER) for j in range(7)] for i in range(5)]
    assert many.tolist() == one
    assert general.tolist() == one
    flat = np.tile(w.reshape(2, -1), 1000), np.tile(b.reshape(2, -1), 1000)
    tiled = two_neuron_margin(*flat, *PAPER).reshape(1000, 5, 7)
    assert np.array_equal(tiled, np.broadcast_to(many, (1000, 5, 7)))


def test_kinks_that_are_one_as_seen_from_afar():
    """Ground truth: by hand, N(1/4) = 0 for relu(-3x/4 + 1/4) - relu(x/4); both kinks, 0 and 1/3,
    are -3e15 from the second point to the last bit.
    """
    far = 3002399751580336.0
    got = margin_on_line([[-0.75], [0.25]], [0.25, 0.0], [1, -1], [[0.0], [far]], [1, -1])
    assert got == 0.25


def test_nan_parameters_give_nan():
    """Ground truth: definition; a run that left float64 must not look like a small margin."""
    assert np.isnan(two_neuron_margin([np.nan, -1], [0, 0], *PAPER))
    assert np.isnan(two_neuron_margin([1, -1], [0, np.nan], *PAPER))


def test_public_margin_reads_network_and_data():
    """Ground truth: drawn by hand; the order of points and of output weights must not matter."""
    net = ShallowReLU(weights=[1.0, -1.0], biases=[1.0, 0.5])
    swapped = ShallowReLU(weights=[-1.0, 1.0], biases=[0.5, 1.0], output_weights=[-1.0, 1.0])
    for data in (Dataset([1.0, -1.0], [1, -1]), Dataset([-1.0, 1.0], [-1, 1])):
        assert robustness_margin(net, data) == robustness_margin(swapped, data) == 0.75
        assert optimal_margin(data) == 1
        assert margin_deficit([0.75, 1.0], data).tolist() == [0.25, 0.0]


def test_wider_inputs_and_wrong_shapes_are_refused():
    """Ground truth: the contract, InputError instead of a wrong number."""
    with pytest.raises(InputError, match="one feature"):
        margin_on_line(np.ones((2, 2)), np.ones(2), [1, -1], np.ones((2, 2)), [1, -1])
    with pytest.raises(InputError, match="output weights"):
        margin_on_line(np.ones((2, 1)), np.ones(2), [1, -1, 1], np.ones((2, 1)), [1, -1])


def test_boundary_by_hand():
    """Ground truth: by hand; x* is undefined unless both neurons are active at it."""
    weights = np.array([[1, -1], [1, -1], [2, -3], [2, 3], [1, 1], [0, -2], [0, -2]], float).T
    biases = np.array([[1, 0.5], [-0.25, -0.5], [0, 0], [0, 0], [1, 0], [1, 0], [0, 0]], float).T
    expected = [-0.25, np.nan, 0.0, np.nan, np.nan, -0.5, np.nan]
    got = boundary(weights, biases)
    np.testing.assert_array_equal(got, expected)
    assert not np.signbit(got[2])
    assert boundary_offset(weights, biases, 1.0, -2.0)[0] == 0.25


def test_boundary_offset_keeps_its_digits_next_to_the_midpoint():
    """Ground truth: rational arithmetic, for boundaries 1e-16 from a midpoint that is no float."""
    first, second = 0.1, 0.7000000000000001
    middle = (Fraction(first) + Fraction(second)) / 2
    w1, w2, b1 = -0.3, 0.9, 0.8
    for steps in range(-3, 4):
        b2 = b1 + (w1 - w2) * float(middle) + steps * 2.0**-53
        crossing = (Fraction(b2) - Fraction(b1)) / (Fraction(w1) - Fraction(w2))
        got = boundary_offset([w1, w2], [b1, b2], first, second)
        assert relative_error(got, float(crossing - middle)) < ULPS


def test_normalised_margin_by_hand():
    """Ground truth: by hand, margins 2 and 3 over |theta| = sqrt(15); scale must not matter."""
    w, b = np.array([[1.0], [-3.0]]), np.array([1.0, 2.0])
    for scale in (1.0, 1e-250, 1e250):
        got = normalised_margin(scale * w, scale * b, [1, -1], [[1.0], [-1.0]], [1, -1])
        assert relative_error(got, 2 / np.sqrt(15)) < ULPS
    assert np.isnan(normalised_margin(0 * w, 0 * b, [1, -1], [[1.0], [-1.0]], [1, -1]))


def kkt_point(x1: float, x2: float) -> tuple[np.ndarray, np.ndarray]:
    """The maximum-margin network on (x1, +1), (x2, -1), from its four pre-activations."""
    k11, k22, k12 = 1 + x1**2, 1 + x2**2, 1 + x1 * x2
    a = np.array([[1, k12 / k11], [k12 / k22, 1]])
    if 0 < k12 < min(k11, k22):
        a = np.eye(2)
    elif k12 >= k11:
        g = (1 + k12 / k11) / 2
        a = np.array([[1, g - 1], [0, g]])
    w = (a[:, 0] - a[:, 1]) / (x1 - x2)
    return w[:, None], a[:, 0] - w * x1


KKT_DATA = [(1, -1), (2, -0.5), (3, -1), (0.5, -0.5), (0.3, -0.2), (1, 3)]


@pytest.mark.parametrize(("x1", "x2"), KKT_DATA)
def test_kkt_points_have_no_residual_and_others_do(x1, x2):
    """Ground truth: closed forms of the unique KKT points, specialised, double and single slide."""
    data = ([1, -1], [[x1], [x2]], [1, -1])
    w, b = kkt_point(x1, x2)
    assert kkt_residual(w, b, *data, kink_tolerance=1e-12) < 1e-14
    assert kkt_residual(7 * w, 7 * b, *data, kink_tolerance=1e-12) < 1e-14
    assert kkt_residual(1.01 * w, b, *data, kink_tolerance=1e-12) > 1e-4
    assert kkt_residual(-w, -b, *data) == np.inf


def test_kkt_residual_weighs_a_slack_constraint():
    """Ground truth: by hand. Twice the second neuron of the KKT point on (2, -1): margins 1 and 2,
    |theta|^2 = 1/5 + 2, and what is left is min over l of 2 (1 - l)^2 + l^2 / |theta|^2.
    """
    data = ([1, -1], [[2.0], [-1.0]], [1, -1])
    size = 1 / 5 + 2
    l_best = 2 / (2 + 1 / size)
    least = 2 * (1 - l_best) ** 2 + l_best**2 / size
    got = kkt_residual([[0.4], [-1.0]], [0.2, 1.0], *data)
    assert relative_error(got, np.sqrt(least / size)) < 1e-13


def test_patterns_are_neuron_major_and_exact():
    """Ground truth: by hand; on a kink a neuron is inactive, an ulp beside it it is not."""
    inputs = [[1.0], [-1.0]]
    weights = np.array([[[1.0], [-1.0]], [[1.0], [1.0]], [[0.0], [0.0]]])
    biases = np.array([[0.0, 0.0], [2.0, -1.0], [0.0, 1.0]])
    assert activation_pattern(weights, biases, inputs).tolist() == ["1001", "1100", "0011"]
    w, x = 0.1, 3.0
    assert w * x != Fraction(w) * 3  # rounded up: the product minus its rounding is below zero
    assert not is_active([[w]], [-(w * x)], [[x]])[0, 0]
    assert is_active([[w]], [-np.nextafter(w * x, 0)], [[x]])[0, 0]
    assert activation_pattern(np.ones((1, 2)), [0.0], [[1.0, 1.0], [-1.0, 0.5]]) == "10"
