"""Where every trial stands: the state that the exact pieces hand to one another."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from latephase.core import Outcome, Regime
from latephase.core.arrays import Bools, Floats, Ints


@dataclass
class PairState:
    """Canonical two-neuron networks: neuron 0 has output weight +1, point 0 has label +1.

    Trials run along the last axis of every array.
    parameters (2 neurons, 2 [weight, bias], T), low: what steps have left below their last digit;
    preactivations (2 neurons, 2 points, T), carried along because frozen ones must stay exact;
    time (T,): updates done (GF: flow time), inf beyond 1e308;  log_time (T,);
    error (2 neurons, T): estimated absolute error of the parameters;
    preactivation_error (2, 2, T): of the pre-activations, whose rounding is not the parameters';
    chatter_error (T,): what slides leave out of the margins; it is forgotten as the margins rise;
    time_error (T,): uncertainty of `time`, for runs whose phases outlast 2**53 steps;
    exact (T,): whether nothing but rounding has entered so far;
    undecided (T,): whether rounding may have decided a sign: nothing is claimed from there on.
    """

    parameters: Floats
    low: Floats
    preactivations: Floats
    time: Floats
    log_time: Floats
    error: Floats
    preactivation_error: Floats
    chatter_error: Floats
    time_error: Floats
    exact: Bools
    undecided: Bools

    def __getitem__(self, rows: object) -> PairState:
        return PairState(*(getattr(self, f.name)[..., rows] for f in fields(self)))

    def __setitem__(self, rows: object, other: PairState) -> None:
        for f in fields(self):
            getattr(self, f.name)[..., rows] = getattr(other, f.name)


def initial_state(parameters: Floats, preactivations: Floats) -> PairState:
    """Networks at t = 0; their parameters are the exact doubles given."""
    trials = parameters.shape[-1]
    time, chatter_error, time_error = np.zeros((3, trials))
    return PairState(
        parameters.copy(),
        np.zeros_like(parameters),
        preactivations.copy(),
        time,
        np.full(trials, -np.inf),
        np.zeros((2, trials)),
        2.0**-52 * np.abs(preactivations),
        chatter_error,
        time_error,
        np.ones(trials, bool),
        np.zeros(trials, bool),
    )


@dataclass
class Journey:
    """How far every trial has come: outcome and regime (T,) objects (None while under way),
    entry (T,) time of entry into the regime with its logarithm, state at the end, steps (T,) taken,
    stretch (T,) of them since the last fast piece, rounds (T,) of the chain."""

    state: PairState
    outcome: NDArray[np.object_]
    regime: NDArray[np.object_]
    entry: Floats
    log_entry: Floats
    steps: Ints
    stretch: Ints
    rounds: Ints

    @property
    def under_way(self) -> Bools:
        """Trials that have no outcome yet, (T,)."""
        return np.array([outcome is None for outcome in self.outcome], bool)

    def settle(
        self,
        rows: Ints | Bools | int,
        regime: Regime | None,
        entry: Floats | float,
        log_entry: Floats | float,
    ) -> None:
        """Note that trials (R,) have entered a regime that they never leave."""
        self.outcome[rows], self.regime[rows] = Outcome.settled, regime
        self.entry[rows], self.log_entry[rows] = entry, log_entry


def unmoved(state: PairState) -> Journey:
    """Journeys that have not begun."""
    trials = state.time.size
    return Journey(
        state,
        np.full(trials, None, object),
        np.full(trials, None, object),
        np.full(trials, np.nan),
        np.full(trials, np.nan),
        *np.zeros((3, trials), np.int64),
    )


def margins(preactivations: Floats) -> Floats:
    """y_i N(x_i) of canonical networks, (2 points, ...)."""
    a = np.maximum(preactivations, 0.0)
    return np.stack([a[0, 0] - a[1, 0], a[1, 1] - a[0, 1]])


def margin_errors(s: PairState) -> Floats:
    """What the errors of the pre-activations make of the margins, (2 points, T): an inactive neuron
    adds nothing."""
    felt = s.preactivations > -s.preactivation_error
    total: Floats = np.where(felt, s.preactivation_error, 0.0).sum(axis=0)
    return total


def later(time: Floats, log_time: Floats, n: Floats, log_n: Floats) -> tuple[Floats, Floats]:
    """time + n with its logarithm, also where both exceed the range of float64."""
    total = time + n
    with np.errstate(divide="ignore"):
        log_total = np.where(total < 1e300, np.log(total), np.logaddexp(log_time, log_n))
    return total, log_total
