"""Somebody else's files: in the place of an output, beside it, in it, under names that we use.

Ground truth: their bytes as they were, with and without --force; --force gives up nothing but what
stands in the very place that it names, and never a home, a mount or a folder in use.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from failure.harness.cases import kind_of, rarely
from failure.harness.lab import FOREIGN, Lab, report
from failure.harness.outputs import ENSEMBLE, EVERYDAY, OUTPUTS, TARGET, Output, outputs
from failure.harness.runner import Ended, Tree, in_one_line, quiet, tree

PRECIOUS = b"years of work"
FOLDERS = [output for output in OUTPUTS if output.flag == "--out" and output.name != "certificate"]


def a_file(place: Path) -> None:
    place.write_bytes(PRECIOUS)


def a_folder(place: Path) -> None:
    place.mkdir()
    (place / "thesis.tex").write_bytes(PRECIOUS)


def a_link_to_a_file(place: Path) -> None:
    place.symlink_to("precious.txt")


def a_link_to_a_folder(place: Path) -> None:
    a_folder(place.with_name("elsewhere"))
    place.symlink_to("elsewhere")


def a_dangling_link(place: Path) -> None:
    place.symlink_to("nowhere")


def a_pipe(place: Path) -> None:
    os.mkfifo(place)


PLANTED = rarely(a_link_to_a_file, a_file, a_folder, a_link_to_a_folder, a_dangling_link, a_pipe)
FORCE = pytest.mark.parametrize("force", rarely(True, False), ids=["force", "plain"])


def told(ended: Ended) -> bool:
    """Whether the command is done, or refused in one line."""
    return quiet(ended) or (in_one_line(ended) and ended.code == 2)


def lost(before: Tree, after: Tree, given_up: str = "") -> list[str]:
    """The names of what was there and is no longer as it was, but for what may be replaced."""
    kept = (name for name in before if not given_up or name.split("/")[0] != given_up)
    return [name for name in kept if after.get(name) != before[name]]


def forced(output: Output, force: bool) -> tuple[str, ...]:
    return ("--force",) if force and output.forced else ()


@FORCE
@pytest.mark.parametrize("make", PLANTED, ids=lambda make: make.__name__)
@outputs()
def test_what_stands_beside_the_output(lab: Lab, output: Output, make: Callable, force: bool):
    """Ground truth: whatever stands under a name that the command uses for itself."""
    seen = lab.operations(output, replacing=True)
    tops = {operation.split(" ", 1)[1].strip("/").split("/")[0] for operation in seen}
    used = {kind_of(name): name for name in sorted(tops)}  # one of those with a random part
    guessed = {f"{TARGET}.partial", f".{TARGET}.partial", f"{TARGET}.tmp", f"{TARGET}.lock"}
    bad = {}
    for name in sorted({*used.values(), *guessed} - {TARGET, "", "."}):
        place = lab.folder(output)
        make(place / name)
        before = tree(place)
        ended = lab.runner.run(lab.command(output, place, 1, *forced(output, force), patience=30))
        lab.runner.counts["foreign files"] += 1
        gone = lost(before, tree(place), TARGET)
        if gone or not told(ended):
            bad[name] = [f"lost {gone}; {ended.code} {ended.err.strip()[-300:]!r}"]
        lab.drop(place)
    assert not bad, report(make.__name__, bad)


@FORCE
@pytest.mark.parametrize("make", PLANTED, ids=lambda make: make.__name__)
@outputs()
def test_what_stands_in_the_place_of_the_output(
    lab: Lab, output: Output, make: Callable, force: bool
):
    """Ground truth: the bytes; with --force only what has that name itself may be replaced."""
    place = lab.folder()
    make(place / TARGET)
    before = tree(place)
    ended = lab.runner.run(lab.command(output, place, 1, *forced(output, force), patience=30))
    lab.runner.counts["foreign files"] += 1
    assert told(ended), ended
    # A link is followed: what it leads to is the output that --force gives up.
    given_up = {TARGET, "precious.txt" if make is a_link_to_a_file else "elsewhere"}
    gone = lost(before, tree(place))
    assert {name.split("/")[0] for name in gone} <= (given_up if forced(output, force) else set())


def a_note(place: Path) -> None:
    (place / TARGET / "notes.txt").write_bytes(PRECIOUS)


def a_folder_inside(place: Path) -> None:
    a_folder(place / TARGET / "mine")


def a_file_deep_inside(place: Path) -> None:
    deepest = max(
        (p for p in (place / TARGET).rglob("*") if p.is_file()), key=lambda p: len(p.parts)
    )
    deepest.with_name("mine").write_bytes(PRECIOUS)


def a_changed_file(place: Path) -> None:
    largest = max((p for p in (place / TARGET).rglob("*") if p.is_file()), key=lambda p: p.name)
    largest.write_bytes(PRECIOUS)


def a_copy_with_more(place: Path) -> None:
    """A copy of the output, of which the marker still says that it is ours."""
    shutil.copytree(place / TARGET, place / "copy")
    shutil.rmtree(place / TARGET)
    shutil.move(place / "copy", place / TARGET)
    a_note(place)


ADDED = rarely(a_note, a_folder_inside, a_file_deep_inside, a_changed_file, a_copy_with_more)


@pytest.mark.parametrize("add", ADDED, ids=lambda add: add.__name__)
@outputs(FOLDERS)
def test_what_was_put_into_an_output(lab: Lab, output: Output, add: Callable):
    """Ground truth: the bytes; without --force nothing of the folder goes."""
    bad = {}
    for more in {(), output.again}:
        place = lab.folder(output, 1)
        add(place)
        before = tree(place)
        ended = lab.runner.run(lab.command(output, place, 1, *more))
        lab.runner.counts["foreign files"] += 1
        made_again = quiet(ended) and add is a_changed_file and more
        if not made_again and (lost(before, tree(place)) or not in_one_line(ended)):
            bad[" ".join(more)] = [f"{ended.code} {ended.err.strip()!r}"]
        lab.drop(place)
    assert not bad, report(add.__name__, bad)


DERIVED = """
import warnings, xarray
warnings.simplefilter("ignore")
found = xarray.open_zarr("TARGET", consolidated=False)
found[["weights", "regime"]].assign(mine=3.0).to_zarr("derived")
found.assign(mine=("trial", found.trial.values if "trial" in found else range(found.sizes["trial"]))
    ).drop_encoding().to_zarr("whole")
