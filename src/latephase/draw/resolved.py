"""The samples of a run that a picture needs: its own, and more where it turns between two."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from latephase.core import LogTime, log_times
from latephase.late.engine import MAX_STEPS

if TYPE_CHECKING:
    import xarray as xr

    from latephase.runs import Run

_ENOUGH = 100  # samples that show a whole run
_TURN = 0.02  # of what is in view: a step from sample to sample that is worth more samples
_ROUNDS, _BETWEEN = 5, 4  # how often more are taken, and how many each time
_FINEST = 1e-5  # of log10 t: no two samples are nearer to each other
_LN10 = math.log(10)


def ascending(samples: xr.Dataset) -> xr.Dataset:
    """The samples in the order of time: they come in that in which they were asked for."""
    return samples.isel(time=np.argsort(samples.log10_t.values, kind="stable"))


def resolved(run: Run) -> xr.Dataset:
    """The run's samples; more where they are few, and where the margin turns between two of them.

    For that the run is made again; where it has no closed form, once at most.
    """
    seen = run.trajectory
    flow = run.flow
    given = [LogTime.parse(str(text), flow=flow) for text in seen.time.values]
    if len(given) < _ENOUGH:
        end = max([_last(run), *given])
        given = sorted({*given, *log_times(end, 2 * _ENOUGH, flow=flow)})
        seen = run.followed(given)
    for _ in range(_ROUNDS if run.problem.has_closed_form else 0):
        more = {*_turning(seen, flow)} - {*given}
        if not more:
            break
        given = sorted({*given, *more})
        seen = run.followed(given)
    return seen


def _last(run: Run) -> LogTime:
    """The horizon, or as far as single steps lead towards it."""
    until = LogTime.parse(0) if run.until is None else run.until
    if run.problem.has_late_phase:
        return until
    return min(until, LogTime.parse(run.options.get("max_steps", MAX_STEPS)))


def _turning(samples: xr.Dataset, flow: bool) -> list[LogTime]:
    """Times between samples from one to the next of which the margin moves far."""
    seen = ascending(samples)
    x, margin = seen.log10_t.values, seen.robustness_margin.values
    finite = margin[np.isfinite(margin)]
    if not len(finite):
        return []
    with np.errstate(invalid="ignore"):
        far = np.abs(np.diff(margin)) > _TURN * np.ptp(finite)
    wide = np.isfinite(x[:-1]) & (np.diff(x) > _FINEST * np.maximum(np.abs(x[1:]), 1.0))
    shares = np.arange(1, _BETWEEN + 1) / (_BETWEEN + 1)
    begin, length = x[:-1][far & wide, None], np.diff(x)[far & wide, None]
    return [LogTime.from_log(_LN10 * log, flow=flow) for log in (begin + shares * length).ravel()]
