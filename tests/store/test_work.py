"""One way to write, resume and check a result, whatever the form of its parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import latephase as lp
from helpers import message_is_one_line
from latephase.store.arrays import Arrays
from latephase.store.directory import is_ours, partial_of, read_marker
from latephase.store.lines import Lines
from latephase.store.work import Work

SETTINGS = {"written_by": "latephase", "seed": 1, "trials": 4}
EMPTY = xr.Dataset(
    {"x": (("trial", "time"), np.empty((0, 1)))},
    {"time": ("time", ["0"]), "log10_t": ("time", [-np.inf])},
    attrs=SETTINGS,
)
ARRAYS, LINES = Arrays(EMPTY, 4, 2), Lines("notes", 2)
PARTS = {
    ARRAYS: [{"x": np.full((2, 1), float(i))} for i in (0, 2)],
    LINES: [[{"trial": i}, {"trial": i + 1}] for i in (0, 2)],
}


def write(work: Work, form: Arrays | Lines, *starts: int) -> None:
    for start in starts:
        form.write(work.folder, start, PARTS[form][start // 2])
        work.note(start + 2)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.mark.parametrize("form", [ARRAYS, LINES])
def test_a_result_that_was_resumed_is_the_same(tmp_path: Path, form):
    """Ground truth: the bytes of a result that was written in one go."""
    whole = Work(tmp_path / "whole", form, SETTINGS)
    write(whole, form, 0, 2)
    whole.publish()
    write(Work(tmp_path / "cut", form, SETTINGS), form, 0)
    (partial_of(tmp_path / "cut") / "half.partial").write_bytes(b"of a killed run")
    again = Work(tmp_path / "cut", form, SETTINGS, resume=True)
    assert (again.finished, again.complete) == (2, False)
    write(again, form, 2)
    assert again.publish() == tmp_path / "cut"
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert is_ours(tmp_path / "cut")
    assert (read_marker(tmp_path / "cut") is not None) == form.marked
    assert Work(tmp_path / "cut", form, SETTINGS, resume=True).complete


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("form", [ARRAYS, LINES])
def test_other_settings_are_refused_in_the_same_words(tmp_path: Path, form, complete: bool):
    """Ground truth: the setting that differs; the result stays as it was."""
    work = Work(tmp_path / "out", form, SETTINGS)
    write(work, form, 0, 2)
    folder = work.publish() if complete else work.folder
    before = contents(folder)
    expected = f"the seed of the {form.kind} to resume, 1, got 2"
    with pytest.raises(lp.InputError) as caught:
        Work(tmp_path / "out", form, {**SETTINGS, "seed": 2}, resume=True)
    assert expected in str(caught.value)
    assert message_is_one_line(caught.value)
    assert contents(folder) == before
