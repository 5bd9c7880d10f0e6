"""A result under way: made part by part, resumed after an interruption, put in place when complete.

Ensembles of runs and ensembles of certificates are written, resumed and checked here.  How their
parts lie in a folder is the business of a `Form`: Zarr arrays, or files of JSON lines.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

from latephase.core import InputError

from . import directory

Settings = dict[str, Any]

FINISHED = "finished_trials"
_LONGEST = 80  # characters of a setting in a message


class Form(Protocol):
    """How the parts of a result lie in its folder.

    kind: what the result is, in messages;  index: the file that holds the settings;  marked:
    whether the complete result keeps the marker.  For developers: implement these, write parts
    under `writing(folder)`, and a result can be resumed.
    """

    kind: str
    index: str
    marked: bool

    def create(self, folder: Path, settings: Settings) -> None:
        """Lay out the empty folder: the settings, and whatever has to be there for parts."""

    def settings(self, folder: Path) -> Settings:
        """The settings in a folder, as JSON values."""


class Work:
    """A result under way, in `folder`.

    complete: nothing is left to do, `folder` is the published result;  finished: trials that the
    marker counts.
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
        parts of the same settings;  force: replace what latephase did not write.
        """
        self.form, self.target, self.finished = form, directory.output_path(out), 0
        self.complete = resume and self._is_complete()
        if self.complete:
            self.folder = self.target
            self._check_same(settings)
            return
        self.folder = directory.claim_output(self.target, force=force, resume=resume)
        marker = directory.read_marker(self.folder) or {}
        if FINISHED in marker:
            self._check_same(settings)
            self.finished = int(marker[FINISHED])
            return
        with directory.writing(self.folder):
            directory.start_over(self.folder)
            form.create(self.folder, settings)
            self.note(0)

    def note(self, finished: int) -> None:
        """Note in the marker how many trials are finished, once their parts are written."""
        with directory.writing(self.folder):
            directory.write_marker(self.folder, **{FINISHED: finished})
        self.finished = finished

    def publish(self) -> Path:
        """Put the complete result in its place, without what killed runs have left; the place."""
        with directory.writing(self.folder):
            directory.remove_drafts(self.folder)
            if self.form.marked:
                directory.seal(self.folder)
            else:
                (self.folder / directory.MARKER).unlink(missing_ok=True)
        return directory.publish(self.folder, self.target)

    def _is_complete(self) -> bool:
        """Whether a complete result of ours stands there, and none is under way beside it."""
        with directory.claiming(self.target):
            whole = (self.target / self.form.index).is_file() and directory.is_ours(self.target)
            return whole and not directory.partial_of(self.target).exists()

    def _check_same(self, settings: Settings) -> None:
        """Refuse to go on with other settings.  Raises InputError that names the first."""
        stored = self.form.settings(self.folder)
        for name, value in json.loads(json.dumps(settings)).items():
            if stored.get(name) != value:
                was = repr(stored.get(name))
                was = was if len(was) <= _LONGEST else was[: _LONGEST - 3] + "..."
                raise InputError(
                    f"the {name} of the {self.form.kind} to resume, {was}",
                    value,
                    "repeat all settings, or start over without resume",
                )
