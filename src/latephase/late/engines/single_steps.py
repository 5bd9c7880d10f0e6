"""Methods without a late phase of their own, made step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from latephase.core import LogTime, Outcome
from latephase.core.arrays import Floats
from latephase.late.engine import Goal, Record
from latephase.problem import GradientDescent, Problem

from .stepped_record import Path, stepped_record


class SingleSteps:
    """As many steps as there are updates, up to the budget; samples beyond it are NaN."""

    name = "single steps"
    options: frozenset[str] = frozenset()

    def takes(self, problem: Problem) -> bool:
        """Any network, and any method of `training` or gradient descent."""
        from latephase.training.method import SteppedMethod  # imports JAX

        return isinstance(problem.method, SteppedMethod | GradientDescent)

    def run(self, problem: Problem, times: Sequence[LogTime], goal: Goal) -> Record:
        """Carry one network; how far it is from exact arithmetic is not known after the start."""
        from latephase.training.loops.follow import follow
        from latephase.training.methods.table import stepped

        network, data = problem.network, problem.data
        outer, last = network.output_weights, network.output_bias
        reached = [t for t in times if t <= LogTime.parse(goal.max_steps)]
        found = follow(
            network.weights[None],
            None if network.biases is None else network.biases[None],
            [_whole(t) for t in reached],
            inputs=data.inputs,
            labels=data.labels,
            output_weights=outer[None] if network.train_output else outer,
            method=stepped(problem.method),
            loss=problem.loss.name,
            progress=goal.progress,
            negative_slope=network.negative_slope,
            output_bias=None if last is None else np.array([last]),
        )
        missing = len(times) - len(reached)
        more = (found.biases, found.output_weights, found.output_bias)
        first = (None if part is None else part[:, 0] for part in more)
        path = Path.of(found.weights[:, 0], *first, missing=missing)
        short = goal.until is not None and goal.until > LogTime.parse(goal.max_steps)
        outcome = Outcome.budget_exhausted if short else Outcome.transient
        if not path.reached[: len(reached)].all():
            outcome = Outcome.overflowed
        record = stepped_record(problem, path, outcome)
        start = np.array([t == LogTime.parse(0) for t in times])
        return replace(
            record,
            error=np.where(start, 0.0, np.nan),
            margin_error=np.where(start, record.margin_error, np.nan),
            clocks={
                "gradient_evaluations": _padded(found.evaluations, missing),
                "log_flow_time": _padded(found.log_flow_time[:, 0], missing),
            },
        )


def _whole(time: LogTime) -> int:
    assert isinstance(time.value, int)
    return time.value


def _padded(part: Floats, missing: int) -> Floats:
    """NaN for samples that were not reached."""
    return np.concatenate([part, np.full((missing, *part.shape[1:]), np.nan)])
