"""Files written side by side; what is read of JSON beside an output, whoever wrote it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
import tracemalloc

import pytest

from latephase.store import disk


@pytest.mark.parametrize("part", [b"[],", b"{},", b"1,", b"[[[["])
def test_what_would_take_memory_is_not_read(part):
    """Ground truth: a bound on memory; 12 MB of empty lists took 300 MB."""
    hostile = b'{"a":[' + part * (12 * 10**6 // len(part)) + b"1]}"
    tracemalloc.start()
    assert disk.object_in(hostile) == {}
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_a_marker_of_any_number_of_files_is_read(monkeypatch):
    """Ground truth: what was written, with no marks allowed but those that come with bytes."""
    monkeypatch.setattr(disk, "_MARKS", 8)
    marker = {"files": {f"law/c.{k}": [0, f"{k:064x}"] for k in range(20_000)}}
    assert disk.object_in(json.dumps(marker).encode()) == marker


def test_files_and_folders_are_synced_side_by_side(tmp_path, monkeypatch):
    """Ground truth: a barrier that breaks unless all are there at once; SHA-256 of the contents."""
    meet = threading.Barrier(3, timeout=60)
    monkeypatch.setattr(os, "fsync", lambda opened: meet.wait())
    made = {tmp_path / f"{k}": b"%d" % k for k in range(3)}
    assert disk.write_all_new(made) == [
        (len(one), hashlib.sha256(one).hexdigest()) for one in made.values()
    ]
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == made
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    disk.sync_folders([*folders, *folders])  # each once: six would not wait for one another
    assert meet.n_waiting == 0


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_one_file_that_cannot_be_written_leaves_none(tmp_path, monkeypatch, code):
    """Ground truth: what was in the folder before; a file of others that was there stays."""
    (tmp_path / "theirs").write_bytes(b"theirs")
    real = os.fsync

    def fails(opened: int) -> None:
        if os.path.basename(os.readlink(f"/proc/self/fd/{opened}")) == "5":
            raise OSError(code, os.strerror(code))
        real(opened)

    if os.path.exists("/proc/self/fd"):
        monkeypatch.setattr(os, "fsync", fails)
        with pytest.raises(OSError, match=os.strerror(code)):
            disk.write_all_new({tmp_path / f"{k}": b"ours" for k in range(8)})
    with pytest.raises(FileExistsError):
        disk.write_all_new({tmp_path / name: b"ours" for name in ("1", "theirs", "2")})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"theirs": b"theirs"}
