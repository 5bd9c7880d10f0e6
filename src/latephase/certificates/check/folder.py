"""The checker on a file or on a folder of certificates, one line each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from latephase.certificates.check.form import value
from latephase.certificates.check.verify import NotACertificate, Report, verify
from latephase.core.balls import exact
from latephase.core.errors import InputError, Words
from latephase.core.workers import workers
from latephase.problem import initializers
from latephase.store.disk import content_of, object_in

Progress = Callable[[int, int], None]
Named = tuple[str, Report]
Settings = dict[str, Any]

_SETTINGS = "settings.json"  # of the folder, beside its certificates


def verify_all(path: str, progress: Progress | None = None, processes: int = 1) -> list[Named]:
    """The reports, by place, of a certificate file or of every certificate of a folder.

    In a folder each certificate must be about the network of its trial: the draw of the initializer
    and seed in the settings, on their data, with their method and claim.  What is no certificate is
    a fault of its place there, and so are too few or too many.  progress(done, total): files.
    processes: how many work at once; more than 1 needs a main module that can be imported.
    Raises InputError where nothing can be read, NotACertificate for a single file that is none.
    """
    place = Path(path)
    if not place.exists():
        raise InputError("a certificate file, or a folder of them", path, "check the path")
    if not place.is_dir():
        return [(place.name, verify(place))]
    parts = sorted(  # what a killed run had begun ends otherwise
        p for p in place.glob("[!.]*") if p.suffix in (".json", ".jsonl") and p.name != _SETTINGS
    )
    if not parts:
        got = Words(f"{path}, without any .json or .jsonl file")
        raise InputError("a folder of certificates", got, "check the path")
    settings = object_in(content_of(place / _SETTINGS))
    found: list[Named] = []
    for done, reports in enumerate(_each(parts, settings, processes), 1):
        found += reports
        if progress:
            progress(done, len(parts))
    trials = settings.get("trials", len(found))
    if trials != len(found):
        line = f"{len(found)} certificates, and the settings say {trials}"
        found.insert(0, (_SETTINGS, _fault(line)))
    return found


def _each(parts: list[Path], settings: Settings, processes: int) -> Iterator[list[Named]]:
    starts = [0]
    for part in parts[:-1]:
        with part.open("rb") as lines:
            starts.append(starts[-1] + sum(1 for _ in lines))
    if processes == 1 or len(parts) == 1:
        for part, start in zip(parts, starts, strict=True):
            yield verify_part(part, start, settings)
        return
    with workers(processes) as pool:
        yield from pool.map(verify_part, parts, starts, [settings] * len(parts))


def verify_part(part: Path, start: int, settings: Settings) -> list[Named]:
    """The reports of a file with one certificate, or of one with a certificate on each line.

    start: the trial that its first line is about, if the settings name an initializer.
    """
    if part.suffix != ".jsonl":
        return [(part.name, _report(part))]
    lines, drawn = part.read_bytes().splitlines(), None
    if {"initializer", "seed"} <= settings.keys() and lines:
        made = initializers.get(settings["initializer"])
        drawn = made(trials=len(lines), seed=settings["seed"], start=start)
    found = []
    for i, line in enumerate(lines):
        report = _report(line)
        if report.valid and drawn is not None:
            network = {"weights": drawn[0][i].ravel(), "biases": drawn[1][i]}
            if not _is_about(line, settings, network):
                report = _fault(f"not about trial {start + i} of the settings")
        found.append((f"{part.name}:{i + 1}", report))
    return found


def _is_about(line: bytes, settings: Settings, network: dict[str, Any]) -> bool:
    """Whether a valid certificate is about the network, on the data of the settings."""
    body = json.loads(line)
    problem, step = body["problem"], settings.get("step_size")
    numbers = {**problem, "step_size": [problem["step_size"]] if problem["step_size"] else []}
    doubles = {**network, "inputs": settings.get("inputs", ())}
    doubles["step_size"] = [] if step is None else [step]
    words = (problem["labels"], problem["output_weights"], body["claim"])
    return words == (settings.get("labels"), [1, -1], settings.get("claim")) and all(
        len(numbers[name]) == len(wanted)
        and all(
            bool(value(x) == exact(float(y))) for x, y in zip(numbers[name], wanted, strict=True)
        )
        for name, wanted in doubles.items()
    )


def _report(source: bytes | Path) -> Report:
    try:
        return verify(source)
    except NotACertificate as error:
        return _fault(str(error))


def _fault(line: str) -> Report:
    return Report(False, (line,), 0, "", "", None)
