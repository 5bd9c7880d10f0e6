"""Two commands on one output: one stands still at any file operation while the other one runs.

Ground truth: the bytes of either undisturbed run.  Who says that it is done has its result there,
unless the other one came later; who is refused is told by whom, in one line.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from failure.harness.cases import rarely, sampled, scaled
from failure.harness.lab import FOREIGN, Lab, of_others, of_target, report
from failure.harness.operations import Fault
from failure.harness.outputs import TARGET, Output, outputs
from failure.harness.runner import Ended, in_one_line, quiet, tree

pytestmark = outputs()
SETTINGS = {"same": (1, False), "other": (2, False), "resumed": (1, True)}


def nothing(place: Path) -> None:
    """The first one's files are left alone."""


def rename_work(place: Path) -> None:
    for found in _of_the_first(place):
        found.rename(place.parent / f"taken-{found.name}")


def remove_work(place: Path) -> None:
    for found in _of_the_first(place):
        shutil.rmtree(found) if found.is_dir() else found.unlink()


def _of_the_first(place: Path) -> list[Path]:
    """What the first one works in: its folder, draft and lock, under whatever name."""
    return [p for p in place.iterdir() if p.name not in FOREIGN and p.name != TARGET]


MEDDLING = rarely(nothing, rename_work, remove_work)


def overlap(lab: Lab, output: Output, number: int, how: str, meddle: Callable) -> list[str]:
    """What is wrong after the first stood still at an operation while the second ran."""
    place = lab.folder(output)
    before, (n, resumed) = tree(place), SETTINGS[how]
    first = lab.runner.start(lab.command(output, place, fault=Fault("stop", number)))
    standing = lab.runner.wait(first)
    holder = str(first) if _signed(place) else "another process"
    meddle(place)
    more = output.again if resumed else ()
    second = lab.runner.run(lab.command(output, place, n, *more))
    ended = lab.runner.go_on(first) if standing.code is None else standing
    lab.runner.counts["overlaps"] += 1
    found = _told(ended, second, holder if meddle is nothing else "")
    found += _published(lab, output, (ended, 1), (second, n), before, place, meddle is nothing)
    if of_others(tree(place)) != FOREIGN:
        found.append("somebody else's files were changed")
    lab.drop(place)
    return found


def _signed(place: Path) -> bool:
    """Whether the lock says whose it is: not between its taking and the first byte of its file."""
    return any(lock.stat().st_size for lock in place.glob(".*.latephase-lock"))


def _told(first: Ended, second: Ended, holder: str) -> list[str]:
    """What is wrong with what the two have said.

    Whoever asks to resume what stands there with other settings may be told so, whoever holds it.
    """
    found = [
        f"the {which} ended with {one.code}: {one.err.strip()[-300:]!r}"
        for which, one in (("first", first), ("second", second))
        if not (quiet(one) or in_one_line(one))
    ]
    other_settings = " to resume, " in second.err
    if in_one_line(second) and holder not in second.err and not other_settings:
        found.append(f"the second is not told who holds it: {second.err.strip()!r}")
    if holder and second.code != 0 and first.code != 0:
        found.append(f"both failed: {first.err.strip()!r}, {second.err.strip()!r}")
    return found


def _published(
    lab: Lab, output: Output, first, second, before, place: Path, clean=True
) -> list[str]:
    """What is wrong with the output: it is that of one who is done.

    clean: and nothing is left beside it; where the work was taken away, a rest may be.
    """
    done = [n for ended, n in (first, second) if ended.code == 0]
    wanted = [lab.wanted(output, n) for n in done] or [before]
    left = tree(place)
    if not clean:
        left, wanted = of_target(left), [of_target(one) for one in wanted]
    if left in wanted:
        return []
    names = {name for name in left.keys() | wanted[0] if left.get(name) != wanted[0].get(name)}
    return [f"done are {done}, and other files are left: {', '.join(sorted(names)[:3])}"]


@pytest.mark.parametrize("count", scaled(1, 4))
@pytest.mark.parametrize("meddle", MEDDLING, ids=lambda meddle: meddle.__name__)
def test_the_second_is_refused_or_comes_after(lab: Lab, output: Output, meddle, count: int):
    """Ground truth: the bytes of either run; the number of the process that holds the output."""
    seen, bad = lab.operations(output, replacing=True), {}
    rng = random.Random(f"{output.name} {count}")
    for number in sampled(seen, count, seed=5):
        how = rng.choice([how for how in SETTINGS if output.resumed or how != "resumed"])
        if found := overlap(lab, output, number, how, meddle):
            bad[f"{number} of {len(seen)}, {how} settings, {seen[number - 1]}"] = found
    assert not bad, report("overlap", bad)


@pytest.mark.campaign
def test_two_that_run_at_once(lab: Lab, output: Output):
    """Ground truth: the bytes of either run."""
    rng, bad = random.Random(7), {}
    for case in range(3):
        place, n = lab.folder(), 1 + case % 2
        before = tree(place)
        first = lab.runner.start(lab.command(output, place))
        time.sleep(rng.uniform(0, 0.3))
        second = lab.runner.run(lab.command(output, place, n))
        ended = lab.runner.wait(first)
        lab.runner.counts["overlaps"] += 1
        found = _told(ended, second, "")
        found += _published(lab, output, (ended, 1), (second, n), before, place)
        if found:
            bad[f"case {case}"] = found
        lab.drop(place)
    assert not bad, report("overlap", bad)


def test_the_hold_of_a_dead_process_is_nobodys(lab: Lab, output: Output):
    """Ground truth: the undisturbed bytes; the holder stood still, then was killed."""
    seen = lab.operations(output, replacing=False)
    place = lab.folder()
    first = lab.runner.start(lab.command(output, place, fault=Fault("stop", len(seen) // 2)))
    assert lab.runner.wait(first).code is None
    os.kill(first, signal.SIGKILL)
    assert lab.runner.wait(first).code == -signal.SIGKILL
    lab.runner.counts["overlaps"] += 1
    assert lab.go_on(output, place) == []
