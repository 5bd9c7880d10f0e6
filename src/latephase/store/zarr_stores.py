"""Zarr stores of our own; imported when they are needed, as Zarr is slow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zarr.storage import FsspecStore, LocalStore

from latephase.core.errors import LatephaseError

from .marker import GROUP


class WholeStore(LocalStore):
    """A complete store as it was when it was opened.

    Every chunk of it was written: where one is missing, Zarr reads fill values.  And where another
    store has taken its place, Zarr reads the numbers of that one.
    """

    def __init__(self, root: Path | str, *, read_only: bool = False) -> None:
        super().__init__(root, read_only=read_only)
        self._is = self._stands()

    async def get(self, key: str, *options: Any, **more: Any) -> Any:
        """What stands under a key.

        Raises FileNotFoundError where a chunk does not, LatephaseError if it is not of this store.
        """
        return self._own(key, await super().get(key, *options, **more))

    def get_sync(self, key: str, **more: Any) -> Any:
        """The same for callers that do not await."""
        return self._own(key, super().get_sync(key, **more))

    def _own(self, key: str, found: Any) -> Any:
        if self._stands() != self._is:
            said = f"{self.root} was replaced or removed since it was opened"
            raise LatephaseError(f"{said}; what was not read by then is lost: open it again")
        if found is None and key.rpartition("/")[2].startswith("c."):
            raise FileNotFoundError(f"{self.root / key} is missing: make it again with resume")
        return found

    def _stands(self) -> tuple[int, ...]:
        """What tells this store from others: its folder and, as numbers of folders come again, the
        time and number of its marker."""
        try:
            folder, marker = self.root.stat(), (self.root / GROUP).stat()
        except (FileNotFoundError, NotADirectoryError):
            return ()
        return folder.st_dev, folder.st_ino, marker.st_ino, marker.st_mtime_ns


class WholeObjects(FsspecStore):
    """The same of a store of objects."""

    async def get(self, key: str, *options: Any, **more: Any) -> Any:
        """What stands under a key.  Raises FileNotFoundError where a chunk does not."""
        found = await super().get(key, *options, **more)
        if found is None and key.rpartition("/")[2].startswith("c."):
            raise FileNotFoundError(f"{self.path}/{key} is missing: make it again with resume")
        return found
