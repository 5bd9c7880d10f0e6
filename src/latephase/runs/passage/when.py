"""From when on a quantity of a run stays within a bound: `Run.when`."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from latephase.core import InputError, LogTime, Outcome, Words
from latephase.core.arrays import Floats
from latephase.runs.run import Run

from .pace import margins_at
from .passage import FARTHEST, Excess, distance, last_passage

_SAME = 1e-12  # of the optimal margin: a deficit this near that of the limit is not told from it


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
        return _loss_within(run, _real(bound))
    eps = distance(bound, name)
    return _boundary_within(run, eps) if name == "boundary" else _deficit_within(run, eps)


def _boundary_within(run: Run, eps: float) -> LogTime | None:
    from latephase.runs.limit import limit

    if run.law is None or run.law.limit_boundary is None:
        raise InputError(
            "a run whose boundary tends to a point of the line",
            Words("a law without limit_boundary" if run.law else "one without a law"),
            "ask for a deficit",
        )
    return limit(run).boundary_steps_within(eps)


def _deficit_within(run: Run, bound: float) -> LogTime | None:
    """By the limit where it is known: the deficit then stays within the bound for ever."""
    from latephase.runs.limit import limit

    optimal, law = run.data.optimal_margin, run.law
    excess: Excess = lambda times: _log_deficits(run, times) - math.log(bound)  # noqa: E731
    if law is None or law.limit_margin is None or math.isnan(law.limit_margin):
        return _up_to_the_end(run, excess)
    left = max(optimal - law.limit_margin, 0.0)  # the deficit in the limit
    left = 0.0 if left <= _SAME * optimal else left
    if bound <= left:
        return None
    both = limit(run).steps_within(bound - left)
    if left == 0 or both is None or both.log > FARTHEST:
        return both
    # A margin above its limit is as far off as one below it, but that is no deficit.
    return last_passage(excess, LogTime.parse(0), both, flow=run.flow) or both


def _log_deficits(run: Run, times: list[LogTime]) -> Floats:
    if run.data.d > 2:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log(run.data.optimal_margin - margins_at(run, times)))
    return np.asarray(run.followed(times).log_margin_deficit.values)


def _loss_within(run: Run, bound: float) -> LogTime | None:
    """The loss falls like 1/t: what is missing in ln L is the time that is missing in ln t."""
    excess: Excess = lambda times: run.followed(times).log_loss.values - bound  # noqa: E731
    log_t, log_loss = _last(run)
    missing = max(log_loss - bound, 0.0)
    if run.outcome is not Outcome.settled or missing == 0:
        return _up_to_the_end(run, excess)
    if log_t + missing > FARTHEST:
        return LogTime.from_log(log_t + missing, flow=run.flow)
    top = LogTime.from_log(log_t + missing + 1.0, flow=run.flow)
    return last_passage(excess, LogTime.parse(0), top, flow=run.flow)


def _up_to_the_end(run: Run, excess: Excess) -> LogTime | None:
    """Up to the last sample, of a run of which no more is known."""
    log_t, _ = _last(run)
    top = LogTime.from_log(log_t, flow=run.flow)
    return last_passage(excess, LogTime.parse(0), top, flow=run.flow)


def _last(run: Run) -> tuple[float, float]:
    """ln t and ln L of the latest sample that was reached."""
    reached = np.where(run.trajectory.log_loss.notnull(), run.trajectory.log10_t, -np.inf)
    k = int(np.argmax(reached))
    return float(reached[k]) * math.log(10.0), float(run.trajectory.log_loss[k])


def _real(value: object) -> float:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise InputError("log_loss, a finite logarithm", value, "pass for example -100")
    return float(value)
