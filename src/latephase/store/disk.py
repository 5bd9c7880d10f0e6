"""Files and folders on disk: created exclusively, synced, exchanged at one stroke, summed.

What has returned from here outlasts a power cut: a file is synced, then the folder that names it.
No function follows a symbolic link in the place that it writes or sums.  What is asked of many
files is asked side by side: a disk puts twenty at once in its journal, and twenty in turn in twenty
entries, which takes ten times as long.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from latephase.core.errors import InputError
from latephase.core.foreign import content

Sum = tuple[int, str]  # of a file: its size, and the SHA-256 of its bytes
T = TypeVar("T")
U = TypeVar("U")
Identity = tuple[int, int]  # of what stands at a place, whatever its name: device and inode

_PLAIN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
READING = os.O_RDONLY | _PLAIN  # O_NONBLOCK: nobody may ever write into a FIFO
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN
OLD_OR_NEW = os.O_RDWR | os.O_CREAT | _PLAIN
_WINDOWS = os.name == "nt"
_LARGEST = 2**28  # bytes: the marker of a million files has half of them
_MARKS = 10**6  # of JSON, and one more for 32 bytes: a file in a marker has three, and over 100
_AT_ONCE = 32  # files: most wait for the disk, not for a processor
_UNABLE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


def identity(path: Path) -> Identity | None:
    """What stands at `path`, links not followed; None if nothing does."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def names(folder: Path) -> set[str]:
    """All that is no folder below `folder`, relative to it.  Raises OSError."""

    def refuse(error: OSError) -> None:
        raise error

    found = set()
    for place, folders, files in os.walk(folder, onerror=refuse):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        found |= {Path(place, name).relative_to(folder).as_posix() for name in (*files, *links)}
    return found


def sum_of(path: Path, sync: bool = False) -> Sum | None:
    """The sum of a regular file, None where none can be read; `sync`: first put it on disk."""
    try:
        opened = os.open(path, os.O_RDWR | _PLAIN if sync and _WINDOWS else READING)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            return None
        if sync:
            os.fsync(opened)
        with open(opened, "rb", closefd=False) as file:
            known = hashlib.file_digest(file, "sha256").hexdigest()
        return os.fstat(opened).st_size, known
    except OSError:
        if sync:
            raise
        return None
    finally:
        os.close(opened)


def sum_of_bytes(content: bytes) -> Sum:
    """The sum of a file with this content."""
    return len(content), hashlib.sha256(content).hexdigest()


def sums_of(folder: Path, names: Iterable[str], sync: bool = False) -> dict[str, Sum | None]:
    """The sums of files below a folder by their names, as `sum_of` finds them."""
    names = list(names)
    sums = _side_by_side(lambda name: sum_of(folder / name, sync), names)
    return dict(zip(names, sums, strict=True))


def sync_folders(folders: Iterable[Path]) -> None:
    """Put the names in folders on disk, each folder once.  Raises OSError."""
    _side_by_side(_sync_folder, () if _WINDOWS else sorted(set(folders)))


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:  # some file systems sync names by themselves and refuse to be told
        if error.errno not in _UNABLE:
            raise
    finally:
        os.close(opened)


def sync_all(folder: Path) -> dict[str, Sum]:
    """Put all below a folder on disk; the sums of its files by name.  Raises OSError."""
    found = sums_of(folder, sorted(names(folder)), sync=True)
    sync_folders(Path(place) for place, _, _ in os.walk(folder))
    return {name: known for name, known in found.items() if known is not None}


def make_folders(path: Path) -> None:
    """Make a folder and those above it, and sync what names them.  Raises OSError."""
    if not path.exists():
        make_folders(path.parent)
        path.mkdir(exist_ok=True)
        sync_folders([path.parent])


def write_new(path: Path, made: bytes) -> None:
    """Write a file that was not there, and put its bytes (not yet its name) on disk.

    Raises FileExistsError, also where a link stands; OSError, and then leaves no file.
    """
    opened = os.open(path, NEW, 0o666)
    try:
        with open(opened, "wb") as file:
            file.write(made)
            file.flush()
            os.fsync(opened)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def write_all_new(made: Mapping[Path, bytes]) -> list[Sum]:
    """Write files that were not there, and put their bytes (not yet their names) on disk; their
    sums.

    Raises OSError, and then leaves none of them.
    """
    written = []

    def write(path: Path) -> Sum:
        write_new(path, made[path])
        written.append(path)
        return sum_of_bytes(made[path])

    try:
        return _side_by_side(write, made)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _side_by_side(work: Callable[[T], U], given: Iterable[T]) -> list[U]:
    """What work makes of each, in their order; the first error is raised once all have ended."""
    each = list(given)
    if len(each) < 2:
        return [work(one) for one in each]
    with ThreadPoolExecutor(min(len(each), _AT_ONCE)) as pool:
        return list(pool.map(work, each))


def open_folder(folder: Path) -> int | None:
    """A descriptor of a folder, by which it is found wherever it is; None where there are none."""
    return os.open(folder, os.O_RDONLY) if os.rename in os.supports_dir_fd else None


def move_into(folder: int | None, path: Path, file: Path, name: str) -> None:
    """Move a file to a name below the folder that was opened at `path`, and below no other that has
    its path by now.  Raises OSError."""
    if folder is None:
        file.replace(path / name)
    else:
        os.rename(file, name, dst_dir_fd=folder)


def content_of(path: Path) -> bytes | None:
    """The bytes of a regular file, or of one that a link leads to; None where there is none, or one
    that is larger than any of ours."""
    try:
        return content(path, "file", _LARGEST)
    except InputError:
        return None


def object_in(found_bytes: bytes | None) -> dict[str, Any]:
    """The JSON object in bytes, whatever they are; empty where there is none."""
    text = found_bytes or b""
    if any(text.count(mark) > _MARKS + len(text) // 32 for mark in (b",", b"[", b"{")):
        return {}  # before empty lists and the like take memory
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def swap(made: Path, place: Path, aside: Path) -> Path | None:
    """Put `made` in `place`; where what stood there is now, None if nothing did.  Raises OSError.

    At one stroke where the system can; elsewhere what stood there is at `aside` in between.
    """
    if identity(place) is None:
        os.rename(made, place)
        return None
    if _exchanged(made, place):
        return made
    os.rename(place, aside)
    try:
        os.rename(made, place)
    except OSError:
        os.rename(aside, place)
        raise
    return aside


@cache
def _renameat2() -> Any:
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two names; False where system or file system cannot.  Raises OSError."""
    call, here, exchange = _renameat2(), -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    if call is None:
        return False
    if call(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNABLE:
        return False
    raise OSError(code, os.strerror(code), str(one), None, str(other))


def remove(path: Path) -> None:
    """Remove a folder, file or link, if it is there.  Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        if (
            mode := stat.S_IMODE(path.stat().st_mode)
        ) & 0o700 != 0o700:  # made under a strange umask
            with suppress(OSError):
                path.chmod(mode | 0o700)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
