"""Margins of leaky networks, linear ones and networks without biases: all cells in rationals."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from helpers import relative_error
from latephase.margin import (
    kkt_residual,
    margin_of,
    margin_on_line,
    normalised_margin,
    zeros_on_line,
)
from references.rational import as_float, exact_distance, exact_margin

SLOPES = (0.0, 0.1, 0.5, 1.0, 1e-12, 1 - 2.0**-40)


def drawn(seed: int, d: int, slope: float, n: int = 2):
    """A network of up to four neurons with points of both signs; every other one without
    biases, every third of short binary fractions, whose kinks coincide and whose sums cancel."""
    rng = np.random.default_rng([seed, d])
    while True:
        m = int(rng.integers(1, 5))
        w, b, x = rng.normal(size=(m, d)), rng.normal(size=m), rng.normal(size=(n, d))
        outer = rng.choice([1.0, -1.0, 0.5], m)
        if seed % 3 == 0:
            w, b, x = (np.round(2 * part) / 2 for part in (w, b, x))
        if seed % 2 == 0:
            b = np.zeros(m)
        a = x @ w.T + b
        q = np.where(a > 0, a, slope * a) @ outer
        if q.min() < 0 < q.max() and q.all():
            return w, b, outer, x, np.sign(q)


@pytest.mark.parametrize("slope", SLOPES)
def test_on_the_line(slope):
    """Ground truth: the margin of these doubles in rational arithmetic."""
    for seed in range(100):
        w, b, outer, x, y = drawn(seed, 1, slope)
        truth = exact_margin(w[:, 0], b, outer, x[:, 0], y, slope)
        found = margin_on_line(w, b, outer, x, y, slope)
        assert relative_error(found, np.inf if truth is None else float(truth)) < 1e-12


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize(("d", "p"), [(2, 2.0), (2, 1.0), (2, np.inf), (3, 2.0), (3, np.inf)])
def test_in_more_dimensions(d, p, slope):
    """Ground truth: all cells in rational arithmetic, all sets of constraints that may be tight."""
    for seed in range(8 if d == 2 else 4):
        parts = drawn(seed, d, slope)
        truth = as_float(exact_distance(*parts, p, slope), p)
        assert relative_error(margin_of(*parts, p, slope), truth) < 1e-12


@pytest.mark.parametrize("slope", [0.2, 0.7])
def test_many_points_in_the_plane(slope):
    """Ground truth: the same; most points are ruled out by a look from the nearest ones."""
    for seed in range(1, 13, 2):
        parts = drawn(seed, 2, slope, n=8)
        truth = as_float(exact_distance(*parts, 2.0, slope), 2.0)
        assert relative_error(margin_of(*parts, 2.0, slope), truth) < 1e-12


def test_a_linear_network_is_a_hyperplane():
    """Ground truth: the distance of a point to w x + b = 0, |w x + b| / |w|; 40 neurons."""
    rng = np.random.default_rng(1)
    for d in (1, 2, 5):
        w, b, outer = rng.normal(size=(40, d)), rng.normal(size=40), rng.normal(size=40)
        x = rng.normal(size=(6, d))
        q = x @ (outer @ w) + outer @ b
        x[0] -= (q[0] + 0.7 * q[1]) * (outer @ w) / ((outer @ w) @ (outer @ w))  # of the other sign
        y = np.sign(x @ (outer @ w) + outer @ b)
        net = lp.ShallowReLU(w, b, outer, negative_slope=1)
        found = lp.robustness_margin(net, lp.Dataset(x, y))
        truth = np.abs(x @ (outer @ w) + outer @ b).min() / np.linalg.norm(outer @ w)
        if d <= 2:
            assert relative_error(found, truth) < 1e-12
        else:  # more than 16 neurons on more than two features: bounds
            assert found.lower <= truth * (1 + 1e-12)
            assert truth <= found.upper * (1 + 1e-12)


def test_zeros_on_the_line_by_hand():
    """Ground truth: drawn by hand; s = 1/2: N = x + 1 for x > -1, (x + 1) / 2 below, less 2."""
    assert zeros_on_line([1, 0], [1, 2], [1, -1], 0.5).tolist() == [1]
    assert zeros_on_line([1, 0], [1, -2], [1, 1], 0.5).tolist() == [0]
    assert zeros_on_line([1, -1], [0, 0], [1, 1], 0.5).tolist() == [0]  # |x| / 2
    assert zeros_on_line([1, -1], [0, 1], [1, 1], 1.0).tolist() == []  # x + 1 - x
    assert zeros_on_line([1, -1], [0, 3], [2, 1], 1.0).tolist() == [-3]


def test_normalised_margins_count_what_is_trained():
    """Ground truth: by hand: N = 3 x - 0.5 * 4 x at x = 2, |theta| = 5."""
    found = normalised_margin([[3.0], [4.0]], None, [1, -1], [[2.0]], [1], 0.5)
    assert relative_error(found, (6 - 8) / 5) < 1e-15
    found = normalised_margin([[-3.0], [4.0]], None, [1, -1], [[2.0]], [-1], 0.5)
    assert relative_error(found, (0.5 * 6 + 8) / 5) < 1e-15


def test_residuals_at_known_directions():
    """Ground truth: the hard-margin classifier of (2, 0), (1, 3) and their opposites without bias
    is y (x . w) >= 1 with w = (1/2, 1/6); of a linear network of two neurons each has its share."""
    x, y = np.array([[2.0, 0.0], [-1.0, -3.0]]), np.array([1.0, -1.0])
    w, outer = np.array([0.5, 1 / 6]), np.array([2.0, -1.0])
    theta = outer[:, None] * w / (outer @ outer)
    assert kkt_residual(theta, None, outer, x, y, 0.0, 1.0) < 1e-14
    assert kkt_residual(theta, [0.0, 0.0], outer, x, y, 0.0, 1.0) > 0.05  # biases would be trained
    assert kkt_residual(theta, None, outer, x, y, 0.0, 0.9) > 1e-3


def test_a_neuron_on_its_kink_feels_a_share_from_the_slope_on():
    """Ground truth: by hand. Two neurons, each held at the kink of the other one's point, 60
    degrees from its own: each takes half of the other point, a share that slopes up to 1/2 have."""
    x, y = np.array([[1.0, 0.0], [0.5, 0.75**0.5]]), np.array([1.0, -1.0])
    theta = (x - x[::-1] / 2) / 0.75
    for slope, meets in ((0.0, True), (0.4, True), (0.6, False)):
        found = kkt_residual(theta, None, [1.0, -1.0], x, y, 1e-12, slope)
        assert (found < 1e-14) if meets else (found > 0.05)
