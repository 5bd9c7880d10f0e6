"""Two neurons on two points, in closed forms: the fast-forward of `late/pair`, for one network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latephase.core import Law, LogTime, Regime, Rigour
from latephase.late.engine import SLIDE_TOLERANCE, Goal, Record, entry_time
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
        found = follow_trials(
            geometry,
            network.weights[order, 0][None],
            network.biases[order][None],
            problem.method,
            list(times),
            goal.until,
            max_steps=goal.max_steps,
            slide_tolerance=goal.slide_tolerance or SLIDE_TOLERANCE,
            progress=goal.progress,
        )
        seen, journey, laws, entry = found.record, found.journey, found.laws, None
        regime = journey.regime[0]
        if regime is not None:
            entered = float(journey.entry[0]), float(journey.log_entry[0])
            entry = entry_time(*entered, problem.method.discrete)
        law = (laws.limit_boundary[0], laws.constant[0], laws.offset[0])
        status = final_status(geometry, regime, journey.state.preactivations[..., 0])
        return Record(
            parameters=np.moveaxis(seen.parameters[order, :, 0], -1, 0),
            error=seen.error[0],
            margin_error=seen.margin_error[0],
            rigour=np.where(seen.exact[0], Rigour.exact.name, Rigour.estimated.name),
            outcome=journey.outcome[0],
            regime=regime,
            entry=entry,
            law=Law(*map(float, law)) if has_law(regime) else None,
            pattern=status[order][:, list(geometry.order)],
            observed={name: values[0] for name, values in seen.observed.items()},
        )


def has_law(regime: Regime | None) -> bool:
    """Whether the loss tends to 0 in this regime, so that the run has a law."""
    return regime in (Regime.specialised, Regime.double_slide, Regime.single_slide)
