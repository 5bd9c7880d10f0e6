"""margin/sharpness: the largest eigenvalue of the loss's Hessian."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import latephase as lp
from helpers import relative_error

DRAW = np.random.default_rng(11).normal
DATA = lp.Dataset(DRAW(size=(5, 2)), [1, -1, 1, -1, -1])
OUTER = DRAW(size=4)


def by_autodiff(net: lp.ShallowReLU, loss: str) -> float:
    with jax.enable_x64(True):
        points = jnp.asarray(net.points(DATA.inputs))
        each = jnp.exp if loss == "exponential" else lambda z: jnp.logaddexp(z, 0.0)

        def total(theta: Any) -> Any:
            a = theta @ points.T
            active = jnp.where(a > 0, a, net.negative_slope * a)
            return each(-DATA.labels * (OUTER @ active)).sum()

        hessian = jax.hessian(total)(jnp.asarray(net.parameters))
        return float(np.linalg.eigvalsh(hessian.reshape(net.parameters.size, -1))[-1])


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["exponential", "logistic"])
@pytest.mark.parametrize(("biased", "slope"), [(True, 0.0), (False, 0.25), (True, 1.0)])
def test_it_is_the_largest_eigenvalue(loss: str, biased: bool, slope: float) -> None:
    """Ground truth: jax.hessian and NumPy's eigenvalues of all parameters."""
    biases = DRAW(size=4) if biased else None
    net = lp.ShallowReLU(DRAW(size=(4, 2)), biases, OUTER, negative_slope=slope)
    want = by_autodiff(net, loss)
    assert relative_error(lp.sharpness(net, DATA, loss), want) <= 1e-12
    assert relative_error(lp.max_stable_step(net, DATA, loss), 2 / want) <= 1e-12


def test_extreme_sizes_keep_their_logarithm() -> None:
    """Ground truth: closed forms of one neuron, alive on one point: v^2 (x^2 + 1) loss''(q)."""
    for x, w, v in (
        (1e200, 1e-200, 1.0),
        (2.0, 1000.0, 1.0),
        (1.0, 1e-9, 3.0),
        (1.0, 1e-200, 1e200),
    ):
        net, data = lp.ShallowReLU([[w]], [0.0], [v]), lp.Dataset([x, -1.0], [1, -1])
        want = 2 * math.log(v) + (2 * math.log(x) if x > 1e9 else math.log1p(x * x)) - v * w * x
        assert relative_error(lp.sharpness(net, data, log=True), want) <= 1e-14
    # A huge input whose curvature is 0 beside a small one that is misclassified.
    net, data = lp.ShallowReLU([[1.0]], [0.0], [1.0]), lp.Dataset([1e200, 2.0], [1, -1])
    assert relative_error(lp.sharpness(net, data, log=True), math.log(5) + 2) <= 1e-14
    net = lp.ShallowReLU([[1.0]], [0.0], [1.0])
    found = lp.sharpness(net, lp.Dataset([800.0, -1.0], [-1, 1]), "logistic", log=True)
    assert relative_error(found, math.log(640001) - 800) <= 1e-14
    dead = lp.ShallowReLU([[-1.0]], [0.0], [1.0]), lp.Dataset([1.0, 2.0], [1, -1])
    assert lp.sharpness(*dead) == 0.0
    assert lp.max_stable_step(*dead) == math.inf


def test_it_falls_like_one_over_the_flow_time() -> None:
    """Ground truth: the law: each margin has e^-q k = 1/(step size t), so that both points have
    the eigenvalue 1/(step size t)."""
    net, data = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2]), lp.Dataset([1.0, -1.0], [1, -1])
    run = lp.simulate(net, data, lp.GradientDescent(0.1), until="1e1000", at=["0", "1e1000"])
    log = run.sharpness(log=True)
    assert relative_error(log.values[1], -math.log(0.1) - 1000 * math.log(10)) <= 1e-12
    assert run.sharpness().dims == ("time",)
    assert run.sharpness().values[0] == lp.sharpness(net, data)


def test_bad_input_is_told_in_one_line() -> None:
    net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    with pytest.raises(lp.InputError, match="features"):
        lp.sharpness(net, DATA)
    with pytest.raises(lp.InputError, match="a loss"):
        lp.max_stable_step(net, lp.Dataset([1.0, -1.0], [1, -1]), "hinge")
