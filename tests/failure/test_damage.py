"""Files that were damaged after they were written, of complete outputs and of partial ones.

Ground truth: the bytes and numbers of an undisturbed run.  The next run makes the same again, or
refuses in one line and leaves everything as it was; who reads gets the same, or an error.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from failure.harness.cases import kind_of, scaled
from failure.harness.damage import DAMAGES, HOSTILE
from failure.harness.lab import Lab, report
from failure.harness.operations import Fault
from failure.harness.outputs import (
    CERTIFICATE,
    CERTIFICATES,
    ENSEMBLE,
    NETWORK,
    OUTPUTS,
    POINTS,
    TARGET,
    Output,
    outputs,
)
from failure.harness.runner import in_one_line, quiet, tree


def files_of(place: Path) -> list[Path]:
    """The files of an output and of its partial sibling, sorted."""
    tops = [place / TARGET, place / f"{TARGET}.partial"]
    found = [f for top in tops for f in (top, *top.rglob("*")) if f.is_file()]
    return sorted(found)


def partial(lab: Lab, output: Output) -> Path:
    """A folder in which a run was killed after two thirds of its operations."""
    place, seen = lab.folder(), lab.operations(output, replacing=False)
    ended = lab.runner.run(lab.command(output, place, fault=Fault("kill", len(seen) * 2 // 3)))
    assert ended.code == -9
    return place


def cases(template: Path, count: int, seed: str) -> list[tuple[str, str]]:
    """Files, relative, and what befalls them: every damage, on files of all kinds in turn."""
    rng = random.Random(seed)
    kinds: dict[str, list[str]] = {}
    for file in files_of(template):
        name = file.relative_to(template).as_posix()
        kinds.setdefault(kind_of("/" + name), []).append(name)
    drawn = [
        (rng.choice(names), damage)
        for names in kinds.values()
        for damage in (*DAMAGES, *(f"hostile {name}" for name in HOSTILE if ".json" in names[0]))
    ]
    rng.shuffle(drawn)
    return drawn[:count]


def damaged(lab: Lab, template: Path, name: str, damage: str) -> Path | None:
    """A copy of the template in which the file was damaged; None if it is the same for it."""
    place = lab.folder()
    shutil.rmtree(place)
    shutil.copytree(template, place, symlinks=True)
    before, file = tree(place), place / name
    if damage.startswith("hostile "):
        file.write_bytes(HOSTILE[damage.removeprefix("hostile ")])
    elif file.parent != place or damage not in ("lost_folder", "link"):  # a link is followed
        DAMAGES[damage](file, random.Random(f"{name} {damage}"))
    if tree(place) == before:
        lab.drop(place)
        return None
    lab.runner.counts["damaged files"] += 1
    return place


def next_run(lab: Lab, output: Output, place: Path) -> list[str]:
    """What is wrong with the next run on a damaged output."""
    before = tree(place)
    ended = lab.runner.run(lab.command(output, place, 1, *output.again, patience=30))
    after, wanted = tree(place), lab.wanted(output)
    if quiet(ended):
        names = {name for name in after.keys() | wanted if after.get(name) != wanted.get(name)}
        return [f"done, and it left other files: {', '.join(sorted(names)[:3])}"] if names else []
    if not in_one_line(ended) or ended.code == 130:
        return [f"it ended with {ended.code}: {ended.err.strip()[-300:]!r}"]
    # Latephase's own drafts and lock, which a killed run has left, may go all the same.
    gone = [n for n in before if not n.startswith(f".{TARGET}.") and after.get(n) != before[n]]
    return [f"refused, and yet changed: {', '.join(gone[:3])}"] if gone else []


@pytest.mark.parametrize("count", scaled(3, 30))
@outputs([output for output in OUTPUTS if output.resumed])
def test_a_damaged_partial_output_is_resumed_or_refused(lab: Lab, output: Output, count: int):
    """Ground truth: the undisturbed bytes."""
    template, bad = partial(lab, output), {}
    for name, damage in cases(template, count, f"partial {output.name} {count}"):
        if place := damaged(lab, template, name, damage):
            if found := next_run(lab, output, place):
                bad[f"{name}, {damage}"] = found
            lab.drop(place)
    assert not bad, report("damage", bad)


@pytest.mark.parametrize("count", scaled(1, 15))
@outputs()
def test_a_damaged_complete_output_is_made_again_or_refused(lab: Lab, output: Output, count: int):
    """Ground truth: the undisturbed bytes."""
    template, bad = lab.result(output), {}
    for name, damage in cases(template, count, f"complete {output.name} {count}"):
        if place := damaged(lab, template, name, damage):
            if found := next_run(lab, output, place):
                bad[f"{name}, {damage}"] = found
            lab.drop(place)
    assert not bad, report("damage", bad)


READ_STORE = f"""
import hashlib, xarray
found = xarray.open_zarr("{TARGET}", consolidated=False).load()
for name in sorted(found.variables):
    values = found[name].values
    told = values.tobytes() if values.dtype.kind == "f" else repr(values.tolist()).encode()
    print(name, values.shape, hashlib.sha256(told).hexdigest())
"""
READ_NETWORK = f"run {POINTS} --network {TARGET} --step-size 0.1 --until 10 --json"
READERS = {
    "ensemble": (ENSEMBLE, ("-c", READ_STORE)),
    "certificates": (CERTIFICATES, ("verify", TARGET)),
    "certificate": (CERTIFICATE, ("verify", TARGET)),
    "network": (
        NETWORK,
        f"run {POINTS} --network {TARGET} --step-size 0.1 --until 10 --json".split(),
    ),
}


def harmless(kind: str, name: str, damage: str, place: Path, template: Path) -> bool:
    """Whether the numbers that are read are the same whatever befell the file.

    Plain readers of a store trust its metadata, and take a chunk that is not there for unwritten:
    what they cannot know, `--resume` does.
    """
    if kind == "ensemble":
        lost = ("remove", "lost_folder", "dangling", "swap", "folder", "pipe")
        return "/c/" not in name or damage in lost
    if not name.endswith("l") and "-" not in name and kind == "certificates":
        return True  # settings and marker: the certificates are as they were
    if damage == "link" or not (place / name).is_file():
        return damage == "link"
    try:
        one, two = ((p / name).read_text().splitlines() for p in (place, template))
        return [json.loads(line) for line in one] == [json.loads(line) for line in two]
    except (ValueError, RecursionError):
        return False


@pytest.mark.parametrize("count", scaled(2, 20))
@pytest.mark.parametrize("kind", READERS)
def test_who_reads_what_is_damaged_gets_the_same_or_an_error(lab: Lab, kind: str, count: int):
    """Ground truth: what a reader of the undisturbed output is told."""
    output, words = READERS[kind]
    template, bad = lab.result(output), {}

    def read(place: Path):
        return lab.runner.run(lab.reading(tuple(words), place))

    whole = read(template)
    assert whole.code == 0, whole
    for name, damage in cases(template, count, f"read {kind} {count}"):
        place = damaged(lab, template, name, damage)
        if place is None:
            continue
        if not harmless(kind, name, damage, place, template):
            ended = read(place)
            found_out = ended.code in (1, 4) and "invalid" in ended.out and not ended.err
            told = ended.code == 71 if words[0] == "-c" else in_one_line(ended) or found_out
            same = ended.code == 0 and ended.out == whole.out and words[0] != "verify"
            if not (told or same):
                bad[f"{name}, {damage}"] = [f"{ended.code}, {ended.out[:200]!r} {ended.err!r}"]
        lab.drop(place)
    assert not bad, report("damage", bad)
