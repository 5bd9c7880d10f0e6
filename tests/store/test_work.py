"""One way to write, resume, mend and check a result, whatever the form of its parts."""

from __future__ import annotations

import json
import os
import random
import shutil
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import latephase as lp
from helpers import message_is_one_line
from latephase.store import disk
from latephase.store.arrays import Arrays
from latephase.store.lines import Lines, as_lines
from latephase.store.lock import Lock
from latephase.store.marker import MARKER, is_ours, read_marker
from latephase.store.output import Output
from latephase.store.places import partial_of
from latephase.store.work import Work

SETTINGS = {"written_by": "latephase", "seed": 1, "trials": 5}
EMPTY = xr.Dataset(
    {"x": (("trial", "time"), np.empty((0, 1))), "name": ("trial", np.array([], "<U4"))},
    {"time": ("time", ["0"]), "log10_t": ("time", [-np.inf])},
    attrs=SETTINGS,
)
FORMS = [Arrays(EMPTY, 5, 2), Lines("notes", 5, 2)]
posix = pytest.mark.skipif(os.name == "nt", reason="needs links, FIFOs and locks")
both = pytest.mark.parametrize("form", FORMS, ids=["arrays", "lines"])


def part(form: Arrays | Lines, start: int):
    trials = range(start, min(start + 2, 5))
    if isinstance(form, Lines):
        return as_lines({"trial": i} for i in trials)
    x = np.array([[float(i or np.nan)] for i in trials])  # a chunk of fill values, too
    return {"x": x, "name": np.array(["" if i < 2 else "ab" for i in trials], "<U4")}


def make(out: Path, form: Arrays | Lines, stop: int = 9, **options) -> Path:
    """A result, or what is left where it was stopped before the part that begins with `stop`."""
    with Work(out, form, SETTINGS, **options) as work:
        for start in work.left():
            if start >= stop:
                return work.folder
            work.add(start, work.pen()(start, part(form, start)))
        return work.folder if work.complete else work.publish()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@both
@pytest.mark.parametrize("stop", [0, 2, 4])
def test_a_result_that_was_resumed_is_the_same(tmp_path: Path, form, stop: int):
    """Ground truth: the bytes of a result that was written in one go."""
    whole, out = make(tmp_path / "whole", form), tmp_path / "cut"
    half = make(out, form, stop=stop) / form.files(4)[0]
    half.write_bytes(b"of a killed run")
    with Work(out, form, SETTINGS, resume=True) as work:
        assert (work.finished, work.complete, list(work.left())[:1]) == (stop, False, [stop])
    assert make(out, form, resume=True) == out
    assert contents(out) == contents(whole)
    assert is_ours(out)
    with Work(out, form, SETTINGS, resume=True) as work:
        assert work.complete
    assert {p.name for p in tmp_path.iterdir()} == {"whole", "cut"}


@both
@pytest.mark.parametrize("complete", [False, True])
def test_other_settings_are_refused_in_the_same_words(tmp_path: Path, form, complete: bool):
    """Ground truth: the setting that differs; the result stays as it was."""
    folder = make(tmp_path / "out", form, stop=9 if complete else 2)
    before = contents(folder)
    with pytest.raises(lp.InputError) as caught:
        Work(tmp_path / "out", form, {**SETTINGS, "seed": 2}, resume=True)
    assert f"the seed of the {form.kind} to resume, 1, got 2" in str(caught.value)
    assert message_is_one_line(caught.value)
    assert contents(folder) == before


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[random.Random(file.name).randrange(len(content))] ^= 1 << 4
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def swell(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\n")


def to_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def to_link(file: Path) -> None:
    moved = file.parents[-3] / "precious"
    moved.write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(moved)


def to_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@posix
@both
@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("harm", [flip, cut, swell, Path.unlink, to_folder, to_link, to_fifo])
def test_what_is_damaged_is_made_again(tmp_path: Path, form, complete: bool, harm):
    """Ground truth: the bytes of an undamaged result, whichever of its files is harmed."""
    whole, made = make(tmp_path / "whole", form), tmp_path / "made"
    folder = make(made, form, stop=9 if complete else 4)
    marker = read_marker(folder)
    assert marker is not None
    assert len(marker.files) >= 3
    for name in marker.files:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        out = tmp_path / "out"
        place = out if complete else partial_of(out)
        shutil.copytree(folder, place)
        harm(place / name)
        what = ". trials are made again|they are written anew"  # a part, or what describes it
        with pytest.warns(UserWarning, match=rf"1 files of .*{name} first; ({what})"):
            make(out, form, resume=True)
        assert contents(out) == contents(whole)
        assert not partial_of(out).exists()


HOSTILE = [
    b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"written_by": "latephase"}',
    b'{"written_by": "latephase", "finished_trials": 1000000000}',
    b'{"written_by": "latephase", "files": 3, "digest": "x"}',
]  # fmt: skip


