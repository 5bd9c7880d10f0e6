"""One batch of an ensemble: draw, run, classify; and the labels of what comes out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latephase.core import Outcome, Regime
from latephase.core.arrays import Floats
from latephase.late.engine import Goal, Progress
from latephase.late.engines.exact_pieces import follow_trials
from latephase.late.limits.law import margin_law
from latephase.late.pair.law import Laws
from latephase.late.pair.observe import PairSamples
from latephase.margin import largest_normalised_margin
from latephase.problem import TwoPointGeometry
from latephase.runs.trajectory import OF_TRIAL, dataset, variables

from .settings import Settings

if TYPE_CHECKING:
    import xarray as xr

Variables = dict[str, NDArray[Any]]

UNSETTLED = "unsettled"
"""The regime of a trial that has not settled in any; its outcome says why."""

NEURONS = (0, 1)  # output weights +1, -1: the order in which `ShallowReLU` has them by default


def run_batch(s: Settings, start: int, progress: Progress | None = None) -> Variables:
    """The variables of the trials from `start` on, trial axis first; progress(settled, trials)."""
    trials = min(s.batch, s.trials - start)
    weights, biases = s.initializer(trials=trials, seed=s.seed, start=start)
    goal = Goal(s.times.until, s.max_steps, 1, progress, slide_tolerance=s.slide_tolerance)
    found = follow_trials(s.geometry, weights[..., 0], biases, s.method, s.times.sorted, goal)
    entry = found.journey.log_entry / math.log(10)
    ends = (found.journey.regime, found.journey.outcome, found.laws, entry)
    return {**_sampled(s, found.record), **of_trials(s.geometry, *ends)}


def label(s: Settings, found: Variables) -> xr.Dataset:
    """The variables as an xarray.Dataset with dims trial, time, neuron, feature."""
    over = dict.fromkeys(OF_TRIAL, ("trial",))
    return dataset(found, s.times.given, ("trial",), over, s.attributes())


def template(s: Settings) -> xr.Dataset:
    """The dataset of no trials: names, dims, types and attributes, without the numbers."""
    sampled = _sampled(s, PairSamples.empty(0, len(s.times.sorted)))
    nothing = np.empty(0)
    ends = of_trials(s.geometry, [], [], Laws(nothing, nothing, nothing), nothing)
    return label(s, {**sampled, **ends})


def bytes_per_trial(empty: xr.Dataset) -> int:
    """Memory that one trial takes, from the dataset of no trials."""
    lengths = {**empty.sizes, "trial": 1}
    return sum(
        v.dtype.itemsize * math.prod(lengths[d] for d in v.dims) for v in empty.data_vars.values()
    )


def _sampled(s: Settings, record: PairSamples) -> Variables:
    """The variables over time, samples in the order they were asked for."""
    found = variables(record, NEURONS)
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
    """Names of enum members as text of one width, so that every batch has the same type."""
    width = max(len(member.name) for member in (*Outcome, *Regime))
    return np.array([m.name if m else UNSETTLED for m in members], dtype=f"<U{width}")
