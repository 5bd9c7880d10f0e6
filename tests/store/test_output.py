"""The life of an output: one writer, at one stroke, and nobody else's files are touched."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

import latephase as lp
from helpers import message_is_one_line
from latephase.store import disk, places
from latephase.store.lock import Lock
from latephase.store.marker import Marker
from latephase.store.output import Output

# An earlier test may have left JAX running in this process; a child that soon ends is safe.
pytestmark = pytest.mark.filterwarnings("ignore:os.fork")

REPORT = Marker("report", holds=("page.html",))
posix = pytest.mark.skipif(os.name == "nt", reason="needs links, FIFOs and locks")
KINDS = pytest.mark.parametrize("folder", [True, False], ids=["folder", "file"])


def make(output: Output, text: str = "new") -> Path:
    """A small output: a folder with a page, or a file."""
    if not output._folder:
        return output.write(text.encode())
    (output.begin(REPORT) / "page.html").write_text(text)
    return output.publish(REPORT)


def claim(out: Path, folder: bool, **options) -> Output:
    if not folder:
        options = {"ours": lambda file: file.read_bytes() in (b"old", b"new"), **options}
    return Output(out, folder=folder, **options)


def made(out: Path, folder: bool, text: str = "new", **options) -> Path:
    with claim(out, folder, **options) as output:
        return make(output, text)


def text(out: Path) -> str:
    return (out / "page.html" if out.is_dir() else out).read_text()


def listing(folder: Path) -> dict[str, bytes | None]:
    return {
        f.relative_to(folder).as_posix(): f.read_bytes() if f.is_file() else None
        for f in folder.rglob("*")
    }


@KINDS
def test_an_output_is_made_and_replaced(tmp_path: Path, folder: bool):
    """Ground truth: what was written, and nothing beside it."""
    for word in ("old", "new"):
        assert text(made(tmp_path / "deep" / "out", folder, word)) == word
        assert [p.name for p in (tmp_path / "deep").iterdir()] == ["out"]


@KINDS
@pytest.mark.parametrize("force", [False, True])
def test_a_second_writer_is_told_who_the_first_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: bool, force: bool
):
    """Ground truth: the process and the command of the first; then the output is free again."""
    monkeypatch.setattr(sys, "argv", ["bin/latephase", "run"])  # that of the tests may be long
    with claim(tmp_path / "out", folder) as first:
        for other in (True, False):
            with pytest.raises(lp.InputError) as caught:
                claim(tmp_path / "out", other, force=force)
            assert f"process {os.getpid()} on " in str(caught.value)
            assert "latephase run" in str(caught.value)
            assert message_is_one_line(caught.value)
        make(first)
    assert text(made(tmp_path / "out", folder)) == "new"


@posix
@KINDS
def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path, folder: bool):
    """Ground truth: a process that was killed while it held the lock, before anything was made."""
    code = (
        "import os, sys; from latephase.store.output import Output\n"
        f"held = Output(sys.argv[1], folder={folder}); held._named().mkdir(); os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "out")])
    assert done.returncode == 9
    assert len(list(tmp_path.iterdir())) == 2
    assert text(made(tmp_path / "out", folder)) == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def killed(step: str) -> str:
    return f"""
import os, sys
from latephase.store import disk
from latephase.store.marker import Marker
from latephase.store.output import Output
def die(*_):
    os._exit(9)
if "one by one" in {step!r}:
    disk._exchanged = lambda *_: False
with Output(sys.argv[1], force=True) as output:
    report = Marker("report", holds=("page.html",))
    (output.begin(report) / "page.html").write_text("new")
    rename = os.rename
    def rename_and_die(source, target):
        rename(source, target)
        if str(source) == sys.argv[1]:
            die()
    if "between" in {step!r}:
        os.rename = rename_and_die
    else:
        disk.remove = die
    output.publish(report)
"""


@posix
@pytest.mark.parametrize(
    "step", ["before removal", "one by one, before removal", "between, one by one"]
)
def test_what_is_killed_while_publishing_is_put_in_order(tmp_path: Path, step: str):
    """Ground truth: the old output or the new one, whole, and nothing of the other."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "page.html").write_text("somebody else's, to be replaced by force")
    done = subprocess.run([sys.executable, "-c", killed(step), str(out)])
    assert done.returncode == 9
    assert ("between" in step) != out.exists()
    with Output(out, force=True):
        assert text(out)[:3] == ("som" if "between" in step else "new")
        names = {p.name for p in tmp_path.iterdir()} - {".out.latephase-lock"}
        assert names == {"out"}
    assert text(made(out, True, "newer", force=True)) == "newer"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@posix
