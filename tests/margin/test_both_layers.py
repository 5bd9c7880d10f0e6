"""margin: sharpness and normalised margin of networks whose layers are both trained."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from itertools import combinations_with_replacement, product

import numpy as np
import pytest

import latephase as lp
from helpers import relative_error
from latephase.margin import margin_on_line, normalised_margin

DRAW = np.random.default_rng(12).normal
DATA = lp.Dataset(DRAW(size=(5, 2)), [1, -1, 1, -1, -1])


def by_differences(net: lp.ShallowReLU, loss: str) -> float:
    """Of the Hessian by central differences in 60 digits, steps of 10^-15."""
    with localcontext() as context:
        context.prec, step = 60, Decimal(10) ** -15
        points = [[Decimal(e) for e in z] for z in net.points(DATA.inputs)]
        rows = np.concatenate([net.parameters, net.output_weights[:, None]], axis=1)
        last = [] if net.output_bias is None else [net.output_bias]
        start, slope = [Decimal(e) for e in (*rows.ravel(), *last)], Decimal(net.negative_slope)

        def total(*moved: tuple[int, int]) -> Decimal:
            now, loss_of_all = list(start), Decimal(0)
            for k, sign in moved:
                now[k] += sign * step
            for z, y in zip(points, DATA.labels, strict=True):
                q = int(y) * (now[-1] if last else Decimal(0))
                for j in range(0, rows.size, rows.shape[1]):
                    a = sum(w * x for w, x in zip(now[j:], z, strict=False))
                    q += int(y) * now[j + len(z)] * (a if a > 0 else slope * a)
                loss_of_all += (-q).exp() if loss == "exponential" else (1 + (-q).exp()).ln()
            return loss_of_all

        size, hessian = len(start), np.empty((len(start), len(start)))
        for i, k in combinations_with_replacement(range(size), 2):
            signs = product((1, -1), repeat=2)
            found = sum(a * b * total((i, a), (k, b)) for a, b in signs) / (4 * step**2)
            hessian[i, k] = hessian[k, i] = float(found)
    return float(np.linalg.eigvalsh(hessian)[-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("biased", "slope", "loss", "dense", "last"),
    [
        (True, 0.0, "exponential", 1000, None),
        (False, 0.25, "logistic", 1000, -0.5),
        (True, 1.0, "logistic", 3, 0.25),
    ],
)
def test_it_is_the_largest_eigenvalue(biased, slope, loss, dense, last, monkeypatch) -> None:
    """Ground truth: differences in 60 digits, and NumPy's eigenvalues of all parameters."""
    monkeypatch.setattr("latephase.margin.curvature._DENSE", dense)
    biases = DRAW(size=3) if biased else None
    kind = {"negative_slope": slope, "train_output": True, "output_bias": last}
    net = lp.ShallowReLU(DRAW(size=(3, 2)), biases, DRAW(size=3), **kind)
    want = by_differences(net, loss)
    assert relative_error(lp.sharpness(net, DATA, loss), want) <= 1e-12
    assert relative_error(lp.max_stable_step(net, DATA, loss), 2 / want) <= 1e-12
    run = lp.simulate(net, DATA, lp.GradientDescent(0.1), until=0, at=[0], loss=loss)
    assert relative_error(run.sharpness().values, [want]) <= 1e-12


@pytest.mark.parametrize("scale", [1.0, 1e-150, 1e150])
def test_extreme_sizes_keep_their_logarithm(scale: float) -> None:
    """Ground truth: one neuron without a bias, w = 1/x and v = 1, on one point x: by hand, the
    Hessian in (w, v) is e^-q [[(v x)^2, q x - x], [q x - x, (w x)^2]] with q = 1."""
    net = lp.ShallowReLU([[1 / scale]], None, [1.0], train_output=True)
    data = lp.Dataset([scale, -scale], [1, -1])  # the second is inactive
    want = max(2 * math.log(scale), 0.0) - 1
    assert relative_error(lp.sharpness(net, data, log=True), want) <= 1e-14


def test_the_normalised_margin_is_of_degree_two() -> None:
    """Ground truth: q / (|theta|^2 + |v|^2) by hand, at any size."""
    w, v, x = np.array([[3.0], [-4.0]]), np.array([0.5, -0.25]), [[2.0], [-1.0]]
    q = min(0.5 * 6.0, 0.25 * 4.0)
    for size in (1.0, 1e150, 1e-150):
        parts = (size * w, None, size * v, x, [1, -1])
        found = normalised_margin(*parts, train_output=True)
        assert relative_error(found, q / (9 + 16 + 0.25 + 0.0625)) < 1e-15
    each = normalised_margin(np.stack([w, w]), None, np.stack([v, 2 * v]), x, [1, -1], 0.0, True)
    assert relative_error(each, [q / 25.3125, 2 * q / 26.25]) < 1e-15


@pytest.mark.parametrize("slope", [0.0, 0.25])
def test_margins_of_networks_with_output_weights_of_their_own(slope) -> None:
    """Ground truth: one by one; sums that cancel and sizes that are measured in rationals, too."""
    w, b, v = DRAW(size=(200, 3, 1)), DRAW(size=(200, 3)), DRAW(size=(200, 3))
    v[:5], w[5:10], b[10:15] = 1e-200 * v[:5], 1e90 * w[5:10], 0.0
    v[15:20, 1], w[15:20, 1], b[15:20, 1] = -v[15:20, 0], w[15:20, 0], b[15:20, 0]
    points, labels = [[0.5], [-1.0]], [1, -1]
    found = margin_on_line(w, b, v, points, labels, slope)
    each = [margin_on_line(*one, points, labels, slope) for one in zip(w, b, v, strict=True)]
    assert relative_error(found, each) == 0.0
    assert 10 < np.count_nonzero(found) < 100


@pytest.mark.slow
def test_the_smoothed_margin_never_falls() -> None:
    """Ground truth: ln(1/L) / |(theta, v)|^2 is monotone under flow once L < 1, [lyuli2020,
    Theorem 4.1]; in steps of 10^-3 it is so to their order."""
    net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2], [1.5, -0.5], train_output=True)
    data = lp.Dataset([1.0, -2.0], [1, -1])
    run = lp.simulate(net, data, lp.GradientDescent(1e-3), until=100_000, samples=60)
    t = run.trajectory
    squares = (t.weights.values**2).sum((1, 2)) + (t.biases**2 + t.output_weights**2).sum("neuron")
    smoothed = (-t.log_loss / squares).values[t.log_loss.values < 0]
    assert len(smoothed) > 20
    assert (np.diff(smoothed) > -1e-15).all()
    assert smoothed[-1] > 1.05 * smoothed[0]
