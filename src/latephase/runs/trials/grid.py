"""A grid of ensembles: its points, one plan of trials each, and their common arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latephase.core import InputError, Words
from latephase.core.workers import workers
from latephase.problem import Dataset, Initializer

from .batches import processes_for, template
from .one_batch import one_batch
from .result import Plan, Shards, Variables
from .settings import Settings

if TYPE_CHECKING:
    import xarray as xr
    from distributed import Client

Progress = Callable[[int, int], None]
Fills = dict[str, tuple[tuple[int, ...], Any]]  # shapes of one trial by name, and what fills them
MOST_POINTS = 10**6
_PADDED = ("neuron", "feature")  # dims whose lengths may differ between points


@dataclass(frozen=True)
class Grid:
    """Ensembles over a grid.

    values: of each dim, what it is labelled with, (points,);  plans: of the points, the last dim
    fastest, with as many trials each, in whole batches.
    """

    values: Mapping[str, NDArray[Any]]
    plans: Sequence[Settings]

    @classmethod
    def of(
        cls,
        asked: Mapping[str, Any],
        plan_of: Callable[[Mapping[str, Any]], Settings],
        given_batch: bool,
    ) -> Grid:
        """The grid of all combinations.  Raises InputError.

        asked: the values of each dim, or a mapping of labels to them;  plan_of: the plan of a
        point, by the values of the dims;  given_batch: whether their batch is the user's, who has
        to have whole ones at each point.
        """
        labels, values = {}, {}
        for name, given in asked.items():
            labels[name], values[name] = _labelled(name, given)
        count = math.prod(map(len, values.values()))
        if count > MOST_POINTS:
            got = Words(f"{count:,}")
            raise InputError(f"at most {MOST_POINTS:,} points of a grid", got, "sweep over fewer")
        points = product(*values.values())
        plans = [plan_of(dict(zip(values, point, strict=True))) for point in points]
        trials, batch = plans[0].trials, min(min(one.batch for one in plans), plans[0].trials)
        if given_batch and trials % batch:
            got = Words(f"{batch} of {trials}")
            raise InputError("a batch that divides the trials of a point", got, "take another")
        batch = next(size for size in range(batch, 0, -1) if trials % size == 0)
        return cls(labels, [replace(one, batch=batch) for one in plans])

    def plan(self, most: int | None, progress: Progress | None, client: Client | None) -> Plan:
        """What is to be made; as many processes as `most`, or the workers of a cluster."""
        first, (empty, fills) = self.plans[0], self._empty()
        stated = [one.attributes() for one in self.plans]
        varied = {name for one in stated for name in one if one.get(name) != stated[0].get(name)}
        varied |= {name for name in stated[0] if any(name not in one for one in stated)}
        settings = {key: value for key, value in empty.attrs.items() if key not in varied}
        grid = {name: values.tolist() for name, values in self.values.items()}
        told = [
            {k: v for k, v in one.items() if k in varied}  # a flow has no step size
            for one in stated
        ]
        empty.attrs = settings | {"grid": grid, "points": told}
        trials = first.trials * len(self.plans)

        def tell(finished: int) -> None:
            if progress is not None:
                progress(finished, trials)

        return Plan(
            "sweep",
            empty,
            trials,
            first.batch,
            partial(self._made, fills, most, tell),
            partial(self._label, empty),
            self.values,
            None if client is None else Shards(client, partial(_batch, fills), tell, self._place),
        )

    def _empty(self) -> tuple[xr.Dataset, Fills]:
        """The dataset of no trials with the variables of all points, padded to the longest; and
        their shapes of one trial, with what fills them."""
        import xarray as xr

        first_of: dict[Any, Settings] = {}
        for plan in self.plans:
            first_of.setdefault(_kind(plan), plan)
        kinds = {kind: template(plan) for kind, plan in first_of.items()}
        sizes = {d: max(one.sizes.get(d, 0) for one in kinds.values()) for d in _PADDED}
        found: dict[str, Any] = {}
        for one in kinds.values():
            for name, variable in one.data_vars.items():
                lengths: dict[Any, int] = {**variable.sizes, **sizes}
                before = found.get(str(name), variable).dtype
                shape = [lengths[dim] for dim in variable.dims]
                values = np.empty(shape, np.promote_types(variable.dtype, before))
                found[str(name)] = xr.Variable(variable.dims, values, variable.attrs)
        some = next(iter(kinds.values()))
        fills = {name: (v.shape[1:], _nothing(v.dtype)) for name, v in found.items()}
        return xr.Dataset(found, some.coords, some.attrs), fills

    def _made(
        self,
        fills: Fills,
        most: int | None,
        tell: Callable[[int], None],
        starts: Iterable[int],
        finished: int,
        kept: str,
    ) -> Iterator[tuple[int, Variables]]:
        """As `Plan.made`."""
        one_by_one = not all(plan.all_at_once for plan in self.plans)
        count = processes_for(self.plans[0].batch, most) if one_by_one else 1
        with workers(count, kept) if count > 1 else nullcontext() as pool:
            for start in starts:
                yield start, _batch(fills, *self._place(start), pool)
                finished += self.plans[0].batch
                tell(finished)

    def _place(self, start: int) -> tuple[Settings, int]:
        """Of a part: the plan of its point, and its first trial there."""
        point, first = divmod(start, self.plans[0].trials)
        return self.plans[point], first

    def _label(self, empty: xr.Dataset, found: Variables) -> xr.Dataset:
        """All trials of all points, dims of the grid in front."""
        import xarray as xr

        lengths = tuple(map(len, self.values.values()))
        each = self.plans[0].trials
        labelled = {
            str(name): (
                (*self.values, *variable.dims),
                found[str(name)].reshape(*lengths, each, *found[str(name)].shape[1:]),
                variable.attrs,
            )
            for name, variable in empty.data_vars.items()
        }
        return xr.Dataset(labelled, {**empty.coords, **self.values}, empty.attrs)


def _labelled(name: str, given: Any) -> tuple[NDArray[Any], list[Any]]:
    """Labels and values of a dim.  Raises InputError."""
    values = list(given.values()) if isinstance(given, Mapping) else list(_sequence(name, given))
    if not values:
        raise InputError(f"values of {name}", given, "give at least one")
    if isinstance(given, Mapping):
        return np.array([str(one) for one in given]), values
    if all(isinstance(one, bool | np.bool_) for one in values):
        return np.array(values, bool), values
    if all(isinstance(one, int | float | np.number) for one in values):
        return np.array(values), values
    if all(isinstance(one, str | Initializer) for one in values):
        return np.array([one if isinstance(one, str) else one.name for one in values]), values
    return np.arange(len(values)), values


def _sequence(name: str, given: Any) -> Iterable[Any]:
    if isinstance(given, str | bytes | Dataset) or not isinstance(given, Iterable):
        raise InputError(f"several values of {name}", given, f"pass a list: {name}=[...]")
    return given


def _kind(plan: Settings) -> tuple[Any, ...]:
    """What decides the variables of a point and their shapes."""
    network = plan.problem.network
    closed = plan.problem.has_closed_form, plan.problem.has_layered_form
    return (network.m, network.d, network.biases is None, network.train_output, *closed)


def _nothing(dtype: np.dtype[Any]) -> Any:
    return {"f": np.nan, "b": False}.get(dtype.kind, "")


def _batch(fills: Fills, plan: Settings, first: int, pool: Executor | None = None) -> Variables:
    """A batch of a point in the common shapes; where the point has none, or is shorter, filled."""
    found = one_batch(plan, first, pool)
    trials = len(next(iter(found.values())))
    result: Variables = {}
    for name, (shape, nothing) in fills.items():
        there = found.get(name)
        if there is not None and there.shape[1:] == shape:
            result[name] = there
            continue
        kind = "<U1" if there is None else there.dtype
        whole = np.full((trials, *shape), nothing, float if nothing != "" else kind)
        if there is not None:
            whole[tuple(slice(length) for length in there.shape)] = there
        result[name] = whole
    return result
