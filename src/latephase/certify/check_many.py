"""The checker on a file or on a folder of certificates, one line each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from latephase.certify.check import NotACertificate, Report, verify
from latephase.certify.workers import workers
from latephase.core.errors import InputError, Words

Progress = Callable[[int, int], None]
Named = tuple[str, Report]

_SETTINGS = "settings.json"  # of the folder, beside its certificates


def verify_all(path: str, progress: Progress | None = None, processes: int = 1) -> list[Named]:
    """The reports, by place, of a certificate file or of every certificate of a folder.

    In a folder what is no certificate is a fault of its place, and so is a number of certificates
    that is not the one in its settings.  progress(done, total): files.  processes: how many work at
    once; more than 1 needs a main module that can be imported.
    Raises InputError where nothing can be read, NotACertificate for a single file that is none.
    """
    place = Path(path)
    if not place.is_dir():
        if not place.is_file():
            got = Words(f"{path}, which is not there")
            raise InputError("a certificate file, or a folder of them", got, "check the path")
        return [(place.name, verify(place))]
    parts = sorted(p for p in place.glob("[!.]*.json*") if p.name != _SETTINGS)
    if not parts:
        got = Words(f"{path}, without any .json or .jsonl file")
        raise InputError("a folder of certificates", got, "check the path")
    found: list[Named] = []
    for done, reports in enumerate(_each(parts, processes), 1):
        found += reports
        if progress:
            progress(done, len(parts))
    return found + _miscounted(place, len(found))


def _each(parts: list[Path], processes: int) -> Iterator[list[Named]]:
    if processes == 1 or len(parts) == 1:
        yield from map(verify_part, parts)
        return
    with workers(processes) as pool:
        yield from pool.map(verify_part, parts)


def verify_part(part: Path) -> list[Named]:
    """The reports of a file with one certificate, or of one with a certificate on each line."""
    if part.suffix != ".jsonl":
        return [(part.name, _report(part))]
    with part.open("rb") as lines:
        return [(f"{part.name}:{i}", _report(line)) for i, line in enumerate(lines, 1)]


def _report(source: bytes | Path) -> Report:
    try:
        return verify(source)
    except NotACertificate as error:
        return _fault(str(error))


def _fault(line: str) -> Report:
    return Report(False, (line,), 0, "", "", None)


def _miscounted(folder: Path, count: int) -> list[Named]:
    """A fault where the settings of a folder speak of another number of trials."""
    settings = folder / _SETTINGS
    if not settings.is_file():
        return []
    try:
        trials = json.loads(settings.read_text())["trials"]
    except (ValueError, KeyError, TypeError):
        return [(_SETTINGS, _fault("the settings cannot be read"))]
    line = f"{count} certificates, and the settings say {trials}"
    return [] if trials == count else [(_SETTINGS, _fault(line))]
