"""Objects on another system (`s3://`, `gs://`, `memory://`), by what fsspec knows of it.

There is no renaming there, no folder and no lock: an object is written whole under its name.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from latephase.core.errors import InputError, LatephaseError, Words

from . import disk
from .lock import signature, taken_by
from .pen import Files, Written

LOCK = "lock"
_BEAT = 5  # seconds after which a holder renews its lock
_PATIENCE = 30  # seconds after which one that was not renewed is a dead one's


class Objects:
    """The objects below a URL, by their names relative to it."""

    def __init__(self, url: str) -> None:
        """Raises InputError where no package knows such URLs, OSError where there is nothing."""
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            do = "pip install 'latephase[objects]'"
            raise InputError(f"fsspec, for {url}", Words("none"), do) from None
        try:
            with _told():
                self._system, self._root = url_to_fs(url)
        except (ImportError, ValueError) as error:
            do = "install what fsspec needs for it, or choose another output"
            raise InputError("a URL that fsspec knows", Words(f"{url} ({error})"), do) from None
        self.url = url

    def read(self, name: str) -> bytes | None:
        """What is in an object; None where there is none.  Raises OSError."""
        with _told():
            try:
                found: bytes = self._system.cat_file(self._at(name))
            except FileNotFoundError:
                return None
            return found

    def write(self, made: Mapping[str, bytes]) -> None:
        """Write objects, several at a time where the system can.  Raises OSError."""
        with _told():
            self._system.pipe({self._at(name): content for name, content in made.items()})

    def create(self, name: str, content: bytes) -> bool:
        """Write an object unless there is one; whether it was written.  Raises OSError."""
        with _told():
            try:
                self._system.pipe_file(self._at(name), content, mode="create")
            except FileExistsError:
                return False
            except OSError:  # how S3 says it differs from server to server
                if self.read(name) is None:
                    raise
        return self.read(name) == content  # not every system keeps the rule

    def sizes(self) -> dict[str, int]:
        """The sizes of all objects by name.  Raises OSError."""
        with _told():
            self._system.invalidate_cache()
            try:
                found = self._system.find(self._root, detail=True)
            except FileNotFoundError:
                return {}
        length = len(self._root.rstrip("/")) + 1
        return {name[length:]: one["size"] for name, one in found.items()}

    def sums(self, names: Iterable[str]) -> dict[str, disk.Sum]:
        """The sums of those objects that are there.  Raises OSError."""
        found = {name: self.read(name) for name in names}
        return {
            name: disk.sum_of_bytes(content)
            for name, content in found.items()
            if content is not None
        }

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects.  Raises OSError."""
        places = [self._at(name) for name in names]
        if places:
            with _told():
                self._system.rm(places)

    def _at(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"


@dataclass(frozen=True)
class InPlace:
    """Writes the files of a part where they belong, as long as a lock is the one with this token.

    Workers who do not see that lock, such as those whose memory is not that of `memory://`, leave
    it to the one who holds it.
    """

    url: str
    beside: str
    token: str

    def __call__(self, made: Mapping[str, bytes]) -> Files:
        """The files, written; as they are where that cannot be."""
        try:
            held = disk.object_in(Objects(self.beside).read(LOCK))
            if held.get("token") != self.token:
                return made
            Objects(self.url).write(made)
        except (OSError, InputError):
            return made
        return {name: Written(disk.sum_of_bytes(content)) for name, content in made.items()}


class ObjectLock:
    """One writer for objects: an object that its holder renews every few seconds.

    Who finds one that is not renewed for half a minute, by its own watch, may take it.
    """

    def __init__(self, beside: Objects, target: str) -> None:
        """Take the lock.  Raises InputError where another holds it, OSError where none can be."""
        self._beside, self._target, self.token = beside, target, secrets.token_hex(4)
        self._facts, self._ended = {**signature(), "token": self.token}, threading.Event()
        while not beside.create(LOCK, self._content(0)):
            found = beside.read(LOCK)
            if found is None or self._is_dead(found):
                beside.remove([LOCK] if found is not None else [])
        threading.Thread(target=self._renew, daemon=True).start()

    def check(self) -> None:
        """Raise LatephaseError unless the lock is still this one; OSError."""
        if disk.object_in(self._beside.read(LOCK)).get("token") != self.token:
            said = f"the lock of {self._target} was removed or taken"
            raise LatephaseError(f"{said}; nothing more was written: resume")

    def release(self) -> None:
        """Give up the lock."""
        self._ended.set()
        with suppress(OSError, LatephaseError):
            self.check()
            self._beside.remove([LOCK])

    def _is_dead(self, found: bytes) -> bool:
        """Whether nobody renews the lock.  Raises InputError where somebody does."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            time.sleep(_BEAT / 5)
            if (now := self._beside.read(LOCK)) != found:
                if now is None:
                    return False
                raise taken_by(disk.object_in(now), self._target)
        return True

    def _renew(self) -> None:
        beat = 0
        while not self._ended.wait(_BEAT):
            beat += 1
            with suppress(OSError):
                try:
                    self.check()
                except LatephaseError:
                    return
                if not self._ended.is_set():
                    self._beside.write({LOCK: self._content(beat)})

    def _content(self, beat: int) -> bytes:
        return json.dumps({**self._facts, "beat": beat}).encode()


@contextmanager
def _told() -> Iterator[None]:
    """Within, whatever a system raises is an OSError, in one line."""
    try:
        yield
    except (OSError, ImportError, ValueError):
        raise
    except Exception as error:
        said = str(error).partition("\n")[0]
        raise OSError(f"{type(error).__name__}: {said}") from None
