"""`ensemble`: from an initializer to the labelled runs of all its trials."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from latephase.core import InputError
from latephase.core.calls import public
from latephase.core.workers import main_can_be_imported, workers
from latephase.late.engine import MAX_STEPS, SLIDE_TOLERANCE
from latephase.problem import Dataset, Initializer
from latephase.problem.checks import MOST, callback, whole_number
from latephase.problem.methods import Method, followed_method
from latephase.runs.times import sample_times
from latephase.store.arrays import Arrays
from latephase.store.temporary import temporary_folder
from latephase.store.work import Work

from .batches import Variables, bytes_per_trial, label, run_batch, run_one_by_one, template
from .settings import Settings, problem_of, told
from .simulate import check_length

if TYPE_CHECKING:
    import xarray as xr

Progress = Callable[[int, int], None]

IN_MEMORY = 2_000_000_000  # bytes; a larger result goes into a store
_WORTH_A_PROCESS = 8  # trials: fewer are done before a process has begun and compiled its steps


@public
@told
def ensemble(
    initializer: Initializer | str,
    data: Dataset,
    method: Method,
    *,
    width: int = 2,
    output_weights: ArrayLike | None = None,
    bias: bool = True,
    negative_slope: float = 0.0,
    loss: str = "exponential",
    trials: int,
    seed: int,
    until: object = "1e1000",
    at: Sequence[object] | None = None,
    samples: int = 200,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    force: bool = False,
    batch: int | None = None,
    max_steps: int = MAX_STEPS,
    slide_tolerance: float = SLIDE_TOLERANCE,
    processes: int | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Draw `trials` networks and train each on the same data until time `until`.

    Parameters
    ----------
    {drawn}
    data, method
        A Dataset; GradientDescent or GradientFlow.
    {networks}
    {loss}
    {times}
    {steps}
    {store}
    {processes}
    progress
        Called as progress(trials done, trials).

    Returns
    -------
    xarray.Dataset
        {of_trials}
        {read}

    Raises
    ------
    InputError
        For arguments that are not supported, and where `out` may not be written or resumed.
    LatephaseError
        If the store cannot be written on.

    Notes
    -----
    Two neurons with output weights 1 and -1 on two points in dimension 1 and the exponential loss
    are run all at once; any others one by one, each to the bit as by `simulate` on the network that
    the initializer draws: ``weights, biases = initializer(trials=..., seed=..., width=..., d=...)``
    has trial k in row k.  Where one of them fails, the others go on: its outcome is "failed".
    Rigour and source: as in `simulate`.
    """
    callback(progress)
    times = sample_times(followed_method(method), until, at, samples)
    problem = problem_of(data, method, loss, width, output_weights, bias, negative_slope)
    check_length(problem, len(times.given))
    numbers = (trials, seed, max_steps, slide_tolerance)
    plan = Settings.of(initializer, problem, times, batch, *numbers)
    most = None if processes is None else whole_number(processes, "processes", 1, MOST)
    if out is None and (resume or force):
        raise InputError("the output to resume or replace as `out`", None, "pass out")
    if out is None and plan.trials * bytes_per_trial(template(plan)) <= IN_MEMORY:
        return _in_memory(plan, most, progress)
    # A large one goes into a store, whose values are read until Python exits.
    place = temporary_folder() / "ensemble.zarr" if out is None else out
    return _stored(plan, place, resume, force, most, progress)


def _in_memory(plan: Settings, most: int | None, progress: Progress | None) -> xr.Dataset:
    starts = range(0, plan.trials, plan.batch)
    parts = list(dict(_batches(plan, starts, 0, most, progress)).values())
    joined: dict[str, Any] = {}
    for name in list(parts[0]):  # one variable after the other, so that little is held twice
        pieces = [part.pop(name) for part in parts]
        joined[name] = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return label(plan, joined)


def _stored(
    plan: Settings,
    out: object,
    resume: bool,
    force: bool,
    most: int | None,
    progress: Progress | None,
) -> xr.Dataset:
    empty = template(plan)
    store = Arrays(empty, plan.trials, plan.batch)
    settings = {**empty.attrs, "at": empty["time"].values.tolist()}
    with Work(out, store, settings, resume=resume, force=force) as work:
        if work.complete:
            return store.read(work.folder)
        kept = f"finished batches are kept in {work.folder}: resume"
        for start, found in _batches(plan, work.left(), work.finished, most, progress, kept):
            work.add(start, found)
        return store.read(work.publish())


def _batches(
    plan: Settings,
    starts: Iterable[int],
    finished: int,
    most: int | None,
    progress: Progress | None,
    kept: str = "nothing was kept: start again",
) -> Iterator[tuple[int, Variables]]:
    """Run the batches that begin with the trials `starts`: (first trial, its variables).

    finished: how many trials are finished already;  most: the processes that may be used;  kept:
    what is said of the rest if one of these is killed.
    """
    count = _processes(plan, plan.trials - finished, most)

    def told(before: int, done: int, _: int = 0) -> None:
        if progress:
            progress(before + done, plan.trials)

    with workers(count, kept) if count > 1 else nullcontext() as pool:
        run = run_batch if plan.all_at_once else partial(run_one_by_one, pool)
        for start in starts:
            yield start, run(plan, start, partial(told, finished))
            finished += min(plan.batch, plan.trials - start)
            told(finished, 0)


def _processes(plan: Settings, trials: int, most: int | None) -> int:
    """How many processes share so many trials, at most as many as asked for."""
    if plan.all_at_once or not main_can_be_imported():
        return 1
    at_once = min(plan.batch, trials)
    if most is not None:
        return min(most, at_once)
    return max(1, min(os.cpu_count() or 1, at_once // _WORTH_A_PROCESS))
