"""Any shallow ReLU network, from initialisation to any horizon, mode by mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np

from latephase.core import LogTime, Outcome, Regime, Rigour
from latephase.core.arrays import Ints
from latephase.core.workers import processes_at_most
from latephase.late.chain.ending import ending, pattern
from latephase.late.chain.run_twice import run_twice
from latephase.late.chain.state import Controls
from latephase.late.engine import SLIDE_TOLERANCE, TOLERANCE, Goal, Progress, Record, entry_time
from latephase.late.limits.law import law_of
from latephase.late.modes.dynamics import Dynamics
from latephase.late.pair.regimes import regime_of_end
from latephase.problem import Problem, is_two_point

_WIDE = 2500  # pairs from which a run takes long enough for a second process to be worth its start
_TOTAL = 1000  # progress is told in thousandths of the way


class Modes:
    """Ordinary steps and modes in turn (`late/chain`), every run made twice."""

    name = "modes"
    options = frozenset({"tolerance", "slide_tolerance"})

    def takes(self, problem: Problem) -> bool:
        """Any network of fixed output weights, under gradient descent or flow."""
        return problem.has_late_phase and not problem.network.train_output

    def run(self, problem: Problem, times: Sequence[LogTime], goal: Goal) -> Record:
        """Carry one network; goal.until must be a horizon."""
        network, data, method = problem.network, problem.data, problem.method
        assert goal.until is not None
        dynamics = Dynamics.of(problem)
        theta = network.parameters
        controls = Controls(
            goal.tolerance or TOLERANCE, goal.slide_tolerance or SLIDE_TOLERANCE, goal.max_steps
        )
        wide = network.m * data.n >= _WIDE
        side_by_side = wide and processes_at_most(goal.processes) > 1
        with thousandths(goal.progress) as tell:
            arguments = (dynamics, theta, list(times), goal.until, controls, side_by_side)
            found = run_twice(*arguments, tell if goal.progress else None)
            fine = found.chain
            outcome, statuses = ending(fine), pattern(fine)
        regime, entry = _regime(problem, outcome, statuses), None
        if regime is not None:
            outcome = Outcome.settled
        if outcome in (Outcome.settled, Outcome.unfitted):
            entry = entry_time(fine.entry.as_float, fine.entry.log, method.discrete)
        record = Record(
            parameters=found.theta,
            error=found.error,
            margin_error=found.margin_error,
            rigour=np.where(fine.samples.by_flow, Rigour.estimated.name, Rigour.measured.name),
            outcome=outcome,
            regime=regime,
            entry=entry,
            pattern=statuses,
            observed={"log_loss": dynamics.log_loss(fine.samples.theta)},  # (w, b) are rounded
        )
        stands = outcome, statuses, found.end, fine.state.now.log
        record.find_law_by(partial(law_of, problem, *stands))
        return record


def _regime(problem: Problem, outcome: Outcome, statuses: Ints) -> Regime | None:
    """The regime of a run that ended in statuses (m, n); only two ReLU neurons with biases on two
    points that pull apart have one."""
    outer, plain = problem.network.output_weights, problem.network.is_plain
    pulls_apart = len(outer) == 2 and min(outer) < 0 < max(outer)
    if not (plain and is_two_point(problem.data) and pulls_apart):
        return None
    canonical = statuses[list(problem.neuron_order)][:, list(problem.geometry.order)]
    return regime_of_end(problem.geometry, outcome, canonical)


@contextmanager
def thousandths(progress: Progress | None) -> Iterator[Callable[[float], None]]:
    """What shares of the way are told to, of which `progress(done, total)` hears where they have
    grown; all is done only when this is left."""
    told = -1

    def tell(share: float, most: int = _TOTAL - 1) -> None:
        nonlocal told
        done = min(int(_TOTAL * share), most)
        if progress is not None and done > told:
            told = done
            progress(done, _TOTAL)

    tell(0.0)
    yield tell
    tell(1.0, _TOTAL)
