"""A labelled result over trials, made batch by batch, in memory or in a store."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latephase.core import InputError
from latephase.core.cluster import Turn, over
from latephase.store.arrays import Arrays
from latephase.store.object_work import ObjectWork
from latephase.store.places import is_url
from latephase.store.temporary import temporary_folder
from latephase.store.work import Work

if TYPE_CHECKING:
    import xarray as xr
    from distributed import Client

Variables = dict[str, NDArray[Any]]
Made = Callable[[Iterable[int], int, str], Iterator[tuple[int, Variables]]]

IN_MEMORY = 2_000_000_000  # bytes; a larger result goes into a store


@dataclass(frozen=True)
class Shards:
    """Batches as they are made by the workers of a cluster.

    work: picklable, called with needs(start), likewise, makes the batch that begins with a trial;
    told: called with how many trials are finished.
    """

    client: Client
    work: Callable[..., Variables]
    told: Callable[[int], None] = lambda finished: None
    needs: Callable[[int], Sequence[Any]] = lambda start: (start,)


@dataclass(frozen=True)
class Plan:
    """What is to be made of many trials.

    kind: what a store of it is called;  empty: the dataset of no trials, dim `trial` first, with
    the settings as attributes;  made: called with the first trials of the batches that are left,
    how many trials are finished, and what is said of these if a process is killed, yields the first
    trial of each batch and its variables, trial axis first;  label: of all variables
    together;  grid: values of dims in front of `trial`; trials are counted on over its points;
    shards: how a cluster makes the batches instead, if one does.
    """

    kind: str
    empty: xr.Dataset
    trials: int
    batch: int
    made: Made
    label: Callable[[Variables], xr.Dataset]
    grid: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    shards: Shards | None = None

    def parts(
        self, starts: Iterable[int], finished: int, kept: str, turn: Turn
    ) -> Iterator[tuple[int, Any]]:
        """turn(first trial, variables) of each batch, done where these are made."""
        if self.shards is None:
            for start, found in self.made(starts, finished, kept):
                turned = turn(start, found)
                del found  # before the next batch is made
                yield start, turned
            return
        shards = self.shards
        for start, turned in over(shards.client, shards.work, starts, kept, shards.needs, turn):
            yield start, turned
            finished += min(self.batch, self.trials - start)
            shards.told(finished)


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
    made = dict(plan.parts(starts, 0, "nothing was kept: start again", _as_it_is))
    parts = [made.pop(start) for start in starts]  # a cluster is done with them in another order
    joined: Variables = {}
    for name in list(parts[0]):  # one variable after the other, so that little is held twice
        pieces = [part.pop(name) for part in parts]
        joined[name] = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return plan.label(joined)


def _as_it_is(start: int, found: Variables) -> Variables:
    return found


def _stored(plan: Plan, out: object, resume: bool, force: bool) -> xr.Dataset:
    store = Arrays(plan.empty, plan.trials, plan.batch, plan.kind, plan.grid)
    settings = {**plan.empty.attrs, "at": plan.empty["time"].values.tolist()}
    begun = ObjectWork if is_url(out) else Work
    with begun(out, store, settings, resume=resume, force=force) as work:
        if work.complete:
            return store.read(work.folder)
        kept = f"finished batches are kept in {work.folder}: resume"
        pen = work.pen(elsewhere=plan.shards is not None)
        for start, files in plan.parts(work.left(), work.finished, kept, pen):
            work.add(start, files)
        return store.read(work.publish())
