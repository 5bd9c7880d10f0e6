"""What a dead process left of an output is removed or put back, by whoever comes next."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from latephase.core.errors import InputError

from . import disk
from .lock import Lock, lock_of
from .places import partial_of, temporary_of


def settle(target: Path) -> None:
    """Put in order what a process left that died while it held an output.

    Nothing where nothing is left, where a process still holds it, and where nobody may write.
    """
    if not os.path.lexists(lock_of(target)):
        return
    with suppress(InputError, OSError):
        lock = Lock(target)
        try:
            put_in_order(target, lock.stale)
        except BaseException:
            lock.release(keep=True)
            raise
        lock.release()


def put_in_order(target: Path, stale: dict[str, Any]) -> None:
    """Remove or put back what a dead holder of the lock has left; its notes tell which that is."""
    if "token" not in stale:
        return
    token, partial = stale["token"], partial_of(target)
    for place, ending in ((target, "target"), (partial, "partial")):
        aside = temporary_of(target, token, ending)
        if disk.identity(aside) is not None and disk.identity(place) is None:
            os.rename(aside, place)
        disk.remove(aside)
    replaced = stale.get("replaces")
    if replaced is not None and list(disk.identity(partial) or ()) == replaced:
        disk.remove(partial)  # the new one is in its place, and this is the old one
    for ending in ("", "draft", "drafts"):
        disk.remove(temporary_of(target, token, ending))
    disk.sync_folders([target.parent])
