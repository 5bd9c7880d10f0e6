"""Folders that are gone when the process is, however it ends."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from latephase.core.errors import LatephaseError

# Reads until nobody can write any more: the last process that could has ended, killed or not.
_WAIT_AND_REMOVE = """
import shutil, signal, sys
for name in ("SIGINT", "SIGTERM", "SIGHUP"):
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
sys.stdin.buffer.read()
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


def temporary_folder() -> Path:
    """An empty folder below TMPDIR that is removed when Python exits, and when it is killed.

    The second is the business of a small process of its own, which reads from a pipe that ends
    with this one.  Raises LatephaseError where no folder can be made.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="latephase-"))
    except OSError as error:
        raise LatephaseError(
            f"could not make a temporary folder ({error.strerror or error}); "
            "set TMPDIR to a folder that has room"
        ) from None
    remover = None
    with suppress(OSError):  # no process to be had: what can be done at the exit is done
        remover = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WAIT_AND_REMOVE, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C and a closed terminal are not for it
            cwd=os.sep,  # so that it keeps no other folder in use
        )
    atexit.register(_remove, folder, os.getpid(), remover)
    return folder


def _remove(folder: Path, maker: int, remover: subprocess.Popen[bytes] | None) -> None:
    if os.getpid() != maker:  # a copy of the process (os.fork) ends with the same list of things
        return
    shutil.rmtree(folder, ignore_errors=True)
    if remover is not None:
        remover.communicate()
