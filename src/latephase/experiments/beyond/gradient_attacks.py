"""Gradient-based attacks, as they are run in practice: an upper bound of the margin, at best.

They follow the gradient of the loss at an input, in floating point. Once that gradient underflows
they do not move, and the largest perturbation tried is reported as the margin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latephase.core import InputError
from latephase.core.arrays import Floats
from latephase.problem.checks import finite_array

PGD_STEPS = 20


SLOPES: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "exponential": lambda q: -np.exp(-q),
    # p - 1 with p the probability of the right class: what softmax and cross-entropy compute.
    "cross_entropy": lambda q: q.dtype.type(1) / (q.dtype.type(1) + np.exp(-q)) - q.dtype.type(1),
}
"""dloss/dq of the margin q, computed in the type of q."""


def attack_margin(
    weights: Floats,
    biases: Floats,
    output_weights: Floats,
    inputs: Floats,
    labels: NDArray[Any],
    radii: Floats,
    *,
    attack: str = "pgd",
    loss: str = "cross_entropy",
    dtype: str = "float32",
) -> Floats:
    """The smallest of the radii at which an attack flips the sign of an input, inf if none does.

    weights (..., m, d), biases (..., m), output_weights (m,), inputs (n, d), labels (n,), radii
    (r,), ascending, in the norm inf;  attack: "fgsm", one step along the sign of the gradient, or
    "pgd", twenty of them, each an eighth of the radius, projected on the ball;  loss: the one whose
    gradient is followed;  dtype: NumPy's name of the arithmetic.  Shape (...).
    Rigour: measured; at best an upper bound of the margin.  Sources: [goodfellow2015] (FGSM),
    [madry2018] (PGD, here without a random start).  Raises InputError on an unknown attack or loss,
    and on radii that are no finite numbers.
    """
    if attack not in ("fgsm", "pgd"):
        raise InputError("an attack, fgsm or pgd", attack, "use one of these")
    if loss not in SLOPES:
        raise InputError(f"a loss, {' or '.join(SLOPES)}", loss, "use one of these")
    net = tuple(np.asarray(part, dtype) for part in (weights, biases, output_weights))
    found = np.full(np.shape(biases)[:-1], np.inf)
    for radius in finite_array(radii, "radii", "(k,)")[::-1]:
        for x, y in zip(np.asarray(inputs, dtype), np.asarray(labels, dtype), strict=True):
            moved = _attacked(net, x, y, radius, attack, SLOPES[loss])
            flipped = y * _output(net, moved)[0] <= 0
            found = np.where(flipped, radius, found)
    return found


def _attacked(net: Any, x: Any, y: Any, radius: float, attack: str, slope: Any) -> NDArray[Any]:
    """Where the attack takes the input, (..., d)."""
    steps, length = (1, radius) if attack == "fgsm" else (PGD_STEPS, radius / 8)
    now = np.broadcast_to(x, (*net[1].shape[:-1], len(x)))
    for _ in range(steps):
        with np.errstate(over="ignore", under="ignore"):
            output, jacobian = _output(net, now)
            gradient = (slope(y * output) * y)[..., None] * jacobian
        now = now + net[0].dtype.type(length) * np.sign(gradient)
        now = np.clip(now, x - net[0].dtype.type(radius), x + net[0].dtype.type(radius))
    return now


def _output(net: Any, x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """N (...) and its gradient (..., d) at inputs (..., d), in the type of the network."""
    weights, biases, outer = net
    a = (weights * x[..., None, :]).sum(axis=-1) + biases
    active = a > 0
    output = (outer * np.where(active, a, 0)).sum(axis=-1)
    return output, ((outer * active)[..., None] * weights).sum(axis=-2)
