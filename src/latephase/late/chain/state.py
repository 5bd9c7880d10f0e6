"""What is asked of a run, and where it stands: what stays fixed, and what is carried."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from latephase.core import LogTime, Outcome
from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.modes.dynamics import Dynamics, lengths
from latephase.late.modes.linear_algebra import DEPENDENT
from latephase.late.pattern import SLIDING, Statuses

from .instant import AT_START, Instant, Times

_LEAST = 1e-4  # of the terms at the start: a neuron shorter than that may be on its way to 0

Pair = tuple[int, int]
"""A neuron and a point."""
Record = TypeVar("Record")


def altered(record: Record, **changes: Any) -> Record:
    """`dataclasses.replace` of records that check nothing, at a tenth of its time: a run alters
    some at every mode."""
    made = object.__new__(type(record))
    vars(made).update(vars(record), **changes)
    return made


@dataclass(frozen=True)
class Controls:
    """How well a run is followed: relative errors of smooth and of sliding phases, the step budget,
    the order of the modified flow, that on slides, and by what its thresholds are divided
    (`caution`).

    Chatter makes a slide a first-order method in its own neuron, but other neurons move on
    smoothly meanwhile, by steps that may be far larger (output weights 1e-5 and -0.1): of the two
    runs that are compared the better one follows them at full order, the other at order 0."""

    tolerance: float
    slide_tolerance: float
    max_steps: int
    order: int = 2
    slide_order: int = 0
    caution: float = 1.0


@dataclass(frozen=True)
class ChainTask:
    """What is asked of a run and stays fixed.

    times: sorted, of the samples, clock: as arrays;  until: the horizon;  signs (m, n): the exact
    ones of the first pre-activations;  least_terms (m, n): sizes of pre-activations below which a
    solver is not asked for more digits;  zero_length (m,): below it a neuron counts as being at 0;
    no_slack (m, n): of guards that are not loosened.
    """

    dynamics: Dynamics
    controls: Controls
    times: list[LogTime]
    clock: Times
    until: LogTime
    signs: Ints
    least_terms: Floats
    zero_length: Floats
    no_slack: Floats


@dataclass(frozen=True)
class ModeEnd:
    """How the last mode ended.

    log_time: ln of the time that it has lasted;  status (m, n): its statuses;
    triggered (m, n): pairs at whose guards it ended, `pairs`: as a list;
    released_to (m, n): the status to which a slide that ended goes over, else -1;
    at_zero: neurons that it has brought to length 0;  margins (n,): of a flow, where it ended.
    """

    log_time: float
    status: Statuses
    triggered: Bools
    pairs: list[Pair]
    released_to: Statuses
    at_zero: list[int]
    margins: Floats | None = None

    @property
    def on_kinks(self) -> Bools:
        """Pairs (m, n) that were on their kinks then."""
        return np.asarray((self.status == SLIDING) | self.triggered)

    @property
    def switching(self) -> Bools:
        """Neurons (m,) at whose kinks it ended."""
        return np.asarray(self.triggered.any(axis=1))


@dataclass(frozen=True)
class Counts:
    """What patience and budgets are measured in.

    brief_ends: how often in a row a pair (neuron, point) ended modes that were brief, or that go on
    as they were (Zeno behaviour), of those that did;
    brief_modes, instant_modes: in a row, those that ended at once;
    steps: of gradient descent, in_a_row since the last mode;  solver_steps;
    chatter_rounds: in which chatter was too large to be averaged.
    """

    brief_ends: Mapping[Pair, int]
    brief_modes: int = 0
    instant_modes: int = 0
    steps: int = 0
    in_a_row: int = 0
    solver_steps: int = 0
    chatter_rounds: int = 0


def one_more(ends: Mapping[Pair, int], pairs: Iterable[Pair]) -> dict[Pair, int]:
    """Counts of pairs, with one more for each of some."""
    return {**ends, **{pair: ends.get(pair, 0) + 1 for pair in pairs}}


@dataclass(frozen=True)
class ChainState:
    """Where a run stands: all that decides how it goes on.

    theta, low (m, k): parameters and their low parts, in the coordinates of the dynamics;
    rounding: absolute error of rounding in the steps taken;  passed: samples that lie behind;
    resting (n,): points at rest;  last: how the last mode ended, None at the start and after steps;
    lowest_log_loss: above which a flow cannot rise;  only_steps: whether a mode could not be
    followed, and descent is stepped from there;  outcome: why the run has ended, if not at its
    horizon.
    """

    theta: Floats
    low: Floats
    rounding: float
    resting: Bools
    counts: Counts
    now: Instant = AT_START
    passed: int = 0
    last: ModeEnd | None = None
    lowest_log_loss: float = math.inf
    only_steps: bool = False
    outcome: Outcome | None = None

    def unresolved(self, task: ChainTask) -> ChainState:
        """The state once a mode could not be followed: its steps are made where the budget allows
        the next sample to be reached, else the run has ended."""
        following = task.times[self.passed] if self.passed < len(task.times) else task.until
        log_ahead, left = self.now.log_until(following), task.controls.max_steps - self.counts.steps
        within = left > 0 and log_ahead <= math.log(left)
        if task.dynamics.method.discrete and within and not self.only_steps:
            return altered(self, only_steps=True)
        return altered(self, outcome=Outcome.budget_exhausted)

    def counted(self, **counts: Any) -> ChainState:
        """The state with some counts replaced."""
        return altered(self, counts=altered(self.counts, **counts))


def start(
    dynamics: Dynamics,
    theta: Floats,
    times: list[LogTime],
    until: LogTime,
    controls: Controls,
    signs: Ints | None = None,
) -> tuple[ChainTask, ChainState]:
    """A run at t = 0, at theta (m, d + 1); signs (m, n): None where they are those of theta."""
    frame, n = dynamics.frame, len(dynamics.labels)
    theta_in_frame, low = frame.coordinates(theta)
    signs = frame.signs(theta) if signs is None else signs
    placed = theta_in_frame
    if dynamics.method.discrete:  # a flow looks at signs only once
        placed = frame.on_their_sides(theta_in_frame, signs)
    rounding = float(np.abs(placed - theta_in_frame).sum())
    least_terms = _LEAST * dynamics.terms(theta_in_frame)
    zero_length = DEPENDENT * lengths(theta_in_frame)
    fixed = signs, least_terms, zero_length, np.zeros(signs.shape)
    task = ChainTask(dynamics, controls, times, Times.of(times), until, *fixed)
    return task, ChainState(placed, low, rounding, np.zeros(n, bool), Counts({}))
