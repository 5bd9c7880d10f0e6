"""The marker of a folder: who wrote it, from which settings, and every file with its checksum.

It says what is latephase's own, so that nothing else is ever replaced or resumed.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from . import disk
from .disk import Sum

MARKER = ".latephase.json"
# A Zarr store has its marker as the attributes of a group inside it: Zarr warns about files that it
# does not know, and attributes of the store are shown to readers and inherited by what they derive.
GROUP = "manifest/zarr.json"
_AUTHOR = "latephase"
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Marker:
    """What a marker says.

    kind: what is made;  settings: all that decides the result, as JSON values;  holds: patterns of
    the names that it may hold while it is under way, folders included (`x/c.[0-9]`);  complete:
    whether `files` is all of it;  finished_trials: those whose files are listed;  files: sums by
    name;  place: the name of the marker itself in the complete folder.
    """

    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    holds: tuple[str, ...] = ()
    complete: bool = False
    finished_trials: int = 0
    files: dict[str, Sum] = field(default_factory=dict)
    place: str = MARKER


def read_marker(folder: Path) -> Marker | None:
    """The marker of a folder; None if it has none of ours, or one that was changed."""
    under_way = disk.object_in(disk.content_of(folder / MARKER))
    in_store = disk.object_in(disk.content_of(folder / GROUP)).get("attributes")
    for place, record in ((MARKER, under_way), (GROUP, in_store)):
        marker = marker_in(record)
        if marker is not None and place == (marker.place if marker.complete else MARKER):
            return marker
    return None


def marker_in(record: Any) -> Marker | None:
    """What a record says, if it is one of ours, whole and of the right types."""
    if not isinstance(record, dict) or record.pop("digest", None) != _digest(record):
        return None
    if record.pop("written_by", None) != _AUTHOR:
        return None
    try:
        files = {name: (size, known) for name, (size, known) in record["files"].items()}
        marker = Marker(**{**record, "files": files, "holds": tuple(record["holds"])})
    except (TypeError, ValueError, KeyError, AttributeError):
        return None
    return marker if _well_typed(marker) else None


def write_marker(folder: Path, marker: Marker, draft: Path) -> None:
    """Mark a folder, at one stroke by way of a file `draft`, and put that on disk.  Raises OSError.

    draft: a name that is free, on the same file system.
    """
    place = folder / (marker.place if marker.complete else MARKER)
    place.parent.mkdir(exist_ok=True)
    disk.write_new(draft, content_of(marker))
    draft.replace(place)
    disk.sync_folders([place.parent, folder])
    if place != folder / MARKER:
        (folder / MARKER).unlink(missing_ok=True)
        disk.sync_folders([folder])


def content_of(marker: Marker) -> bytes:
    """The content of a marker's file."""
    record = json.loads(json.dumps({"written_by": _AUTHOR, **asdict(marker)}))
    record["digest"] = _digest(record)
    if marker.complete and marker.place == GROUP:
        record = {"attributes": record, "zarr_format": 3, "node_type": "group"}
    return json.dumps(record).encode()


def sealed(marker: Marker, files: dict[str, Sum]) -> Marker:
    """The marker of the complete folder: a file that is added later is seen to be another's."""
    return replace(marker, complete=True, files=dict(sorted(files.items())))


def is_ours(folder: Path) -> bool:
    """Whether latephase wrote all that is in a folder, and nobody has changed it since."""
    marker = read_marker(folder) if folder.is_dir() else None
    if marker is None or strangers(folder, marker):
        return False
    return not marker.complete or not damaged(folder, marker)


def numbers(trials: int, batch: int, before: str, width: int = 1) -> list[str]:
    """Patterns of the names of the parts of `batch` trials: `before` and a number of digits only.

    width: digits of the shortest number.
    """
    longest = max(width, len(str((trials - 1) // batch)))
    return [before + "[0-9]" * digits for digits in range(width, longest + 1)]


def strangers(folder: Path, marker: Marker) -> set[str]:
    """Files in a marked folder that are not latephase's.  Raises OSError."""
    if marker.complete:
        return disk.names(folder) - {marker.place, *marker.files}
    found = disk.names(folder) - {MARKER, *marker.files}
    return {name for name in found if not any(fnmatchcase(name, p) for p in marker.holds)}


def damaged(folder: Path, marker: Marker) -> list[str]:
    """The listed files of a folder that are not as they were written."""
    present = disk.names(folder)  # not behind a link that has taken the place of a folder
    there = disk.sums_of(folder, present & marker.files.keys())
    return [name for name, known in marker.files.items() if there.get(name) != known]


def _well_typed(marker: Marker) -> bool:
    """Whether a marker holds what it should, and names nothing outside its folder."""
    return (
        isinstance(marker.kind, str)
        and isinstance(marker.settings, dict)
        and all(isinstance(pattern, str) for pattern in marker.holds)
        and isinstance(marker.complete, bool)
        and marker.place in (MARKER, GROUP)
        and type(marker.finished_trials) is int
        and all(
            type(size) is int
            and isinstance(known, str)
            and bool(_SHA256.fullmatch(known))
            and not name.startswith("/")
            and ".." not in name.split("/")
            for name, (size, known) in marker.files.items()
        )
    )


def _digest(record: dict[str, Any]) -> str:
    """SHA-256 of a record with sorted keys and no spaces: finds edits."""
    try:
        text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return ""
    return hashlib.sha256(text.encode()).hexdigest()
