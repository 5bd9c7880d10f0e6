"""margin/exact, integers and pivoting: margins that float64 alone gets wrong, against the
enumeration of all cells in rationals.

Nearly parallel kinks, far ones, points next to the boundary, unscaled features, data far from
the origin, output weights of all sizes.  `python tests/margin/exact/test_hard_margins.py 300`
measures 300 of these networks in three norms, which takes about a quarter of an hour.
"""

from __future__ import annotations

import math
import sys
from fractions import Fraction

import numpy as np
import pytest

import latephase as lp
from helpers import relative_error
from latephase.margin import margin_of, optimal_margin
from latephase.margin.exact.pivoting import least_norm
from latephase.margin.robustness import least_distance
from references.rational import as_float, exact_distance, nearest_point

NORMS = (2.0, 1.0, math.inf)
KINDS = ("parallel", "parallel too", "far", "unscaled", "offset", "outputs", "parallel and far")


def outputs(w, b, outer, x):
    return np.maximum(x @ w.T + b, 0) @ outer


def hard(seed: int):
    """A network of kind KINDS[seed % 7] that is right on two points of different label."""
    rng = np.random.default_rng(seed)
    while True:
        d = int(rng.integers(2, 5))
        m = int(rng.integers(2, 6 if d == 2 else 5))
        w, b = rng.normal(size=(m, d)), rng.normal(size=m)
        outer, x = (
            rng.choice([-1.0, 1.0], m) * rng.uniform(0.3, 2, m),
            1.5 * rng.normal(size=(2, d)),
        )
        if seed % 2:
            w, b = np.round(4 * w) / 4, np.round(4 * b) / 4
        w, b, outer, x = bent(rng, KINDS[seed % 7], w, b, outer, x)
        q = outputs(w, b, outer, x)
        if q[0] * q[1] < 0:
            x[0] = moved(rng, w, b, outer, x) if seed % 3 == 0 else x[0]
            return w, b, outer, x, np.sign(q)


def bent(rng, kind, w, b, outer, x):
    """The network and its points with what makes it hard."""
    m, d = w.shape
    if "parallel" in kind:  # at angles of 1e-15 to 1e-9, the kinks apart or not
        for j in range(0, m - 1, 2):
            angle, size = 10 ** rng.uniform(-15, -9), rng.choice([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0])
            w[j + 1] = size * w[j] * (1 + angle * rng.integers(-3, 4, size=d))
            b[j + 1] = size * b[j] * (1 + angle * rng.normal()) if rng.random() < 0.5 else b[j + 1]
    if "far" in kind:  # a kink at up to 1e14
        w[-1] *= 10.0 ** -rng.uniform(0, 14)
        outer[-1] *= 0.1
    if kind == "unscaled":
        k, size = int(rng.integers(d)), 10.0 ** rng.uniform(3, 10)
        x[:, k] *= size
        w[:, k] /= size
    if kind == "offset":
        centre = 10.0 ** rng.uniform(1, 7) * rng.normal(size=d)
        x, b = x + centre, b - w @ centre
    if kind == "outputs":
        outer = outer * 10.0 ** rng.uniform(-9, 0, m)
    return w, b, outer, x


def moved(rng, w, b, outer, x):
    """The first point, brought as near as 1e-12 to the boundary on the way to the other one."""
    low, high = x.copy()
    side = outputs(w, b, outer, low[None])[0]
    for _ in range(60):
        middle = (low + high) / 2
        if outputs(w, b, outer, middle[None])[0] * side > 0:
            low = middle
        else:
            high = middle
    near = low + (x[0] - low) * 10.0 ** rng.uniform(-12, 0)
    return near if outputs(w, b, outer, near[None])[0] * side > 0 else x[0]


def error(seed: int, p: float) -> float:
    parts = hard(seed)
    return relative_error(margin_of(*parts, p), as_float(exact_distance(*parts, p), p))


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("seed", [0, 1, 2, 16, 20, 21, 24, 33, 34, 36, 38, 39, 46, 49, 53])
def test_hard_networks(seed, p):
    """Ground truth: all cells in rational arithmetic, all sets of constraints that may be tight."""
    assert error(seed, p) < 1e-12


