"""Two-point geometry: exact signs, rounded-once Gram numbers and pre-activations."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from helpers import message_is_one_line, relative_error
from latephase.core import InputError
from latephase.problem import Dataset, GradientDescent, TwoPointGeometry, is_two_point

PAIRS = [(1.0, -1.0), (3.0, -1 / 3), (5.0, -0.2), (2.0, -0.5), (1.0, 3.0), (0.3, 0.1), (-4.0, 2.5),
         (1e100, -1e-100), (0.0, 1.0), (1 + 2.0**-52, -1.0)]  # fmt: skip


def geometry(x1: float, x2: float) -> TwoPointGeometry:
    return TwoPointGeometry.of(Dataset([x1, x2], [1, -1]))


@pytest.mark.parametrize(("x1", "x2"), PAIRS)
def test_numbers_are_the_rationals_rounded_once(x1, x2):
    """Ground truth: the definitions in exact rational arithmetic."""
    g, a, b = geometry(x1, x2), Fraction(x1), Fraction(x2)
    k11, k22, k12 = 1 + a * a, 1 + b * b, 1 + a * b
    limit = (a + b) / 2 if k12 > 0 else (a + b) / (1 - a * b)
    assert (g.k11, g.k22, g.k12) == (float(k11), float(k22), float(k12))
    assert g.determinant == float(k11 * k22 - k12 * k12)
    assert (g.midpoint, g.half_gap) == (float((a + b) / 2), float((a - b) / 2))
    assert g.x_inf == float(limit)


@pytest.mark.parametrize(
    ("x1", "x2", "sign"),
    [(1.0, -1.0, 0), (2.0, -0.5, 0), (3.0, -1 / 3, 1), (5.0, -0.2, -1), (1.0, 3.0, 1),
     (1 + 2.0**-52, -1.0, -1), (1 - 2.0**-53, -1.0, 1)],
)  # fmt: skip
def test_gram_sign_is_exact(x1, x2, sign):
    """Ground truth: signs by hand; 1 + x1 * x2 rounds to 0 in float64 for (3, -1/3), (5, -0.2)."""
    assert geometry(x1, x2).gram_sign == sign
    assert geometry(x2, x1).gram_sign == sign
    assert geometry(-x1, -x2).gram_sign == sign


def test_order_of_the_points():
    """Ground truth: x1 is the input labelled +1, wherever it stands."""
    g = TwoPointGeometry.of(Dataset([2.0, 0.5], [-1, 1]))
    assert (g.x1, g.x2, g.order) == (0.5, 2.0, (1, 0))
    assert geometry(0.5, 2.0).order == (0, 1)


@pytest.mark.parametrize(
    ("inputs", "labels"),
    [([1, 2, 3], [1, -1, 1]), ([[1, 2], [3, 4]], [1, -1])],
)
def test_other_data_have_no_two_point_geometry(inputs, labels):
    """Ground truth: the definition of the setting."""
    data = Dataset(inputs, labels)
    assert not is_two_point(data)
    with pytest.raises(InputError) as caught:
        TwoPointGeometry.of(data)
    assert message_is_one_line(caught.value)


@pytest.mark.parametrize(("x1", "x2"), [(1e200, 1.0), (1e-200, 0.0)])
def test_inputs_whose_gram_numbers_leave_float64_are_refused(x1, x2):
    """Ground truth: 1e200^2 overflows, 1e-200^2 underflows."""
    with pytest.raises(InputError) as caught:
        geometry(x1, x2)
    assert message_is_one_line(caught.value)


def near_cancellation(rng: np.random.Generator, g: TwoPointGeometry, trials: int):
    """Weights and biases with b within a few ulp of -w x1 or of -w x2."""
    w = rng.normal(size=(trials, 2))
    points = np.where(rng.random((trials, 2)) < 0.5, g.x1, g.x2)
    ulps = rng.integers(-2, 3, size=(trials, 2))
    return w, -(w * points) * (1 + ulps * 2.0**-52)


@pytest.mark.parametrize(("x1", "x2"), [(1.0, 3.0), (3.0, -1 / 3), (0.3, 0.1), (-4.0, 2.5)])
def test_preactivations_where_everything_cancels(x1, x2):
    """Ground truth: w x + b in exact rational arithmetic; 500 neurons cancel to the last bit."""
    g = geometry(x1, x2)
    w, b = near_cancellation(np.random.default_rng(7), g, 250)
    got = g.preactivations(w, b)
    exact = [[[Fraction(w[t, j]) * Fraction(x) + Fraction(b[t, j]) for x in (g.x1, g.x2)]
              for j in range(2)] for t in range(250)]  # fmt: skip
    signs = np.array([[[(a > 0) - (a < 0) for a in pair] for pair in trial] for trial in exact])
    assert got.shape == (250, 2, 2)
    assert np.array_equal(np.sign(got), signs)
    once = Fraction(1, 2**53) * (1 + Fraction(1, 2**50))  # rounded once, of almost twice the digits
    for value, truth in zip(got.ravel(), np.array(exact).ravel(), strict=True):
        assert abs(Fraction(value) - truth) <= once * abs(truth)


def test_preactivations_that_are_exactly_zero():
    """Ground truth: 0.75 * 3 - 2.25 = 0, and a network of zeros."""
    g = geometry(3.0, 1.0)
    assert g.preactivations([0.75, 0.0], [-2.25, 0.0]).tolist() == [[0.0, -1.5], [0.0, 0.0]]


def test_preactivations_of_huge_weights_are_finite():
    """Ground truth: 1e305 * 3 in float64; the split of 1e305 alone would overflow."""
    got = geometry(3.0, 1.0).preactivations([1e305, 1.0], [0.0, 0.0])
    assert relative_error(got, [[3e305, 1e305], [3.0, 1.0]]) < 1e-15


@pytest.mark.parametrize(
    "step_size", [0, -0.1, np.nan, np.inf, "0.1", None, True, 1j, [0.1], 10**400]
)
def test_bad_step_sizes_are_refused_in_one_line(step_size):
    """Ground truth: a step size is a finite number > 0."""
    with pytest.raises(InputError) as caught:
        GradientDescent(step_size)
    assert message_is_one_line(caught.value)


@pytest.mark.parametrize("step_size", [1, 0.1, np.float32(0.5), np.int64(2), Fraction(1, 3)])
def test_step_sizes_become_floats(step_size):
    """Ground truth: float()."""
    method = GradientDescent(step_size)
    assert type(method.step_size) is float
    assert method.step_size == float(step_size)
