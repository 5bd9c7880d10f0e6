"""Results as Zarr arrays over trials: a part is a range of trials, chunked as it is written."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .directory import writing
from .work import Settings

if TYPE_CHECKING:
    import xarray as xr
    import zarr


class Arrays:
    """A `Form` of work: one array for each variable of a dataset, the dim `trial` first.

    Zarr warns about files it does not know, so the complete store carries no marker; its
    attributes are the settings, and say who wrote it.
    """

    kind, index, marked = "ensemble", "zarr.json", False

    def __init__(self, empty: xr.Dataset, trials: int, batch: int) -> None:
        """empty: the dataset of no trials, with the settings as attributes;  batch: of a chunk."""
        self.empty, self.trials, self.batch = empty, trials, batch

    def create(self, folder: Path, settings: Settings) -> None:
        """Arrays of their full size without numbers; what has no dim `trial` is written already."""
        import zarr

        # The attribute tells xarray (and others) that log10_t is a coordinate of `time`.
        attributes = {**self.empty.attrs, "coordinates": "log10_t"}
        group = zarr.create_group(folder, attributes=attributes, overwrite=False)
        for name, variable in self.empty.variables.items():
            array = self._array(group, str(name), variable)
            if "trial" not in variable.dims:
                array[:] = variable.values

    def _array(self, group: zarr.Group, name: str, variable: xr.Variable) -> Any:
        from zarr.codecs import BloscCodec

        lengths = {**variable.sizes, "trial": self.trials}
        chunks = {**variable.sizes, "trial": min(self.batch, self.trials)}
        with warnings.catch_warnings():
            # Text of fixed width has no Zarr specification yet; zarr-python and xarray read it.
            warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification")
            return group.create_array(
                name,
                shape=tuple(lengths[d] for d in variable.dims),
                chunks=tuple(chunks[d] for d in variable.dims),
                dtype=variable.dtype,
                fill_value=np.nan if variable.dtype.kind == "f" else "",
                compressors=BloscCodec(cname="lz4", clevel=5, shuffle="shuffle"),
                dimension_names=[str(d) for d in variable.dims],
                attributes=dict(variable.attrs),
            )

    def settings(self, folder: Path) -> Settings:
        """The attributes, and the sample times as `at`."""
        stored: Settings = json.loads((folder / self.index).read_text())["attributes"]
        return {**stored, "at": _opened(folder, "time")[:].tolist()}

    def write(self, folder: Path, start: int, part: Mapping[str, NDArray[Any]]) -> None:
        """The variables of the trials from `start` on, trial axis first."""
        with writing(folder):
            for name in map(str, self.empty.data_vars):
                _opened(folder, name)[start : start + len(part[name])] = part[name]

    def read(self, folder: Path) -> xr.Dataset:
        """The dataset in a complete store; values are read when they are used."""
        import xarray as xr

        return xr.open_zarr(folder, chunks=None, consolidated=False)[list(self.empty.data_vars)]


def _opened(folder: Path, name: str) -> Any:
    import zarr

    return zarr.open_array(folder / name, mode="r+")
