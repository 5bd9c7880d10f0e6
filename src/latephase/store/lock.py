"""One writer for each output: a locked file beside it, which says who that is."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shlex
import socket
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from latephase.core.errors import InputError, Words

from . import disk

try:
    import fcntl
except ImportError:  # Windows: only what is checked before publishing holds two writers apart
    fcntl = None  # type: ignore[assignment]

_AUTHOR = "latephase"
_FIRST = json.dumps({"written_by": _AUTHOR})[:-1].encode()  # how every lock begins
_TOKEN = re.compile(r"[0-9a-f]{8}")
_LONGEST = 200  # characters of a command
_TAKEN = {errno.EAGAIN, errno.EACCES}


class Lock:
    """The lock of an output, held until it is released or the process ends, however it does.

    token: the part of temporary names that nobody else has;  stale: what a dead holder noted, with
    its own token; {} if there was none.  The file is JSON lines: who, and what is noted later.
    """

    def __init__(self, target: Path) -> None:
        """Take the lock.  Raises InputError where another holds it, OSError where none can be."""
        self.path, self._pid = lock_of(target), os.getpid()
        while True:
            self._fd = os.open(self.path, disk.OLD_OR_NEW, 0o666)
            try:
                _keep_usable(self._fd)
                taken = _flocked(self._fd)
                self.stale = self._read()
                if not taken:
                    raise taken_by(self.stale, target)
            except BaseException:
                os.close(self._fd)
                raise
            if self.held():
                break
            os.close(self._fd)  # its holder removed it between our opening and locking it
        self.token = secrets.token_hex(4)

    def sign(self) -> None:
        """Say in the file who holds it; what a dead holder noted is forgotten.  Raises OSError."""
        os.ftruncate(self._fd, 0)
        self.note(**signature(), token=self.token)
        disk.sync_folders([self.path.parent])

    def note(self, **facts: Any) -> None:
        """Add facts for whoever comes after the death of this process.  Raises OSError."""
        os.lseek(self._fd, 0, os.SEEK_END)
        os.write(self._fd, json.dumps(facts).encode() + b"\n")
        os.fsync(self._fd)

    @property
    def mine(self) -> bool:
        """Whether this process took it, and is no copy of the one that did (os.fork)."""
        return os.getpid() == self._pid

    def held(self) -> bool:
        """Whether it is this process's, and the file still where others look for it."""
        if self._fd < 0 or not self.mine:
            return False
        mine = os.fstat(self._fd)
        return disk.identity(self.path) == (mine.st_dev, mine.st_ino)

    def release(self, keep: bool = False) -> None:
        """Give up the lock, and remove the file unless it is somebody else's by now.

        keep: leave it to tell the next run what is still to be put in order.
        """
        with suppress(OSError):
            if self.held() and not keep:
                self.path.unlink()
                disk.sync_folders([self.path.parent])
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _read(self) -> dict[str, Any]:
        """What the file says; {} if it is new.  Raises InputError if it is not one of ours."""
        found: dict[str, Any] = {}
        regular = stat.S_ISREG(os.fstat(self._fd).st_mode)
        content = os.pread(self._fd, 1 << 16, 0) if regular else b"no lock"
        # After a power cut, a file that was not synced is empty or all zeros; a killed holder may
        # have begun to write who it is, and made nothing yet.
        torn = b"\n" not in content and _FIRST.startswith(content[: len(_FIRST)])
        lines = [] if torn else content.strip(b"\0").splitlines()
        for line in lines:
            found |= disk.object_in(line)
        if lines and found.get("written_by") != _AUTHOR:
            got = Words(f"{self.path}, which is none of latephase's")
            raise InputError("a lock, or nothing, beside the output", got, "move it away")
        token = found.get("token")
        if not (isinstance(token, str) and _TOKEN.fullmatch(token)):
            found.pop("token", None)
        return found


def lock_of(target: Path) -> Path:
    """The file that is locked for an output."""
    return target.with_name(f".{target.name}.{_AUTHOR}-lock")


def _keep_usable(fd: int) -> None:
    """Whatever the umask, its owner can read and write a lock: else nobody could ever remove it."""
    mode = stat.S_IMODE(os.fstat(fd).st_mode)
    if mode & 0o600 != 0o600 and hasattr(os, "fchmod"):
        with suppress(OSError):
            os.fchmod(fd, mode | 0o600)


def _flocked(fd: int) -> bool:
    """Whether the lock could be taken; also where the file system knows no locks."""
    if fcntl is not None:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in _TAKEN
    return True


def signature() -> dict[str, Any]:
    """Who this process is, for those who find its lock."""
    return {
        "written_by": _AUTHOR,
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "command": shlex.join(sys.argv)[:_LONGEST],
    }


def taken_by(facts: dict[str, Any], target: object) -> InputError:
    """What is raised where another holds the lock."""
    got = Words(f"{target}, which {_holder(facts)} is writing")
    do = "wait until it ends, or choose another output"
    return InputError("an output that nobody else is writing", got, do)


def _holder(facts: dict[str, Any]) -> str:
    """Who holds a lock, in words."""
    said = {name: str(facts.get(name, "?"))[:_LONGEST] for name in ("host", "since", "command")}
    if not isinstance(facts.get("pid"), int):
        return "another process"
    return f"process {facts['pid']} on {said['host']} since {said['since']} ({said['command']})"
