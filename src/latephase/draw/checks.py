"""What a picture of many runs needs to be given."""

from __future__ import annotations

from latephase.core import InputError


def dataset_with(found: object, dims: tuple[str, ...], do: str) -> None:
    """Check that this is an xarray.Dataset with these dims.  Raises InputError."""
    import xarray as xr

    if not isinstance(found, xr.Dataset) or not set(dims) <= set(found.sizes):
        raise InputError(f"a Dataset over {', '.join(dims)}", found, f"pass {do}")
