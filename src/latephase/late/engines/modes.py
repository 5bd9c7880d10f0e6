"""Any shallow ReLU network, from initialisation to any horizon, mode by mode."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latephase.core import LogTime, Outcome, Regime, Rigour
from latephase.core.arrays import Ints
from latephase.late.chain.compared import compared
from latephase.late.chain.ending import ending, pattern
from latephase.late.chain.progress import thousandths
from latephase.late.chain.state import Controls
from latephase.late.engine import SLIDE_TOLERANCE, TOLERANCE, Goal, Record, entry_time
from latephase.late.limits.law import law_of
from latephase.late.modes.dynamics import Dynamics
from latephase.late.pair.regimes import terminal_regime
from latephase.late.pattern import pattern_code
from latephase.problem import Problem, is_two_point

_WIDE = 1000  # pairs from which a run takes long enough for a second process


class Modes:
    """Ordinary steps and modes in turn (`late/chain`), every run made twice."""

    name = "modes"
    options = frozenset({"tolerance", "slide_tolerance"})

    def takes(self, problem: Problem) -> bool:
        """Any network, under gradient descent or flow."""
        return problem.method.has_late_phase

    def run(self, problem: Problem, times: Sequence[LogTime], goal: Goal) -> Record:
        """Carry one network; goal.until must be a horizon."""
        network, data, method = problem.network, problem.data, problem.method
        assert goal.until is not None
        dynamics = Dynamics.of(problem)
        theta = np.concatenate([network.weights, network.biases[:, None]], axis=1)
        controls = Controls(
            goal.tolerance or TOLERANCE, goal.slide_tolerance or SLIDE_TOLERANCE, goal.max_steps
        )
        side_by_side = goal.processes > 1 and network.m * data.n >= _WIDE
        with thousandths(goal.progress) as tell:
            arguments = (dynamics, theta, list(times), goal.until, controls, side_by_side)
            found = compared(*arguments, tell)
            fine = found.chain
            outcome, statuses = ending(fine), pattern(fine)
        regime, entry = regime_of(problem, outcome, statuses), None
        if regime is not None:
            outcome, value = Outcome.settled, fine.entry.value
            time = np.inf if value is None else float(value)
            entry = entry_time(time, fine.entry.log, method.discrete)
        law = law_of(network, data, method, outcome, statuses, found.end, fine.state.now.log)
        return Record(
            parameters=found.theta,
            error=found.error,
            margin_error=found.margin_error,
            rigour=np.where(fine.samples.by_flow, Rigour.estimated.name, Rigour.measured.name),
            outcome=outcome,
            regime=regime,
            entry=entry,
            law=law,
            pattern=statuses,
            observed={"log_loss": dynamics.log_loss(fine.samples.theta)},  # (w, b) are rounded
        )


def regime_of(problem: Problem, outcome: Outcome, statuses: Ints) -> Regime | None:
    """The regime of a run that ended in statuses (m, n); None but for two neurons on two points
    that pull apart, and while it is unsettled."""
    outer = problem.network.output_weights
    final = outcome in (Outcome.settled, Outcome.unfitted)
    apart = len(outer) == 2 and min(outer) < 0 < max(outer)
    if not (final and is_two_point(problem.data) and apart):
        return None
    geometry = problem.geometry
    canonical = statuses[np.argsort(-outer)][:, list(geometry.order)]
    return terminal_regime(geometry, int(pattern_code(canonical[..., None])[0]))
