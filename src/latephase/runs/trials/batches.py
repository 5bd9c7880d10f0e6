"""One batch of an ensemble: draw, run, classify; and the labels of what comes out.

Two neurons on two points go through exact pieces, all at once; other networks one by one, each as
`simulate` carries it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, as_completed
from contextlib import suppress
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from latephase.core import InputError, LatephaseError, LogTime, Outcome, Regime, Rigour
from latephase.core.arrays import Floats
from latephase.core.workers import processes_at_most
from latephase.late.engine import Goal, Progress, Record
from latephase.late.engines.choice import engine_for
from latephase.late.engines.exact_pieces import follow_trials
from latephase.late.limits.law import margin_law
from latephase.late.pair.law import Laws
from latephase.late.pair.observe import PairSamples
from latephase.margin import largest_normalised_margin
from latephase.problem import Initializer, Problem, TwoPointGeometry
from latephase.problem.checks import MOST, whole_number
from latephase.problem.output_weights import output_weights
from latephase.runs.limit import limit
from latephase.runs.observed import observed
from latephase.runs.run import Run
from latephase.runs.simulate import run_of
from latephase.runs.times import Times
from latephase.runs.trajectory import OF_TRIAL, dataset, parameters_of, variables

from .result import Variables
from .settings import Settings

if TYPE_CHECKING:
    import xarray as xr

Row = tuple[Variables, dict[str, Any], str]
"""Of one trial: its variables over time, those it has one of, and the error that has ended it."""

UNSETTLED = "unsettled"
"""The regime of a trial that has not settled in any; its outcome says why."""

NAMELESS = ""
"""The regime of a trial that has settled where regimes have no names."""

FAILED = "failed"
"""The outcome of a trial that an error has ended; a warning says which."""

_WORTH_A_PROCESS = 8  # trials: fewer are done before a process has begun and compiled its steps
_CALLER = 10  # frames up to who called `ensemble` or `compare`
_LAW = ("law_constant", "law_offset", "law_exponent")
_LIMIT = ("limit_boundary", "limit_margin", "margin_constant")
NUMBERS = (*_LAW, *_LIMIT, "limit_normalised_margin", "entry_log10_t")
"""What each trial has one of besides names; NaN where there is none."""

NAME = f"<U{max(len(member.name) for member in (*Outcome, *Regime))}"  # one for every batch
RIGOUR = f"<U{max(len(member.name) for member in Rigour)}"


def run_batch(s: Settings, start: int, progress: Progress | None = None) -> Variables:
    """The variables of the trials from `start` on, trial axis first; progress(settled, trials)."""
    trials = min(s.batch, s.trials - start)
    weights, biases = s.initializer(trials=trials, seed=s.seed, start=start)
    problem, order = s.problem, list(s.problem.neuron_order)
    canonical = weights[:, order, 0], biases[:, order]
    goal = replace(s.goal, progress=progress)
    found = follow_trials(problem.geometry, *canonical, problem.method, s.times.sorted, goal)
    entry = found.journey.log_entry / math.log(10)
    ends = (found.journey.regime, found.journey.outcome, found.laws, entry)
    return {**_sampled(s, found.record), **of_trials(problem.geometry, *ends)}


def run_one_by_one(
    pool: Executor | None, s: Settings, start: int, progress: Progress | None = None
) -> Variables:
    """The same of any network, a trial at a time, in the processes of the pool if there is one."""
    trials = min(s.batch, s.trials - start)
    drawn = drawn_networks(s, s.problem, start, trials)
    problems = problems_of(s.problem, *drawn)
    return _stacked(rows_of(problems, s.times, s.goal, pool, start, progress))


class Drawing(Protocol):
    """What networks are drawn of; output_weights None: those of the problem."""

    @property
    def initializer(self) -> Initializer: ...
    @property
    def seed(self) -> int: ...
    @property
    def output_weights(self) -> Initializer | str | None: ...


def drawn_networks(
    s: Drawing, problem: Problem, start: int, trials: int
) -> tuple[Floats, Floats | None, Floats]:
    """Weights (T, m, d), biases (T, m) or None and output weights (T, m) of the trials."""
    kind, drawn = problem.network, {"seed": s.seed, "start": start}
    shape = {"width": kind.m, "d": kind.d, "bias": kind.biases is not None}
    weights, biases = s.initializer(trials=trials, **drawn, **shape)  # type: ignore[arg-type]
    outer: Any = kind.output_weights if s.output_weights is None else s.output_weights
    return weights, biases, output_weights(outer, weights, biases, **drawn)


def problems_of(
    problem: Problem, weights: Floats, biases: Floats | None, outer: Floats
) -> list[Problem]:
    """The problem of each of the networks drawn."""
    drawn = {"weights": weights} if biases is None else {"weights": weights, "biases": biases}
    networks = map(problem.network.with_parameters, parameters_of(drawn), outer)
    return [replace(problem, network=network) for network in networks]


def rows_of(
    problems: list[Problem],
    times: Times,
    goal: Goal,
    pool: Executor | None,
    first: int,
    progress: Progress | None = None,
) -> list[Row]:
    """The rows of problems, in the processes of the pool if there is one; warns of what fails.

    first: number of the first trial.
    """
    rows: dict[int, Row] = {}
    for k, row in _finished(problems, times, goal, pool):
        rows[k] = row
        if progress is not None:
            progress(len(rows), len(problems))
    for k in range(len(problems)):
        if said := rows[k][2]:
            warnings.warn(f"trial {first + k} has failed: {said}", stacklevel=_CALLER)
    return [rows[k] for k in range(len(problems))]


def _finished(
    problems: list[Problem], times: Times, goal: Goal, pool: Executor | None
) -> Iterator[tuple[int, Row]]:
    """The problems' rows by their numbers, as they are finished."""
    if pool is None:
        for k, problem in enumerate(problems):
            yield k, run_trial(problem, times, goal)
        return
    waiting = {pool.submit(run_trial, one, times, goal): k for k, one in enumerate(problems)}
    for future in as_completed(waiting):
        yield waiting.pop(future), future.result()


