"""The interface of an engine: what carries a network from its start to a horizon.

| engine | takes | options |
|---|---|---|
| exact pieces | two neurons on two points, exponential loss, GD and GF | slide_tolerance |
| exact pieces of both layers | a pair with both layers trained, x1 * x2 <= -1 | slide_tolerance |
| modes | any network of fixed output weights, GD and GF | tolerance, slide_tolerance |
| modes of both layers | any network of trained output weights, GD and GF | as modes |
| single steps | any network, every other method | |
| rounded steps | any network, GD, where a dtype is asked for | dtype, accumulate, rounding |

Exact pieces leave some runs before their end (gradient flow with x1 * x2 != -1, long chatter):
these are carried on by modes.

For developers. An engine is one file in `engines/`: a name, the options of a Goal that it has,
which problems it takes, and `run`. An option that it has not is refused before it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from latephase.core import Law, LogTime, Outcome, Regime, Rigour
from latephase.core.arrays import Bools, Floats, Ints
from latephase.core.records import Lawful
from latephase.problem import Problem
from latephase.problem.checks import (
    MOST,
    callback,
    dtype_name,
    flag,
    positive_number,
    whole_number,
)

MAX_STEPS = 1_000_000
TOLERANCE = 1e-10
SLIDE_TOLERANCE = 1e-4
OPTIONS = ("tolerance", "slide_tolerance", "dtype", "accumulate", "rounding")

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Goal:
    """What is asked of an engine, besides a problem and sample times.  Raises InputError.

    Every engine: until: the horizon, None: until the run has settled;  max_steps: budget of steps;
    processes: the most it may use, None: one for each core;  progress: called as progress(done,
    total).
    Options, None where the caller has no wish: as in `simulate`.
    """

    until: LogTime | None
    max_steps: int = MAX_STEPS
    processes: int | None = None
    progress: Progress | None = None
    tolerance: float | None = None
    slide_tolerance: float | None = None
    dtype: Any = None
    accumulate: bool | None = None
    rounding: str | None = None

    def __post_init__(self) -> None:
        callback(self.progress)
        self._set("max_steps", whole_number(self.max_steps, "max_steps", 1, MOST))
        if self.processes is not None:
            self._set("processes", whole_number(self.processes, "processes", 1, MOST))
        for name in ("tolerance", "slide_tolerance"):
            if getattr(self, name) is not None:
                self._set(name, positive_number(getattr(self, name), name))
        if self.dtype is not None:
            self._set("dtype", dtype_name(self.dtype))
        if self.accumulate is not None:
            self._set("accumulate", flag(self.accumulate, "accumulate"))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @property
    def asked(self) -> dict[str, Any]:
        """The options that the caller has set."""
        return {name: value for name in OPTIONS if (value := getattr(self, name)) is not None}


def _no_law() -> None:
    """Default of the instance: one of the class would hide a law that is found later."""


@dataclass(frozen=True)
class Record(Lawful):
    """What an engine found; neurons and points in the user's order, S samples in that of the times.

    parameters (S, m, d + 1): (w_j, b_j), NaN where a sample was not reached;
    output_weights (S, m), output_bias (S,): those of a network that trains them, None of others;
    error (S,): max_j |Delta(w_j, b_j)| / |(w_j, b_j)|, margin_error (S,): max_i |Delta q_i| /
    (1 + |q_i|), NaN where not known;  rigour (S,): its name;
    outcome: why the run stopped;  regime: how it ends, None while it is unsettled or has no name;
    entry: from which time on, None while unsettled; by modes, of the last one;
    law: None unless the loss tends to 0 in a way that is known;
    pattern (m, n): statuses at the last time reached, None if there is none;
    observed: variables (S,) that the engine knows better than the parameters tell;
    clocks: variables (S,) that count what time does not: a method's evaluations and flow time;
    limit: what the law was read off, where that is more than the pattern tells.
    """

    parameters: Floats
    error: Floats
    margin_error: Floats
    rigour: NDArray[np.str_]
    outcome: Outcome
    regime: Regime | None = None
    entry: LogTime | None = None
    law: Law | None = field(default_factory=_no_law)
    pattern: Ints | None = None
    observed: Mapping[str, Floats] = field(default_factory=dict)
    clocks: Mapping[str, Floats] = field(default_factory=dict)
    output_weights: Floats | None = None
    output_bias: Floats | None = None
    limit: Any = None

    @property
    def reached(self) -> Bools:
        """Which samples there are, (S,)."""
        there = np.isfinite(self.parameters).all(axis=(1, 2))
        if self.output_weights is not None:
            there &= np.isfinite(self.output_weights).all(axis=1)
        return np.asarray(there)

    @property
    def weakest(self) -> Rigour | None:
        """How sure the run as a whole is: an estimate counts for all of it.  None of nothing."""
        names, seen = (Rigour.estimated, Rigour.measured, Rigour.exact), self.rigour[self.reached]
        return next((one for one in names if one.name in seen), None)


class Engine(Protocol):
    """What carries a run."""

    name: str
    options: frozenset[str]

    def takes(self, problem: Problem) -> bool:
        """Whether it can carry this problem."""
        ...

    def run(self, problem: Problem, times: Sequence[LogTime], goal: Goal) -> Record:
        """Carry the network of `problem` over the sorted sample `times` to the goal's horizon."""
        ...


def entry_time(time: float, log_time: float, discrete: bool) -> LogTime:
    """The time of an entry that is known as a float and by its logarithm."""
    if time < 2.0**53:
        return LogTime.parse(int(time) if discrete else time, flow=not discrete)
    return LogTime.from_log(log_time, flow=not discrete)
