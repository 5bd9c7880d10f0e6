"""margin/search: margins against closed forms, all activation patterns, sampling and a MIQP."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog, minimize

import latephase as lp
from helpers import relative_error, shares
from latephase.margin import Margin, MarginBounds, margin_of
from latephase.margin.exact.integers import ExactNetwork
from latephase.margin.search.cells import walk


def drawn(seed: int, m: int, n: int, d: int):
    """A random network that is right on random points: the labels are its signs."""
    rng = np.random.default_rng(seed)
    while True:
        w, b = rng.normal(size=(m, d)), 0.5 * rng.normal(size=m)
        outer = rng.choice([-1.0, 1.0], m) * rng.uniform(0.3, 2, m)
        x = 1.5 * rng.normal(size=(n, d))
        y = np.sign(np.maximum(x @ w.T + b, 0) @ outer)
        if (y != 0).all() and len(set(y)) == 2:
            return w, b, outer, x, y


def outputs(w, b, outer, x):
    return np.maximum(x @ w.T + b, 0) @ outer


def over_patterns(w, b, outer, x, y, nearest):
    """The least distance over all 2^m activation patterns, by `nearest(point, A, c)`: A z <= c."""
    best = np.inf
    for pattern in product([0.0, 1.0], repeat=len(b)):
        s = np.array(pattern)
        side = 2 * s - 1
        rows, right = -side[:, None] * w, side * b
        for point, label in zip(x, y, strict=True):
            line = label * (outer * s)
            rows_all = np.vstack([rows, line @ w])
            best = min(best, nearest(point, rows_all, np.append(right, -line @ b)))
    return best


def two_norm(point, rows, right):
    """Nearest point by SLSQP, started from a feasible point of a linear program."""
    d = len(point)
    start = linprog(np.zeros(d), rows, right, bounds=[(None, None)] * d)
    if start.status != 0:
        return np.inf
    found = minimize(
        lambda z: ((z - point) ** 2).sum(), start.x, jac=lambda z: 2 * (z - point), method="SLSQP",
        constraints={"type": "ineq", "fun": lambda z: right - rows @ z, "jac": lambda z: -rows},
        options={"maxiter": 500, "ftol": 1e-14},
    )  # fmt: skip
    return np.sqrt(found.fun) if (rows @ found.x <= right + 1e-7).all() else np.inf


def other_norm(p):
    """Nearest point in the norm 1 or inf by a linear program."""

    def nearest(point, rows, right):
        d, k = len(point), 1 if p == np.inf else len(point)
        size = np.ones((d, 1)) if p == np.inf else np.eye(d)
        full = np.block([[rows, np.zeros((len(rows), k))], [np.eye(d), -size], [-np.eye(d), -size]])
        bound = np.concatenate([right, point, -point])
        cost = np.concatenate([np.zeros(d), np.ones(k)])
        found = linprog(cost, full, bound, bounds=[(None, None)] * d + [(0, None)] * k)
        return found.fun if found.status == 0 else np.inf

    return nearest


@pytest.mark.filterwarnings("ignore:Values in x were outside bounds")
@pytest.mark.parametrize(("seed", "m", "n", "d"), [(k, 2 + k % 4, 3, 2 + k % 3) for k in range(12)])
def test_two_norm_against_all_patterns(seed, m, n, d):
    """Ground truth: every pattern's nearest point by SLSQP; its own accuracy is 1e-6."""
    parts = drawn(seed, m, n, d)
    truth = over_patterns(*parts, two_norm)
    assert relative_error(1 + margin_of(*parts), 1 + truth) < 1e-5 or margin_of(*parts) == truth


@pytest.mark.parametrize("p", [np.inf, 1])
@pytest.mark.parametrize(("seed", "m", "n", "d"), [(k, 2 + k % 4, 3, 2 + k % 2) for k in range(6)])
def test_other_norms_against_all_patterns(seed, m, n, d, p):
    """Ground truth: every pattern's nearest point by a linear program."""
    parts = drawn(seed, m, n, d)
    truth = over_patterns(*parts, other_norm(p))
    found = margin_of(*parts, p)
    assert found.norm == p
    assert relative_error(found, truth) < 1e-6 if np.isfinite(truth) else found == truth


@pytest.mark.parametrize("seed", shares(50, everyday=range(0, 50, 5)))
def test_two_norm_against_a_mixed_integer_program(seed):
    """Ground truth: SCIP on the quadratic program with one binary per neuron and point; it keeps
    the squared distance to about 1e-6.
    """
    scip = pytest.importorskip("pyscipopt", reason="pip install pyscipopt: a solver for the tests")
    w, b, outer, x, y = drawn(100 + seed, 2 + seed % 5, 2, 3)
    found = margin_of(w, b, outer, x, y)
    truth = min(_scip(scip, w, b, outer * label, point) for point, label in zip(x, y, strict=True))
    assert relative_error(1 + found**2, 1 + truth**2) < 1e-5 if truth < 40 else found > 30


