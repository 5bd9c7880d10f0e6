"""Losses, one record each, as functions of the margins q_i = y_i N(x_i).

The late phase has losses like 10^-1000, which float64 cannot hold; their logarithm it can.
Adding a loss takes one record and its entry in LOSSES.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from latephase.core import InputError
from latephase.core.arrays import Floats

# Beyond this margin ln(1 + e^-q) = e^-q (1 - e^-q/2 + ...) has the logarithm -q to the last bit.
_TAIL = 40.0

Margins = Any
"""An array that knows its namespace, of NumPy or of JAX: each function answers in the same."""


@dataclass(frozen=True)
class Loss:
    """A decreasing loss per point, summed over points (a mean only rescales the step size).

    `log_each(margins)`     ln loss(q), any shape
    `weights(margins)`      -loss'(q), any shape: the weight of a point in the gradient
    `log_weights(margins)`  ln(-loss'(q)), any shape
    `log_curvatures(margins)`  ln loss''(q), any shape
    `slopes(margins)`       -w'/w and w''/w of the weight w = -loss'(q), each of any shape
    `is_its_weight`         whether -loss' = loss, so that weights are shares of the loss
    Logarithms and slopes are accurate to a few ulp of max(1, |q|), and finite wherever q is.
    """

    name: str
    log_each: Callable[[Margins], Any]
    weights: Callable[[Margins], Any]
    log_weights: Callable[[Margins], Any]
    log_curvatures: Callable[[Margins], Any]
    slopes: Callable[[Margins], tuple[Any, Any]]
    is_its_weight: bool = False

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        """Losses are pickled by name: their functions need not be, for a second process."""
        return named, (self.name,)

    def log_loss(self, margins: ArrayLike, axis: int = -1) -> Floats:
        """ln sum_i loss(q_i) over the points along `axis`; natural logarithm, never underflows."""
        each = self.log_each(np.asarray(margins, dtype=np.float64))
        with np.errstate(invalid="ignore"):  # NaN margins of an overflowed trial stay NaN
            return np.asarray(np.logaddexp.reduce(each, axis=axis))


def _softplus(x: Any) -> Any:
    """ln(1 + e^x); NumPy would warn of the NaN margins that an overflowed trial has."""
    with np.errstate(invalid="ignore"):
        return x.__array_namespace__().logaddexp(x, 0.0)


def _log_softplus(q: Margins) -> Any:
    """ln ln(1 + e^-q)."""
    xp = q.__array_namespace__()
    near = xp.log(_softplus(-xp.minimum(q, _TAIL)))
    return xp.where(q > _TAIL, -q, near)


def _ones(q: Margins) -> tuple[Any, Any]:
    """w = e^-q has -w' = w'' = w."""
    one = q.__array_namespace__().ones_like(q)
    return one, one


def _sigmoid_slopes(q: Margins) -> tuple[Any, Any]:
    """w = 1/(1 + e^q) has w' = -w (1 - w) and w'' = w (1 - w) (1 - 2 w)."""
    w = q.__array_namespace__().exp(-_softplus(q))
    return 1 - w, (1 - w) * (1 - 2 * w)


_EXPONENTIAL = Loss(
    "exponential",
    log_each=lambda q: -q,
    weights=lambda q: q.__array_namespace__().exp(-q),
    log_weights=lambda q: -q,
    log_curvatures=lambda q: -q,
    slopes=_ones,
    is_its_weight=True,
)
_LOGISTIC = Loss(
    "logistic",
    log_each=_log_softplus,
    weights=lambda q: 1.0 / (1.0 + q.__array_namespace__().exp(q)),  # no inf / inf at either end
    log_weights=lambda q: -_softplus(q),
    log_curvatures=lambda q: -_softplus(q) - _softplus(-q),
    slopes=_sigmoid_slopes,
)
LOSSES = {loss.name: loss for loss in (_EXPONENTIAL, _LOGISTIC)}


def named(name: object) -> Loss:
    """The loss of a name.  Raises InputError on anything else."""
    if not isinstance(name, str) or name not in LOSSES:
        raise InputError(f"a loss, {' or '.join(LOSSES)}", name, "choose one of them")
    return LOSSES[name]
