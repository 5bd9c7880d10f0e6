"""Temporary folders: gone when the process is, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from latephase.core import LatephaseError
from latephase.store import temporary

MAKE = """
import sys, time
from latephase.store.temporary import temporary_folder
folder = temporary_folder()
(folder / "part").write_bytes(b"0")
print(folder, flush=True)
time.sleep(float(sys.argv[1]))
"""


@pytest.mark.parametrize("number", [None, signal.SIGTERM, signal.SIGKILL])
def test_a_temporary_folder_is_gone_with_its_process(tmp_path, number):
    """Ground truth: the place that TMPDIR names, empty in the end."""
    words = [sys.executable, "-W", "error", "-c", MAKE, "0" if number is None else "60"]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(words, stdout=-1, stderr=-1, text=True, env=env) as process:
        folder = Path(process.stdout.readline().strip())
        assert folder.parent == tmp_path
        if number is not None:
            assert (folder / "part").exists()
            process.send_signal(number)
        assert process.wait() == -(number or 0)
        assert process.stderr.read() == ""
    deadline = time.monotonic() + 60
    while folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_copy_of_the_process_does_not_remove_it(tmp_path):
    """Ground truth: a folder made by another process."""
    temporary._remove(tmp_path, os.getpid() + 1, None)
    assert tmp_path.exists()


def test_no_room_for_a_folder_is_told_in_one_line(monkeypatch, tmp_path):
    """Ground truth: a TMPDIR that is a file."""
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    with pytest.raises(LatephaseError, match=r"temporary folder \(Not a directory\); set TMPDIR"):
        temporary.temporary_folder()
