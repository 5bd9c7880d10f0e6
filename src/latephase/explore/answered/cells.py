"""How the cells of a map are carried: by an ensemble, by sweeps, or one run after another.

Two numbers of the network are varied by one ensemble, whose networks are listed instead of drawn;
inputs, which an ensemble shares, by a sweep over data sets for each line of cells; what is slow,
one run at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from latephase.core import InputError, LatephaseError
from latephase.core.arrays import Floats
from latephase.problem import Initializer
from latephase.runs import ensemble, simulate, sweep

from ..asked.state import State
from .compute import Stopped, TooLong

Cells = list[dict[str, float]]
"""The two numbers of each, by their names."""
Going = Callable[[int, int], None]
Part = tuple[Any, dict[str, Any]]
"""Places of cells, and what is known of them."""
NUMBERS = {
    "worse": "margin now, minus at the start (input units)",
    "constant": "constant C of the margin's law (input units)",
    "entry": "log10 t of entry into the last regime",
    "exponent": "exponent of 1/ln t",
}


@dataclass(frozen=True)
class Listed(Initializer):
    """Networks that are given one by one, in the place of an initializer that draws them."""

    weights: Any = None
    biases: Any = None
    outer: Any = None

    @classmethod
    def of(cls, weights: Floats, biases: Floats, outer: Floats) -> Listed:
        """Of weights (trials, m, d), biases (trials, m) and output weights (trials, m)."""
        return cls("listed", _drawn_by_none, _scaled_by_none, False, weights, biases, outer)

    def __call__(self, *, trials: int, start: int = 0, bias: bool = True, **_: Any) -> Any:
        rows = slice(start, start + trials)
        return self.weights[rows], self.biases[rows] if bias else None

    def output_weights(self, *, trials: int, start: int = 0, **_: Any) -> Floats:
        """Of the trials from `start` on."""
        return np.asarray(self.outer[start : start + trials])


def _drawn_by_none(*_: Any) -> Any:
    raise NotImplementedError


def _scaled_by_none(*_: Any) -> float:
    raise NotImplementedError


def over_networks(state: State, cells: Cells, going: Going) -> dict[str, Any]:
    """One ensemble of the networks of all cells."""
    found = ensemble(data=state.data, **_asked([state.with_values(one) for one in cells], going))
    return _columns(found)


def by_lines(state: State, cells: Cells, going: Going) -> Iterator[Part]:
    """Inputs are varied by a sweep for each line of cells that share the other number."""
    side, across = math.isqrt(len(cells)), state.map_x[0] == "x"
    states = [state.with_values(values) for values in cells]
    possible = np.array([_has_problem(one) for one in states])
    yield np.flatnonzero(~possible), _REFUSED
    for k in range(side):
        line = np.arange(k * side, (k + 1) * side) if across else np.arange(k, side**2, side)
        if len(line := line[possible[line]]):
            data = {str(cell): states[cell].data for cell in line}
            found = sweep({"data": data}, **_asked([states[line[0]]], going))
            yield line, _columns(found.isel(trial=0))


def one_by_one(state: State, cells: Cells, going: Going) -> Iterator[Part]:
    """Each cell is a run of its own."""
    for k, values in enumerate(cells):
        yield k, _run(state.with_values(values), going)


def _asked(states: list[State], going: Going) -> dict[str, Any]:
    """Arguments of an ensemble, or of a sweep, of the networks of these states."""
    one = states[0]
    listed = Listed.of(
        *(
            np.array([getattr(each, name) for each in states])
            for name in ("weights", "biases", "output_weights")
        )
    )
    return {
        "initializer": listed,
        "method": one.trained_by,
        "width": one.m,
        "output_weights": listed if one.train_output else list(one.output_weights),
        "train_output": one.train_output,
        "negative_slope": one.slope,
        "bias": one.bias,
        "loss": one.loss,
        "trials": len(states),
        "seed": 0,
        "at": _times(one),
        "processes": 1,
        "progress": going,
    }


def _columns(found: Any) -> dict[str, Any]:
    """What a map shows of each trial, or point, of a dataset."""
    margin = found.robustness_margin.values
    regime, outcome = found.regime.values, found.outcome.values
    nameless = np.isin(regime, ("", "unsettled"))
    return {
        "ends": np.where(nameless, outcome, regime),
        "worse": _gain(margin),
        "constant": found.margin_constant.values,
        "entry": found.entry_log10_t.values,
        "exponent": found.law_exponent.values,
    }


def _gain(margin: Floats) -> Floats:
    """Margins (..., time), last minus first; NaN where there is neither to gain nor to lose."""
    first, last = margin[..., 0], margin[..., -1]
    return np.where((first > 0) | (last > 0), last - first, math.nan)


def _times(state: State) -> list[Any]:
    """The start and the time that is looked at."""
    return ["0", state.at]


_REFUSED = {"ends": "refused", **dict.fromkeys(NUMBERS, math.nan)}


def _has_problem(state: State) -> bool:
    try:
        return bool(state.problem)
    except InputError:  # two points of opposite labels in one place
        return False


def _run(state: State, going: Going) -> dict[str, Any]:
    if not _has_problem(state):
        return _REFUSED
    problem = state.problem
    parts = (problem.network, problem.data, problem.method)
    try:
        run = simulate(*parts, at=_times(state), loss=state.loss, progress=going)
    except (Stopped, TooLong):
        raise
    except LatephaseError:
        return _REFUSED
    law, margin = run.law, run.trajectory.robustness_margin.values
    constant = None if law is None else law.margin_constant
    return {
        "ends": run.regime.name if run.regime else run.outcome.name,
        "worse": float(_gain(margin)),
        "constant": math.nan if constant is None else constant,
        "entry": math.nan if run.entry is None else run.entry.log10,
        "exponent": math.nan if law is None else law.exponent,
    }
