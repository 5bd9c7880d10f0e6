"""One batch of an ensemble, by what carries its trials."""

from __future__ import annotations

from concurrent.futures import Executor

from latephase.late.engine import Progress

from .batches import run_batch, run_one_by_one
from .layered_batch import run_layered_batch
from .result import Variables
from .settings import Settings


def one_batch(
    plan: Settings, start: int, pool: Executor | None = None, progress: Progress | None = None
) -> Variables:
    """The variables of the trials from `start` on, trial axis first.

    pool: for what goes one by one;  progress: called as progress(trials done, trials of the batch).
    """
    if not plan.all_at_once:
        return run_one_by_one(pool, plan, start, progress)
    run = run_layered_batch if plan.problem.network.train_output else run_batch
    return run(plan, start, progress)
