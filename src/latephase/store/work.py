"""A result of many trials: made part by part, resumed after an interruption, repaired if damaged.

Ensembles of runs and ensembles of certificates are written, resumed and checked here.  How their
parts lie in a folder is the business of a `Form`: Zarr arrays, or files of JSON lines.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from latephase.core import InputError, Words
from latephase.core.shown import differing

from . import disk
from .marker import Marker, damaged, is_ours, read_marker, strangers
from .order import settle
from .output import Output
from .places import claiming, output_path, partial_of, writing

Settings = dict[str, Any]

_DO = "resume if it is yours and was damaged, choose another output, or replace it with force"


class Form(Protocol):
    """How the parts of a result lie in its folder.

    kind: what the result is, in messages;  trials, batch: of all, and of a part;  holds: patterns
    of the names of all its files;  place: where the complete folder has its marker.  For
    developers: implement these, and a result can be resumed.
    """

    @property
    def kind(self) -> str: ...
    @property
    def trials(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def holds(self) -> tuple[str, ...]: ...
    @property
    def place(self) -> str: ...

    def create(self, folder: Path, settings: Settings) -> None:
        """Lay out the empty folder: the settings, and whatever has to be there for parts."""

    def files(self, start: int) -> list[str]:
        """The names of the files of the part that begins with trial `start`."""

    def made(self, folder: Path, start: int, part: Any) -> dict[str, bytes]:
        """The content of the files of a part, by name; nothing is written.  Raises OSError."""


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
        self._settings, self._files = settings, dict[str, disk.Sum]()
        self._done: set[int] = set()
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
            self.folder = self._output.begin(self._marker, self._fill)
        except BaseException:
            self._output.close()
            raise

    def left(self) -> Iterator[int]:
        """The first trials of the parts that are still to be made."""
        starts = range(0, self.form.trials, self.form.batch)
        return (start for start in starts if not self.complete and start not in self._done)

    def add(self, start: int, part: Any) -> None:
        """Write a part, put it on disk, and then note in the marker that it is finished.

        Raises LatephaseError where that cannot be done; what was finished before is kept.
        """
        assert self._output is not None
        with writing(self.folder, "what it holds so far was kept"):
            self._output.check()
            files = self.form.made(self.folder, start, part)
            self._files |= self._output.put_in(files)
            self._finish(start)
            self._output.mark(self._marker)

    def publish(self) -> Path:
        """Put the complete result in its place; the place.  Raises LatephaseError."""
        assert self._output is not None
        return self._output.publish(self._marker, self._files)

    def __enter__(self) -> Work:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._output is not None:
            self._output.close()

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
        self.form.create(folder, self._settings)
        self._files = disk.sync_all(folder)
        source = self._source
        marker = None if source is None else read_marker(source)
        if source is None or marker is None:
            return self._marker
        bad = set(damaged(source, marker))
        for start in range(0, self.form.trials, self.form.batch):
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
        return self._marker

    def _finish(self, start: int) -> None:
        """Count a part as finished."""
        self._done.add(start)
        self.finished += min(self.form.batch, self.form.trials - start)
        self._marker = replace(
            self._marker, files=dict(sorted(self._files.items())), finished_trials=self.finished
        )

    def _refuse_other(self, marker: Marker) -> None:
        """Refuse to go on with other settings.  Raises InputError that names the first."""
        wanted = {"kind": self.form.kind, **self._marker.settings}
        there = {"kind": marker.kind, **marker.settings}
        for name in [*wanted, *(there.keys() - wanted.keys())]:
            if (name in there, there.get(name)) != (name in wanted, wanted.get(name)):
                was, now = differing(there.get(name), wanted.get(name))
                raise InputError(
                    f"the {name} of the {self.form.kind} to resume, {was}",
                    Words(now),
                    "repeat all settings, or start over without resume",
                )


def _adopt(source: Path, place: Path) -> None:
    """The same file at another place, by a link or as a copy.  Raises OSError."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, place, follow_symlinks=False)
    except OSError:
        shutil.copyfile(source, place, follow_symlinks=False)
