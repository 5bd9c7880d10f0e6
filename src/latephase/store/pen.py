"""What becomes of a part where its numbers are, in this process or on a worker."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from . import disk

Encode = Callable[[int, Any], dict[str, bytes]]


class Written(NamedTuple):
    """A file that is on disk already: its sum, and its draft if it has to be moved from there."""

    sum: disk.Sum
    draft: Path | None = None


Files = Mapping[str, bytes | Written]
"""Of a part, by name."""


@dataclass(frozen=True)
class Pen:
    """Makes the files of a part; can be sent to where the part is made.

    put: writes them there; what it cannot is written by whoever holds the lock, who will say why.
    """

    encode: Encode
    put: Callable[[Mapping[str, bytes]], Files] | None = None

    def __call__(self, start: int, part: Any) -> Files:
        """The files of the part that begins with trial `start`."""
        made = self.encode(start, part)
        return made if self.put is None else self.put(made)


@dataclass(frozen=True)
class Drafts:
    """Writes files under names that nobody else has, in a folder that the holder of a lock has made
    for those who share its disk.

    Only the holder moves a draft to where it belongs, so that a worker who was given up for dead,
    or whose store is another's by now, can change nothing.
    """

    folder: Path

    def __call__(self, made: Mapping[str, bytes]) -> Files:
        """The files as drafts; as they are where that cannot be."""
        try:
            return self.write(made) if self.folder.is_dir() else made
        except OSError:
            return made

    def write(self, made: Mapping[str, bytes]) -> dict[str, Written]:
        """The files as drafts.  Raises OSError, and then leaves none."""
        drafts = {self.folder / secrets.token_hex(8): content for content in made.values()}
        sums = disk.write_all_new(drafts)
        return dict(zip(made, map(Written, sums, drafts), strict=True))
