"""Gradient descent in floating-point arithmetic, as a machine makes it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from latephase.core import LogTime, Outcome
from latephase.late.engine import Goal, Record
from latephase.problem import Problem

from .stepped_record import Path, stepped_record


class RoundedSteps:
    """All updates that are alike in one leap; after the stall nothing changes any more."""

    name = "rounded steps"
    options = frozenset({"dtype", "accumulate", "rounding"})

    def takes(self, problem: Problem) -> bool:
        """Any network without an output bias under gradient descent."""
        return problem.has_late_phase and problem.method.discrete

    def run(self, problem: Problem, times: Sequence[LogTime], goal: Goal) -> Record:
        """Carry one network; warns where it stalls before its end.

        The network recorded is the result of the arithmetic, so that its margins are off by their
        evaluation alone; how far it is from exact descent is not known, and `error` NaN.
        """
        from latephase.training.arithmetic.descent import descend  # imports JAX

        network, data, dtype = problem.network, problem.data, goal.dtype
        assert dtype is not None
        outer = network.output_weights
        found = descend(
            network.weights[None],
            None if network.biases is None else network.biases[None],
            [t.as_float for t in times],
            inputs=data.inputs,
            labels=data.labels,
            output_weights=outer[None] if network.train_output else outer,
            step_size=problem.method.step_size,
            loss=problem.loss.name,
            dtype=dtype,
            accumulate=bool(goal.accumulate),
            rounding="nearest" if goal.rounding is None else goal.rounding,
            max_leaps=goal.max_steps,
            progress=goal.progress,
            negative_slope=network.negative_slope,
        )
        layers = (found.biases, found.output_weights)
        rest = (None if part is None else part[:, 0] for part in layers)
        path = Path.of(found.weights[:, 0], *rest)
        return stepped_record(problem, path, _ending(found, path, dtype))


def _ending(found: Any, path: Path, dtype: str) -> Outcome:
    """How it ended; the stall is also told as a warning, for what follows it is no descent."""
    if not np.isnan(found.stalled[0]):
        text = (
            f"{dtype} stalled at update {found.stalled[0]:.0f}: nothing changes after "
            "it; latephase.stall predicts this, and without dtype the run goes on"
        )
        warnings.warn(text, stacklevel=6)  # the caller of simulate, which is wrapped
        return Outcome.stalled
    if found.exhausted[0]:
        return Outcome.budget_exhausted
    return Outcome.transient if path.reached.all() else Outcome.overflowed
