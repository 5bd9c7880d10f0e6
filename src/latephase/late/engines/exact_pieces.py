"""Two neurons on two points, in closed forms: the fast-forward of `late/pair`, for one network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latephase.core import LogTime, Rigour
from latephase.late.engine import SLIDE_TOLERANCE, Goal, Record, entry_time
from latephase.late.limits.law import pair_law
from latephase.late.pair.regimes import final_status
from latephase.problem import Problem

from .pair_trials import follow_trials


class ExactPieces:
    """Pieces whose end is known; what they leave goes through modes (`pair_trials.py`)."""

    name = "exact pieces"
    options = frozenset({"slide_tolerance"})

    def takes(self, problem: Problem) -> bool:
        """Two neurons of output weights +1, -1 on two points, exponential loss, GD or GF."""
        return problem.has_closed_form

    def run(self, problem: Problem, times: Sequence[LogTime], goal: Goal) -> Record:
        """Carry one network."""
        network, geometry, order = problem.network, problem.geometry, problem.neuron_order
        rows = list(order)
        found = follow_trials(
            geometry,
            network.weights[rows, 0][None],
            network.biases[rows][None],
            problem.method,
            list(times),
            goal.until,
            max_steps=goal.max_steps,
            slide_tolerance=goal.slide_tolerance or SLIDE_TOLERANCE,
            progress=goal.progress,
        )
        seen, journey, entry = found.record, found.journey, None
        regime = journey.regime[0]
        if regime is not None:
            entered = float(journey.entry[0]), float(journey.log_entry[0])
            entry = entry_time(*entered, problem.method.discrete)
        status = final_status(geometry, regime, journey.state.preactivations[..., 0])
        return Record(
            parameters=np.moveaxis(seen.parameters[rows, :, 0], -1, 0),
            error=seen.error[0],
            margin_error=seen.margin_error[0],
            rigour=np.where(seen.exact[0], Rigour.exact.name, Rigour.estimated.name),
            outcome=journey.outcome[0],
            regime=regime,
            entry=entry,
            law=pair_law(geometry, regime, found.laws, neurons=order),
            pattern=status[rows][:, list(geometry.order)],
            observed={name: values[0] for name, values in seen.observed.items()},
        )
