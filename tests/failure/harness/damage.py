"""What can happen to a file that was written: one line each, and contents that somebody made up."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path, random.Random], None]


def truncate(file: Path, rng: random.Random) -> None:
    file.write_bytes(file.read_bytes()[: rng.randrange(max(1, file.stat().st_size))])


def empty(file: Path, rng: random.Random) -> None:
    file.write_bytes(b"")


def flip(file: Path, rng: random.Random) -> None:
    content = bytearray(file.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    file.write_bytes(content)


def zeros(file: Path, rng: random.Random) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def remove(file: Path, rng: random.Random) -> None:
    file.unlink()


def swap(file: Path, rng: random.Random) -> None:
    """The contents of two files of a kind are exchanged."""
    others = sorted(f for f in file.parent.rglob("*") if f.is_file() and f != file)
    others += sorted(f for f in file.parents[1].rglob(file.name) if f.is_file() and f != file)
    other = rng.choice(others or [file])
    one, two = file.read_bytes(), other.read_bytes()
    file.write_bytes(two)
    other.write_bytes(one)


def swell(file: Path, rng: random.Random) -> None:
    file.write_bytes(file.read_bytes() + rng.randbytes(100))


def twice(file: Path, rng: random.Random) -> None:
    file.write_bytes(file.read_bytes() * 2)


def folder(file: Path, rng: random.Random) -> None:
    file.unlink()
    file.mkdir()


def link(file: Path, rng: random.Random) -> None:
    """A link to a copy elsewhere."""
    elsewhere = file.with_name(f"{file.name}-elsewhere")
    file.rename(elsewhere)
    file.symlink_to(elsewhere.name)


def dangling(file: Path, rng: random.Random) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def pipe(file: Path, rng: random.Random) -> None:
    file.unlink()
    os.mkfifo(file)


def lost_folder(file: Path, rng: random.Random) -> None:
    """The folder in which it lies is gone (an array of a store)."""
    shutil.rmtree(file.parent)


_ALL = (truncate, empty, flip, zeros, remove, swap, swell, twice, folder, link, dangling, pipe)
DAMAGES: dict[str, Damage] = {found.__name__: found for found in (*_ALL, lost_folder)}

_DEEP = b"[" * 100_000
_NUMBERS = ("-1", "1e9", "1000000000", "2.5", "true", '"2"', "null", "[]", "NaN", "9" * 5000)
# What a file of JSON may hold instead of what we wrote.
HOSTILE = {
    "nothing": b"",
    "no-text": b"\xff\xfe\x00",
    "an-array": b"[]",
    "a-number": b"1e999",
    "null": b"null",
    "an-empty-object": b"{}",
    "deep": _DEEP,
    "deep-inside": b'{"written_by": "latephase", "files": ' + _DEEP,
    "twice-a-name": b'{"written_by": "latephase", "written_by": "somebody"}',
    "ours-alone": b'{"written_by": "latephase"}',
    "files-of-no-list": b'{"written_by": "latephase", "files": 3}',
    "files-of-numbers": b'{"written_by": "latephase", "files": [1, null, {}]}',
    **{
        f"finished-{text[:9]}": f'{{"written_by": "latephase", "finished_trials": {text}}}'.encode()
        for text in _NUMBERS
    },
}
