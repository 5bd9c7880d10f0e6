"""Pictures in files: what their names may end in, and which files are ours.  Loads no matplotlib
before there is something to write."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from latephase.core import InputError
from latephase.store import disk
from latephase.store.output import Output

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("svg", "png", "pdf")
# The maker in the metadata of the three.
_OURS = re.compile(rb"<dc:title>latephase<|Software\x00latephase|/Creator \(latephase\)")


def kind_of(path: object) -> str:
    """What a file is to be, by the end of its name.  Raises InputError on another."""
    kind = os.path.splitext(os.fsdecode(path))[1][1:].lower()  # type: ignore[arg-type]
    if kind not in KINDS:
        raise InputError("a picture that ends in .svg, .png or .pdf", path, "name it run.svg, say")
    return kind


def claimed(path: object) -> Output:
    """The place of a picture, claimed before the work.  Raises InputError where it cannot be."""
    kind_of(path)
    what, do = "a picture that is new, or that latephase drew", "choose another file"
    return Output(path, folder=False, ours=_is_ours, what=what, do=do)


def write(drawn: Figure, place: Output) -> Path:
    """Write the figure into the place that was claimed: complete or not at all; its path."""
    from latephase.draw.panels.canvas import plot_style, written

    with plot_style():
        return place.write(written(drawn, kind_of(place.target)))


def _is_ours(target: Path) -> bool:
    """Whether the file is a picture that `write` has written."""
    return _OURS.search(disk.content_of(target) or b"") is not None
