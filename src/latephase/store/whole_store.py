"""A Zarr store on disk that misses what is missing; imported when it is needed, as Zarr is slow."""

from __future__ import annotations

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
