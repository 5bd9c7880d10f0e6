"""A labelled result over trials, made batch by batch, in memory or in a store."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latephase.core import InputError
from latephase.store.arrays import Arrays
from latephase.store.temporary import temporary_folder
from latephase.store.work import Work

if TYPE_CHECKING:
    import xarray as xr

Variables = dict[str, NDArray[Any]]
Made = Callable[[Iterable[int], int, str], Iterator[tuple[int, Variables]]]

IN_MEMORY = 2_000_000_000  # bytes; a larger result goes into a store


@dataclass(frozen=True)
class Plan:
    """What is to be made of many trials.

    kind: what a store of it is called;  empty: the dataset of no trials, dim `trial` first, with
    the settings as attributes;  made: called with the first trials of the batches that are left,
    how many trials are finished, and what is said of these if a process is killed, yields the first
    trial of each batch and its variables, trial axis first;  label: of all variables together.
    """

    kind: str
    empty: xr.Dataset
    trials: int
    batch: int
    made: Made
    label: Callable[[Variables], xr.Dataset]


def result(plan: Plan, out: object, resume: bool, force: bool) -> xr.Dataset:
    """The dataset of a plan.  Raises InputError, and LatephaseError where the store fails."""
    if out is None and (resume or force):
        raise InputError("the output to resume or replace as `out`", None, "pass out")
    if out is None and plan.trials * bytes_per_trial(plan.empty) <= IN_MEMORY:
        return _in_memory(plan)
    # A large one goes into a store, whose values are read until Python exits.
    place = temporary_folder() / f"{plan.kind}.zarr" if out is None else out
    return _stored(plan, place, resume, force)


def bytes_per_trial(empty: xr.Dataset) -> int:
    """Memory that one trial takes, from the dataset of no trials."""
    lengths = {**empty.sizes, "trial": 1}
    return sum(
        v.dtype.itemsize * math.prod(lengths[d] for d in v.dims) for v in empty.data_vars.values()
    )


def _in_memory(plan: Plan) -> xr.Dataset:
    starts = range(0, plan.trials, plan.batch)
    parts = list(dict(plan.made(starts, 0, "nothing was kept: start again")).values())
    joined: Variables = {}
    for name in list(parts[0]):  # one variable after the other, so that little is held twice
        pieces = [part.pop(name) for part in parts]
        joined[name] = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return plan.label(joined)


def _stored(plan: Plan, out: object, resume: bool, force: bool) -> xr.Dataset:
    store = Arrays(plan.empty, plan.trials, plan.batch, plan.kind)
    settings = {**plan.empty.attrs, "at": plan.empty["time"].values.tolist()}
    with Work(out, store, settings, resume=resume, force=force) as work:
        if work.complete:
            return store.read(work.folder)
        kept = f"finished batches are kept in {work.folder}: resume"
        for start, found in plan.made(work.left(), work.finished, kept):
            work.add(start, found)
        return store.read(work.publish())
