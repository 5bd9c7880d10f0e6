"""Files that may be anybody's: regular, bounded, decoded, and JSON of bounded size and depth.

Whatever a path names, opening it does not wait (FIFOs, terminals), and no more of it is read than
its kind may have (/dev/zero, a disk image).  Limits: docs/certificates.md.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from latephase.core.errors import InputError, Words
from latephase.core.shown import quoted, shown

MOST_VALUES, DEEPEST = 10_000, 16  # of one JSON text
_MOST_DIGITS = 40  # of a number in JSON: an integer of 64 bits has 20, a double 24
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

Pairs = list[tuple[str, Any]]


@contextmanager
def opened(path: object, kind: str, most: int) -> Iterator[IO[bytes]]:
    """The regular file `path` of at most `most` bytes, for reading; `kind` says which ("CSV file").

    Raises InputError on what is no path, on what cannot be opened or read, and on all other files.
    """
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise InputError(f"the path of a {kind}", path, "pass its name")
    try:
        with open(Path(os.fsdecode(path)).expanduser(), "rb", opener=_at_once) as file:
            _check(os.fstat(file.fileno()), most)
            yield file
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        got = Words(f"{quoted(os.fsdecode(path))} ({shown(str(reason), 80)})")
        raise InputError(f"a {kind} that can be read", got, "check its path") from None


def content(path: object, kind: str, most: int) -> bytes:
    """The bytes of such a file.  Raises InputError as `opened` does."""
    with opened(path, kind, most) as file:
        # A file may grow, and those of /proc say that they are empty.
        if len(found := file.read(most + 1) or b"") > most:
            raise OSError(f"over {most:,} bytes")
        return found


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for whoever writes into a pipe, and without taking over a terminal."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))


def _check(status: os.stat_result, most: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise OSError(f"{kind}, no regular file")
    if status.st_size > most:
        raise OSError(f"{status.st_size:,} bytes, of at most {most:,}")


def json_in(
    text: str | bytes, *, of_pairs: Callable[[Pairs], Any] = dict, floats: bool = True
) -> Any:
    """The value of a JSON text in UTF-8, with bounds on its parts.

    of_pairs: makes an object of its keys and values;  floats: whether numbers may have fractions.
    Raises ValueError, of one short line, also on NaN, infinities, numbers beyond float64 or of very
    many digits, a key twice in an object, more than MOST_VALUES values, more levels than DEEPEST.
    """

    if isinstance(text, bytes):
        text = text.decode()
    if text.startswith("\ufeff"):
        raise ValueError("a byte order mark")
    if any(text.count(mark) > MOST_VALUES for mark in ",[{"):  # before they take memory
        raise ValueError(f"more than {MOST_VALUES:,} values")
    try:
        value = json.loads(
            text,
            object_pairs_hook=lambda pairs: of_pairs(_without_repeats(pairs)),
            parse_int=lambda token: int(_short_number(token)),
            parse_float=_real if floats else _refused,
            parse_constant=_refused,
        )
    except RecursionError:
        raise ValueError(f"more than {DEEPEST} levels") from None
    _measure(value)
    return value


def _without_repeats(pairs: Pairs) -> Pairs:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key twice in one object")
    return pairs


def _short_number(token: str) -> str:
    return token if len(token) <= _MOST_DIGITS else _refused(token)


def _real(token: str) -> float:
    number = float(_short_number(token))
    return number if math.isfinite(number) else _refused(token)


def _refused(token: str) -> Any:
    raise ValueError(f"the number {shown(token, 20)}")


def _measure(value: Any) -> None:
    """Raise ValueError on too many values or levels; level by level, so without recursion."""
    level, count = [value], 0
    for _ in range(DEEPEST):
        count += len(level)
        if count > MOST_VALUES:
            raise ValueError(f"more than {MOST_VALUES:,} values")
        parts = (
            p.values() if isinstance(p, dict) else p for p in level if isinstance(p, dict | list)
        )
        level = [inner for part in parts for inner in part]
        if not level:
            return
    raise ValueError(f"more than {DEEPEST} levels")


def json_object(path: object, kind: str, most: int) -> dict[str, Any]:
    """The object in a JSON file.  Raises InputError as `opened` does, and on other content."""
    try:
        found = json_in(content(path, kind, most))
    except InputError:
        raise
    except ValueError as error:
        got = Words(f"something else in {quoted(str(path))} ({shown(str(error), 90)})")
        raise InputError(f"a {kind}", got, "restore the file") from None
    if not isinstance(found, dict):
        got = Words(f"no object in {quoted(str(path))}")
        raise InputError(f"a {kind}", got, "restore the file")
    return found
