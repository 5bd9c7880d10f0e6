"""The Zarr store of an ensemble: written batch by batch, resumed after an interruption."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import InputError
from latephase.store.directory import (
    MARKER,
    claiming,
    is_ours,
    partial_of,
    read_marker,
    start_over,
    write_marker,
    writing,
)

from .batches import Variables

if TYPE_CHECKING:
    import xarray as xr
    import zarr

_FINISHED = "finished_trials"


class Store:
    """A store under way.

    folder: the partial store;  names: its variables in order;  finished: trials written so far.
    """

    def __init__(self, folder: Path, empty: xr.Dataset, trials: int, batch: int) -> None:
        """Create the store, or take up an interrupted one with the same settings.

        empty: the dataset of no trials.  Raises InputError, naming the setting, if they differ.
        """
        self.folder, self.trials, self.batch = folder, trials, batch
        marker = read_marker(folder) or {}
        if _FINISHED in marker:
            check_same(folder, empty)
        else:
            with writing(folder):
                start_over(folder)
                self._create(empty)
                write_marker(folder, **{_FINISHED: 0})
        self.finished = int(marker.get(_FINISHED, 0))
        self._arrays = {name: _open_array(folder, str(name)) for name in empty.data_vars}

    def _create(self, empty: xr.Dataset) -> None:
        import zarr

        # The attribute tells xarray (and others) that log10_t is a coordinate of `time`.
        attributes = {**empty.attrs, "coordinates": "log10_t"}
        group = zarr.create_group(self.folder, attributes=attributes, overwrite=False)
        for name, variable in empty.variables.items():
            array = self._create_array(group, str(name), variable)
            if "trial" not in variable.dims:
                array[:] = variable.values

    def _create_array(self, group: zarr.Group, name: str, variable: xr.Variable) -> Any:
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

    def write(self, start: int, found: Variables) -> None:
        """Write the batch of trials from `start` on, and note that it is finished."""
        end = start + len(found["regime"])
        with writing(self.folder):
            for name, array in self._arrays.items():
                array[start:end] = found[str(name)]
            write_marker(self.folder, **{_FINISHED: end})
        self.finished = end

    def close(self) -> None:
        """Leave nothing in the folder but the complete store."""
        with writing(self.folder):
            for leftover in self.folder.rglob("*.partial"):  # chunks that a killed run had begun
                leftover.unlink()
            (self.folder / MARKER).unlink(missing_ok=True)


def open_store(folder: Path, names: list[str]) -> xr.Dataset:
    """The dataset in a complete store; values are read when they are used."""
    import xarray as xr

    return xr.open_zarr(folder, chunks=None, consolidated=False)[names]


def is_complete(target: Path) -> bool:
    """Whether a complete store of ours stands at `target`, and none is under way beside it."""
    with claiming(target):
        whole = (target / "zarr.json").is_file() and is_ours(target)
        return whole and not partial_of(target).exists()


def check_same(folder: Path, empty: xr.Dataset) -> None:
    """Refuse to go on with an ensemble of other settings.  Raises InputError."""
    stored = json.loads((folder / "zarr.json").read_text())["attributes"]
    for name, value in empty.attrs.items():
        if stored.get(name) != value:
            raise _differs(name, stored.get(name), value)
    times = _open_array(folder, "time")[:].tolist()
    if times != empty["time"].values.tolist():
        raise _differs("at", times, empty["time"].values.tolist())


def _differs(name: str, stored: object, wanted: object) -> InputError:
    return InputError(
        f"the {name} of the ensemble to resume, {_brief(stored)}",
        wanted,
        "repeat its settings, or start over without resume",
    )


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _open_array(folder: Path, name: str) -> Any:
    import zarr

    return zarr.open_array(folder / name, mode="r+")