PARALLEL = ([[-1, -1], [1, 1 + 2.4e-14]], [5, -4], [1, -1])
TRIANGLE = ([[1.5, 2.5], [2.5, 1.5], [2.5, 2.5]], [1, 1, -1])
FAR = ([[1, 0], [-1, 0.3], [0, 1e-12]], [0, 0.1, 1], [1, -1, 0.05])
CORNER = ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [1, 1, -1], [1, -1, -2])


@pytest.mark.parametrize(
    ("net", "points", "p", "expected"),
    [
        (PARALLEL, TRIANGLE, 2, 0.353553390593),
        (FAR, ([[1, 0.5], [-1, 0.2]], [1, -1]), 2, 0.89004),
        (FAR, ([[1, 0.5], [-1, 0.2]], [1, -1]), 1, 0.9),
        (FAR, ([[1, 0.5], [-1, 0.2]], [1, -1]), math.inf, 0.78261),
        (CORNER, ([[1e-9, 0, 0], [1, 0, 5]], [1, -1]), math.inf, 5e-10),
        (CORNER, ([[1e-9, 0, 0], [1, 0, 5]], [1, -1]), 1, 1e-9),
    ],
)
def test_reported_networks(net, points, p, expected):
    """Ground truth: the values by hand of the reports, and all cells in rational arithmetic."""
    found = lp.robustness_margin(lp.ShallowReLU(*net), lp.Dataset(*points), norm=p)
    assert relative_error(found, expected) < 1e-5
    truth = exact_distance(*net, *points, p)
    assert relative_error(found, as_float(truth, p)) < 1e-12


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("angle", [3e-16, 1e-15, 2.4e-14, 3e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-7])
def test_no_margin_above_the_optimum(angle, p):
    """Ground truth: half the distance of opposite points; and N in rationals, every cell."""
    rng = np.random.default_rng(int(-10 * np.log10(angle)))
    for _ in range(4):
        side = rng.normal(size=2)
        w = np.array([side, -side * (1 + angle * rng.integers(-2, 3, size=2))])
        x = 2 + rng.normal(size=(3, 2))
        height = -np.sort(x @ side)[:2].mean()
        b, outer = np.array([height, -height + 0.1 * rng.normal()]), np.array([1.0, -1.0])
        q = outputs(w, b, outer, x)
        if not (q > 0).any() or not (q < 0).any():
            continue
        data = lp.Dataset(x[q != 0], np.sign(q[q != 0]).astype(int))
        found = lp.robustness_margin(lp.ShallowReLU(w, b, outer), data, norm=p)
        assert found <= optimal_margin(data, p) * (1 + 1e-15)
        truth = exact_distance(w, b, outer, data.inputs, data.labels, p)
        assert relative_error(found, as_float(truth, p)) < 1e-12


def test_optimal_margin_in_three_norms():
    """Ground truth: by hand; half of (3, 4) is 2.5 long, 3.5 in the norm 1, 2 in the norm inf."""
    data = lp.Dataset([[1e7, -1e7], [1e7 + 3, -1e7 + 4], [5e7, 0]], [1, -1, -1])
    assert [optimal_margin(data, p) for p in (2, 1, "inf")] == [2.5, 3.5, 2.0]


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e-9, 1e9, 1e150])
@pytest.mark.parametrize("d", [2, 3])
def test_scale_of_the_inputs(size, d):
    """Ground truth: homogeneity; inputs and biases times a power of two, margins times that."""
    rng = np.random.default_rng(d)
    w, b, x = rng.normal(size=(4, d)), rng.normal(size=4), rng.normal(size=(6, d))
    outer = np.array([1.0, -1.0, 0.5, -2.0])
    y = np.sign(outputs(w, b, outer, x))
    x, y = x[y != 0], y[y != 0]
    assert len(set(y)) == 2
    power = 2.0 ** np.frexp(size)[1]
    for p in NORMS:
        expected = float(margin_of(w, b, outer, x, y, p)) * power
        assert relative_error(margin_of(w, power * b, outer, power * x, y, p), expected) < 1e-12
        tiny = margin_of(2.0**-1000 * w, power * 2.0**-1000 * b, outer, power * x, y, p)
        assert relative_error(tiny, expected) < 1e-12 or size < 1e-9  # b is then subnormal


