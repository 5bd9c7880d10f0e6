"""One batch of an ensemble of pairs whose layers are both trained, all trials at once."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from latephase.core import Outcome
from latephase.late.engine import Progress
from latephase.late.engines.layered_pieces import follow_layered_trials
from latephase.late.layered_pair.law import EXPONENT
from latephase.late.layered_pair.samples import Seen
from latephase.problem import TwoPointGeometry
from latephase.runs.trajectory import RIGOURS

from .batches import NAMELESS, drawn_networks, in_order, of_trials
from .result import Variables
from .settings import Settings


def run_layered_batch(s: Settings, start: int, progress: Progress | None = None) -> Variables:
    """The variables of the trials from `start` on, trial axis first; progress(settled, trials)."""
    trials, problem = min(s.batch, s.trials - start), s.problem
    weights, biases, outer = drawn_networks(s, problem, start, trials)
    assert biases is not None
    layers = weights[..., 0], biases, outer
    goal = replace(s.goal, progress=progress)
    found = follow_layered_trials(problem.geometry, *layers, problem.method, s.times.sorted, goal)
    sampled = in_order(s, _over_time(found.seen))
    journey, laws = found.journey, found.laws
    entry = np.asarray(journey.log_entry) / math.log(10)
    known = of_trials(problem.geometry, journey.regime, journey.outcome, laws, entry)
    fitted = np.where(np.isnan(laws.limit_boundary), np.nan, 1.0)
    named = np.array([regime is not None for regime in journey.regime])
    lasts = np.array([one in (Outcome.settled, Outcome.unfitted) for one in journey.outcome])
    known["regime"][~named & lasts] = NAMELESS
    known["entry_log10_t"] = np.where(named, entry, np.nan)
    known["law_exponent"] = EXPONENT * fitted
    known["limit_normalised_margin"] = fitted * normalised_margin(problem.geometry)
    return sampled | known


def _over_time(found: Seen) -> Variables:
    parameters = np.moveaxis(found.parameters, (0, 1), (2, 3))  # (T, S, neuron, [w, b])
    reached = np.isfinite(parameters).all(axis=(2, 3))
    return {
        "weights": parameters[..., :1],
        "biases": parameters[..., 1],
        "output_weights": np.moveaxis(found.output_weights, 0, 2),
        **found.observed,
        "error": found.error,
        "margin_error": found.margin_error,
        "rigour": RIGOURS[reached * (1 + found.exact)],
    }


def normalised_margin(geometry: TwoPointGeometry) -> float:
    """min q / |(theta, v)|^2 of a specialised pair in the limit: each point's neuron is balanced,
    sqrt(k) u v = 1 with u = v, so that |(theta, v)|^2 = 2 / sqrt(k11) + 2 / sqrt(k22)."""
    return float(0.5 / (geometry.k11**-0.5 + geometry.k22**-0.5))
