"""Disks that are full or have no room for names, mounts, users without a home, locked folders.

Ground truth: the operating system, which mounts a disk of that size, or refuses that user.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from failure.harness.cases import rarely, scaled
from failure.harness.lab import FOREIGN, Lab, of_target, report
from failure.harness.outputs import TARGET, Output, outputs
from failure.harness.runner import in_one_line, quiet, tree

SOMEBODY = 12345  # no entry in the table of users
ROOMY = 2**26
NO_HOME = {"HOME": None, "USER": None, "LOGNAME": None, "XDG_RUNTIME_DIR": None, "TMPDIR": None}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
Mount = Callable[[Path, str], None]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mounts a disk of memory: mount(place, "size=64k"), or again with other options."""
    with ExitStack() as ends:

        def mounted(place: Path, options: str) -> None:
            again = os.path.ismount(place)
            way = ["-o", f"remount,{options}"] if again else ["-t", "tmpfs", "-o", options, "none"]
            done = subprocess.run(["mount", *way, place], capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
            if not again:
                ends.callback(subprocess.run, ["umount", place], check=True)

        yield mounted


def size(files: dict) -> int:
    """Bytes that files take on a disk of pages, a folder's name included."""
    page = 4096
    return sum(page * -(-len(c) // page) if isinstance(c, bytes) else 0 for c in files.values())


def on_a_small_disk(lab: Lab, mount: Mount, output: Output, share: float, what: str) -> list[str]:
    """What is wrong on a disk that holds the earlier result and a share of the new one."""
    place = lab.folder()
    mount(place, f"size={ROOMY}")
    for name, content in FOREIGN.items():
        (place / name).write_bytes(content)
    earlier = lab.runner.run(lab.command(output, place, 2))
    assert quiet(earlier), earlier
    before, wanted = tree(place), lab.wanted(output)
    room = {"size": size(before) + int(share * size(wanted))}
    room["nr_inodes"] = len(before) + 2 + int(share * len(wanted))
    mount(place, f"{what}={room[what]}")
    ended = lab.runner.run(lab.command(output, place))
    left, found = tree(place), []
    lab.runner.counts["full disks"] += 1
    if ended.code == 0:
        found += [] if left == wanted else ["done, and the output is not whole"]
    elif not in_one_line(ended):
        found.append(f"it ended with {ended.code}: {ended.err.strip()[-300:]!r}")
    elif of_target(left) != of_target(before):
        found.append("the earlier output was touched")
    mount(place, f"size={ROOMY},nr_inodes=10000")
    return found + lab.go_on(output, place)


@pytest.mark.parametrize("what", rarely("size", "nr_inodes"))
@pytest.mark.parametrize("count", scaled(1, 2))
@outputs()
def test_a_small_disk(lab: Lab, mount: Mount, output: Output, count: int, what: str):
    """Ground truth: the earlier output until there is room, then the undisturbed bytes."""
    rng, bad = random.Random(f"{output.name} {count}"), {}
    for _ in range(count):
        share = rng.uniform(0, 0.95)
        if found := on_a_small_disk(lab, mount, output, share, what):
            bad[f"{share:.2f} of the new output"] = found
    assert not bad, report(f"a small {what}", bad)


@pytest.mark.parametrize("more", rarely((), ("--force",)), ids=["plain", "force"])
@outputs()
def test_a_mount_point_as_output(lab: Lab, mount: Mount, output: Output, more: tuple[str, ...]):
    """Ground truth: the undisturbed result inside, or a refusal before anything was made."""
    place = lab.folder()
    (place / TARGET).mkdir()
    mount(place / TARGET, f"size={ROOMY}")
    before = tree(place)
    ended = lab.runner.run(lab.command(output, place, 1, *(more if output.forced else ())))
    if quiet(ended):
        assert of_target(tree(place)).keys() == of_target(lab.wanted(output)).keys()
    else:
        assert (in_one_line(ended), ended.code) == (True, 2), ended
        assert tree(place) == before
        assert len(ended.operations) < 10, "work was done before the refusal"


@needs_root
@outputs()
def test_a_user_without_home_or_entry(lab: Lab, output: Output):
    """Ground truth: the undisturbed bytes, made first: whoever may not read Python's own folder
    (below root's home) must find its modules loaded."""
    wanted, place = lab.wanted(output), lab.folder()
    os.chown(place, SOMEBODY, SOMEBODY)
    options = {"uid": SOMEBODY, "environment": NO_HOME}
    ended = lab.runner.run(lab.command(output, place, **options))
    assert quiet(ended), ended
    assert tree(place) == wanted


@needs_root
@pytest.mark.parametrize("mode", rarely(0o555, 0o444, 0o000))
@outputs()
def test_a_folder_that_may_not_be_written(lab: Lab, output: Output, mode: int):
    """Ground truth: the permissions of the folder; nothing is done before the refusal."""
    place = lab.folder()
    (place / "locked").mkdir(mode=0o755)
    (place / "locked").chmod(mode)
    before = tree(place)
    words = output.arguments(target="locked/out")
    ended = lab.runner.run(lab.reading(words, place, uid=SOMEBODY, numbers=output.numbers()))
    assert (in_one_line(ended), ended.code) == (True, 2), ended
    assert tree(place) == before


@needs_root
@outputs()
def test_an_earlier_output_that_may_not_be_read(lab: Lab, output: Output):
    """Ground truth: the permissions; a refusal leaves what it could not look at."""
    place = lab.folder(output)
    os.chown(place, SOMEBODY, SOMEBODY)
    before = tree(place)
    (place / TARGET).chmod(0o000)
    ended = lab.runner.run(lab.command(output, place, uid=SOMEBODY, environment=NO_HOME))
    (place / TARGET).chmod(0o755)
    assert (in_one_line(ended), ended.code) == (True, 2), ended
    assert tree(place) == before
