"""The power goes off at any file operation: only what was synced is left.

Ground truth: the bytes of an undisturbed run.  What the next run makes of the rest is the same
result, never other numbers; what a command that ended well has written is all there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from failure.harness.cases import sampled, scaled
from failure.harness.lab import Lab, of_target, report
from failure.harness.operations import Fault
from failure.harness.outputs import Output, outputs
from failure.harness.runner import tree


def after(lab: Lab, output: Output, disk: Path, finished: bool) -> list[str]:
    """What is wrong with what the disk holds, and with what the next run makes of it."""
    found, left, wanted = [], of_target(tree(disk)), of_target(lab.wanted(output))
    earlier = of_target(lab.wanted(output, 2))
    if left != wanted and (finished or left != earlier):
        found.append("the output on the disk is not whole" + " though it was done" * finished)
    lab.runner.counts["power cuts"] += 1
    return found + lab.go_on(output, disk)


@pytest.mark.parametrize("count", scaled(0, 8))
@outputs()
def test_the_power_goes_off(lab: Lab, output: Output, count: int):
    """Ground truth: the undisturbed bytes; the last operation is the end of the command.

    Once with the names that were synced, once with names that reached the disk before their data.
    """
    seen, bad = lab.operations(output, replacing=True), {}
    for number in {*sampled(seen, count, seed=3), len(seen)}:
        place = lab.folder(output)
        ended = lab.runner.run(lab.command(output, place, fault=Fault("cut", number)))
        assert ended.code == -9, ended
        for names in ("synced", "early"):
            found = after(lab, output, place.with_name(f"case.{names}"), number == len(seen))
            if found:
                bad[f"{number} of {len(seen)}, {names} names, {seen[number - 1]}"] = found
        lab.drop(place)
    assert not bad, report("cut", bad)
