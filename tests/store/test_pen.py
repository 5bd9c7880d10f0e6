"""Parts that are written where they are made: drafts, and what becomes of them."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import pytest

from latephase.store import disk
from latephase.store.lines import Lines
from latephase.store.lock import Lock
from latephase.store.pen import Drafts, Pen, Written
from latephase.store.work import Work

FORM, SETTINGS = Lines("notes", 5, 2), {"seed": 1}
PARTS = {start: b'{"trial": %d}\n' % start for start in (0, 2, 4)}


def make(out: Path, elsewhere: bool, stop: int = 9, **options) -> None:
    with Work(out, FORM, SETTINGS, **options) as work:
        pen = pickle.loads(pickle.dumps(work.pen(elsewhere)))
        for start in work.left():
            if start >= stop:
                return
            work.add(start, pen(start, PARTS[start]))
        work.publish()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_drafts_end_as_the_same_files(tmp_path):
    """Ground truth: the folder that is written here, byte for byte."""
    make(tmp_path / "here", elsewhere=False)
    make(tmp_path / "there", elsewhere=True)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert {p.name for p in tmp_path.iterdir()} == {"here", "there"}


def test_a_draft_says_what_is_in_it(tmp_path):
    """Ground truth: the sum of the file on disk."""
    found = Drafts(tmp_path)({"notes": b"what was made"})["notes"]
    assert isinstance(found, Written)
    assert found.draft is not None
    assert found.sum == disk.sum_of(found.draft) == disk.sum_of_bytes(b"what was made")


def test_who_does_not_share_the_disk_sends_the_files(tmp_path):
    made = {"notes": b"what was made"}
    assert Drafts(tmp_path / "nowhere")(made) == made
    assert Pen(FORM.encoder({}), Drafts(tmp_path / "nowhere"))(0, b"") == {FORM.files(0)[0]: b""}


def test_on_a_full_disk_the_files_are_sent_and_no_draft_is_left(tmp_path, monkeypatch):
    """Ground truth: what was made; who writes the store meets the same disk, and says so."""
    real, written = disk.write_new, []

    def full(path, made):
        if written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        real(path, made)

    monkeypatch.setattr(disk, "write_new", full)
    made = {"one": b"1", "two": b"2"}
    assert Drafts(tmp_path)(made) == made
    assert written
    assert not list(tmp_path.iterdir())


def test_drafts_of_a_dead_process_are_removed_by_the_next(tmp_path):
    """Ground truth: an undisturbed folder; a late worker of the dead one finds no place."""
    make(tmp_path / "whole", elsewhere=True)
    out = tmp_path / "out"
    work = Work(out, FORM, SETTINGS)
    late = work.pen(elsewhere=True)
    late(0, PARTS[0])
    assert any(p.name.endswith(".drafts") for p in tmp_path.iterdir())
    os.close(work._output._lock._fd)  # as if the process had been killed
    work._output._lock._fd = -1
    make(out, elsewhere=True, resume=True)
    assert all(isinstance(one, bytes) for one in late(2, PARTS[2]).values())
    assert contents(out) == contents(tmp_path / "whole")
    assert {p.name for p in tmp_path.iterdir()} == {"whole", "out"}


@pytest.mark.parametrize("change", ["removed", "changed"])
def test_a_draft_that_was_changed_is_not_published(tmp_path, change):
    """Ground truth: the checksum that the worker has told."""
    from latephase.core import LatephaseError

    with Work(tmp_path / "out", FORM, SETTINGS) as work:
        files = work.pen(elsewhere=True)(0, PARTS[0])
        (draft,) = (one.draft for one in files.values())
        draft.unlink()
        if change == "removed":
            with pytest.raises(LatephaseError, match="could not write"):
                work.add(0, files)
            return
        draft.write_bytes(b"torn")
        work.add(0, files)
        for start in (2, 4):
            work.add(start, work.pen()(start, PARTS[start]))
        with pytest.raises(LatephaseError, match="was changed or removed while it was made"):
            work.publish()


def test_a_lock_names_its_drafts(tmp_path):
    """Two works have two folders, whose names nobody else has."""
    with Work(tmp_path / "a", FORM, SETTINGS) as one, Work(tmp_path / "b", FORM, SETTINGS) as other:
        folders = [work.pen(elsewhere=True).put.folder for work in (one, other)]
        assert len(set(folders)) == 2
        assert all(folder.is_dir() for folder in folders)
    assert not any(folder.exists() for folder in folders)
    assert isinstance(Lock(tmp_path / "a").token, str)


@pytest.mark.parametrize("killed", [False, True])
def test_of_very_many_files_not_every_part_is_noted_at_once(tmp_path, monkeypatch, killed):
    """Ground truth: an undisturbed folder; who ends in order notes all, and of one that is killed
    the parts behind the last note are made again."""
    from latephase.store import work as ours
    from latephase.store.marker import read_marker

    make(tmp_path / "whole", elsewhere=False)
    out, made = tmp_path / "out", []
    monkeypatch.setattr(ours, "_SHORT", -1.0)
    monkeypatch.setattr(ours, "_SHARE", 10**9)
    work = Work(out, FORM, SETTINGS)
    for start in (0, 2):
        work.add(start, work.pen()(start, PARTS[start]))
    assert read_marker(tmp_path / "out.partial").finished_trials == 2
    if killed:
        os.close(work._output._lock._fd)
        work._output._lock._fd = -1
    else:
        work.__exit__(None, None, None)
    with Work(out, FORM, SETTINGS, resume=True) as again:
        for start in again.left():
            made.append(start)
            again.add(start, again.pen()(start, PARTS[start]))
        again.publish()
    assert made == ([2, 4] if killed else [4])
    assert contents(out) == contents(tmp_path / "whole")