def test_an_exchange_is_one_stroke_here(tmp_path: Path):
    """Ground truth: the two folders; where the system cannot, the renames give the same."""
    for able in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            if not able:
                patch.setattr(disk, "_exchanged", lambda *_: False)
            one, other = tmp_path / f"one{able}", tmp_path / f"other{able}"
            one.mkdir()
            other.write_text("file")
            old = disk.swap(one, other, tmp_path / f"aside{able}")
            assert old is not None
            assert (other.is_dir(), old.read_text()) == (True, "file")
            assert old.name == ("oneTrue" if able and sys.platform == "linux" else f"aside{able}")


@posix
@KINDS
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("what", ["fifo", "link to nothing", "below a link to nothing"])
def test_what_is_neither_file_nor_folder_is_refused(
    tmp_path: Path, folder: bool, force: bool, what: str
):
    """Ground truth: what stood there, and nothing else beside it."""
    out = tmp_path / "out"
    if what == "fifo":
        os.mkfifo(out)
    else:
        out.symlink_to(tmp_path / "not mounted")
    before = listing(tmp_path)
    with pytest.raises(lp.InputError) as caught:
        claim(out / "runs" if "below" in what else out, folder, force=force)
    assert message_is_one_line(caught.value)
    assert listing(tmp_path) == before


@posix
@KINDS
def test_a_link_is_followed_and_stays(tmp_path: Path, folder: bool):
    """Ground truth: the link, and what it leads to."""
    place = tmp_path / "disk" / "out"
    made(place, folder, "old")
    (tmp_path / "link").symlink_to(place)
    assert made(tmp_path / "link", folder) == place
    assert (tmp_path / "link").is_symlink()
    assert text(tmp_path / "link") == "new"


@posix
@KINDS
def test_temporary_names_are_never_those_of_others(tmp_path: Path, folder: bool):
    """Ground truth: a precious file, and links to it under every name that can be guessed."""
    (tmp_path / "precious").write_text("years of work")
    names = ["out.partial", ".out.latephase-lock", "out.tmp", "out.lock", f"out.{os.getpid()}"]
    for name in names:
        link = tmp_path / name
        link.symlink_to(tmp_path / "precious")
        with suppress(lp.InputError):
            made(tmp_path / "out", folder, force=True)
        assert link.is_symlink()
        link.unlink()
        link.write_text("my own")
        with suppress(lp.InputError):
            made(tmp_path / "out", folder, force=True)
        assert link.read_text() == "my own"
        link.unlink()
    assert (tmp_path / "precious").read_text() == "years of work"


@posix
@KINDS
def test_an_output_that_was_changed_meanwhile_is_not_replaced(tmp_path: Path, folder: bool):
    """Ground truth: what somebody put there while the output was made."""
    for name, stood in (("a", False), ("b", True)):
        out = tmp_path / name
        if stood:
            made(out, folder, "old")
        with claim(out, folder) as output:
            if stood:
                (out / "page.html" if folder else out).write_text("my own")
            else:
                (out.mkdir if folder else out.touch)()
                (out / "page.html" if folder else out).write_text("my own")
            with pytest.raises(lp.LatephaseError, match="was changed while"):
                make(output)
        assert text(out) == "my own"


