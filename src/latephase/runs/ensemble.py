"""`ensemble`: from an initializer to the labelled runs of all its trials."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import InputError
from latephase.core.calls import public
from latephase.late.engine import MAX_STEPS, SLIDE_TOLERANCE
from latephase.problem import Dataset, Initializer
from latephase.problem.checks import callback
from latephase.problem.methods import Method, followed_method
from latephase.runs.times import sample_times
from latephase.store.arrays import Arrays
from latephase.store.temporary import temporary_folder
from latephase.store.work import Work

from .batches import Variables, bytes_per_trial, label, run_batch, template
from .settings import Settings, told

if TYPE_CHECKING:
    import xarray as xr

Progress = Callable[[int, int], None]

IN_MEMORY = 2_000_000_000  # bytes; a larger result goes into a store


@public
@told
def ensemble(
    initializer: Initializer | str,
    data: Dataset,
    method: Method,
    *,
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
    progress: Progress | None = None,
) -> xr.Dataset:
    """Draw `trials` two-neuron networks and train each on two 1-D points until time `until`.

    Parameters
    ----------
    {drawn}
    data, method
        Two points in dimension 1; GradientDescent or GradientFlow.
    {times}
    {steps}
    {store}
    progress
        Called as progress(trials done, trials).

    Returns
    -------
    xarray.Dataset
        {of_trials}
        Its attributes are settings and provenance.  With `out`, and above 2 GB (then in a temporary
        folder below TMPDIR, removed when Python exits or is killed), its values are read from the
        store when they are used.

    Raises
    ------
    InputError
        For arguments that are not supported, and where `out` may not be written or resumed.
    LatephaseError
        If the store cannot be written on.

    Notes
    -----
    Rigour and source: as in `simulate`.
    """
    callback(progress)
    times = sample_times(followed_method(method), until, at, samples)
    numbers = (trials, seed, max_steps, slide_tolerance)
    plan = Settings.of(initializer, data, method, times, batch, *numbers)
    if out is None and (resume or force):
        raise InputError("the output to resume or replace as `out`", None, "pass out")
    if out is None and plan.trials * bytes_per_trial(template(plan)) <= IN_MEMORY:
        return _in_memory(plan, progress)
    # A large one goes into a store, whose values are read until Python exits.
    place = temporary_folder() / "ensemble.zarr" if out is None else out
    return _stored(plan, place, resume, force, progress)


def _in_memory(plan: Settings, progress: Progress | None) -> xr.Dataset:
    parts = [found for _, found in _batches(plan, range(0, plan.trials, plan.batch), 0, progress)]
    joined: dict[str, Any] = {}
    for name in list(parts[0]):  # one variable after the other, so that little is held twice
        pieces = [part.pop(name) for part in parts]
        joined[name] = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return label(plan, joined)


def _stored(
    plan: Settings, out: object, resume: bool, force: bool, progress: Progress | None
) -> xr.Dataset:
    empty = template(plan)
    store = Arrays(empty, plan.trials, plan.batch)
    settings = {**empty.attrs, "at": empty["time"].values.tolist()}
    with Work(out, store, settings, resume=resume, force=force) as work:
        if work.complete:
            return store.read(work.folder)
        for start, found in _batches(plan, work.left(), work.finished, progress):
            work.add(start, found)
        return store.read(work.publish())


def _batches(
    plan: Settings, starts: Iterable[int], finished: int, progress: Progress | None
) -> Iterator[tuple[int, Variables]]:
    """Run the batches that begin with the trials `starts`: (first trial, its variables).

    finished: how many trials are finished already.
    """

    def told(before: int, done: int, _: int = 0) -> None:
        if progress:
            progress(before + done, plan.trials)

    for start in starts:
        yield start, run_batch(plan, start, partial(told, finished))
        finished += min(plan.batch, plan.trials - start)
        told(finished, 0)