def test_a_point_misclassified_by_less_than_rounding():
    """Ground truth: N in rationals; 0.1 x + 0.2 z - 0.3 rounds to 0 at (1, 1), and is 2.8e-17."""
    data = lp.Dataset([[1.0, 1.0], [-9.0, 0.0]], [1, -1])
    w, b, outer = [[0.1, 0.2], [0.0, 0.0]], [-0.3, 1e-20], [1, -1]
    truth = as_float(exact_distance(w, b, outer, data.inputs, data.labels, 2), 2)
    assert 1e-17 < truth < 1e-15
    assert relative_error(lp.robustness_margin(lp.ShallowReLU(w, b, outer), data), truth) < 1e-12
    turned = lp.Dataset(data.inputs, [-1, 1])
    assert lp.robustness_margin(lp.ShallowReLU(w, b, outer), turned) == 0


@pytest.mark.parametrize(("a", "b", "c"), [(0.1, 0.4, 0.5), (0.2, 0.5, 0.7), (0.5, 0.9, 1.4)])
def test_a_point_whose_output_rounds_to_zero(a, b, c):
    """Ground truth: N in rationals; a + b - c is positive, and 0 in float64."""
    data, turned = (lp.Dataset([[1.0, 1.0], [-9.0, 0.0]], y) for y in ([1, -1], [-1, 1]))
    for side, right, wrong in ((1.0, data, turned), (-1.0, turned, data)):
        net = lp.ShallowReLU([[a, b], [0.0, 0.0]], [-c, 1e-20], [side, -side])
        parts = (net.weights, net.biases, net.output_weights, right.inputs, right.labels)
        truth = as_float(exact_distance(*parts, 2), 2)
        assert 1e-17 < truth < 1e-15
        assert relative_error(lp.robustness_margin(net, right), truth) < 1e-12
        assert lp.robustness_margin(net, wrong) == 0


@pytest.mark.parametrize("p", NORMS)
def test_polyhedra_with_more_walls_than_dimensions(p):
    """Ground truth: every set of walls that may be tight, in rationals; walls repeated and opposed,
    so that pivots are 0 and of either sign."""
    rng = np.random.default_rng(1)
    found, empty = set(), 0
    for _ in range(60):
        rows, right = rng.integers(-2, 3, size=(5, 2)), rng.integers(-2, 3, size=5)
        rows[3:] = rows[:2] * rng.choice([-1, 1, 2], size=(2, 1))
        walls = [
            ([Fraction(-int(v)) for v in row], Fraction(-int(h))) for row, h in zip(rows, right)
        ]
        truth = nearest_point(walls, 2, p, None)
        got = least_norm(rows.astype(object), right.astype(object), p)
        assert got == truth
        empty += truth is None
        found.add(truth)
    assert empty > 10
    assert len(found) > 5


@pytest.mark.parametrize("p", NORMS)
def test_margins_that_reach_the_optimum(p):
    """Ground truth: by hand, the boundary is half-way; not one ulp above the optimum."""
    rng = np.random.default_rng(3)
    for _ in range(40):
        ends = rng.integers(-40, 41, size=(2, 2)) / 8  # so that the boundary is exact
        ends[1] = ends[0] + rng.choice([-1, 1], size=2) * np.abs(rng.normal())  # p = 1, inf: too
        side, b = ends[0] - ends[1], -(ends[0] - ends[1]) @ ends.mean(axis=0)
        net, data = lp.ShallowReLU([side, -side], [b, -b], [1.0, -1.0]), lp.Dataset(ends, [1, -1])
        found, best = lp.robustness_margin(net, data, norm=p), optimal_margin(data, p)
        assert best * (1 - 1e-12) < found <= best


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e160, 1e300])
@pytest.mark.parametrize("p", NORMS)
def test_optimal_margins_of_all_sizes(size, p):
    """Ground truth: homogeneity, and (3, 4) is 5 long, 7 in the norm 1, 4 in the norm inf."""
    power = 2.0 ** np.frexp(size)[1] / 2**4
    expected = {1.0: 7, 2.0: 5, math.inf: 4}[p]
    inputs = power * np.array([[0.0, 0.0], [3.0, 4.0], [7.0, 7.0]])
    assert least_distance(inputs, [1, -1, -1], p) == expected * power


if __name__ == "__main__":
    worst = max((error(seed, p), seed, p) for seed in range(int(sys.argv[1])) for p in NORMS)
    sys.stdout.write(f"largest relative error {worst[0]:.1e} (seed {worst[1]}, norm {worst[2]})\n")
