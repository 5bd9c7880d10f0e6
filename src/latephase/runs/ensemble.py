"""`ensemble`: from an initializer to the labelled journeys of all its trials."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import InputError
from latephase.core.calls import public
from latephase.late.engine import MAX_STEPS, SLIDE_TOLERANCE
from latephase.problem import Dataset, Initializer
from latephase.problem.checks import callback
from latephase.problem.methods import Method
from latephase.store.directory import claim_output, output_path, publish

from .batches import Variables, bytes_per_trial, label, run_batch, template
from .settings import Settings, settings
from .storage import Store, check_same, is_complete, open_store

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
    until: object,
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

    initializer: an Initializer or its name;  seed: an integer from 0 to 2^64 - 1: trial i of a seed
    is the same network, with the same journey, whatever `trials` and `batch`.
    until, at, samples, max_steps, slide_tolerance: as in `simulate`.
    out: path of a Zarr store, written batch by batch as `<out>.partial` and renamed once complete;
    an earlier store of latephase's there is replaced.  resume: go on with the finished batches of
    an interrupted `<out>.partial`; the store ends the same, byte for byte.  force: replace an `out`
    that latephase did not write.
    batch: trials per batch and chunk, 10,000 unless they have very many samples.
    progress: called as progress(trials done, trials).

    Returns an xarray.Dataset with the variables of `simulate`'s trajectory behind a leading dim
    trial, and over (trial): regime and outcome, names of Regime and Outcome ("unsettled" for no
    regime yet); law_constant, law_offset, limit_boundary, NaN without a law; entry_log10_t, time of
    entry into the regime.  Its attributes are settings and provenance.  With `out`, and above 2 GB
    (then in a temporary folder, removed when Python exits: set TMPDIR to place it), its values are
    read from the store when they are used.

    Raises InputError;  LatephaseError if the store cannot be written on.  Source: as in `simulate`.
    """
    callback(progress)
    plan = settings(
        initializer,
        data,
        method,
        trials=trials,
        seed=seed,
        until=until,
        at=at,
        samples=samples,
        batch=batch,
        max_steps=max_steps,
        slide_tolerance=slide_tolerance,
    )
    if out is not None:
        return _stored(plan, out, resume, force, progress)
    if resume or force:
        raise InputError("the output to resume or replace as `out`", None, "pass out")
    if plan.trials * bytes_per_trial(template(plan)) <= IN_MEMORY:
        return _in_memory(plan, progress)
    return _stored(plan, _temporary_folder() / "ensemble.zarr", False, False, progress)


def _batches(
    plan: Settings, first: int, progress: Progress | None
) -> Iterator[tuple[int, Variables]]:
    """Run the batches from trial `first` on: (first trial of the batch, its variables)."""
    for start in range(first, plan.trials, plan.batch):
        yield start, run_batch(plan, start, _within(progress, start, plan.trials))
        if progress:
            progress(min(start + plan.batch, plan.trials), plan.trials)


def _within(progress: Progress | None, start: int, trials: int) -> Progress | None:
    """Progress of one batch as progress of the whole."""
    if progress is None:
        return None
    report = progress
    return lambda done, _: report(start + done, trials)


def _in_memory(plan: Settings, progress: Progress | None) -> xr.Dataset:
    parts = [found for _, found in _batches(plan, 0, progress)]
    joined: dict[str, Any] = {}
    for name in list(parts[0]):  # one variable after the other, so that little is held twice
        pieces = [part.pop(name) for part in parts]
        joined[name] = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return label(plan, joined)


def _stored(
    plan: Settings, out: object, resume: bool, force: bool, progress: Progress | None
) -> xr.Dataset:
    target, empty = output_path(out), template(plan)
    names = [str(name) for name in empty.data_vars]
    if resume and is_complete(target):
        check_same(target, empty)
        return open_store(target, names)
    partial = claim_output(target, force=force, resume=resume)
    store = Store(partial, empty, plan.trials, plan.batch)
    for start, found in _batches(plan, store.finished, progress):
        store.write(start, found)
    store.close()
    return open_store(publish(partial, target), names)


def _temporary_folder() -> Path:
    """A folder that is removed when Python exits, for data that are read lazily until then."""
    folder = Path(tempfile.mkdtemp(prefix="latephase-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