@KINDS
@pytest.mark.parametrize("bytes_", [236, 255, 300])
def test_names_that_are_too_long_are_refused_at_the_start(
    tmp_path: Path, folder: bool, bytes_: int
):
    """Ground truth: the longest name of the file system, 255 bytes, and ours are longer by 20."""
    with pytest.raises(lp.InputError, match="name of at most 235 bytes") as caught:
        claim(tmp_path / ("é" * (bytes_ // 2) + "e" * (bytes_ % 2)), folder)
    assert message_is_one_line(caught.value)
    assert not list(tmp_path.iterdir())
    assert text(made(tmp_path / ("é" * 117 + "e"), folder)) == "new"


def test_homes_and_mounts_are_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Ground truth: the folders that must stay: a home, what is above it, a mount point."""
    home = tmp_path / "homes" / "me"
    home.mkdir(parents=True)
    (tmp_path / "work").mkdir()
    (tmp_path / "mounted").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(places, "_mounts", lambda: {str(tmp_path / "mounted")})
    for out in (home, home.parent, tmp_path, tmp_path / "mounted", "/", "/proc"):
        with pytest.raises(lp.InputError, match="a folder of its own") as caught:
            Output(out, force=True)
        assert message_is_one_line(caught.value)


@posix
def test_without_any_home_outputs_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Ground truth: a user without HOME and without a line in the list of users."""
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    monkeypatch.setattr("pwd.getpwall", lambda: [])
    with pytest.raises(RuntimeError):
        Path.home()
    assert text(made(tmp_path / "out", True)) == "new"
    with pytest.raises(lp.InputError, match="the path of an output"):
        Output("~/out")


@posix
@KINDS
@pytest.mark.parametrize("step", ["mkdir", "rename", "fsync", "open"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_place_where_a_step_fails_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: bool, step: str, code: int
):
    """Ground truth: the error of the system; what stood there, and nothing else."""
    made(tmp_path / "out", folder, "old")
    before = listing(tmp_path)

    def fail(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(lp.InputError, match=os.strerror(code)) as caught:
        claim(tmp_path / "out", folder)
    monkeypatch.undo()
    assert message_is_one_line(caught.value)
    assert listing(tmp_path) == before


@posix
@KINDS
def test_a_full_disk_leaves_the_earlier_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: bool
):
    """Ground truth: the earlier output, and nothing beside it; one line."""
    made(tmp_path / "out", folder, "old")

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with claim(tmp_path / "out", folder) as output:
        if folder:
            (output.begin(REPORT) / "page.html").write_text("new")
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(lp.LatephaseError, match=r"^could not .* nothing of it was kept$"):
            output.publish(REPORT) if folder else output.write(b"new")
        monkeypatch.undo()
    assert text(tmp_path / "out") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@posix
def test_all_is_synced_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Ground truth: the order of the calls: data, folders, marker, rename, and the folder above."""
    calls: list[str] = []
    fsync, swap = os.fsync, disk.swap

    def noted(opened: int) -> None:
        calls.append(os.readlink(f"/proc/self/fd/{opened}"))
        fsync(opened)

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    made(tmp_path / "out", True, "old")
    with Output(tmp_path / "out") as output:
        (output.begin(REPORT) / "page.html").write_text("new")
        monkeypatch.setattr(os, "fsync", noted)
        monkeypatch.setattr(disk, "swap", lambda *a: (calls.append("swap"), swap(*a))[1])
        output.publish(REPORT)
    names = [Path(call).name.replace(output._lock.token, "T") for call in calls]
    assert sorted(names[:2]) == [".latephase.json", "page.html"]  # data: in threads, in any order
    assert names[2:] == [
        ".out.T",  # and its name
        ".out.T.draft", ".out.T",  # the marker
        ".out.latephase-lock", "swap", *[tmp_path.name] * 4,
    ]  # fmt: skip


@posix
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"writ',
        b'{"written_by": "latephase", "pi',
        b"\0" * 50,
        b'{"written_by": "latephase", "token": "../x"}',
    ],
)
def test_a_lock_file_that_says_nothing_of_use_is_taken_over(tmp_path: Path, content: bytes):
    """Ground truth: what a power cut may leave of a lock, and a token that leads elsewhere."""
    (tmp_path / "x").write_text("years of work")
    (tmp_path / ".out.latephase-lock").write_bytes(content)
    assert text(made(tmp_path / "out", True)) == "new"
    assert {p.name for p in tmp_path.iterdir()} == {"out", "x"}


@posix
def test_a_lock_is_never_taken_of_a_file_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Ground truth: the holder removes the file after the second has opened it."""
    first, opened = Lock(tmp_path / "out"), os.open

    def open_and_release(*args):
        fd = opened(*args)
        monkeypatch.undo()
        first.release()
        return fd

    monkeypatch.setattr(os, "open", open_and_release)
    second = Lock(tmp_path / "out")
    assert second.held()
    second.sign()
    assert json.loads(second.path.read_text())["pid"] == os.getpid()
    second.release()
    assert not list(tmp_path.iterdir())


@KINDS
def test_force_gives_up_only_what_stood_there_at_the_claim(tmp_path: Path, folder: bool):
    """Ground truth: what somebody put in the place of it meanwhile."""
    out = tmp_path / "out"
    made(out, folder, "old")
    with claim(out, folder, force=True) as output:
        out.rename(tmp_path / "away")
        made(tmp_path / "other", folder, "my own").rename(out)
        with pytest.raises(lp.LatephaseError, match="was changed while"):
            make(output)
    assert text(out) == "my own"


@posix
def test_a_new_file_is_never_an_old_one(tmp_path: Path):
    """Ground truth: the file that stood there, and the one that a link leads to."""
    (tmp_path / "old").write_text("years of work")
    (tmp_path / "link").symlink_to(tmp_path / "old")
    (tmp_path / "nowhere").symlink_to(tmp_path / "new")
    for name in ("old", "link", "nowhere"):
        with pytest.raises(FileExistsError):
            disk.write_new(tmp_path / name, b"new")
    assert (tmp_path / "old").read_text() == "years of work"
    assert not (tmp_path / "new").exists()


@posix
@KINDS
def test_what_a_dead_process_noted_is_kept_until_it_is_put_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: bool
):
    """Ground truth: what the dead process left, which cannot be removed at the first try."""
    lock = Lock(tmp_path / "out")
    lock.sign()
    (tmp_path / f".out.{lock.token}").mkdir()
    lock.release(keep=True)
    with monkeypatch.context() as broken:
        broken.setattr(disk, "remove", lambda path: os.rmdir(tmp_path / "not there"))
        with pytest.raises(lp.InputError):
            claim(tmp_path / "out", folder)
    assert text(made(tmp_path / "out", folder)) == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def child(act) -> int:
    """What a copy of this process ends with that does something: 0, or 1 if that raises."""
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        act()
    except BaseException:
        os._exit(1)
    os._exit(0)


@posix
@KINDS
@pytest.mark.parametrize("keeps", [False, True])
def test_a_copy_of_the_process_does_not_end_the_work(tmp_path: Path, folder: bool, keeps: bool):
    """Ground truth: the output of the process that claimed it; another is refused meanwhile."""
    with claim(tmp_path / "out", folder, keeps=keeps) as output:
        if folder:
            (output.begin(REPORT) / "page.html").write_text("new")
        assert child(output.close) == 0
        assert child(output.check) == 1
        assert child(lambda: make(output)) == 1
        with pytest.raises(lp.InputError, match=f"process {os.getpid()} on "):
            claim(tmp_path / "out", folder)
        output.publish(REPORT) if folder else output.write(b"new")
    assert text(tmp_path / "out") == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@posix
@pytest.mark.skipif(
    getattr(os, "getuid", int)() != 0, reason="needs to become a user who is not root"
)
@KINDS
@pytest.mark.parametrize("umask", [0o777, 0o477, 0o277, 0o177, 0o400])
@pytest.mark.parametrize("killed", [False, True])
def test_no_umask_locks_an_output_for_ever(folder: bool, umask: int, killed: bool):
    """Ground truth: the output of the next run; nobody is left out by what a strange one left."""
    place = Path(tempfile.mkdtemp())
    try:
        place.chmod(0o777)

        def strange() -> None:
            os.setuid(65534)
            os.umask(umask)
            if killed:
                disk.write_new = lambda *_: os._exit(9)
            made(place / "out", folder)

        def usual() -> None:
            os.setuid(65534)
            os.umask(0o022)
            made(place / "out", folder, force=True)

        assert child(strange) == (9 if killed else 1)
        assert killed or not list(place.iterdir())
        assert child(usual) == 0
        assert text(place / "out") == "new"
        assert [p.name for p in place.iterdir()] == ["out"]
    finally:
        shutil.rmtree(place)


@KINDS
@pytest.mark.parametrize("inside", ["inner", "page.html/inner", "deep/deeper/inner"])
@pytest.mark.parametrize("force", [False, True])
def test_no_output_inside_of_another(tmp_path: Path, folder: bool, inside: str, force: bool):
    """Ground truth: the files of the output that stands there."""
    out = made(tmp_path / "out", True, "old")
    before = listing(tmp_path)
    with pytest.raises(lp.InputError) as caught:
        made(out / inside, folder, force=force)
    assert message_is_one_line(caught.value)
    assert listing(tmp_path) == before
