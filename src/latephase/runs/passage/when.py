"""From when on a quantity of a run stays within a bound: `Run.when`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from latephase.core import InputError, LogTime, Outcome, Regime, Words
from latephase.core.arrays import Floats
from latephase.core.records import distance
from latephase.late.pattern import SLIDING
from latephase.margin import has_exact_margins
from latephase.problem.checks import real_number
from latephase.runs.limit import limit
from latephase.runs.run import Run

from .deviation import margins_of
from .last_passage import FARTHEST, Excess, Steps, last_passage
from .stepped import FEW, MANY, stepped

Beyond = Callable[[Mapping[Any, Any]], Floats]
"""How far a quantity of samples (S,) is beyond its bound."""

_SAME = 1e-12  # of the optimal margin: a deficit this near that of the limit is not told from it
_LATE = 1000.0  # ln t from which on the loss of a settled run falls like 1/t to all digits
_DEAD = (Regime.one_dead, Regime.both_dead)


def when(run: Run, asked: dict[str, object]) -> LogTime | None:
    """The last passage of the one quantity asked for.  Raises InputError."""
    if len(asked) != 1:
        raise InputError(
            "one bound: deficit, boundary or log_loss",
            Words(" and ".join(asked) or "none"),
            "call for example run.when(deficit=1e-3)",
        )
    ((name, bound),) = asked.items()
    if name == "log_loss":
        return _loss_within(run, real_number(bound, name, "a finite logarithm"))
    eps = distance(bound, name)
    if name == "deficit":
        return _deficit_within(run, eps)
    if run.law is None or run.law.limit_boundary is None:
        raise InputError(
            "a run whose boundary tends to a point of the line",
            Words("a law without limit_boundary" if run.law else "one without a law"),
            "ask for a deficit",
        )
    return limit(run).boundary_steps_within(eps)


def _deficit_within(run: Run, bound: float) -> LogTime | None:
    """By the limit where it is known: the deficit then stays within the bound for ever."""
    optimal, law = run.data.optimal_margin, run.law
    beyond: Beyond = lambda path: _log_deficits(run, path) - math.log(bound)  # noqa: E731
    if law is None or law.limit_margin is None or math.isnan(law.limit_margin):
        return _up_to(run, _last(run)[0], beyond)
    left = max(optimal - law.limit_margin, 0.0)  # the deficit in the limit
    left = 0.0 if left <= _SAME * optimal else left
    if bound <= left:
        return None
    both = limit(run).steps_within(bound - left)
    if left == 0 or both is None or both.log > FARTHEST:
        return both
    if not has_exact_margins(run.network.m, run.data.d):  # by the law, which says from which side
        return both if (law.margin_constant or 0.0) > 0 else None
    # A margin above its limit is as far off as one below it, but that is no deficit.
    return _up_to(run, both.log, beyond, both) or both


def _log_deficits(run: Run, path: Mapping[Any, Any]) -> Floats:
    if run.data.d > 2:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log(run.data.optimal_margin - margins_of(path, run)))
    return np.asarray(path["log_margin_deficit"])


def _loss_within(run: Run, bound: float) -> LogTime | None:
    """The loss falls like 1/t: what is missing in ln L is the time that is missing in ln t.

    That is seen from the latest sample, or a later one where the run has not settled there yet.
    """
    beyond: Beyond = lambda path: np.asarray(path["log_loss"]) - bound  # noqa: E731
    log_t, log_loss = _last(run)
    if run.outcome is not Outcome.settled or run.regime in _DEAD:
        return _loss_up_to_the_end(run, log_t, beyond)
    log_t, far = max(log_t, 0.0), False
    while math.isfinite(missing := max(0.0, log_loss - bound)):
        if log_t + missing > FARTHEST and (far or log_t >= _LATE):
            return LogTime.from_log(log_t + missing, flow=run.flow)
        far = log_t + missing > FARTHEST
        top = _LATE if far else log_t + (missing + 1.0 if missing else 0.0)
        found = None if far else _up_to(run, top, beyond)
        if found is not None:
            return found
        log_t = top if top > log_t else log_t + 1.0
        log_loss = float(run.followed([LogTime.from_log(log_t, flow=run.flow)]).log_loss[0])
    return None


def _loss_up_to_the_end(run: Run, log_end: float, beyond: Beyond) -> LogTime | None:
    """What falls to a positive limit never gets there, though rounding says so."""
    found, end = _up_to(run, log_end, beyond), LogTime.from_log(log_end, flow=run.flow)
    if found is None or run.regime is not Regime.one_dead or found in (LogTime.parse(0), end):
        return found
    return found if beyond(run.followed([found, end])).any() else None


def _up_to(run: Run, log_top: float, beyond: Beyond, top: LogTime | None = None) -> LogTime | None:
    """The last passage up to a time, or its logarithm: of a run of which no more is known, its end.

    A step over a kink and the next one differ, and so do those of a method with momentum.
    """
    slides = run.pattern is None or bool((run.pattern == SLIDING).any())
    chatters = not run.flow and (slides or run.outcome is not Outcome.settled)
    plain = run.problem.has_late_phase and not run.network.train_output
    plain &= "dtype" not in run.options

    def steps(count: int) -> Floats:
        if plain:
            return beyond(stepped(run.problem, count))
        return beyond(run.followed([LogTime.parse(n) for n in range(count + 1)]))

    most = MANY if plain and run.data.d == 1 else FEW
    near = Steps(steps, most) if chatters else None
    excess: Excess = lambda times: beyond(run.followed(times))  # noqa: E731
    top = top or LogTime.from_log(log_top, flow=run.flow)
    return last_passage(excess, top, flow=run.flow, steps=near)


def _last(run: Run) -> tuple[float, float]:
    """ln t and ln L of the latest sample that was reached."""
    reached = np.where(run.trajectory.log_loss.notnull(), run.trajectory.log10_t, -np.inf)
    k = int(np.argmax(reached))
    return float(reached[k]) * math.log(10.0), float(run.trajectory.log_loss[k])
