"""The harness itself: it sees file operations of every kind, and its disk forgets what it should.

Ground truth: what POSIX says of each call, on small programs.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from failure.harness.lab import Lab
from failure.harness.operations import Fault
from failure.harness.runner import tree

EVERY_KIND = """
import ctypes, fcntl, os, pathlib, shutil
here = pathlib.Path.cwd()
(here / "a").write_bytes(b"12")
fd = os.open("b", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
os.write(fd, b"1234")
fcntl.flock(fd, fcntl.LOCK_EX)
os.fsync(fd)
os.replace("a", "c")
os.mkdir("d")
os.link("b", "d/e")
os.symlink("b", "f")
library = ctypes.CDLL(None)
assert library.renameat2(-100, b"b", -100, b"c", 2) == 0
os.chmod("b", 0o600)
os.truncate("b", 1)
shutil.rmtree("d")
(here / "f").unlink()
pathlib.Path("precious.txt").read_text()
pathlib.Path("/dev/null").write_text("elsewhere")
"""
KINDS = ["open a", "write a", "open b", "write b", "flock b", "fsync b", "rename a", "mkdir d"]
KINDS += ["link b", "symlink f", "renameat2 c", "chmod b", "truncate b", "remove d/e", "rmdir d"]
KINDS += ["remove f", "end"]


def run(lab: Lab, code: str, fault: Fault) -> tuple[int | None, list[str], Path]:
    place = lab.folder()
    ended = lab.runner.run(lab.reading(("-c", code), place, fault=fault))
    assert not ended.err, ended.err
    seen = [operation.replace(" /", " ").removesuffix(" .") for operation in ended.operations]
    return ended.code, seen, place


def test_every_kind_of_operation_is_seen_once(lab: Lab):
    """Ground truth: the calls of the program, in order; reading and other folders do not count."""
    code, seen, _ = run(lab, EVERY_KIND, Fault())
    assert (code, seen) == (0, KINDS)


def test_a_kill_comes_before_the_operation(lab: Lab):
    """Ground truth: the calls before it; the write that is killed at is done by half."""
    for number, names in ((1, set()), (2, {"a"}), (3, {"a"}), (8, {"b", "c"})):
        code, _, place = run(lab, EVERY_KIND, Fault("kill", number))
        left = {name: content for name, content in tree(place).items() if len(name) == 1}
        assert (code, left.keys()) == (-signal.SIGKILL, names)
        assert left.get("a", b"12") == (b"1" if number == 2 else b"12")


def test_the_disk_refuses(lab: Lab):
    """Ground truth: the errors of the operating system, once or from there on."""
    code = """
import errno
for name in "abc":
    try:
        open(name, "w").close()
    except OSError as error:
        print(errno.errorcode[error.errno])
"""
    place = lab.folder()
    for kind, told in (("full", "ENOSPC\nENOSPC\n"), ("broken", "EIO\n")):
        ended = lab.runner.run(lab.reading(("-c", code), place, fault=Fault(kind, 2)))
        assert (ended.code, ended.out) == (0, told)


SYNCS = """
import os, pathlib
def sync(name):
    fd = os.open(name, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
here = pathlib.Path.cwd()
(here / "named").mkdir()
(here / "named/whole").write_bytes(b"new")
(here / "named/hollow").write_bytes(b"lost")
sync("named/whole")
sync("named")
(here / "named/late").write_bytes(b"lost")
sync("named/late")
(here / "changed").write_bytes(b"old")
sync("changed")
sync(".")
(here / "changed").write_bytes(b"newer")
(here / "draft").write_bytes(b"newest")
os.replace("draft", "changed")
(here / "unnamed").mkdir()
os.remove("precious.txt")
"""
FOLDER = {"named": "folder", "named/hollow": b"", "named/whole": b"new"}
SYNCED = {**FOLDER, "changed": b"old", "precious.txt": b"years of work"}
EARLY = {**FOLDER, "named/late": b"lost", "changed": b"", "unnamed": "folder"}


@pytest.mark.parametrize(("names", "expected"), [("synced", SYNCED), ("early", EARLY)])
def test_the_disk_keeps_what_was_synced(lab: Lab, names: str, expected: dict):
    """Ground truth: fsync of a file keeps its bytes, of a folder its names, and nothing else."""
    _, seen, _ = run(lab, SYNCS, Fault())
    _, _, place = run(lab, SYNCS, Fault("cut", len(seen)))
    left = {n: c for n, c in tree(place.with_name(f"case.{names}")).items() if "out." not in n}
    assert left == expected
