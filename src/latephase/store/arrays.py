"""Results as Zarr arrays over trials: a part is a range of trials, chunked as it is written."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .marker import GROUP, numbers
from .work import Settings

if TYPE_CHECKING:
    import xarray as xr
    import zarr

_METADATA = "zarr.json"


class Arrays:
    """A `Form` of work: one array for each variable of a dataset, the dim `trial` first.

    Every chunk is written, empty or not, and carries its own checksum: whoever reads a changed one
    is told.
    """

    place = GROUP

    def __init__(self, empty: xr.Dataset, trials: int, batch: int, kind: str = "ensemble") -> None:
        """empty: the dataset of no trials, with the settings as attributes;  batch: of a chunk;
        kind: what the result is, in messages."""
        self.empty, self.trials, self.batch, self.kind = empty, trials, batch, kind
        chunks = [
            f"{name}/c" + pattern + ".0" * (variable.ndim - 1)
            for name, variable in empty.variables.items()
            for pattern in (numbers(trials, batch, ".") if "trial" in variable.dims else [".0"])
        ]
        self.holds = (_METADATA, GROUP, *(f"{v}/{_METADATA}" for v in empty.variables), *chunks)

    def create(self, folder: Path, settings: Settings) -> None:
        """Arrays of their full size without numbers; what has no dim `trial` is written already."""
        import zarr

        # The attribute tells xarray (and others) that log10_t, say, is a coordinate of `time`.
        beside = [str(name) for name in self.empty.coords if name not in self.empty.dims]
        attributes = {**self.empty.attrs, "coordinates": " ".join(beside)}
        with _every_chunk(), warnings.catch_warnings():
            # Text of fixed width has no Zarr specification yet, nor has all metadata in one place;
            # zarr-python and xarray read both.
            warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification")
            warnings.filterwarnings("ignore", message="Consolidated metadata is currently not")
            group = zarr.create_group(folder, zarr_format=3, attributes=attributes, overwrite=False)
            for name, variable in self.empty.variables.items():
                array = self._array(group, str(name), variable)
                if "trial" not in variable.dims:
                    array[:] = variable.values
            zarr.consolidate_metadata(folder, zarr_format=3)

    def _array(self, group: zarr.Group, name: str, variable: xr.Variable) -> Any:
        lengths = {**variable.sizes, "trial": self.trials}
        chunks = {**variable.sizes, "trial": min(self.batch, self.trials)}
        return group.create_array(
            name,
            shape=tuple(lengths[d] for d in variable.dims),
            chunks=tuple(chunks[d] for d in variable.dims),
            dtype=variable.dtype,
            fill_value={"f": np.nan, "b": False}.get(variable.dtype.kind, ""),
            compressors=compressors(),
            dimension_names=[str(d) for d in variable.dims],
            attributes=dict(variable.attrs),
            # One folder for each array, not one for each chunk: that many less to sync.
            chunk_key_encoding={"name": "default", "separator": "."},
        )

    def files(self, start: int) -> list[str]:
        """One chunk of each variable."""
        part = start // self.batch
        return [
            f"{name}/c.{part}" + ".0" * (variable.ndim - 1)
            for name, variable in self.empty.data_vars.items()
        ]

    def made(self, folder: Path, start: int, part: Mapping[str, NDArray[Any]]) -> dict[str, bytes]:
        """The chunks of the trials from `start` on, of variables with the trial axis first."""
        import zarr

        from .zarr_stores import Kept

        store = Kept(folder)
        with _every_chunk():
            for name in map(str, self.empty.data_vars):
                array = zarr.open_array(store, path=name, mode="r+", zarr_format=3)
                array[start : start + len(part[name])] = part[name]
        return store.made

    def read(self, folder: Path) -> xr.Dataset:
        """The dataset in a complete store; values are read when they are used."""
        import xarray as xr

        from .zarr_stores import WholeStore

        found = xr.open_zarr(
            WholeStore(folder, read_only=True), chunks=None, consolidated=False, zarr_format=3
        )
        return found[list(self.empty.data_vars)]


def compressors() -> Any:
    """How chunks are compressed: with a checksum, so that no flipped bit is read as a number."""
    from zarr.codecs import BloscCodec, Crc32cCodec

    return [BloscCodec(cname="lz4", clevel=5, shuffle="shuffle"), Crc32cCodec()]


def _every_chunk() -> Any:
    """Within, chunks of fill values are written too: a missing one is a lost one."""
    import zarr

    return zarr.config.set({"array.write_empty_chunks": True})
