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
from latephase.problem import Dataset, Initializer, initializers
from latephase.problem.checks import MOST, callback, positive_number, seed_number, whole_number
from latephase.problem.methods import Method, followed_method
from latephase.runs.times import sample_times
from latephase.store.arrays import Arrays
from latephase.store.temporary import temporary_folder
from latephase.store.work import Work

from .batches import Variables, bytes_per_trial, label, run_batch, template
from .settings import MOST_TRIALS, Settings, check_points, checked_batch

if TYPE_CHECKING:
    import xarray as xr

Progress = Callable[[int, int], None]

IN_MEMORY = 2_000_000_000  # bytes; a larger result goes into a store


@public
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
    initializer
        An Initializer or its name.
    data, method
        Two points in dimension 1; GradientDescent or GradientFlow.
    trials, seed
        How many networks, and an integer from 0 to 2^64 - 1: trial i of a seed is the same network,
        with the same run, whatever `trials` and `batch`.
    until, at, samples, max_steps, slide_tolerance
        As in `simulate`.
    out
        Path of a Zarr store, written batch by batch as `<out>.partial` and renamed once complete;
        an earlier store of latephase's there is replaced, unless somebody has changed it.
    resume
        Go on with the finished batches of an interrupted `<out>.partial`, or of a complete `out`;
        the store ends the same, byte for byte. Batches that were damaged are run again, and a
        warning says so.
    force
        Replace an `out` that latephase did not write.
    batch
        Trials per batch and chunk, 10,000 unless they have very many samples; 8 GB at work at most.
    progress
        Called as progress(trials done, trials).

    Returns
    -------
    xarray.Dataset
        The variables of `simulate`'s trajectory behind a leading dim trial, and over (trial):
        regime and outcome, names of Regime and Outcome ("unsettled" for no regime yet);
        law_constant, law_offset, law_exponent, limit_boundary, limit_margin, margin_constant and
        limit_normalised_margin, NaN without a law; entry_log10_t, time of entry into the regime.
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
    drawn = initializers.get(initializer)
    check_points(data)
    times = sample_times(followed_method(method), until, at, samples)
    count = whole_number(trials, "trials", 1, MOST_TRIALS)
    plan = Settings(
        drawn,
        data,
        method,
        count,
        seed_number(seed),
        times,
        checked_batch(batch, count, len(times.given)),
        whole_number(max_steps, "max_steps", 1, MOST),
        positive_number(slide_tolerance, "slide_tolerance"),
    )
    if out is not None:
        return _stored(plan, out, resume, force, progress)
    if resume or force:
        raise InputError("the output to resume or replace as `out`", None, "pass out")
    if plan.trials * bytes_per_trial(template(plan)) <= IN_MEMORY:
        return _in_memory(plan, progress)
    place = temporary_folder() / "ensemble.zarr"  # its values are read until Python exits
    return _stored(plan, place, False, False, progress)


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
