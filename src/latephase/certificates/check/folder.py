"""The checker on a file or on a folder of certificates.

A folder of an ensemble is determined by its settings: which parts there are, how many certificates
stand in each, and which network each line is about.  Source: docs/certificates.md, "Ten thousand
runs" and "Limits".
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import count
from pathlib import Path
from typing import IO, Any

from latephase.certificates.check.form import BYTES
from latephase.certificates.check.rational.path import double
from latephase.certificates.check.verify import (
    NotACertificate,
    Report,
    Uncheckable,
    derivation,
    verify,
)
from latephase.core.errors import InputError, Words
from latephase.core.foreign import json_in, json_object, opened
from latephase.core.shown import shown
from latephase.core.workers import workers
from latephase.problem import initializers

Progress = Callable[[int, int], None]
Named = tuple[str, Report]
Settings = dict[str, Any]
Network = dict[str, Any]  # weights and biases, as drawn

MOST_BYTES = 1 << 30  # of a file with a certificate on each line, which is read line by line
MOST_FAULTS = 100  # of such a file; it is left then
PART = 256  # certificates in a part
_FORMAT = "latephase certificate 1"
_SETTINGS = "settings.json"  # of the folder, beside its certificates
_PART_NAME = re.compile(r"certificates-(\d{5,15})\.jsonl", re.ASCII)  # -00001 begins with 256
_MOST_TRIALS = 2**63 - 1


@dataclass
class Checked:
    """What came of a file or a folder: the reports by place, and what could not be checked.

    faults: what is wrong with the folder as a whole;  unchecked: a line for each thing that nothing
    in it tells.
    """

    reports: list[Named] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


def verify_all(
    path: str,
    progress: Progress | None = None,
    processes: int = 1,
    arithmetic: str = "balls",
) -> Checked:
    """Check a certificate file or every certificate of a folder.

    In a folder with settings each certificate must be about the network of its trial: the draw of
    the initializer and seed, on their data, with their method and claim; and all must be there.
    What is no certificate is a fault of its place.  progress(done, total): files.
    arithmetic: as of `verify`; a certificate that it does not check is unchecked.
    processes: how many work at once; more than 1 needs a main module that can be imported.
    Raises InputError where nothing can be read, NotACertificate for a single file that is none.
    """
    derivation(arithmetic)  # there is one
    place = Path(path)
    parts = _parts(place)
    if parts is None:
        report = _reported(place, arithmetic)
        found = Checked([(shown(place.name), report)])
        found.unchecked += [f"{shown(place.name)}: {report.unchecked}"] * bool(report.unchecked)
        return found
    found, settings = Checked(), None
    if (place / _SETTINGS).exists():
        try:
            settings = _settings(place / _SETTINGS)
        except InputError as error:
            found.faults.append(f"{_SETTINGS}: {error}")
    elif any(part.suffix == ".jsonl" for part in parts):
        found.unchecked.append(
            f"there is no {_SETTINGS}: how many certificates there should be, and whether they "
            "are about the networks that were drawn"
        )
    starts = _starts(parts, settings, found)
    for done, part in enumerate(_each(parts, starts, settings, processes, arithmetic), 1):
        found.reports += part.reports
        found.faults += part.faults
        found.unchecked += part.unchecked
        if progress:
            progress(done, len(parts))
    if settings is not None and len(found.reports) != settings["trials"]:
        line = f"{len(found.reports)} certificates, and the settings say {settings['trials']}"
        found.faults.insert(0, line)
    return found


def _parts(place: Path) -> list[Path] | None:
    """The files of a folder that should hold certificates; None of a file.  Raises InputError."""
    try:
        if not os.path.lexists(place):
            got = Words(f"{shown(str(place))}, which does not exist")
            raise InputError("a certificate file or a folder of them", got, "check the path")
        if not place.is_dir():
            return None
        if (place / "zarr.json").exists():
            got = Words(f"{shown(str(place))}, a Zarr store of runs")
            raise InputError("a certificate file or a folder of them", got, "use `certify --out`")
        names = [  # what a killed run had begun ends otherwise
            p
            for p in place.glob("[!.]*")
            if p.suffix in (".json", ".jsonl") and p.name != _SETTINGS
        ]
    except InputError:
        raise
    except (OSError, ValueError) as error:
        got = Words(f"{shown(str(place))} ({shown(str(error), 80)})")
        raise InputError("a certificate file, or a folder", got, "check the path") from None
    if not names:
        got = Words(f"{shown(str(place))}, without any .json or .jsonl file")
        raise InputError("a folder of certificates", got, "check the path")
    return sorted(names)


def _settings(file: Path) -> Settings:
    """The settings, with every value of its type.  Raises InputError that names the first other."""
    found = json_object(file, "file of the settings of certificates", BYTES)
    flow = found.get("method") == "GradientFlow"
    for name, (words, fits) in _FORMS.items():
        if name == "step_size" and flow:
            words, fits = "no number", lambda x: x is None
        if not fits(found.get(name)):
            do = "restore the file, or certify again"
            raise InputError(f"{words} as {name}", found.get(name), do)
    return {"step_size": None, **found}


def _is_real(x: object) -> bool:
    return type(x) in (int, float) and math.isfinite(float(x))  # type: ignore[arg-type]


def _is_whole(x: object, lowest: int, highest: int) -> bool:
    return type(x) is int and lowest <= x <= highest


_FORMS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "format": (_FORMAT, lambda x: x == _FORMAT),
    "initializer": (
        "the name of an initializer",
        lambda x: isinstance(x, str) and x in initializers.names(),
    ),
    "method": (
        "GradientDescent or GradientFlow",
        lambda x: x in ("GradientDescent", "GradientFlow"),
    ),
    "step_size": ("a number > 0", lambda x: _is_real(x) and x > 0),
    "inputs": ("two numbers", lambda x: _is_pair(x) and all(map(_is_real, x))),
    "labels": ("1 and -1", lambda x: _is_pair(x) and all(type(y) is int for y in x)),
    "claim": ("a text", lambda x: isinstance(x, str)),
    "trials": ("a number of trials", lambda x: _is_whole(x, 1, _MOST_TRIALS)),
    "seed": ("a seed", lambda x: _is_whole(x, 0, 2**64 - 1)),
}


def _is_pair(x: object) -> bool:
    return isinstance(x, list) and len(x) == 2


def _starts(parts: list[Path], settings: Settings | None, found: Checked) -> list[int | None]:
    """The trial that each part begins with, None where nothing tells; notes what is missing."""
    if settings is None:
        return [None] * len(parts)
    named = {part: _PART_NAME.fullmatch(part.name) for part in parts}
    numbers = {part: int(name[1]) for part, name in named.items() if name}
    # Of a number there is one name: -000001 would be a second part 1, counted for another.
    numbers = {part: k for part, k in numbers.items() if part.name == _part_name(k)}
    due = -(-settings["trials"] // PART)
    missing = due - sum(number < due for number in numbers.values())
    if missing:
        there = set(numbers.values())
        first = _part_name(next(k for k in count() if k not in there))
        found.faults.append(f"{missing:,} of {due:,} parts are missing, the first {first}")
    return [numbers[part] * PART if part in numbers else None for part in parts]


def _part_name(number: int) -> str:
    return f"certificates-{number:05d}.jsonl"


def _each(
    parts: list[Path],
    starts: list[int | None],
    settings: Settings | None,
    processes: int,
    arithmetic: str,
) -> Iterator[Checked]:
    check = partial(verify_part, settings=settings, arithmetic=arithmetic)
    if processes == 1 or len(parts) == 1:
        yield from map(check, parts, starts)
        return
    with workers(processes) as pool:
        yield from pool.map(check, parts, starts)


def verify_part(
    part: Path, start: int | None, settings: Settings | None, arithmetic: str = "balls"
) -> Checked:
    """Check a file with one certificate, or one with a certificate on each line.

    start: the trial that its first line is about, if there are settings; None of a file that is no
    part of theirs.
    """
    found, name = Checked(), shown(part.name)
    if settings is not None and (start is None or start >= settings["trials"]):
        found.faults.append(f"{name}: not a part of what the settings describe")
        return found
    if part.suffix != ".jsonl":
        report = _report(part, arithmetic)
        found.reports.append((name, report))
        found.unchecked += [f"{name}: {report.unchecked}"] * bool(report.unchecked)
        return found
    invalid = 0
    try:
        with opened(part, "file of certificates", MOST_BYTES) as file:
            for i, report in enumerate(_reports(file, start, settings, arithmetic), 1):
                found.reports.append((f"{name}:{i}", report))
                found.unchecked += [f"{name}:{i}: {report.unchecked}"] * bool(report.unchecked)
                invalid += bool(report.faults)
                if invalid == MOST_FAULTS:
                    raise _refused(f"{invalid} faults, and its other lines were left unread")
    except InputError as error:
        found.faults.append(f"{name}: {error}")
    return found


def _reports(
    file: IO[bytes], start: int | None, settings: Settings | None, arithmetic: str
) -> Iterator[Report]:
    """A report for each line."""
    networks: list[Network] = []
    if settings is not None and start is not None:
        drawn = initializers.get(settings["initializer"])
        trials = min(PART, settings["trials"] - start)
        weights, biases = drawn(trials=trials, seed=settings["seed"], start=start)
        networks = [
            {"weights": w.ravel(), "biases": b} for w, b in zip(weights, biases, strict=True)
        ]
    for i, line in enumerate(iter(partial(file.readline, BYTES + 1), b"")):
        if len(line) > BYTES:
            raise _refused(f"line {i + 1} of over {BYTES:,} bytes")
        report = _report(line, arithmetic)
        if report.valid and settings is not None:
            network = networks[i] if i < len(networks) else None
            if network is None or not _is_about(line, settings, network):
                report = _fault(f"not about trial {(start or 0) + i} of the settings")
        yield report


def _refused(got: str) -> InputError:
    return InputError("a file of certificates, one on each line", Words(got), "certify again")


def _is_about(line: bytes, settings: Settings, network: Network) -> bool:
    """Whether a valid certificate is about the network, on the data of the settings."""
    body = json_in(line)
    problem, step = body["problem"], settings["step_size"]
    numbers = {**problem, "step_size": [problem["step_size"]] if problem["step_size"] else []}
    doubles = {**network, "inputs": settings["inputs"]}
    doubles["step_size"] = [] if step is None else [step]
    words = (problem["labels"], problem["output_weights"], body["claim"])
    return words == (settings["labels"], [1, -1], settings["claim"]) and all(
        len(numbers[name]) == len(wanted)
        and all(double(x) == Fraction(float(y)) for x, y in zip(numbers[name], wanted, strict=True))
        for name, wanted in doubles.items()
    )


def _report(source: bytes | Path, arithmetic: str) -> Report:
    try:
        return _reported(source, arithmetic)
    except NotACertificate as error:
        return _fault(str(error))


def _reported(source: bytes | Path, arithmetic: str) -> Report:
    """Raises NotACertificate."""
    try:
        return verify(source, arithmetic=arithmetic)
    except Uncheckable as error:
        return Report(False, (), 0, "", "", None, str(error))


def _fault(line: str) -> Report:
    return Report(False, (line,), 0, "", "", None)
