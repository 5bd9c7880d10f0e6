"""The life of an output: claimed, made beside its place, put in its place at one stroke.

Folders (stores, certificates, reports) and single files (a network, a certificate) alike: whole or
not at all, one writer at a time, and nobody else's files are touched.
"""

from __future__ import annotations

import errno
import os
import stat
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType

from latephase.core.errors import InputError, LatephaseError, Words

from . import disk
from .lock import Lock
from .marker import MARKER, Marker, damaged, is_ours, sealed, strangers, write_marker
from .order import put_in_order
from .pen import Drafts, Files, Written
from .places import claiming, output_path, partial_of, refuse_inside, temporary_of, writing

_DO = "choose another output, or replace it with force"
_CANNOT = {errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR, errno.ENOTDIR}
Ours = Callable[[Path], bool]


class Output:
    """An output of latephase's, locked from the claim until the `with` block ends.

    target: its place;  partial: the sibling in which a folder is made.  A folder is made between
    `begin` and `publish`, a file by `write`.  What is not published is removed at the end, unless
    `keeps`: then the next run can go on with it, and finds it under a name that can be known.
    """

    def __init__(
        self,
        path: object,
        *,
        force: bool = False,
        folder: bool = True,
        keeps: bool = False,
        ours: Ours = is_ours,
        what: str = "an output that is new, or that latephase wrote",
        do: str = _DO,
    ) -> None:
        """Claim the output `path`; it is not touched before it is published.

        folder: or a file;  ours: whether latephase wrote what stands at a place, so that it may be
        replaced;  what, do: that in words, and what else can be done.  Raises InputError where
        something else stands there (unless `force`), where another process writes it, and where
        any step of its life fails on trial.
        """
        self.target = output_path(path)
        self._folder, self._force, self._keeps = folder, force, keeps
        self._ours, self._what, self._do = ours, what, do
        self._made: disk.Identity | None = None
        self._opened: int | None = None  # the work folder, whatever has its path by now
        self._unsettled = False  # whether the next run has to look, if this one ends here
        with claiming(self.target):
            refuse_inside(self.target)
            disk.make_folders(self.target.parent)
            self._lock = Lock(self.target)
            self.partial = partial_of(self.target) if keeps else self._named()
            try:
                self._unsettled = True
                put_in_order(self.target, self._lock.stale)
                self._unsettled = False
                self._lock.sign()
                self._refuse_others()
                self._try_out()
                self._stood = disk.identity(self.target)
            except BaseException:
                self.close()
                raise

    def begin(self, marker: Marker, fill: Callable[[Path], Marker] | None = None) -> Path:
        """Make the work folder, with a marker in it from its first moment; its place.

        fill: puts more into the new folder and returns the marker to write.  An earlier work folder
        of ours stands until the new one is filled.  Raises InputError where that fails.
        """
        self.check()
        with claiming(self.target):
            # Zarr writes in a thread of its own, which goes on behind an interruption.
            scratch, self._unsettled = self._named(), True
            scratch.mkdir()
            write_marker(scratch, fill(scratch) if fill else marker, self._named("draft"))
            disk.sync_folders([scratch])
            self._opened = disk.open_folder(scratch)
            old = None
            if self._keeps:
                old = disk.swap(scratch, self.partial, self._named("partial"))
            self._made = disk.identity(self.partial)
            disk.sync_folders([self.target.parent])
            if old is not None:
                disk.remove(old)
            self._unsettled = False
        return self.partial

    def drafts(self) -> Drafts:
        """A folder for drafts, of other processes too, which is gone when the lock is."""
        with claiming(self.target):
            return self._drafts()

    def put_in(self, files: Files) -> dict[str, disk.Sum]:
        """Put files into the work folder, whole and synced; their sums.

        Into the one that was begun: whoever has taken its place meanwhile never gets a file of it.
        Raises OSError, and what `check` raises.
        """
        made = {name: one for name, one in files.items() if isinstance(one, bytes)}
        written = {name: one for name, one in files.items() if isinstance(one, Written)}
        if made:
            written |= self._drafts().write(made)
        for name, one in written.items():
            assert one.draft is not None
            self.check()
            disk.move_into(self._opened, self.partial, one.draft, name)
        disk.sync_folders((self.partial / name).parent for name in files)
        return {name: one.sum for name, one in written.items()}

    def mark(self, marker: Marker) -> None:
        """Write the marker of the work folder.  Raises OSError, and what `check` raises."""
        self.check()
        write_marker(self.partial, marker, self._named("draft"))

    def publish(self, marker: Marker, files: dict[str, disk.Sum] | None = None) -> Path:
        """Put the complete folder in its place; the place.

        files: the sums of all its files, where they are known and synced.  Raises LatephaseError if
        that fails, or if something happened to place, folder, files or lock meanwhile.
        """
        with self.told():
            self.check()
            if files is None:
                files = disk.sync_all(self.partial)
                files.pop(MARKER, None)
            else:
                self._refuse_changes(sealed(marker, files))
            self.mark(sealed(marker, files))
            self._put(self.partial)
        return self.target

    def write(self, content: bytes) -> Path:
        """Put a file with this content in its place; the place.  Raises LatephaseError."""
        scratch = self._named()
        self.check()
        with self.told():
            try:
                disk.write_new(scratch, content)
                self._put(scratch)
            finally:
                disk.remove(scratch)
        return self.target

    def check(self) -> None:
        """Raise LatephaseError unless lock and work folder are still those of this process."""
        if self._lock.held() and (self._made is None or disk.identity(self.partial) == self._made):
            return
        if not self._lock.mine:
            said = f"{self.target} is written by the process of which this is a copy"
            raise LatephaseError(f"{said}; nothing was changed: leave it to that one")
        lost = self.partial if self._lock.held() else self._lock.path
        said = f"{lost} was removed or replaced while {self.target} was being written"
        raise LatephaseError(f"{said}; nothing was put in place, start again")

    def close(self) -> None:
        """Give the output up; what is not published goes, unless it is kept.

        The lock's file stays too, for the next run to go by, where something cannot be removed.
        """
        endings = ("", "draft", "drafts") if self._lock.mine else ()
        left = [self._named(ending) for ending in endings]
        with suppress(OSError):
            for place in left:
                disk.remove(place)
        opened, self._opened = self._opened, None
        if opened is not None:
            os.close(opened)
        self._lock.release(keep=self._unsettled or any(map(os.path.lexists, left)))

    def __enter__(self) -> Output:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def _drafts(self) -> Drafts:
        place = self._named("drafts")
        place.mkdir(exist_ok=True)
        return Drafts(place)

    def _named(self, ending: str = "") -> Path:
        return temporary_of(self.target, self._lock.token, ending)

    def told(self) -> AbstractContextManager[None]:
        """Within, an OSError is told in one line that says what is kept: a LatephaseError."""
        kept = "what it holds so far was kept" if self._keeps else "nothing of it was kept"
        return writing(self.partial if self._keeps else self.target, kept)

    def _refuse_others(self) -> None:
        """Raise InputError where something stands in the way."""
        here = self.target
        if disk.identity(here) is not None:
            mode = here.lstat().st_mode
            fits = stat.S_ISDIR(mode) if self._folder else stat.S_ISREG(mode)
            forced = self._force and (fits or stat.S_ISREG(mode))
            if not forced and not (fits and self._free(here)):
                holds = "holds other files, or changed ones"
                got = Words(f"{here}, which {holds if here.is_dir() else 'is something else'}")
                raise InputError(self._what, got, self._do)
        beside = self.partial
        if not self._keeps or disk.identity(beside) is None:
            return
        if beside.is_symlink() or not beside.is_dir() or not self._free(beside):
            got = Words(f"{beside}, which holds other files, or changed ones")
            raise InputError("nothing else beside the output", got, "move it away")

    def _refuse_changes(self, marker: Marker) -> None:
        """Raise LatephaseError unless the work folder holds what was put in, and nothing else."""
        if added := strangers(self.partial, marker) - {MARKER}:
            said = f"{min(added)} in {self.partial} is none of latephase's"
            raise LatephaseError(f"{said}; nothing was put in place: move it away, and resume")
        if changed := damaged(self.partial, marker):
            said = f"{min(changed)} in {self.partial} was changed or removed while it was made"
            raise LatephaseError(f"{said}; nothing was put in place: resume")

    def _free(self, place: Path) -> bool:
        """Whether nobody would miss what stands there."""
        return (place.is_dir() and not any(place.iterdir())) or self._ours(place)

    def _try_out(self) -> None:
        """Go through the life of an output in the place of this one: what fails fails now."""
        scratch, place = self._named(), self._named("draft")
        scratch.mkdir()
        try:
            disk.write_new(scratch / "tried", b"latephase")
            disk.sync_folders([scratch, self.target.parent])
            if disk.identity(self.target) is not None and os.name != "nt":
                # A folder that holds something is never replaced: what differs is why.
                try:
                    os.rename(self.target, scratch)
                except OSError as error:
                    if error.errno not in _CANNOT:
                        raise
            os.rename(scratch, place)
        finally:
            disk.remove(scratch)
            disk.remove(place)

    def _put(self, made: Path) -> None:
        """Put what was made in the place of the target, if that is as it was.  Raises OSError."""
        self.check()
        now = disk.identity(self.target)
        if now != self._stood or not (now is None or self._force or self._free(self.target)):
            said = f"{self.target} was changed while its successor was made"
            raise LatephaseError(f"{said}; nothing was put in place: move it away, and try again")
        if self._folder and now is not None:
            self._lock.note(replaces=now)
            self._unsettled = True
        old = disk.swap(made, self.target, self._named("target")) if self._folder else None
        if not self._folder:
            made.replace(self.target)
        elif disk.identity(self.target) != self._made:  # what took its path behind our last check
            disk.swap(self.target, made, self._named("target"))
            self.check()
        self._made = None
        disk.sync_folders([self.target.parent])
        if old is None:
            return
        try:
            rest = self._named()  # a name to go by, for whoever has to remove the rest of it
            os.rename(old, rest)
            disk.sync_folders([self.target.parent])
            disk.remove(rest)
            disk.sync_folders([self.target.parent])
            self._unsettled = False
        except OSError as error:
            said = f"{self.target} is complete, but what it replaced cannot be removed"
            warnings.warn(f"{said}: {old} ({error.strerror or error})", stacklevel=4)
