"""Where every trial stands: the state that the exact pieces hand to one another."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

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

    def __getitem__(self, rows: Ints | Bools) -> PairState:
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows  # `take` is twice as fast
        return PairState(*(getattr(self, f.name).take(rows, axis=-1) for f in fields(self)))

    def __setitem__(self, rows: Ints | Bools, other: PairState) -> None:
        for f in fields(self):
            mine, theirs = getattr(self, f.name), getattr(other, f.name)
            for index in np.ndindex(mine.shape[:-1]):  # twice as fast as [..., rows]
                mine[index][rows] = theirs[index]

    @classmethod
    def joined(cls, parts: list[PairState]) -> PairState:
        """Trials of several states, one after the other."""
        columns = ([getattr(one, f.name) for one in parts] for f in fields(cls))
        return cls(*(np.concatenate(column, axis=-1) for column in columns))


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


class SteppedPair(NamedTuple):
    """Two neurons on two points after some steps each; trials run along the last axis.

    preactivations (2 neurons, 2 points, T);  received (2, 2, T): sum of step * loss of point i over
    the steps at which neuron j was active there;
    preactivation_error (2, 2, T), absolute;  parameter_error (T,): Euclidean, absolute;
    undecided (2, 2, T): whether its sign was ever within its error.
    """

    preactivations: Floats
    received: Floats
    preactivation_error: Floats
    parameter_error: Floats
    undecided: Bools

    def cut(self, trials: slice) -> SteppedPair:
        """Some of the trials."""
        parts: Any = (part[..., trials] for part in self)
        return SteppedPair(*parts)


@dataclass
class Journey:
    """How far every trial has come: outcome and regime (T,) objects (None while under way),
    entry (T,) time of entry into the regime with its logarithm, state at the end, steps (T,) taken,
    stretch (T,) of them since the last fast piece, rounds (T,) of the chain;
    since, log_since (T,): the time from which on the activation pattern has been the present one,
    as far as it was looked at."""

    state: PairState
    outcome: NDArray[np.object_]
    regime: NDArray[np.object_]
    entry: Floats
    log_entry: Floats
    steps: Ints
    stretch: Ints
    rounds: Ints
    since: Floats
    log_since: Floats

    def still(self, rows: Ints) -> Ints:
        """Those of the trials (R,) that have no outcome yet."""
        return np.asarray(rows[self.having(None, rows)])

    def having(self, outcome: Outcome | None, rows: Ints | slice = slice(None)) -> Bools:
        """Which of the trials have that outcome, (R,)."""
        same: Bools = np.asarray(self.outcome[rows] == outcome, bool)
        return same

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
    outcome, regime = np.full((2, trials), None, object)
    entry, log_entry = np.full((2, trials), np.nan)
    steps, stretch, rounds = np.zeros((3, trials), np.int64)
    since = np.zeros(trials), np.full(trials, -np.inf)
    return Journey(state, outcome, regime, entry, log_entry, steps, stretch, rounds, *since)


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
