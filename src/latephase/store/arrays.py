"""Results as Zarr arrays over trials: a part is a range of trials, chunked as it is written."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .marker import GROUP, numbers
from .work import Form, Settings

if TYPE_CHECKING:
    import xarray as xr
    import zarr

_METADATA = "zarr.json"


class Arrays(Form):
    """A `Form` of work: one array for each variable of a dataset, the dim `trial` first.

    Every chunk is written, empty or not, and carries its own checksum: whoever reads a changed one
    is told.
    """

    place = GROUP

    def __init__(
        self,
        empty: xr.Dataset,
        trials: int,
        batch: int,
        kind: str = "ensemble",
        grid: Mapping[str, NDArray[Any]] = MappingProxyType({}),
    ) -> None:
        """empty: the dataset of no trials, with the settings as attributes;  batch: of a chunk;
        kind: what the result is, in messages;  grid: values of dims in front of `trial`, each of
        whose points has as many trials, whole batches of them."""
        self.empty, self.trials, self.batch, self.kind, self.grid = empty, trials, batch, kind, grid
        self._each = trials // math.prod(map(len, grid.values()))
        of_point = [numbers(len(values), 1, ".") for values in grid.values()]
        of_trial = [*of_point, numbers(self._each, batch, ".")]
        chunks = [
            f"{name}/c" + "".join(pattern) + ".0" * (variable.ndim - 1)
            for name, variable in empty.variables.items()
            for pattern in (product(*of_trial) if "trial" in variable.dims else [(".0",)])
        ]
        names = [*map(str, empty.variables), *grid]
        chunks += [f"{name}/c.0" for name in grid]
        self.holds = (_METADATA, GROUP, *(f"{name}/{_METADATA}" for name in names), *chunks)

    def created(self, settings: Settings) -> dict[str, bytes]:
        """Arrays of their full size without numbers; what has no dim `trial` is written already."""
        import zarr

        # The attribute tells xarray (and others) that log10_t, say, is a coordinate of `time`.
        beside = [str(name) for name in self.empty.coords if name not in self.empty.dims]
        attributes = {**self.empty.attrs, "coordinates": " ".join(beside)}
        made: dict[str, Any] = {}
        with _every_chunk(), warnings.catch_warnings():
            # Text of fixed width has no Zarr specification yet, nor has all metadata in one place;
            # zarr-python and xarray read both.
            warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification")
            warnings.filterwarnings("ignore", message="Consolidated metadata is currently not")
            store = zarr.storage.MemoryStore(made)
            group = zarr.create_group(store, zarr_format=3, attributes=attributes)
            for name, variable in self.empty.variables.items():
                array = self._array(group, str(name), variable)
                if "trial" not in variable.dims:
                    array[:] = variable.values
            for name, values in self.grid.items():
                whole = {"shape": values.shape, "chunks": values.shape, "dimension_names": [name]}
                array = self._created(group, name, values.dtype, **whole)
                array[:] = values
            zarr.consolidate_metadata(store, zarr_format=3)
        return {name: content.to_bytes() for name, content in made.items()}

    def encoder(self, created: Mapping[str, bytes]) -> Chunks:
        """What makes the chunks of parts."""
        kinds = {str(name): created[f"{name}/{_METADATA}"] for name in self.empty.data_vars}
        return Chunks(kinds, tuple(map(len, self.grid.values())), self._each, self.batch)

    def _array(self, group: zarr.Group, name: str, variable: xr.Variable) -> Any:
        points = self.grid if "trial" in variable.dims else {}
        lengths = {**variable.sizes, "trial": self._each}
        chunks = {**variable.sizes, "trial": min(self.batch, self._each)}
        return self._created(
            group,
            name,
            variable.dtype,
            shape=(*map(len, points.values()), *(lengths[d] for d in variable.dims)),
            chunks=(*(1 for _ in points), *(chunks[d] for d in variable.dims)),
            dimension_names=[*points, *(str(d) for d in variable.dims)],
            attributes=dict(variable.attrs),
        )

    def _created(self, group: zarr.Group, name: str, dtype: Any, **more: Any) -> Any:
        return group.create_array(
            name,
            dtype=dtype,
            fill_value={"f": np.nan, "b": False, "i": 0}.get(dtype.kind, ""),
            compressors=compressors(),
            # One folder for each array, not one for each chunk: that many less to sync.
            chunk_key_encoding={"name": "default", "separator": "."},
            **more,
        )

    def files(self, start: int) -> list[str]:
        """One chunk of each variable."""
        index, first = _place(start, tuple(map(len, self.grid.values())), self._each)
        part = ".".join(map(str, (*index, first // self.batch)))
        return [
            f"{name}/c.{part}" + ".0" * (variable.ndim - 1)
            for name, variable in self.empty.data_vars.items()
        ]

    def read(self, folder: Path | str) -> xr.Dataset:
        """The dataset in a complete store, a URL if need be; values are read when they are used."""
        import xarray as xr

        from .zarr_stores import WholeObjects, WholeStore

        store = (
            WholeObjects.from_url(folder, read_only=True)
            if isinstance(folder, str)
            else WholeStore(folder, read_only=True)
        )
        found = xr.open_zarr(store, chunks=None, consolidated=False, zarr_format=3)
        return found[list(self.empty.data_vars)]


@dataclass(frozen=True)
class Chunks:
    """Makes the chunks of parts; can be sent to where the numbers are.

    kinds: the metadata of each array;  points: of the grid, along each dim;  each: trials of a
    point;  batch: of a chunk.
    """

    kinds: dict[str, bytes]
    points: tuple[int, ...]
    each: int
    batch: int

    def __call__(self, start: int, part: Mapping[str, NDArray[Any]]) -> dict[str, bytes]:
        """The chunks of the trials from `start` on, of variables with the trial axis first."""
        import zarr
        from zarr.core.buffer import default_buffer_prototype

        index, first = _place(start, self.points, self.each)
        as_buffer, made = default_buffer_prototype().buffer.from_bytes, dict[str, Any]()
        with _every_chunk():
            for name, kind in self.kinds.items():
                held = {f"{name}/{_METADATA}": as_buffer(kind)}
                store = zarr.storage.MemoryStore(held)
                array = zarr.open_array(store, path=name, mode="r+", zarr_format=3)
                region: tuple[int | slice, ...] = (*index, slice(first, first + len(part[name])))
                array[region] = part[name]
                del held[f"{name}/{_METADATA}"]
                made |= {key: content.to_bytes() for key, content in held.items()}
        return made


def _place(start: int, points: Sequence[int], each: int) -> tuple[list[int], int]:
    """The point of the grid (its indices) of a part, and its first trial there."""
    point, first = divmod(start, each)
    return list(map(int, np.unravel_index(point, points))) if points else [], first


def compressors() -> Any:
    """How chunks are compressed: with a checksum, so that no flipped bit is read as a number."""
    from zarr.codecs import BloscCodec, Crc32cCodec

    return [BloscCodec(cname="lz4", clevel=5, shuffle="shuffle"), Crc32cCodec()]


def _every_chunk() -> Any:
    """Within, chunks of fill values are written too: a missing one is a lost one."""
    import zarr

    return zarr.config.set({"array.write_empty_chunks": True})
