"""Killed, interrupted, or refused by the disk at any file operation; then started again.

Ground truth: the bytes that an undisturbed run writes, and the earlier result as it was.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from failure.harness.cases import rarely, sampled, scaled
from failure.harness.lab import Lab, of_others, of_target, report
from failure.harness.operations import NO_FAULT, Fault
from failure.harness.outputs import CERTIFICATES, Output, outputs
from failure.harness.runner import Ended, in_one_line, quiet, tree

COUNTED = {"kill": "kills", "interrupt": "interruptions", "full": "full disks", "broken": "errors"}
WITHOUT_EXCHANGE = """
import sys
from latephase.cli import main
from latephase.store import disk
disk._renameat2 = lambda: None
main({words})
"""


def disturbed(lab: Lab, output: Output, fault: Fault, replacing: bool) -> list[str]:
    """What is wrong after the fault, and after the next run; nothing if all is well."""
    place = lab.folder(output if replacing else None)
    before, wanted, found = tree(place), lab.wanted(output), []
    ended = lab.runner.run(lab.command(output, place, fault=fault))
    lab.runner.counts[COUNTED[fault.kind]] += 1
    left = tree(place)
    if not _as_it_should(fault.kind, ended, of_target(left) == of_target(wanted)):
        found.append(f"it ended with {ended.code}: {ended.err.strip()!r}")
    states = [of_target(before), of_target(wanted)]
    if of_target(left) not in states:
        found.append("the output is neither the earlier result nor the new one")
    if of_others(left) != of_others(before):
        found.append("somebody else's files were changed")
    found += lab.go_on(output, place)
    lab.drop(place)
    return found


def _as_it_should(kind: str, ended: Ended, whole: bool) -> bool:
    """Whether the disturbed command ended as its fault wants; done is done if the output is there,
    whether or not what it replaced could be removed too (a warning says so)."""
    if kind == "kill":
        return ended.code == -9
    if ended.code == 0:
        return whole and (quiet(ended) or ended.err.startswith("latephase: warning: "))
    return in_one_line(ended) and (ended.code == 130) == (kind == "interrupt")


def sweep(lab: Lab, output: Output, kind: str, count: int, replacing: bool) -> None:
    """Disturb a sample of the operations of a command."""
    seen = lab.operations(output, replacing=replacing)
    bad = {}
    for number in sampled(seen[:-1], count, seed=1 + replacing):
        if found := disturbed(lab, output, Fault(kind, number), replacing):
            bad[f"{number} of {len(seen)}, {seen[number - 1]}"] = found
    assert not bad, report(kind, bad)


@outputs()
@pytest.mark.parametrize("replacing", rarely(True, False), ids=["replacing", "fresh"])
@pytest.mark.parametrize("count", scaled(2, 14))
def test_killed_at_a_file_operation(lab: Lab, output: Output, count: int, replacing: bool):
    """Ground truth: the undisturbed bytes."""
    sweep(lab, output, "kill", count, replacing)


@outputs()
@pytest.mark.parametrize("count", scaled(1, 6))
def test_interrupted_at_a_file_operation(lab: Lab, output: Output, count: int):
    """Ground truth: the undisturbed bytes, and the exit code 130 with one line."""
    sweep(lab, output, "interrupt", count, True)


@outputs()
@pytest.mark.parametrize("kind", rarely("full", "broken"))
@pytest.mark.parametrize("count", scaled(1, 6))
def test_refused_by_the_disk_at_a_file_operation(lab: Lab, output: Output, count: int, kind: str):
    """Ground truth: the undisturbed bytes, and a failure told in one line."""
    sweep(lab, output, kind, count, True)


@pytest.mark.parametrize("count", scaled(2, 12))
def test_killed_where_names_cannot_be_exchanged(lab: Lab, count: int):
    """Ground truth: the undisturbed bytes; between two renames there may be no output."""
    output, bad = CERTIFICATES, {}
    words = ("-c", WITHOUT_EXCHANGE.format(words=list(output.arguments())))

    def run(fault: Fault) -> tuple[Path, Ended]:
        place = lab.folder(output)
        return place, lab.runner.run(lab.reading(words, place, fault=fault, patience=90))

    place, whole = run(NO_FAULT)
    assert tree(place) == lab.wanted(output)
    assert not any("renameat2" in one for one in whole.operations)
    for number in range(len(whole.operations) - 1, len(whole.operations) - 1 - count, -1):
        place, ended = run(Fault("kill", number))
        assert ended.code == -9
        lab.runner.counts["kills"] += 1
        if found := lab.go_on(output, place):
            bad[f"{number}, {whole.operations[number - 1]}"] = found
    assert not bad, report("kill", bad)