xarray.Dataset({"mine": 3.0}).to_zarr("TARGET", mode="a")
""".replace("TARGET", TARGET)


@pytest.mark.parametrize("more", [(), ("--resume",)], ids=["plain", "resume"])
def test_a_store_that_was_derived_from_ours(lab: Lab, more: tuple[str, ...]):
    """Ground truth: the store that a user made with xarray, variable and all."""
    place = lab.folder(ENSEMBLE, 1)
    derived = lab.runner.run(lab.reading(("-c", DERIVED), place))
    assert (derived.code, derived.err) == (0, ""), derived
    before = tree(place)
    for name in ("derived", "whole", TARGET):
        words = ENSEMBLE.arguments(1, *more, target=name)
        ended = lab.runner.run(lab.reading(words, place, numbers=ENSEMBLE.numbers()))
        lab.runner.counts["foreign files"] += 1
        assert in_one_line(ended), (name, ended)
        assert lost(before, tree(place)) == []


# Where the command runs, its home, the output it names; relative to a folder of the test.
IN_USE = {
    "above-home": ("a", "b/home", "../b"),
    "here": ("a/b", "a", "."),
    "above": ("a/b", "home", ".."),
    "two-above": ("a/b/c", "home", "../.."),
    "home": ("a", "home", "../home"),
    "home-by-name": ("a", "home", "~"),
    "two-above-home": ("a", "b/c/home", "../b"),
    "through-a-link": ("a", "b/home", "../link"),
    "root": ("a", "b/home", "/"),
}


@FORCE
@pytest.mark.parametrize("where", rarely(*IN_USE))
@outputs(EVERYDAY)
def test_a_folder_in_use(lab: Lab, output: Output, where: str, force: bool):
    """Ground truth: the home, the working folder and all above them must stay."""
    place = lab.folder()
    here, home, target = IN_USE[where]
    for folder in {here, home}:
        (place / folder).mkdir(parents=True, exist_ok=True)
        (place / folder / "thesis.tex").write_bytes(PRECIOUS)
    (place / "link").symlink_to("b")
    before = tree(place)
    words = output.arguments(1, *forced(output, force), target=target)
    options = {"environment": {"HOME": str(place / home)}, "numbers": output.numbers()}
    ended = lab.runner.run(lab.reading(words, place / here, **options))
    assert (in_one_line(ended), ended.code) == (True, 2), ended
    assert tree(place) == before


NAMES = {
    "too-long-with-an-ending": "n" * 250,
    "longest": "n" * 255,
    "too-long": "n" * 300,
    "too-deep": "n/" * 3000 + "n",
    "letters-of-many-bytes": "ü" * 130,
    "a-line-break": "a\nb",
    "no-utf-8": os.fsdecode(b"a\xff"),
    "a-file-above": "precious.txt/out",
    "a-device": "/dev/null",
}


@pytest.mark.parametrize("name", rarely(*NAMES))
@outputs(EVERYDAY)
def test_names_that_cannot_be_had(lab: Lab, output: Output, name: str):
    """Ground truth: done, or refused in one line before any work, with nothing left."""
    place = lab.folder()
    words = output.arguments(target=NAMES[name])
    ended = lab.runner.run(lab.reading(words, place, numbers=output.numbers()))
    if not quiet(ended):
        assert (in_one_line(ended), ended.code) == (True, 2), ended
        assert tree(place) == tree(lab.folder())
    assert lost(tree(lab.folder()), tree(place)) == []
    assert set(FOREIGN) <= set(tree(place))
