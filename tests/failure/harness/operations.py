"""Every file operation below a folder is counted, and something befalls the n-th of them.

An operation is an opening for writing, a write, a rename, link, removal, new folder, change of
mode, lock, and a sync.  `install` goes before the first import of latephase, so that nobody holds
the functions as they were; it changes nothing until `watch` names a folder and a fault.
"""

from __future__ import annotations

import _io
import builtins
import ctypes
import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from .shadow import Shadow

NEVER = 10**9
# What a full disk refuses; to remove and to rename takes no room.
GROWING = {"open", "write", "mkdir", "link", "symlink", "fsync"}
# Of the audit events: the name here, and which of its arguments are paths and their folders.
PATHS = {
    "os.rename": ("rename", ((0, 2), (1, 3))),
    "os.remove": ("remove", ((0, 1),)),
    "os.rmdir": ("rmdir", ((0, 1),)),
    "os.mkdir": ("mkdir", ((0, 2),)),
    "os.link": ("link", ((0, 2), (1, 3))),
    "os.symlink": ("symlink", ((1, 2),)),
    "os.truncate": ("truncate", ((0, None),)),
    "os.chmod": ("chmod", ((0, 2),)),
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Fault(NamedTuple):
    """What befalls the operation number `at`, counted from 1; none does if it is NEVER.

    kind: count, kill, interrupt, stop (until continued), full (from there on nothing grows), broken
    (an input/output error, once), or cut (the power: only what was synced is left, in
    `<root>.synced`; in `<root>.early` with names that reached the disk before their data).
    """

    kind: str = "count"
    at: int = NEVER


NO_FAULT = Fault()


@dataclass
class Watch:
    """The operations seen so far below `root`."""

    root: str
    fault: Fault
    shadow: Shadow | None  # of the disk, where the power is cut
    seen: list[str] = field(default_factory=list)
    lock: Any = field(default_factory=threading.RLock)
    inside: threading.local = field(default_factory=threading.local)

    @property
    def busy(self) -> bool:
        """Whether what this thread does is the harness's own; others may be at work meanwhile."""
        return getattr(self.inside, "busy", False)

    def below(self, path: str) -> bool:
        return path == self.root or path.startswith(self.root + "/")

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """What the harness does itself does not count."""
        with self.lock:
            before, self.inside.busy = self.busy, True
            try:
                yield
            finally:
                self.inside.busy = before

    def operation(self, name: str, path: str, before_death: Callable[[], object] = int) -> None:
        """Count one; at the n-th the fault strikes, before the operation is done."""
        with self.lock:
            if self.busy or not self.below(path):
                return
            self.seen.append(f"{name} {path[len(self.root) :] or '.'}")
            number, (kind, at) = len(self.seen), self.fault
            if kind == "full" and number >= at and name in GROWING:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
            if number != at or kind in ("count", "full"):
                return
            if kind == "broken":
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)
            with self.unwatched():
                if kind == "kill":
                    before_death()
                if self.shadow:
                    self.shadow.rebuild(Path(self.root + ".synced"), strict=True)
                    self.shadow.rebuild(Path(self.root + ".early"), strict=False)
            deadly = {"interrupt": signal.SIGINT, "stop": signal.SIGSTOP}
            os.kill(os.getpid(), deadly.get(kind, signal.SIGKILL))


_watch: Watch | None = None


def watch(root: Path, fault: Fault) -> Watch:
    """From now on watch what this process does below `root`."""
    global _watch
    shadow = Shadow(root) if fault.kind == "cut" else None
    _watch = Watch(os.path.realpath(root), fault, shadow)
    return _watch


def _place(path: Any, folder: Any = None) -> str:
    """The absolute path, links above its last part resolved; of a descriptor what it is open on."""
    if isinstance(path, int):
        return os.readlink(f"/proc/self/fd/{path}").removesuffix(" (deleted)")
    text = os.fsdecode(path)
    if isinstance(folder, int) and folder >= 0 and not text.startswith("/"):
        text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
    head, tail = os.path.split(os.path.abspath(text))
    return os.path.join(os.path.realpath(head), tail)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _watch is None or _watch.busy:
        return
    if event == "open":
        path, _, flags = arguments
        if flags & WRITING and not isinstance(path, int):
            _watch.operation("open", _place(path))
    elif event == "fcntl.flock":
        _watch.operation("flock", _place(arguments[0]))
    elif event in PATHS:
        name, places = PATHS[event]
        for at, (path, folder) in enumerate(places):
            place = _place(arguments[path], None if folder is None else arguments[folder])
            if _watch.below(place) or at == len(places) - 1:
                _watch.operation(name, place)
                return


class _Raw(io.FileIO):
    """A file whose writes count; one that is killed at has written half."""

    def write(self, data: Any) -> int:
        if _watch is not None:
            half = bytes(data)[: len(data) // 2]
            written = super().write
            _watch.operation("write", _place(self.fileno()), lambda: written(half))
        return super().write(data)


def _opened(real: Callable[..., Any]) -> Callable[..., Any]:
    def open(file: Any, mode: str = "r", buffering: int = -1, *more: Any, **named: Any) -> Any:
        plain = not (set("wax+") & set(mode)) or _watch is None or _watch.busy
        if plain or not _watch.below(_place(file)):
            return real(file, mode, buffering, *more, **named)
        names = ("encoding", "errors", "newline", "closefd", "opener")
        given = dict(zip(names, more, strict=False)) | named
        way = {key: given.pop(key) for key in ("closefd", "opener") if key in given}
        raw = _Raw(file, mode.replace("b", "").replace("t", ""), **way)
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, **given)

    return open


def _synced(real: Callable[[int], None]) -> Callable[[Any], None]:
    def fsync(file: Any) -> None:
        if _watch is None or _watch.busy:
            return real(file)
        number = file if isinstance(file, int) else file.fileno()
        _watch.operation("fsync", _place(number))
        if _watch.shadow:  # the real sync costs much, and the test plays the disk
            with _watch.unwatched():
                _watch.shadow.sync(number)
        return None

    return fsync


def _written(real: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
    def write(number: int, data: Any) -> int:
        if _watch is not None and not _watch.busy and number > 2:
            half = bytes(data)[: len(data) // 2]
            _watch.operation("write", _place(number), lambda: real(number, half))
        return real(number, data)

    return write


class _Foreign:
    """A function of the C library that renames or syncs, called through ctypes."""

    def __init__(self, real: Any, name: str) -> None:
        self.__dict__.update(real=real, name=name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.real, name, value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def __call__(self, *arguments: Any) -> Any:
        if _watch is not None and not _watch.busy:
            paths = [a for a in (getattr(a, "value", a) for a in arguments) if type(a) is bytes]
            if paths:
                _watch.operation(self.name, _place(paths[-1]))
        return self.real(*arguments)


def install() -> None:
    """Put the counting in place, for this process and those it forks."""
    sys.addaudithook(_audit)
    counting = _opened(builtins.open)
    builtins.open = io.open = _io.open = counting  # type: ignore[assignment]
    os.fsync, os.fdatasync = _synced(os.fsync), _synced(os.fdatasync)
    os.write = _written(os.write)  # type: ignore[assignment]
    looked_up = ctypes.CDLL.__getattr__

    def __getattr__(library: Any, name: str) -> Any:
        found = looked_up(library, name)
        return _Foreign(found, name) if name in ("rename", "renameat2", "syncfs") else found

    ctypes.CDLL.__getattr__ = __getattr__  # type: ignore[method-assign]
