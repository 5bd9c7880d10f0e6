"""What a method's trials of a batch have one of each: how they end, and their law, (trial,).

Of gradient descent as `ensemble` knows it; of other methods that follow the flow, on a pair, by the
parameters at the end, where no pattern changes any more; of others nothing but the outcome.
"""

from __future__ import annotations

import math
from concurrent.futures import Executor
from typing import Any

import numpy as np

from latephase.core import LogTime, Outcome, Regime, Rigour
from latephase.core.arrays import Bools
from latephase.late.engine import Goal
from latephase.late.engines.exact_pieces import follow_trials
from latephase.late.pair.law import Laws
from latephase.problem import Problem
from latephase.runs.times import Times

from .batches import NUMBERS, UNSETTLED, of_trials, rows_of, stacked_ends
from .result import Variables

_OF_THE_LAST = ("current_law_constant", "current_law_offset", "norm", "normalised_margin")


def ends(
    problems: list[Problem],
    until: LogTime,
    seen: Variables,
    last: int,
    pool: Executor | None,
    first: int,
) -> Variables:
    """The ends of the problems of one method, which has stepped them to the horizon.

    seen: their variables over time;  last: the latest of
    their samples;  pool: processes for what goes one by one;  first: number of the first trial.
    """
    now = {name: seen[name][:, last] for name in _OF_THE_LAST if name in seen}
    fitted = now["normalised_margin"] > 0
    if problems[0].has_closed_form:
        found = _by_exact_pieces(problems, until)
    elif problems[0].has_late_phase:
        rows = rows_of(problems, Times([until], [until], until), Goal(until), pool, first)
        found = stacked_ends(rows)
        known = (found["regime"] != UNSETTLED) | np.isfinite(found["limit_margin"])
        found["law_rigour"] = _named(known, Rigour.estimated)
    elif problems[0].is_pair:
        found = _by_the_end(problems[0], now, fitted)
    else:
        found = unknown_ends(len(fitted)) | {"outcome": np.array([o.name for o in _outcomes(now)])}
    return {**found, "fitted": fitted}


def _by_exact_pieces(problems: list[Problem], until: LogTime) -> Variables:
    problem, order = problems[0], list(problems[0].neuron_order)
    weights = np.stack([one.network.weights[order, 0] for one in problems])
    biases = np.stack([one.network.biases_or_zeros[order] for one in problems])
    found = follow_trials(problem.geometry, weights, biases, problem.method, [], Goal(until))
    journey = found.journey
    entry = journey.log_entry / math.log(10)
    seen = of_trials(problem.geometry, journey.regime, journey.outcome, found.laws, entry)
    how = np.where(journey.state.exact, Rigour.exact.name, Rigour.estimated.name)
    return {**seen, "law_rigour": np.where(seen["regime"] == UNSETTLED, "", how)}


def _by_the_end(problem: Problem, now: dict[str, Any], fitted: Bools) -> Variables:
    """Of two neurons on two points, which specialise for ever where k12 <= 0."""
    from latephase.training.methods.table import stepped

    geometry, method = problem.geometry, stepped(problem.method)
    constant, offset = now["current_law_constant"], now["current_law_offset"]
    # For k12 <= 0 neurons that serve a point each are never pushed back on to the other's.
    settled = fitted & np.isfinite(constant) & (geometry.gram_sign <= 0)
    settled &= bool(method.follows_flow)
    rate, shift = method.clock(problem.data.n) or (math.nan, math.nan)
    numbers = (geometry.x_inf, constant / rate, (offset + shift) / rate)
    law = Laws(*(np.where(settled, number, np.nan) for number in numbers))
    regimes = np.where(settled, Regime.specialised, None)  # type: ignore[call-overload]
    seen = of_trials(geometry, regimes, _outcomes(now), law, np.full(len(fitted), np.nan))
    return {**seen, "law_rigour": _named(settled, Rigour.measured)}


def unknown_ends(trials: int) -> Variables:
    """Of so many trials of which no end is known, all but the outcome."""
    nothing, empty = np.full(trials, np.nan), np.full(trials, "")
    texts = {"regime": np.full(trials, UNSETTLED), "outcome": empty, "law_rigour": empty}
    return {**texts, **dict.fromkeys(NUMBERS, nothing)}


def _outcomes(now: dict[str, Any]) -> Any:
    gone = ~np.isfinite(now["norm"])
    return np.where(gone, Outcome.overflowed, Outcome.transient)  # type: ignore[call-overload]


def _named(known: Bools, rigour: Rigour) -> Any:
    return np.where(known, rigour.name, "")