@both
@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_marker_that_cannot_be_trusted_is_refused(tmp_path: Path, form, complete: bool, text):
    """Ground truth: the files as they were; one line."""
    folder = make(tmp_path / "out", form, stop=9 if complete else 4)
    marker = folder / (form.place if complete else MARKER)
    marker.write_bytes(b'{"attributes": %s}' % text if marker.name != MARKER and text else text)
    before = contents(tmp_path)
    for resume in (False, True):
        with pytest.raises(lp.InputError) as caught:
            Work(tmp_path / "out", form, SETTINGS, resume=resume)
        assert message_is_one_line(caught.value)
        assert contents(tmp_path) == before


def signed(record: dict) -> dict:
    """A record with the digest that a forger would compute."""
    from latephase.store.marker import _digest

    return {**record, "digest": _digest({k: v for k, v in record.items() if k != "digest"})}


@pytest.mark.parametrize(
    "change",
    [
        {"finished_trials": 10**9},
        {"finished_trials": "4"},
        {"files": {}},
        {"files": []},
        {"files": {"../../x": [1, "0" * 64]}},
        {"files": {"notes-00000.jsonl": [1]}},
        {"files": {"notes-00000.jsonl": [1, 2]}},
        {"settings": 3},
        {"holds": None},
        {"place": "/etc/passwd"},
        {"more": 1},
        {"complete": True},
    ],
    ids=str,
)
def test_a_forged_marker_gives_no_other_result(tmp_path: Path, change: dict):
    """Ground truth: the bytes of a result in one go, or one line and the files as they were."""
    form = FORMS[1]
    whole, partial = make(tmp_path / "whole", form), make(tmp_path / "out", form, stop=4)
    record = {**json.loads((partial / MARKER).read_text()), **change}
    (partial / MARKER).write_text(json.dumps(signed(record)))
    before = contents(partial)
    with warnings.catch_warnings(), suppress(lp.InputError):
        warnings.simplefilter("ignore")
        make(tmp_path / "out", form, resume=True)
    if partial.exists():
        assert contents(partial) == before
    else:
        assert contents(tmp_path / "out") == contents(whole)


THEIRS = [
    *("notes.txt", "x/notes.txt", "x/c.0.0.bak", "x/deep/c.0.0", "x/c.", "manifest/mine", "y/c.0"),
    *("notes-mine.jsonl", "notes-000.jsonl", "notes-00000.jsonl.bak", "notes-0000a.jsonl"),
]


@both
@pytest.mark.parametrize("name", THEIRS)
def test_a_file_of_somebody_else_in_a_dead_run_stays(tmp_path: Path, form, name: str):
    """Ground truth: all files, which no resumption or restart changes."""
    theirs = make(tmp_path / "out", form, stop=4) / name
    theirs.parent.mkdir(parents=True, exist_ok=True)
    theirs.write_text("years of work")
    before = contents(tmp_path)
    for options in ({}, {"resume": True}, {"force": True}):
        with pytest.raises(lp.InputError, match="move it away"):
            make(tmp_path / "out", form, **options)
        assert contents(tmp_path) == before


@both
def test_a_file_of_somebody_else_in_the_work_folder_stays(tmp_path: Path, form):
    """Ground truth: the file, which no resumption, restart or publication removes."""
    partial = make(tmp_path / "out", form, stop=4)
    (partial / "notes.txt").write_text("years of work")
    for options in ({}, {"resume": True}, {"force": True}):
        with pytest.raises(lp.InputError, match="move it away"):
            make(tmp_path / "out", form, **options)
    (partial / "notes.txt").unlink()
    with Work(tmp_path / "out", form, SETTINGS, resume=True) as work:
        work.add(4, work.pen()(4, part(form, 4)))
        (partial / "notes.txt").write_text("years of work")
        with pytest.raises(lp.LatephaseError, match=r"notes.txt .* move it away"):
            work.publish()
    assert (partial / "notes.txt").read_text() == "years of work"


