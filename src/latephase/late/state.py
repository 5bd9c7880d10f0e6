"""Where every trial stands: the state that the pieces of the fast-forward hand to one another."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass
class State:
    """Canonical two-neuron networks: neuron 0 has output weight +1, point 0 has label +1.

    Trials run along the last axis of every array.
    parameters (2 neurons, 2 [weight, bias], T);  preactivations (2 neurons, 2 points, T), carried
    along because frozen ones must stay exact;  time (T,): updates done (GF: flow time), inf beyond
    1e308;  log_time (T,);  error (2 neurons, T): estimated absolute error of the parameters;
    time_error (T,): uncertainty of `time`, for runs whose phases outlast 2**53 steps;
    exact (T,): whether nothing but rounding has entered so far.
    """

    parameters: Array
    preactivations: Array
    time: Array
    log_time: Array
    error: Array
    time_error: Array
    exact: NDArray[np.bool_]

    def __getitem__(self, rows: object) -> State:
        return State(*(getattr(self, f.name)[..., rows] for f in fields(self)))

    def __setitem__(self, rows: object, other: State) -> None:
        for f in fields(self):
            getattr(self, f.name)[..., rows] = getattr(other, f.name)


def initial_state(parameters: Array, preactivations: Array) -> State:
    """Networks at t = 0; their parameters are the exact doubles given."""
    trials = parameters.shape[-1]
    rounding = 2.0**-53 * np.abs(parameters).max(axis=1)
    zeros = np.zeros(trials)
    never = np.full(trials, -np.inf)
    return State(
        parameters.copy(),
        preactivations.copy(),
        zeros,
        never,
        rounding,
        zeros.copy(),
        np.ones(trials, bool),
    )


def margins(preactivations: Array) -> Array:
    """y_i N(x_i) of canonical networks, (2 points, ...)."""
    a = np.maximum(preactivations, 0.0)
    return np.stack([a[0, 0] - a[1, 0], a[1, 1] - a[0, 1]])


def later(time: Array, log_time: Array, n: Array, log_n: Array) -> tuple[Array, Array]:
    """time + n with its logarithm, also where both exceed the range of float64."""
    total = time + n
    with np.errstate(divide="ignore"):
        log_total = np.where(total < 1e300, np.log(total), np.logaddexp(log_time, log_n))
    return total, log_total
