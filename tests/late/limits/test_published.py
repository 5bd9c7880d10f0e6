"""The linear model against a library and theorems; constants against single steps."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from helpers import relative_error

OUTER = np.array([1.0, -2.0, 0.5])
STEP = 0.01


def separable(seed: int) -> lp.Dataset:
    """Twelve points of the plane on either side of a line that does not go through the origin."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(12, 2))
    heights = inputs @ [1.0, -0.7] + 0.4
    labels = np.where(heights > 0, 1, -1)
    return lp.Dataset(inputs + 0.2 * labels[:, None] * [1.0, -0.7], labels)


def linear_run(data: lp.Dataset, loss: str = "exponential", times=("1e1000",)) -> lp.Run:
    rng = np.random.default_rng(1)
    start = 0.1 * rng.normal(size=(3, 2)), 0.1 * rng.normal(size=3)
    network = lp.ShallowReLU(*start, OUTER, negative_slope=1.0)
    return lp.simulate(network, data, lp.GradientDescent(STEP), at=times, loss=loss)


def effective(network: lp.ShallowReLU) -> np.ndarray:
    """(w, b) of the linear function that a linear network is."""
    return network.output_weights @ network.parameters


@pytest.mark.parametrize("loss", ["exponential", "logistic"])
def test_the_linear_model_ends_at_the_support_vector_machine(loss: str) -> None:
    """Ground truth: scikit-learn's SVC with a large C, through the origin of the points (x, 1), so
    that the bias counts as a weight; and the residual of [soudry2018, Theorem 4]: the step size
    times exp(-margin) of the offset is each support vector's dual coefficient."""
    svm = pytest.importorskip("sklearn.svm", reason="pip install 'latephase[studies]'")
    data = separable(3)
    points = np.append(data.inputs, np.ones((data.n, 1)), axis=1)
    both = np.concatenate([points, -points]), np.concatenate([data.labels, -data.labels])
    machine = svm.SVC(kernel="linear", C=1e9, tol=1e-10).fit(*both)
    found = lp.limit(linear_run(data, loss))
    assert found.settled
    plane = effective(found.network)
    assert relative_error(plane, machine.coef_[0]) < 1e-6  # the SVC's own tolerance
    size = np.linalg.norm(OUTER)
    assert relative_error(found.normalised_margin, size / np.linalg.norm(machine.coef_)) < 1e-6
    duals = np.zeros(2 * data.n)
    duals[machine.support_] = np.abs(machine.dual_coef_[0])
    duals = duals[: data.n] + duals[data.n :]
    support = duals > 1e-6
    assert 2 <= support.sum() <= 3
    left = STEP * size**2 * np.exp(-data.labels * (points @ effective(found.offset)))
    np.testing.assert_allclose(left[support], duals[support], rtol=1e-4)


def test_the_direction_of_the_linear_model_comes_like_one_over_ln_t() -> None:
    """Ground truth: [soudry2018, Theorem 5]: its distance times ln t has a limit other than 0, that
    of the offset across the direction; and 1/ln t is then right to the next order."""
    times = ["1e100", "1e300", "1e1000"]
    run = linear_run(separable(3), times=times)
    end = lp.limit(run)
    plane, offset = effective(end.network), effective(end.offset)
    size = np.linalg.norm(plane)
    across = np.linalg.norm(offset - plane * (offset @ plane) / size**2) / size
    assert across > 0.01
    logs = np.array([lp.LogTime.parse(t).log for t in times])
    seen = [effective(run.network_at(t)) for t in times]
    distances = [np.linalg.norm(one / np.linalg.norm(one) - plane / size) for one in seen]
    products = logs * distances / across
    assert (np.abs(products - 1) <= 10 / logs).all()
    assert abs(products[2] - 1) < abs(products[1] - 1) < abs(products[0] - 1)


# data, options: ten networks each
KINDS = [
    (lp.Dataset([1.0, -1.0], [1, -1]), {"width": 4}),
    (lp.Dataset([0.5, 1.5, -1.0, -2.0], [1, 1, -1, -1]), {"width": 6}),
]


@pytest.mark.campaign
@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_the_constant_is_that_of_ten_million_single_steps(kind: int) -> None:
    """Ground truth: networks stepped one by one to 10^7: 1 / (limit - margin) grows by ln 10 / C
    over a decade, up to less than it has changed since the decade before: what the law leaves out
    falls like t^-rate, and the rate is above log10 2."""
    data, options = KINDS[kind]
    asked = {"output_weights": "alternating", "trials": 10, "seed": 11, "until": 10**7}
    times = [10**5, 10**6, 10**7]
    found = lp.compare(
        "standard_normal", data, [lp.GradientDescent(0.1)], at=times, **options, **asked
    ).isel(algorithm=0)
    constants, margins = found.margin_constant.values, found.robustness_margin.values
    known = np.isfinite(constants) & (found.entry_log10_t.values <= 5)
    assert known.sum() >= 3
    gaps = (found.limit_margin.values[:, None] - margins)[known]
    before, after = (np.log(10) / np.diff(1 / gaps, axis=1)).T
    off = np.abs(after - constants[known])
    assert (off <= np.abs(after - before)).all()
    assert (off <= 0.05 * np.abs(constants[known])).all()
