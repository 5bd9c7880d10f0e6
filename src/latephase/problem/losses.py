"""Losses in the log domain, as functions of the margins q_i = y_i N(x_i).

The late phase has losses like 10^-1000, which float64 cannot hold; their logarithm it can.
Adding a loss takes one record and its entry in LOSSES.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from latephase.core import InputError
from latephase.core.arrays import Floats

# Beyond this margin ln(1 + e^-q) = e^-q (1 - e^-q/2 + ...) has the logarithm -q to the last bit.
_TAIL = 40.0


@dataclass(frozen=True)
class Loss:
    """A decreasing loss per point, summed over points (a mean only rescales the step size).

    `log_each(margins)`     ln loss(q), any shape
    `log_weights(margins)`  ln(-loss'(q)), any shape: the weight of a point in the gradient
    `slopes(margins)`       -w'/w and w''/w of the weight w = -loss'(q), each of any shape
    All are accurate to a few ulp of max(1, |q|), and finite wherever q is.
    """

    name: str
    log_each: Callable[[Floats], Floats]
    log_weights: Callable[[Floats], Floats]
    slopes: Callable[[Floats], tuple[Floats, Floats]]

    def log_loss(self, margins: ArrayLike, axis: int = -1) -> Floats:
        """ln sum_i loss(q_i) over the points along `axis`; natural logarithm, never underflows."""
        each = self.log_each(np.asarray(margins, dtype=np.float64))
        with np.errstate(invalid="ignore"):  # NaN margins of an overflowed trial stay NaN
            return np.asarray(np.logaddexp.reduce(each, axis=axis))


def _negative(margins: Floats) -> Floats:
    """ln e^-q, and likewise ln(-d/dq e^-q)."""
    return -np.asarray(margins, dtype=np.float64)


def _log_softplus(margins: Floats) -> Floats:
    """ln ln(1 + e^-q)."""
    q = np.asarray(margins, dtype=np.float64)
    near = np.log(_softplus(-np.minimum(q, _TAIL)))
    return np.where(q > _TAIL, -q, near)


def _log_sigmoid(margins: Floats) -> Floats:
    """ln 1/(1 + e^q)."""
    return -_softplus(np.asarray(margins, dtype=np.float64))


def _ones(margins: Floats) -> tuple[Floats, Floats]:
    """w = e^-q has -w' = w'' = w."""
    one = np.ones_like(np.asarray(margins, dtype=np.float64))
    return one, one


def _sigmoid_slopes(margins: Floats) -> tuple[Floats, Floats]:
    """w = 1/(1 + e^q) has w' = -w (1 - w) and w'' = w (1 - w) (1 - 2 w)."""
    w = np.exp(_log_sigmoid(margins))
    return 1 - w, (1 - w) * (1 - 2 * w)


def _softplus(x: Floats) -> Floats:
    """ln(1 + e^x); NumPy would warn of the NaN margins that an overflowed trial has."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.logaddexp(0.0, x))


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("exponential", log_each=_negative, log_weights=_negative, slopes=_ones),
        Loss("logistic", log_each=_log_softplus, log_weights=_log_sigmoid, slopes=_sigmoid_slopes),
    )
}


def checked(name: object) -> str:
    """The name of a loss.  Raises InputError on anything else."""
    if not isinstance(name, str) or name not in LOSSES:
        raise InputError(f"a loss among {', '.join(LOSSES)}", name, "choose one of them")
    return name
