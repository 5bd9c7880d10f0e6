"""Any shallow network whose two layers are trained, from initialisation to any horizon."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from latephase.core import LogTime, Outcome, Regime, Rigour
from latephase.core.arrays import Floats
from latephase.late.engine import SLIDE_TOLERANCE, TOLERANCE, Goal, Record, entry_time
from latephase.late.layered.chain import LayeredControls, statuses_of
from latephase.late.layered.dynamics import LayeredDynamics
from latephase.late.layered.ends.ending import ending
from latephase.late.layered.ends.law import layered_law
from latephase.late.layered.ends.limit import LayeredLimit
from latephase.late.layered.twice import run_twice
from latephase.late.pair.regimes import terminal_regime
from latephase.late.pattern import INACTIVE, Statuses, pattern_code
from latephase.problem import Problem, is_two_point

from .modes import thousandths


class LayeredModes:
    """Ordinary steps and modes in turn (`late/layered`), every run made twice."""

    name = "modes of both layers"
    options = frozenset({"tolerance", "slide_tolerance"})

    def takes(self, problem: Problem) -> bool:
        """Any network whose output weights are trained, under gradient descent or flow."""
        return problem.has_late_phase and problem.network.train_output

    def run(self, problem: Problem, times: Sequence[LogTime], goal: Goal) -> Record:
        """Carry one network; goal.until must be a horizon."""
        network, discrete = problem.network, problem.method.discrete
        assert goal.until is not None
        dynamics = LayeredDynamics.of(problem)
        start = np.concatenate([network.parameters, network.output_weights[:, None]], axis=1)
        controls = LayeredControls(
            goal.tolerance or TOLERANCE, goal.slide_tolerance or SLIDE_TOLERANCE, goal.max_steps
        )
        with thousandths(goal.progress) as tell, _libraries().limit(limits=1, user_api="blas"):
            found = run_twice(dynamics, start, list(times), goal.until, controls, tell)
            end, statuses = ending(found.chain), statuses_of(found.chain.at, dynamics)
            limit = LayeredLimit.of(dynamics, network, end)
        regime = pair_regime(problem, end.outcome, statuses, found.chain.at.state[:, -1])
        return Record(
            parameters=found.states[..., :-1],
            output_weights=found.states[..., -1],
            error=found.error,
            margin_error=found.margin_error,
            rigour=np.where(found.chain.by_flow, Rigour.estimated.name, Rigour.measured.name),
            outcome=Outcome.settled if regime is not None else end.outcome,
            regime=regime,
            entry=None
            if limit is None and regime is None
            else entry_time(found.chain.entry.as_float, found.chain.entry.log, discrete),
            law=None if limit is None else layered_law(limit, network, problem.data),
            limit=limit,
            pattern=statuses,
            observed={"log_loss": dynamics.log_loss(found.chain.samples)},  # (w, b) are rounded
        )


def pair_regime(
    problem: Problem, outcome: Outcome, status: Statuses, outer: Floats
) -> Regime | None:
    """How two ReLU neurons on two points end that stay in the statuses (2, 2), with these output
    weights (2,): as exact pieces name it. None of other problems, and of ends without a name."""
    network = problem.network
    pair = network.m == 2 and network.negative_slope == 0 and network.biases is not None
    lasts = outcome in (Outcome.settled, Outcome.unfitted)
    if not (pair and lasts and is_two_point(problem.data)):
        return None
    alive = int((status != INACTIVE).any(axis=1).sum())
    if alive < 2:
        return (Regime.both_dead, Regime.one_dead)[alive]
    if outcome is Outcome.unfitted:
        return None
    canonical = status[np.argsort(-outer)][:, list(problem.geometry.order)]
    return terminal_regime(problem.geometry, int(pattern_code(canonical)[0]))


@cache
def _libraries() -> ThreadpoolController:
    """The BLAS that is loaded: more threads only wait for one another on matrices of this size."""
    return ThreadpoolController()
