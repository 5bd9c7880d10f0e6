"""A result of many trials as objects on another system, which can neither rename nor lock.

Objects are written under their final names.  What is under way is told by objects beside, below
`<url>.partial`: the lock, the settings, and for each finished part its names and sums.  The root's
metadata come last, so that a store that is not complete is none, whoever reads it.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from latephase.core import InputError, LatephaseError, Words

from . import disk
from .marker import Marker, content_of, marker_in, sealed
from .objects import LOCK, InPlace, ObjectLock, Objects
from .pen import Files, Pen, Written
from .places import claiming, writing
from .work import Form, Settings, refuse_other

_ROOT = "zarr.json"
_BEGUN = "begun.json"
_KEPT = "what it holds so far was kept"


class ObjectWork:
    """As `Work`, of a form whose root metadata is `zarr.json`; its objects are those files."""

    def __init__(
        self,
        out: object,
        form: Form,
        settings: Settings,
        *,
        resume: bool = False,
        force: bool = False,
    ) -> None:
        """Begin, or take up what was interrupted.  Raises InputError where that is refused.

        A complete store is replaced with force only: the old one is gone before the new one is
        there.
        """
        self.form, self.folder = form, os.fsdecode(out).rstrip("/")  # type: ignore[arg-type]
        self.finished, self.complete = 0, False
        self._created, self._done = form.created(settings), set[int]()
        self._sums: dict[str, disk.Sum] = {}
        stated = json.loads(json.dumps(settings))
        self._marker = Marker(form.kind, stated, form.holds, place=form.place)
        self._lock: ObjectLock | None = None
        with claiming(self.folder):
            self._store = Objects(self.folder)
            self._beside = Objects(f"{self.folder}.partial")
            self._lock = ObjectLock(self._beside, self.folder)
            try:
                self._begin(resume, force)
            except BaseException:
                self.close()
                raise

    def left(self) -> Iterator[int]:
        """The first trials of the parts that are still to be made."""
        return iter(()) if self.complete else self.form.left(self._done)

    def pen(self, elsewhere: bool = False) -> Pen:
        """What makes the files of a part, for `add`, and writes them, here or elsewhere."""
        encode = self.form.encoder(self._created)
        if self._lock is None:
            return Pen(encode)
        return Pen(encode, InPlace(self._store.url, self._beside.url, self._lock.token))

    def add(self, start: int, files: Files) -> None:
        """Note that a part is finished, after writing what is not there yet.

        Raises LatephaseError where that cannot be done; what was finished before is kept.
        """
        assert self._lock is not None
        with writing(self.folder, _KEPT):
            self._lock.check()
            held = {name: made for name, made in files.items() if isinstance(made, bytes)}
            self._store.write(held)
            self._note(
                start,
                {
                    n: m.sum if isinstance(m, Written) else disk.sum_of_bytes(m)
                    for n, m in files.items()
                },
            )

    def publish(self) -> str:
        """Make the complete result a store; its place.  Raises LatephaseError."""
        assert self._lock is not None
        sums = {name: disk.sum_of_bytes(content) for name, content in self._created.items()}
        marker = sealed(replace(self._marker, finished_trials=self.finished), self._sums | sums)
        with writing(self.folder, _KEPT):
            self._lock.check()
            there = self._store.sizes()
            if added := there.keys() - marker.files.keys():
                said = f"{min(added)} in {self.folder} is none of latephase's"
                raise LatephaseError(f"{said}; it is no store yet: move it away, and resume")
            wrong = [n for n, (size, _) in marker.files.items() if there.get(n) != size]
            if bad := set(wrong) - {_ROOT}:
                said = f"{min(bad)} in {self.folder} was changed or removed while it was made"
                raise LatephaseError(f"{said}; it is no store yet: resume")
            self._store.write({marker.place: content_of(marker)})
            self._store.write({_ROOT: self._created[_ROOT]})
            self._beside.remove(self._beside.sizes().keys() - {LOCK})
        return self.folder

    def close(self) -> None:
        """Give the lock up; what was finished is kept."""
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> ObjectWork:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, resume: bool, force: bool) -> None:
        """Find out what is there, and make it what parts can be added to."""
        there, beside = self._store.sizes(), self._beside.sizes().keys() - {LOCK}
        marker = marker_in(disk.object_in(self._store.read(self.form.place)).get("attributes"))
        known = {self.form.place, *(marker.files if marker else ())}
        mine = {n for n in there if any(fnmatchcase(n, p) for p in self.form.holds)} | known
        if there and not force and (there.keys() - mine or not (beside or (resume and marker))):
            got = Words(f"{self.folder}, which holds {min(there.keys() - mine, default='a store')}")
            do = "resume it, choose another, or replace it with force"
            raise InputError("an output that is new", got, do)
        good = self._good(marker, beside) if resume else {}
        for start, files in good.items():
            self._count(start, files)
        whole = marker is not None and self.finished == self.form.trials and not beside
        sums = {name: disk.sum_of_bytes(content) for name, content in self._created.items()}
        self.complete = whole and self._store.sums(sums) == sums
        if self.complete:
            return
        self._warn(resume, good, marker, beside)
        kept = {name for files in good.values() for name in files}
        self._beside.write({_BEGUN: content_of(self._marker)})
        self._store.remove(there.keys() & {_ROOT})  # first: from now on it is no store
        for start, files in good.items():
            self._note_only(start, files)
        self._store.remove(there.keys() - kept - {_ROOT})
        self._beside.remove(beside - {_BEGUN, *map(_note_of, good)})
        self._store.write({n: c for n, c in self._created.items() if n != _ROOT})

    def _good(self, marker: Marker | None, beside: set[str]) -> dict[int, dict[str, disk.Sum]]:
        """The finished parts whose files are as they were noted.  Raises InputError on others'."""
        notes = [marker_in(disk.object_in(self._beside.read(name))) for name in sorted(beside)]
        noted: dict[str, disk.Sum] = {}
        for one in (marker, *notes):
            if one is not None:
                wanted = {"kind": self.form.kind, **self._marker.settings}
                refuse_other({"kind": one.kind, **one.settings}, wanted, self.form.kind)
                noted |= one.files
        found = {}
        for start in self.form.left():
            files = {n: noted[n] for n in self.form.files(start) if n in noted}
            if len(files) == len(self.form.files(start)) and self._store.sums(files) == files:
                found[start] = files
        return found

    def _warn(
        self, resume: bool, good: dict[int, Any], marker: Marker | None, beside: set[str]
    ) -> None:
        """Say what is given up, or made again."""
        notes = len(beside - {_BEGUN})
        lost = (-(-self.form.trials // self.form.batch) if marker else notes) - len(good)
        if not resume and notes:
            said = f"{notes:,} finished batches of {self.folder} are given up"
            warnings.warn(f"{said}; resume would have gone on with them", stacklevel=6)
        elif resume and lost > 0:
            said = f"objects of {self.folder} are damaged or missing"
            warnings.warn(f"{said}; {lost:,} batches are made again", stacklevel=6)

    def _note(self, start: int, files: dict[str, disk.Sum]) -> None:
        self._note_only(start, files)
        self._count(start, files)

    def _note_only(self, start: int, files: dict[str, disk.Sum]) -> None:
        note = replace(self._marker, files=files, finished_trials=self.form.length(start))
        self._beside.write({_note_of(start): content_of(note)})

    def _count(self, start: int, files: dict[str, disk.Sum]) -> None:
        self._done.add(start)
        self.finished += self.form.length(start)
        self._sums |= files


def _note_of(start: int) -> str:
    """The name of what tells of a finished part."""
    return f"part-{start}.json"
