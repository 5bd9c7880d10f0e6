"""Sharpness: the largest eigenvalue of the Hessian of the loss, in what is trained.

With fixed output weights (for others see `curvature`) the network is linear in them as long as no
sign of a pre-activation changes. The Hessian is then J^T diag(loss''(q_i)) J, J the gradients of
the margins q_i, and its largest eigenvalue is that of a matrix of points: exact, without a
difference quotient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from latephase.core.arrays import Floats
from latephase.core.calls import public
from latephase.problem import Dataset, ShallowReLU, losses
from latephase.problem.activation import activated
from latephase.problem.losses import Loss
from latephase.problem.network import matching

from .curvature import Hessian


@public
def sharpness(
    network: ShallowReLU, data: Dataset, loss: str = "exponential", *, log: bool = False
) -> float:
    """The largest eigenvalue of the Hessian of the loss, summed over points.

    Parameters
    ----------
    network, data
        A ShallowReLU and a Dataset of as many features.
    loss : str
        "exponential" or "logistic".
    log : bool
        Its natural logarithm instead, which does not underflow.

    Returns
    -------
    float
        0 (or -inf) where no point moves anything.

    Raises
    ------
    InputError
        On bad arguments.

    Notes
    -----
    In weights and biases, and in output weights where these are trained.  On a kink that of the
    inactive side, as relu'(0) = 0.
    Rigour: exact up to rounding.

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> round(lp.sharpness(net, data), 6)
    1.097623
    """
    network, data = matching(network, data)
    kind, outer = losses.named(loss), network.output_weights
    parts = (network.parameters, data, kind, outer, network.output_bias)
    found = float(log_sharpness(network, *parts))
    return found if log else float(np.exp(found))


@public
def max_stable_step(network: ShallowReLU, data: Dataset, loss: str = "exponential") -> float:
    """2 / sharpness: the largest step size that is stable to first order.

    Parameters
    ----------
    network, data, loss
        As in `sharpness`.

    Returns
    -------
    float
        inf where no point moves anything; 0.0, which is no step size, where the sharpness is
        beyond float64, as at a start of huge loss: rescale the start or the inputs.

    Raises
    ------
    InputError
        On bad arguments.

    Notes
    -----
    A longer step of gradient descent raises the loss along the steepest direction.
    Rigour: exact up to rounding.

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> round(lp.max_stable_step(net, data), 6)
    1.822119
    """
    return float(np.exp(math.log(2) - sharpness(network, data, loss, log=True)))


@np.errstate(all="ignore")
def log_sharpness(
    network: ShallowReLU,
    theta: Floats,
    data: Dataset,
    loss: Loss,
    output_weights: Floats,
    output_bias: Any = None,
) -> Floats:
    """ln of the sharpness (...) of networks of a kind with parameters theta (..., m, k) and output
    weights (m,), or (..., m) where these are trained, as is an output bias (...).

    NaN where a parameter is NaN.
    """
    outer = np.broadcast_to(output_weights, theta.shape[:-1])
    last = np.full(theta.shape[:-2], None) if output_bias is None else np.asarray(output_bias)
    rows, outer = theta.reshape(-1, *theta.shape[-2:]), outer.reshape(-1, network.m)
    hidden = None if network.train_output else _of_hidden_layer(network, data, loss)

    def one(rows: Floats, outer: Floats, last: float | None) -> float:
        if not (np.isfinite(rows).all() and np.isfinite(outer).all()):
            return np.nan
        if hidden is not None:
            return hidden(rows)
        return Hessian.of(network, rows, outer, last, data, loss).log_largest()

    found = [one(*parts) for parts in zip(rows, outer, last.ravel(), strict=True)]
    return np.array(found).reshape(theta.shape[:-2])


def _of_hidden_layer(network: ShallowReLU, data: Dataset, loss: Loss) -> Callable[[Floats], float]:
    """ln of the sharpness in theta (m, k) alone, as a function of it."""
    inputs, labels, outer = data.inputs, data.labels, network.output_weights
    # Squares of 1e200 overflow: directions and sizes apart.
    points, largest = network.points(inputs), np.abs(outer).max()
    reach = np.abs(points).max(axis=1)
    ways, scaled = points / np.where(reach > 0, reach, 1)[:, None], outer / (largest or 1)
    inner, sizes = ways @ ways.T * np.outer(labels, labels), np.log(reach) + np.log(largest)

    def one(theta: Floats) -> float:
        a = network.preactivations(theta, inputs)
        curvatures = loss.log_curvatures(labels * (outer @ activated(a, network.negative_slope)))
        slopes = scaled[:, None] * np.where(a > 0, 1.0, network.negative_slope)
        kernel = slopes.T @ slopes * inner
        # In units of the largest diagonal entry: curvatures may differ by any factor.
        own = np.sqrt(np.diag(kernel))
        logs = np.where(own > 0, curvatures / 2 + sizes + np.log(own), -np.inf)
        top = logs.max()
        if not np.isfinite(top):
            return float(2 * top)
        share = np.exp(logs - top) / np.where(own > 0, own, 1.0)
        matrix = share * kernel * share[:, None]
        return float(2 * top + np.log(np.linalg.eigvalsh(matrix)[-1]))

    return one
