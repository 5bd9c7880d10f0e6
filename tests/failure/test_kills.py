"""Killed, interrupted, or refused by the disk at any file operation; then started again.

Ground truth: the bytes that an undisturbed run writes, and the earlier result as it was.
"""

from __future__ import annotations

import pytest

from failure.harness.cases import rarely, sampled, scaled
from failure.harness.lab import Lab, of_others, of_target, report
from failure.harness.operations import Fault
from failure.harness.outputs import Output, outputs
from failure.harness.runner import Ended, in_one_line, quiet, tree

pytestmark = outputs()


def disturbed(lab: Lab, output: Output, fault: Fault, replacing: bool) -> list[str]:
    """What is wrong after the fault, and after the next run; nothing if all is well."""
    place = lab.folder(output if replacing else None)
    before, wanted, found = tree(place), lab.wanted(output), []
    ended = lab.runner.run(lab.command(output, place, fault=fault))
    lab.runner.counts[fault.kind] += 1
    left = tree(place)
    if not _as_it_should(fault.kind, ended, left == wanted):
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
    """Whether the disturbed command ended as its fault wants; done is done if all is there."""
    if kind == "kill":
        return ended.code == -9
    if ended.code == 0:
        return quiet(ended) and whole
    return in_one_line(ended) and (ended.code == 130) == (kind == "interrupt")


def sweep(lab: Lab, output: Output, kind: str, count: int, replacing: bool) -> None:
    """Disturb a sample of the operations of a command."""
    seen = lab.operations(output, replacing=replacing)
    bad = {}
    for number in sampled(seen[:-1], count, seed=1 + replacing):
        if found := disturbed(lab, output, Fault(kind, number), replacing):
            bad[f"{number} of {len(seen)}, {seen[number - 1]}"] = found
    assert not bad, report(kind, bad)


@pytest.mark.parametrize("replacing", rarely(True, False), ids=["replacing", "fresh"])
@pytest.mark.parametrize("count", scaled(2, 14))
def test_killed_at_a_file_operation(lab: Lab, output: Output, count: int, replacing: bool):
    """Ground truth: the undisturbed bytes."""
    sweep(lab, output, "kill", count, replacing)


@pytest.mark.parametrize("count", scaled(1, 6))
def test_interrupted_at_a_file_operation(lab: Lab, output: Output, count: int):
    """Ground truth: the undisturbed bytes, and the exit code 130 with one line."""
    sweep(lab, output, "interrupt", count, True)


@pytest.mark.parametrize("kind", rarely("full", "broken"))
@pytest.mark.parametrize("count", scaled(1, 6))
def test_refused_by_the_disk_at_a_file_operation(lab: Lab, output: Output, count: int, kind: str):
    """Ground truth: the undisturbed bytes, and a failure told in one line."""
    sweep(lab, output, kind, count, True)
