"""What latephase writes: whole or not at all, and nobody else's files are touched.

Work goes into a sibling, `<out>.partial`, which takes the place of `<out>` once it is complete.
A marker tells what latephase wrote, so that only that is replaced without force.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from latephase.core.errors import InputError, LatephaseError, Words

MARKER = ".latephase.json"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # Path takes one of the slashes; C:/ is a drive
_AUTHOR = "latephase"
_UNDER_WAY = ".partial"  # the end of every temporary name; Zarr's chunks have the same
_DO = "choose another output, or replace it with force"


def claim_output(path: object, *, force: bool = False, resume: bool = False) -> Path:
    """Check that the folder `path` may be written, and return its partial sibling, ready for work.

    The sibling is empty but for the marker; with `resume` what an interrupted run left there stays.
    `path` itself is not touched before `publish`.  Raises InputError where `path` or the sibling
    holds what latephase did not write (unless `force`), and where the folder cannot be written.
    """
    target = output_path(path)
    partial = partial_of(target)
    with claiming(target):
        for place in (target, partial):
            if not force and not is_free(place):
                got = Words(f"{place}, which holds other files")
                raise InputError("an output that is new, or that latephase wrote", got, _DO)
        if not resume or not is_ours(partial):
            start_over(partial)
    return partial


def claim_file(
    path: object, kind: str, ours: Callable[[Path], bool], *, force: bool = False, do: str = _DO
) -> Path:
    """Check that the file `path` may be written, and return it made absolute.

    kind: "a certificate", in words;  ours: whether a file is one;  do: what else can be done.
    Raises InputError where something else stands there (unless `force`), and on folders.
    """
    target = output_path(path)
    with claiming(target):
        if target.is_dir() or (target.exists() and not force and not ours(target)):
            got = Words(f"{target}, which is something else")
            raise InputError(f"an output that is new, or {kind}", got, do)
    return target


@contextmanager
def claiming(target: Path) -> Iterator[None]:
    """Tell that an output cannot be read or written before work begins: InputError for OSError."""
    try:
        yield
    except OSError as error:
        got = Words(f"{target} ({error.strerror or error})")
        raise InputError("an output that can be written", got, "choose another output") from None


def output_path(path: object) -> Path:
    """`path` made absolute.  Raises InputError on what is no path here, and on a folder in use."""
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise InputError("the path of an output", path, 'pass for example "runs"')
    if _URL.match(os.fsdecode(path)):  # else "s3://bucket/runs" makes a folder `s3:` here
        raise InputError("an output on this machine", path, "write it here, then copy it there")
    try:
        target = Path(os.fsdecode(path)).expanduser().resolve()
        in_use = {Path.cwd(), *Path.cwd().parents, Path.home()}
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError("the path of an output", path, f"choose another ({error})") from None
    if target in in_use:
        raise InputError("a folder of its own as output", path, "name one inside this one")
    return target


def partial_of(target: Path) -> Path:
    """The sibling in which a folder or file is prepared."""
    return target.with_name(target.name + _UNDER_WAY)


def remove_drafts(folder: Path) -> None:
    """Remove the files that a killed run had begun below a folder.  Raises OSError."""
    for leftover in folder.rglob("*" + _UNDER_WAY):
        leftover.unlink()


def start_over(partial: Path) -> None:
    """Make `partial` a folder with nothing but the marker.  Raises OSError."""
    _remove(partial)
    partial.mkdir(parents=True)
    write_marker(partial)


def is_free(path: Path) -> bool:
    """Whether nobody would miss what stands at `path`: nothing, an empty folder, or our own."""
    if not path.exists():
        return True
    return path.is_dir() and (not any(path.iterdir()) or is_ours(path))


def is_ours(path: Path) -> bool:
    """Whether latephase wrote the folder and nobody has put anything else there since."""
    if not path.is_dir():
        return False
    marker = read_marker(path)
    if marker is None:
        return _is_our_store(path)
    files = marker.get("files")
    return files is None or set(_files(path)) <= {MARKER, *files}


def read_marker(folder: Path) -> dict[str, Any] | None:
    """The marker of a folder; None if it has none of ours."""
    marker = object_in(folder / MARKER)
    return marker if marker.get("written_by") == _AUTHOR else None


def write_marker(folder: Path, **notes: Any) -> None:
    """Mark a folder as latephase's and under way, with notes to self (JSON), at one stroke."""
    replace_file(folder / MARKER, json.dumps({"written_by": _AUTHOR, **notes}).encode())


def seal(folder: Path) -> None:
    """Mark a folder as complete: a file that is added later is seen to be somebody else's."""
    write_marker(folder, files=[name for name in _files(folder) if name != MARKER])


def publish(partial: Path, path: object) -> Path:
    """Put the complete folder `partial` in the place of `path`, and remove what stood there.

    Returns the place.  Raises LatephaseError if that fails; then both are as they were.
    """
    target = output_path(path)
    aside = target.with_name(f"{target.name}.replaced-{os.getpid()}")
    with writing(partial):
        if target.exists():
            os.rename(target, aside)
        try:
            os.rename(partial, target)
        except OSError:
            if aside.exists():
                os.rename(aside, target)
            raise
        _remove(aside)
    return target


def replace_file(target: Path, content: bytes) -> None:
    """Write a file in a folder at one stroke: complete, or as it was before.  Raises OSError."""
    draft = partial_of(target)
    try:
        draft.write_bytes(content)
        os.replace(draft, target)
    except OSError:  # a full disk: half a file is of no use
        draft.unlink(missing_ok=True)
        raise


@contextmanager
def writing(partial: Path) -> Iterator[None]:
    """Tell in one line that a folder under way cannot be written on (a full disk).

    Raises LatephaseError in place of an OSError; what the folder holds is kept.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        kept = "what it holds so far was kept"
        raise LatephaseError(f"could not write {partial} ({reason}); {kept}") from None


def _is_our_store(path: Path) -> bool:
    """A Zarr group with our signature among its attributes, and nothing but arrays inside.

    Zarr warns about files it does not know, so a complete store carries no marker file.
    """
    attributes = object_in(path / "zarr.json").get("attributes")
    if not isinstance(attributes, dict) or attributes.get("written_by") != _AUTHOR:
        return False
    others = (entry for entry in path.iterdir() if entry.name != "zarr.json")
    return all((entry / "zarr.json").is_file() for entry in others)


def object_in(file: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is none."""
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _files(folder: Path) -> list[str]:
    """All files below a folder, relative to it, sorted."""
    return sorted(f.relative_to(folder).as_posix() for f in folder.rglob("*") if not f.is_dir())


def _remove(path: Path) -> None:
    """Remove a folder or file, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