def run_trial(problem: Problem, times: Times, goal: Goal) -> Row:
    """One trial, as `simulate` and `limit` find it."""
    try:
        record = engine_for(problem, goal).run(problem, times.sorted, goal)
        run = run_of(problem, times, goal, record)
        over_time = {str(name): found.values for name, found in run.trajectory.items()}
        return over_time, _end(run, record.entry), ""
    except LatephaseError as error:
        return _failed(problem, times, str(error))


def _failed(problem: Problem, times: Times, said: str) -> Row:
    """The row of a trial of which nothing is known."""
    unknown = np.full(len(times.given), np.nan)
    theta = np.full((unknown.size, *problem.network.parameters.shape), np.nan)
    record = Record(theta, unknown, unknown, np.full(unknown.size, ""), Outcome.transient)
    if problem.network.train_output:
        record = replace(record, output_weights=theta[..., 0])
    numbers = dict.fromkeys(NUMBERS, math.nan)
    return observed(problem, record), {"regime": UNSETTLED, "outcome": FAILED, **numbers}, said


def _stacked(rows: list[Row]) -> Variables:
    """The variables of several trials, trial axis first."""
    over_time = [row[0] for row in rows]
    found = {name: np.stack([one[name] for one in over_time]) for name in over_time[0]}
    found["rigour"] = found["rigour"].astype(RIGOUR)
    return found | stacked_ends(rows)


def stacked_ends(rows: list[Row]) -> Variables:
    """What each trial has one of."""
    ends, found = [row[1] for row in rows], {}
    for name, value in ends[0].items():
        kind = NAME if isinstance(value, str) else np.float64
        found[name] = np.array([one[name] for one in ends], dtype=kind)
    return found


def _end(run: Run, entry: LogTime | None) -> dict[str, Any]:
    """What a trial has one of, in the order of `of_trials`; NaN where there is none."""
    lasts, law, gamma = run.outcome in (Outcome.settled, Outcome.unfitted), run.law, math.nan
    if run.outcome is Outcome.settled:
        with suppress(InputError):  # its loss does not tend to 0
            found = limit(run)
            gamma = found.normalised_margin if found.settled else math.nan
    numbers = {}
    for name in (*_LAW, *_LIMIT):
        value = None if law is None else getattr(law, name.removeprefix("law_"))
        numbers[name] = math.nan if value is None else float(value)
    return {
        "regime": run.regime.name if run.regime else NAMELESS if lasts else UNSETTLED,
        "outcome": run.outcome.name,
        **numbers,
        "limit_normalised_margin": gamma,
        "entry_log10_t": math.nan if entry is None else entry.log10,
    }


def label(s: Settings, found: Variables) -> xr.Dataset:
    """The variables as an xarray.Dataset with dims trial, time, neuron, feature."""
    over = dict.fromkeys(OF_TRIAL, ("trial",))
    return dataset(found, s.times.given, ("trial",), over, s.attributes())


def template(s: Settings) -> xr.Dataset:
    """The dataset of no trials: names, dims, types and attributes, without the numbers."""
    if not s.problem.has_closed_form:
        nobody = _stacked([_failed(s.problem, s.times, "")])
        return label(s, {name: values[:0] for name, values in nobody.items()})
    sampled = _sampled(s, PairSamples.empty(0, len(s.times.sorted)))
    nothing = np.empty(0)
    ends = of_trials(s.problem.geometry, [], [], Laws(nothing, nothing, nothing), nothing)
    return label(s, {**sampled, **ends})


def _sampled(s: Settings, record: PairSamples) -> Variables:
    """The variables over time."""
    return in_order(s, variables(record, s.problem.neuron_order))


def in_order(s: Settings, found: Variables) -> Variables:
    """The same over time, samples in the order they were asked for."""
    if s.times.given == s.times.sorted:
        return found
    return {name: values[:, s.times.positions] for name, values in found.items()}


def of_trials(
    geometry: TwoPointGeometry,
    regimes: Iterable[Regime | None],
    outcomes: Iterable[Outcome],
    law: Laws,
    log10_entry: Floats,
) -> Variables:
    """The variables that each trial has one of; laws are NaN where the loss does not tend to 0."""
    points = [geometry.x1, geometry.x2]
    margin, margin_constant = margin_law(points, law.limit_boundary, law.constant)
    limit = np.where(np.isnan(law.limit_boundary), np.nan, 1.0)
    return {
        "regime": _names(regimes),
        "outcome": _names(outcomes),
        "law_constant": law.constant,
        "law_offset": law.offset,
        "law_exponent": np.where(np.isnan(law.constant), np.nan, 1.0),
        "limit_boundary": law.limit_boundary,
        "limit_margin": margin,
        "margin_constant": margin_constant,
        "limit_normalised_margin": limit * largest_normalised_margin(geometry),
        "entry_log10_t": log10_entry,
    }


def _names(members: Iterable[Enum | None]) -> NDArray[np.str_]:
    return np.array([m.name if m else UNSETTLED for m in members], dtype=NAME)


def checked_processes(processes: object) -> int | None:
    """The most processes to use, None where nothing is said.  Raises InputError."""
    return None if processes is None else whole_number(processes, "processes", 1, MOST)


def processes_for(trials: int, most: int | None) -> int:
    """How many processes share so many trials that go one by one, at most as many as asked for."""
    worth = trials if most is not None else max(1, trials // _WORTH_A_PROCESS)
    return min(processes_at_most(most), worth)
