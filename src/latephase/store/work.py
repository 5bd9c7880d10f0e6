"""A result of many trials: made part by part, resumed after an interruption, repaired if damaged.

Ensembles of runs and ensembles of certificates are written, resumed and checked here.  How their
parts lie in a folder is the business of a `Form`: Zarr arrays, or files of JSON lines.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import warnings
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from latephase.core import InputError, LatephaseError, Words
from latephase.core.shown import differing

from . import disk
from .marker import Marker, damaged, is_ours, read_marker, strangers
from .order import settle
from .output import Output
from .pen import Encode, Files, Pen
from .places import claiming, output_path, partial_of, writing
from .provenance import provenance

Settings = dict[str, Any]

_SHORT, _SHARE = 0.1, 10  # seconds of a marker that are none; times its length, between markers
_DO = "resume if it is yours and was damaged, choose another output, or replace it with force"


class Form(Protocol):
    """How the parts of a result lie in its folder.

    kind: what the result is, in messages;  trials, batch: of all, and of a part;  holds: patterns
    of the names of all its files;  place: where the complete folder has its marker.  For
    developers: inherit from this, set these, implement `created`, `files` and `encoder`, and a
    result can be resumed.
    """

    kind: str
    trials: int
    batch: int
    holds: tuple[str, ...]
    place: str

    def created(self, settings: Settings) -> dict[str, bytes]:
        """The files of a result without parts, by name: the settings, and all that parts need."""

    def files(self, start: int) -> list[str]:
        """The names of the files of the part that begins with trial `start`."""

    def encoder(self, created: Mapping[str, bytes]) -> Encode:
        """What makes the files of a part, by name, of its first trial and of what it holds.

        It can be pickled, for parts that are made elsewhere.  created: as above.
        """

    def left(self, done: Container[int] = ()) -> Iterator[int]:
        """The first trials of the parts that are not done."""
        return (start for start in range(0, self.trials, self.batch) if start not in done)

    def length(self, start: int) -> int:
        """Trials of the part that begins with trial `start`."""
        return min(self.batch, self.trials - start)


class Work:
    """A result under way, in `folder`, locked until the `with` block ends.

    complete: nothing is left to do, `folder` is the published result;  finished: trials whose parts
    are on disk.
    """

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

        settings: all that decides what the result is, as JSON values;  resume: keep the finished
        parts of the same settings, and mend a complete result that was damaged;  force: replace
        what latephase did not write.
        """
        self.form, self.target, self.finished = form, output_path(out), 0
        stated = json.loads(json.dumps(settings))
        self._marker = Marker(form.kind, stated, form.holds, place=form.place)
        self._output: Output | None = None
        self._created, self._files = form.created(settings), dict[str, disk.Sum]()
        self._done: set[int] = set()
        self._left_to_mark, self._next = False, 0.0
        with claiming(self.target):
            if resume:
                settle(self.target)
            self.complete = resume and self._is_complete()
        if self.complete:
            self.folder, self.finished = self.target, form.trials
            return
        ours = self._is_ours_or_mendable if resume else is_ours
        self._output = Output(self.target, force=force, keeps=True, ours=ours, do=_DO)
        try:
            self._source = self._to_go_on_with() if resume else None
            if not resume:
                self._warn_of_a_new_start()
            if not resume and not force:
                self._warn_of_what_is_replaced()
            self.folder = self._output.begin(self._marker, self._fill)
        except BaseException:
            self._output.close()
            raise

    def left(self) -> Iterator[int]:
        """The first trials of the parts that are still to be made."""
        return iter(()) if self.complete else self.form.left(self._done)

    def pen(self, elsewhere: bool = False) -> Pen:
        """What makes the files of a part, for `add`; elsewhere: in other processes."""
        encode = self.form.encoder(self._created)
        if self._output is None or not elsewhere:
            return Pen(encode)
        return Pen(encode, self._output.drafts())

    def add(self, start: int, files: Files) -> None:
        """Put a part that the pen has made on disk, and then note in the marker that it is
        finished.

        Raises LatephaseError where that cannot be done; what was finished before is kept.
        """
        assert self._output is not None
        with writing(self.folder, "what it holds so far was kept"):
            self._output.check()
            self._files |= self._output.put_in(files)
            self._finish(start)
            if time.monotonic() >= self._next:
                self._mark()

    def publish(self) -> Path:
        """Put the complete result in its place; the place.  Raises LatephaseError."""
        assert self._output is not None
        self._left_to_mark = False
        return self._output.publish(self._stated(), self._files)

    def __enter__(self) -> Work:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._output is not None:
            with suppress(OSError, LatephaseError):
                if self._left_to_mark:
                    self._mark()
            self._output.close()

    def _mark(self) -> None:
        """Note in the marker what is finished.

        It lists every file, so that of very many it takes longer than a part: then not every part
        is noted at once, and a process that is killed may leave some that are made again.
        """
        assert self._output is not None
        began, self._left_to_mark = time.monotonic(), False
        self._output.mark(self._stated())
        took = time.monotonic() - began
        self._next = time.monotonic() + (_SHARE * took if took > _SHORT else 0.0)

    def _is_complete(self) -> bool:
        """Whether an undamaged result stands there, and none is under way beside it."""
        marker = read_marker(self.target)
        if marker is None or not marker.complete or partial_of(self.target).exists():
            return False
        if strangers(self.target, marker):
            return False
        self._refuse_other(marker)
        return not damaged(self.target, marker)

    def _warn_of_a_new_start(self) -> None:
        """Say that finished trials of an interrupted result are given up, if there are any."""
        marker = read_marker(partial_of(self.target))
        if marker is not None and marker.finished_trials:
            said = f"{marker.finished_trials:,} finished trials in {partial_of(self.target)}"
            warnings.warn(f"{said} are given up; resume would have gone on with them", stacklevel=5)

    def _warn_of_what_is_replaced(self) -> None:
        """Say, before the work, that another complete result will give its place to this one."""
        marker = read_marker(self.target)
        if marker is None or not marker.complete:
            return
        there, wanted = ({"kind": one.kind, **one.settings} for one in (marker, self._marker))
        made_by = {*provenance(), "git_commit"}
        name = next((one for one in _unequal(there, wanted) if one not in made_by), None)
        if name is not None:
            was, now = differing(there.get(name), wanted.get(name))
            said = f"{self.target} stays until this is complete, and is replaced then"
            warnings.warn(f"{said}: it has another {name}, {was}, not {now}", stacklevel=5)

    def _is_ours_or_mendable(self, place: Path) -> bool:
        """Whether a folder is ours, or would be if its files were as they were written."""
        marker = read_marker(place) if place.is_dir() else None
        if marker is None or strangers(place, marker):
            return False
        return (marker.kind, marker.settings) == (self.form.kind, self._marker.settings) or is_ours(
            place
        )

    def _to_go_on_with(self) -> Path | None:
        """The folder whose parts are kept: one under way, or else the complete result."""
        for folder in (partial_of(self.target), self.target):
            marker = read_marker(folder)
            if marker is not None and (folder != self.target or marker.complete):
                self._refuse_other(marker)
                return folder
        return None

    def _fill(self, folder: Path) -> Marker:
        """Lay out a new folder with the good parts of the one to go on with, and say what is bad.

        A part is good if all its files are as they were noted.  They are linked where that can be
        done: nothing ever changes a file in place.
        """
        for name in self._created:
            (folder / name).parent.mkdir(exist_ok=True)
        disk.write_all_new({folder / name: made for name, made in self._created.items()})
        self._files = disk.sync_all(folder)
        source = self._source
        marker = None if source is None else read_marker(source)
        if source is None or marker is None:
            return self._marker
        bad = set(damaged(source, marker))
        for start in self.form.left():
            files = self.form.files(start)
            if all(name in marker.files and name not in bad for name in files):
                for name in files:
                    _adopt(source / name, folder / name)
                    self._files[name] = marker.files[name]
                self._finish(start)
        disk.sync_all(folder)
        if bad:
            said = f"{len(bad)} files of {source} are damaged or missing, {min(bad)} first"
            lost = marker.finished_trials - self.finished
            again = f"{lost:,} trials are made again" if lost else "they are written anew"
            warnings.warn(f"{said}; {again}", stacklevel=5)
        self._left_to_mark = False
        return self._stated() if self._done else self._marker

    def _finish(self, start: int) -> None:
        """Count a part as finished."""
        self._done.add(start)
        self.finished += self.form.length(start)
        self._left_to_mark = True

    def _stated(self) -> Marker:
        """The marker as of now."""
        files = dict(sorted(self._files.items()))
        return replace(self._marker, files=files, finished_trials=self.finished)

    def _refuse_other(self, marker: Marker) -> None:
        wanted = {"kind": self.form.kind, **self._marker.settings}
        refuse_other({"kind": marker.kind, **marker.settings}, wanted, self.form.kind)


def refuse_other(there: Settings, wanted: Settings, kind: str) -> None:
    """Refuse to go on with other settings.  Raises InputError that names the first."""
    for name in _unequal(there, wanted):
        was, now = differing(there.get(name), wanted.get(name))
        raise InputError(
            f"the {name} of the {kind} to resume, {was}",
            Words(now),
            "repeat all settings, or start over without resume",
        )


def _unequal(there: Settings, wanted: Settings) -> Iterator[str]:
    """The names of the settings that differ."""
    for name in [*wanted, *(there.keys() - wanted.keys())]:
        if (name in there, there.get(name)) != (name in wanted, wanted.get(name)):
            yield name


def _adopt(source: Path, place: Path) -> None:
    """The same file at another place, by a link or as a copy.  Raises OSError."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, place, follow_symlinks=False)
    except OSError:
        shutil.copyfile(source, place, follow_symlinks=False)