@both
@pytest.mark.parametrize("lost", ["out.partial", ".out.latephase-lock"])
@pytest.mark.parametrize("instead", [False, True])
def test_a_work_folder_or_lock_that_was_taken_away_ends_the_work(
    tmp_path: Path, form, lost: str, instead: bool
):
    """Ground truth: what stands in its place, which is another's by now."""
    with Work(tmp_path / "out", form, SETTINGS) as work:
        work.add(0, work.pen()(0, part(form, 0)))
        (tmp_path / lost).rename(tmp_path / "away")
        if instead:
            (tmp_path / lost).mkdir()
        for act in (lambda: work.add(2, work.pen()(2, part(form, 2))), work.publish):
            with pytest.raises(lp.LatephaseError, match="was removed or replaced"):
                act()
    assert (tmp_path / lost).exists() == instead
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("held", [False, True])
def test_a_complete_result_is_put_in_order_by_whoever_opens_it(tmp_path: Path, held: bool):
    """Ground truth: what a killed process left beside it, and what a living one has there."""
    make(tmp_path / "out", FORMS[1])
    lock = Lock(tmp_path / "out")
    lock.sign()
    left = tmp_path / f".out.{lock.token}"
    left.mkdir()
    if not held:
        lock.release(keep=True)
    with Work(tmp_path / "out", FORMS[1], SETTINGS, resume=True) as work:
        assert work.complete
    assert (left.exists(), lock.path.exists()) == (held, held)
    lock.release()


@posix
@both
@pytest.mark.parametrize("late", range(2))
def test_a_displaced_writer_changes_no_result_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form, late: int
):
    """Ground truth: the bytes of an undisturbed run of the second.

    The first stands still before the last check of its own, or right behind it, while its lock is
    removed and another does the same part.
    """
    whole, out, seconds = make(tmp_path / "whole", form), tmp_path / "out", []
    name = ("check", "move_into")[late]
    owner = (Output, disk)[late]
    real = getattr(owner, name)

    def stand_still(*arguments):
        monkeypatch.setattr(owner, name, real)
        (tmp_path / ".out.latephase-lock").unlink()
        with pytest.warns(UserWarning, match="finished trials .* are given up"):
            seconds.append(Work(out, form, SETTINGS))
        for start in (0, 2):
            seconds[0].add(start, seconds[0].pen()(start, part(form, start)))
        return real(*arguments)

    with Work(out, form, SETTINGS) as first:
        first.add(0, first.pen()(0, part(form, 2)))
        monkeypatch.setattr(owner, name, stand_still)
        with pytest.raises(lp.LatephaseError):
            first.add(2, first.pen()(2, part(form, 0)))
    with seconds[0] as second:
        second.add(4, second.pen()(4, part(form, 4)))
        second.publish()
    assert contents(out) == contents(whole)
    assert {p.name for p in tmp_path.iterdir()} == {"whole", "out"}


@posix
@both
@pytest.mark.parametrize("replacing", [False, True])
def test_a_displaced_writer_does_not_publish_the_work_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form, replacing: bool
):
    """Ground truth: the earlier output, or none; then the bytes of an undisturbed run."""
    whole, out = make(tmp_path / "whole", form), tmp_path / "out"
    before = contents(make(out, form)) if replacing else None
    real, seconds = disk.swap, []

    def stand_still(*arguments):
        monkeypatch.setattr(disk, "swap", real)
        (tmp_path / ".out.latephase-lock").unlink()
        with pytest.warns(UserWarning, match="finished trials .* are given up"):
            seconds.append(Work(out, form, SETTINGS))
        seconds[0].add(0, seconds[0].pen()(0, part(form, 0)))
        return real(*arguments)

    with Work(out, form, SETTINGS) as first:
        for start in first.left():
            first.add(start, first.pen()(start, part(form, start)))
        monkeypatch.setattr(disk, "swap", stand_still)
        with pytest.raises(lp.LatephaseError, match="nothing was put in place"):
            first.publish()
    assert (contents(out) if out.exists() else None) == before
    with seconds[0] as second:
        for start in (2, 4):
            second.add(start, second.pen()(start, part(form, start)))
        second.publish()
    assert contents(out) == contents(whole)
    assert {p.name for p in tmp_path.iterdir()} == {"whole", "out"}


@posix
@both
@pytest.mark.parametrize("harm", [flip, Path.unlink, to_link])
def test_what_is_changed_before_it_is_published_is_refused(tmp_path: Path, form, harm):
    """Ground truth: no output, one line with the name; then the bytes of an undisturbed run."""
    whole = make(tmp_path / "whole", form)
    for case in range(4 if isinstance(form, Arrays) else 3):
        out = tmp_path / str(case)
        with Work(out, form, SETTINGS) as work:
            for start in work.left():
                work.add(start, work.pen()(start, part(form, start)))
            names = [name for name in contents(work.folder) if name != MARKER]
            name = random.Random(case).choice(names)
            harm(work.folder / name)
            with pytest.raises(
                lp.LatephaseError, match=f"{name} .*nothing was put in place"
            ) as got:
                work.publish()
        assert "\n" not in str(got.value)
        assert not out.exists()
        with pytest.warns(UserWarning, match="1 files of"):
            make(out, form, resume=True)
        assert contents(out) == contents(whole)