def _scip(scip, w, b, outer, x, box=50.0):
    model = scip.Model()
    model.hideOutput()
    z = [model.addVar(lb=v - box, ub=v + box) for v in x]
    total = 0
    for row, bias, v in zip(w, b, outer, strict=True):
        line = scip.quicksum(c * s for c, s in zip(row, z, strict=True)) + bias
        reach = abs(row @ x + bias) + box * np.abs(row).sum()
        on, out = model.addVar(vtype="B"), model.addVar(lb=0, ub=reach)
        model.addCons(out >= line)
        model.addCons(out <= line + reach * (1 - on))
        model.addCons(out <= reach * on)
        total += v * out
    model.addCons(total <= 0)
    square = model.addVar(lb=0)
    model.addCons(scip.quicksum((s - v) ** 2 for s, v in zip(z, x, strict=True)) <= square)
    model.setObjective(square)
    model.optimize()
    return np.sqrt(model.getObjVal()) if model.getStatus() == "optimal" else np.inf


@pytest.mark.parametrize(("seed", "m", "d"), [(0, 8, 2), (1, 40, 2), (2, 12, 3), (3, 16, 6)])
def test_no_sample_is_nearer(seed, m, d):
    """Ground truth: points drawn around the inputs; inside the margin none changes sign."""
    w, b, outer, x, y = drawn(seed, m, 4, d)
    rho = float(margin_of(w, b, outer, x, y))
    assert 0 < rho < np.inf
    rng = np.random.default_rng(seed)
    moves = rng.normal(size=(20_000, d))
    moves /= np.linalg.norm(moves, axis=1)[:, None]
    signs = [y[i] * outputs(w, b, outer, x[i] + rho * (1 - 1e-9) * moves) for i in range(4)]
    assert (np.array(signs) > 0).all()
    wider = [y[i] * outputs(w, b, outer, x[i] + 1.2 * rho * moves) for i in range(4)]
    assert d > 3 or not (np.array(wider) > 0).all()


def test_closed_forms():
    """Ground truth: |x1|-like nets by hand: a hyperplane, a diamond, a region where N is 0."""
    plane = lp.ShallowReLU([[3.0, 4.0], [-3.0, -4.0]], [1.0, -1.0], [1, -1])  # N = 3 x + 4 y + 1
    data = lp.Dataset([[1.0, 1.0], [-1.0, -1.0]], [1, -1])
    assert relative_error(lp.robustness_margin(plane, data), 6 / 5) < 1e-14
    assert relative_error(lp.robustness_margin(plane, data, norm="inf"), 6 / 7) < 1e-9
    assert relative_error(lp.robustness_margin(plane, data, norm=1), 6 / 4) < 1e-9
    # N = |x| + |y| - relu(2): a diamond of radius 2, the last neuron does not depend on x
    steps = [[1.0, 0], [-1, 0], [0, 1], [0, -1], [0, 0]]
    diamond = lp.ShallowReLU(steps, [0, 0, 0, 0, 2.0], [1, 1, 1, 1, -1])
    data = lp.Dataset([[0.0, 0.0], [3.0, 1.0]], [-1, 1])
    assert relative_error(lp.robustness_margin(diamond, data), np.sqrt(2)) < 1e-14
    # relu(x - 1) - relu(-x - 1) vanishes for |x| <= 1
    gap = lp.ShallowReLU([[1.0, 0], [-1.0, 0]], [-1.0, -1.0], [1, -1])
    data = lp.Dataset([[1.5, 0.0], [-3.0, 7.0]], [1, -1])
    assert relative_error(lp.robustness_margin(gap, data), 0.5) < 1e-14


def test_no_zero_and_wrong_side():
    """Ground truth: N > 0 everywhere has margin inf (with one label the wrong way round: 0)."""
    w, b, outer, x = np.eye(3), np.ones(3), np.ones(3), np.ones((2, 3))
    bias = np.vstack([w, np.zeros((1, 3))]), np.append(b, 1.0), np.append(outer, 1.0)
    assert margin_of(*bias, x, np.ones(2)) == np.inf
    assert margin_of(*bias, x, np.ones(2), "inf") == np.inf
    assert margin_of(*bias, x, np.array([1.0, -1.0])) == 0


@pytest.mark.parametrize("seed", range(4))
def test_bounds_of_larger_networks_enclose(seed, monkeypatch):
    """Ground truth: the exact margin of the same network, called large."""
    parts = drawn(seed, 14, 4, 5)
    exact = float(margin_of(*parts))
    monkeypatch.setattr("latephase.margin.robustness.EXACT_NEURONS", 4)
    monkeypatch.setattr("latephase.margin.search.nearest_zero.CELLS", 3)
    for p in (2, np.inf):
        monkeypatch.setattr("latephase.margin.robustness.EXACT_NEURONS", 16)
        exact = float(margin_of(*parts, p))
        monkeypatch.setattr("latephase.margin.robustness.EXACT_NEURONS", 4)
        found = margin_of(*parts, p)
        assert found.lower <= exact * (1 + 1e-9)
        assert exact <= found.upper * (1 + 1e-9)
        assert isinstance(found, MarginBounds if found.lower < found.upper else Margin)
    with pytest.raises(lp.InputError, match=r"use \.lower"):
        float(MarginBounds(1.0, 2.0, 2.0))


