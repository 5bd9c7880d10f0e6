"""Zarr stores of our own; imported when they are needed, as Zarr is slow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zarr.storage import LocalStore


class WholeStore(LocalStore):
    """A store of which every chunk was written: where one is missing, Zarr reads fill values."""

    async def get(self, key: str, *options: Any, **more: Any) -> Any:
        """What stands under a key.  Raises FileNotFoundError where a chunk does not."""
        found = await super().get(key, *options, **more)
        if found is None and key.rpartition("/")[2].startswith("c."):
            raise FileNotFoundError(f"{self.root / key} is missing: make it again with resume")
        return found


class Kept(LocalStore):
    """A store on disk that is only read; what is written to it is kept in `made`, by name."""

    def __init__(self, root: Path | str, *, read_only: bool = False) -> None:
        super().__init__(root, read_only=read_only)
        self.made: dict[str, bytes] = {}

    async def set(self, key: str, value: Any) -> None:
        """Keep what would be written."""
        self.made[key] = value.to_bytes()
