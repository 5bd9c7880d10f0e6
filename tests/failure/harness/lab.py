"""Folders in which an output is made, disturbed or not, and what is left in them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from .operations import NO_FAULT, Fault
from .outputs import TARGET, Output
from .runner import Runner, Tree, in_one_line, quiet, tree
from .server import Command

FOREIGN = {
    "out.partial.bak": b"years of work",
    "out.lock.notes": b"years of work",
    "precious.txt": b"years of work",
}


@dataclass
class Results:
    """What commands do when nothing disturbs them, once for all tests of a process."""

    home: Path
    folders: dict[tuple[str, int], Path] = field(default_factory=dict)
    operations: dict[tuple[str, bool], list[str]] = field(default_factory=dict)


class Lab:
    """Folders in which an output is made, disturbed or not."""

    def __init__(self, runner: Runner, home: Path, results: Results) -> None:
        self.runner, self.home, self._results, self._made = runner, home, results, 0

    def result(self, output: Output, n: int = 1) -> Path:
        """A folder where the output was made undisturbed."""
        known = self._results.folders
        if (output.name, n) not in known:
            place = _with_foreign_files(self._results.home / f"{output.name}-{n}")
            ended = self.runner.run(self.command(output, place, n))
            assert quiet(ended), ended
            known[output.name, n] = place
        return known[output.name, n]

    def operations(self, output: Output, *, replacing: bool) -> list[str]:
        """The file operations of the command, undisturbed, in order."""
        known, key = self._results.operations, (output.name, replacing)
        if key not in known:
            place = self.folder(output if replacing else None)
            ended = self.runner.run(self.command(output, place))
            assert quiet(ended), ended
            assert len(ended.operations) > 2, "the file operations were not seen"
            assert tree(place) == self.wanted(output)
            known[key] = ended.operations
            self.drop(place)
        return known[key]

    def folder(self, output: Output | None = None, n: int = 2) -> Path:
        """A folder with files of somebody else, and with an earlier result if one is named."""
        self._made += 1
        place = _with_foreign_files(self.home / f"{self._made}" / "case")
        if output is not None:
            made = self.result(output, n) / TARGET
            copy = shutil.copytree if made.is_dir() else shutil.copyfile
            copy(made, place / TARGET)
        return place

    def wanted(self, output: Output, n: int = 1) -> Tree:
        """All that the folder holds once the output is made, and nothing else."""
        return tree(self.result(output, n))

    def command(
        self,
        output: Output,
        place: Path,
        n: int = 1,
        *more: str,
        fault: Fault = NO_FAULT,
        **options,
    ) -> Command:
        """The command that makes the output in a folder."""
        return Command(output.arguments(n, *more), place, fault, output.numbers(n), **options)

    def reading(self, arguments: tuple[str, ...], place: Path, **options) -> Command:
        """Another command, which soon ends."""
        return Command(arguments, place, **{"patience": 30, **options})

    def drop(self, place: Path) -> None:
        """Remove a folder that has served."""
        shutil.rmtree(place.parent)

    def go_on(self, output: Output, place: Path) -> list[str]:
        """What is wrong with the next run, resumed if it can be; it must end as if undisturbed."""
        there = of_target(tree(place))
        # Nothing of this one had begun; or it is in place, and the earlier one still beside it: a
        # disk that was rebuilt has other inodes than those by which the lock's notes know that one.
        ends = there in (of_target(self.wanted(output, 2)), of_target(self.wanted(output)))
        again = self.runner.run(self.command(output, place, 1, *output.again))
        if output.resumed and ends and in_one_line(again):
            again = self.runner.run(self.command(output, place))
        if not quiet(again):
            return [f"the next run ended with {again.code}: {again.err.strip()!r}"]
        last, wanted = tree(place), self.wanted(output)
        names = {name for name in last.keys() | wanted if last.get(name) != wanted.get(name)}
        return [f"the next run left other files: {', '.join(sorted(names)[:3])}"] if names else []


def _with_foreign_files(place: Path) -> Path:
    place.mkdir(parents=True)
    for name, content in FOREIGN.items():
        (place / name).write_bytes(content)
    return place


def of_target(files: Tree) -> Tree:
    """The files of the output itself."""
    return {name: content for name, content in files.items() if name.split("/")[0] == TARGET}


def of_others(files: Tree) -> Tree:
    """The files of somebody else."""
    return {name: content for name, content in files.items() if name in FOREIGN}


def report(kind: str, bad: dict[str, list[str]]) -> str:
    """The first few of what was wrong, a line each."""
    lines = [f"{kind} at {where}: {'; '.join(found)}" for where, found in bad.items()]
    return "\n".join([f"{len(lines)} cases went wrong", *lines[:8]])