@pytest.mark.parametrize("p", [2, np.inf, 1])
def test_invariances(p):
    """Ground truth: a margin does not change with the size of the network, nor with a shift."""
    w, b, outer, x, y = drawn(7, 5, 3, 3)
    rho = margin_of(w, b, outer, x, y, p)
    tolerance = 1e-12 if p == 2 else 1e-6
    assert relative_error(margin_of(1e30 * w, 1e30 * b, outer, x, y, p), rho) < tolerance
    shift = np.array([0.3, -2.0, 1.1])
    assert relative_error(margin_of(w, b - w @ shift, outer, x + shift, y, p), rho) < tolerance
    assert relative_error(margin_of(w, b, 7 * outer, x, y, p), rho) < tolerance


def test_one_dimension_agrees_with_the_line():
    """Ground truth: the breakpoints in one dimension, where every norm is the same."""
    w, b, outer, x, y = drawn(3, 6, 4, 1)
    flat = float(lp.robustness_margin(lp.ShallowReLU(w, b, outer), lp.Dataset(x, y.astype(int))))
    wide = np.hstack([w, np.zeros_like(w)])
    lifted = margin_of(wide, b, outer, np.hstack([x, np.zeros_like(x)]), y)
    assert relative_error(lifted, flat) < 1e-12


@pytest.mark.parametrize("norm", [3, "two", None, True])
def test_bad_norm(norm):
    """Ground truth: one line that names the norms."""
    net, data = lp.ShallowReLU([1, -1], [0, 0]), lp.Dataset([1, -1], [1, -1])
    with pytest.raises(lp.InputError, match="norm 1, 2 or inf"):
        lp.robustness_margin(net, data, norm=norm)


def arranged(seed):
    """A network of up to 8 neurons in the plane: general, on a grid, with kinks that coincide, or
    with kinks that are all parallel; and points on which it is right."""
    rng = np.random.default_rng(seed)
    while True:
        m = int(rng.integers(1, 9))
        w, b, outer = rng.normal(size=(m, 2)), rng.normal(size=m), rng.choice([-1.0, 1.0], m)
        if seed % 4 == 1:
            w, b = np.round(2 * w) / 2, np.round(2 * b) / 2
        if seed % 4 == 2:
            w[: m // 2], b[: m // 2] = -w[m - m // 2 :], -b[m - m // 2 :]
        if seed % 4 == 3:
            w = w[0] * rng.normal(size=(m, 1))
        x = rng.normal(size=(4, 2))
        score = outputs(w, b, outer, x)
        if score.any():
            return w, b, outer, x[score != 0], np.sign(score[score != 0])


def by_walking(w, b, outer, x, y, p, reach):
    """The least distance by the walk over cells, which knows nothing of crossings of kink lines."""
    net = ExactNetwork(w, b, outer)
    each = [walk(net.seen_from(point, label), reach, p)[1] for point, label in zip(x, y)]
    return min(each, default=np.inf)


@pytest.mark.parametrize("seed", range(60))
def test_the_plane_by_two_algorithms(seed):
    """Ground truth: the walk over cells, which knows nothing of crossings of kink lines."""
    w, b, outer, x, y = arranged(seed)
    found = float(margin_of(w, b, outer, x, y))
    assert found == pytest.approx(by_walking(w, b, outer, x, y, 2.0, 4 * found), rel=1e-11)


@pytest.mark.parametrize("p", [1.0, np.inf])
@pytest.mark.parametrize("seed", range(24))
def test_the_plane_in_other_norms(seed, p):
    """Ground truth: the walk over cells, which knows nothing of crossings of kink lines."""
    w, b, outer, x, y = arranged(seed)
    found = float(margin_of(w, b, outer, x, y, p))
    assert found == pytest.approx(by_walking(w, b, outer, x, y, p, 4 * found), rel=1e-11)


def test_a_wide_network_in_the_plane():
    """Ground truth: 200 neurons of which pairs cancel are none; what is left is |x1| = 1."""
    rng = np.random.default_rng(0)
    twins, heights = rng.normal(size=(100, 2)), rng.normal(size=100)
    w = np.concatenate([twins, twins, [[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]]])
    b = np.concatenate([heights, heights, [0.0, 0.0, 1.0]])
    outer = np.concatenate([np.ones(100), -np.ones(100), [1.0, 1.0, -1.0]])
    x, y = np.array([[0.25, 3.0], [-1.5, 2.0]]), np.array([-1.0, 1.0])
    assert margin_of(w, b, outer, x, y) == pytest.approx(0.5, rel=1e-14)
