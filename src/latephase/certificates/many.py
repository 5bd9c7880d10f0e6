"""Certificates of many networks drawn from an initializer: counted, and kept in a folder if asked.

Work is cut into parts of `PART` trials, done by processes of one thread each; a part's file is
renamed into place when it is complete, so an interrupted folder goes on where it stopped.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from latephase.core import InputError
from latephase.core.workers import workers
from latephase.problem import Dataset, Initializer, ShallowReLU
from latephase.problem import initializers as known
from latephase.problem.checks import MOST, seed_number, whole_number
from latephase.store.directory import (
    claim_output,
    is_ours,
    output_path,
    partial_of,
    publish,
    seal,
    write_marker,
    writing,
)

from .certificate import Certificate, certify
from .file.file import FORMAT, record
from .prove.claims import CLAIMS
from .prove.orbits.system import Method

PART = 256
SETTINGS = "settings.json"
Progress = Callable[[int, int], None]


class Row(NamedTuple):
    """What is counted of a certificate: names of verdict and regime ("" if none), the reason, the
    middle of the enclosed constant, and the width of the enclosure relative to it (NaN if none)."""

    verdict: str
    regime: str
    reason: str
    constant: float
    constant_width: float


@dataclass(frozen=True)
class Plan:
    """Settings of an ensemble of certificates; plain values, so that processes can share them."""

    initializer: str
    inputs: tuple[float, ...]
    labels: tuple[int, ...]
    method: Method
    trials: int
    seed: int
    claim: str

    def record(self) -> dict[str, Any]:
        """The settings as a JSON object."""
        method = {"method": type(self.method).__name__, **asdict(self.method)}
        named = {"initializer": self.initializer, "inputs": self.inputs, "labels": self.labels}
        counts = {"trials": self.trials, "seed": self.seed, "claim": self.claim}
        found: dict[str, Any] = json.loads(json.dumps({**named, **method, **counts}))
        return {"format": FORMAT, **found}


def certify_ensemble(
    initializer: Initializer | str,
    data: Dataset,
    method: Method,
    *,
    trials: int,
    seed: int,
    claim: str = "settled",
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    force: bool = False,
    processes: int = 1,
    progress: Progress | None = None,
) -> list[Row]:
    """Certify `trials` networks of an initializer; one Row each, in the order of the trials.

    Trial i of a seed is the same network as in `ensemble`.  out: a folder of certificate files,
    one line a certificate, written as `<out>.partial` and renamed once complete;  resume: keep the
    finished parts of an interrupted one;  force: replace a folder that latephase did not write.
    processes: how many work at once; more than 1 needs a main module that can be imported.
    Raises InputError;  LatephaseError if the folder cannot be written on.
    """
    plan = _plan(initializer, data, method, trials, seed, claim)
    if resume and out is not None and _is_complete(output_path(out)):
        check_settings(output_path(out), plan)
        return [row for file in _parts(output_path(out)) for row in _rows_of(file)]
    folder = None if out is None else claim_output(out, force=force, resume=resume)
    if folder is not None:
        _settle(folder, plan)
    parts: dict[int, list[Row]] = {}
    for start, rows in _done(plan, folder, whole_number(processes, "processes", 1, MOST)):
        parts[start] = rows
        done = sum(map(len, parts.values()))
        if folder is not None:
            write_marker(folder, finished_trials=done)
        if progress:
            progress(done, plan.trials)
    if folder is not None:
        with writing(folder):
            for leftover in folder.glob("*.draft"):  # of a part that was killed
                leftover.unlink()
            seal(folder)
        publish(folder, out)
    return [row for start in sorted(parts) for row in parts[start]]


def _plan(
    initializer: Initializer | str,
    data: Dataset,
    method: Method,
    trials: int,
    seed: int,
    claim: str,
) -> Plan:
    """The settings, checked on the first network before any work is done."""
    if claim not in CLAIMS:
        raise InputError("a claim", claim, f"use one of {', '.join(CLAIMS)}")
    count, number = (
        whole_number(trials, "trials", 1, MOST),
        seed_number(seed),
    )
    drawn = known.get(initializer)
    certify(_network(drawn, number, 0), data, method, max_steps=0)
    inputs = tuple(float(x) for x in data.inputs[:, 0])
    labels = tuple(int(y) for y in data.labels)
    return Plan(drawn.name, inputs, labels, method, count, number, claim)


def _network(initializer: Initializer, seed: int, trial: int) -> ShallowReLU:
    weights, biases = initializer(trials=1, seed=seed, start=trial)
    return ShallowReLU(weights[0], biases[0])


def _settle(folder: Path, plan: Plan) -> None:
    """Keep the settings in the folder.  Raises InputError if it holds others."""
    if (folder / SETTINGS).exists():
        check_settings(folder, plan)
    with writing(folder):
        (folder / SETTINGS).write_text(json.dumps(plan.record(), indent=1) + "\n")


def check_settings(folder: Path, plan: Plan) -> None:
    """Raises InputError if the folder was made with other settings."""
    stored = json.loads((folder / SETTINGS).read_text())
    for name, value in plan.record().items():
        if stored.get(name) != value:
            raise InputError(
                f"the {name} of the certificates to resume, {stored.get(name)!r}",
                value,
                "repeat their settings, or start over without resume",
            )


def _is_complete(folder: Path) -> bool:
    """Whether a complete folder of ours stands there, and none is under way beside it."""
    return (folder / SETTINGS).is_file() and is_ours(folder) and not partial_of(folder).exists()


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("certificates-*.jsonl"))


def part_file(folder: Path, start: int) -> Path:
    """The file of the part that begins with trial `start`."""
    return folder / f"certificates-{start // PART:05d}.jsonl"


def _done(plan: Plan, folder: Path | None, processes: int) -> Iterator[tuple[int, list[Row]]]:
    """Parts as they are finished: those that the folder holds already come first."""
    todo = []
    for start in range(0, plan.trials, PART):
        if folder is not None and part_file(folder, start).exists():
            yield start, _rows_of(part_file(folder, start))
        else:
            todo.append(start)
    if processes == 1:
        for start in todo:
            yield start, run_part(plan, folder, start)
        return
    yield from _in_processes(plan, folder, todo, processes)


def _in_processes(
    plan: Plan, folder: Path | None, todo: list[int], processes: int
) -> Iterator[tuple[int, list[Row]]]:
    with workers(processes) as pool:
        waiting: dict[Future[list[Row]], int] = {
            pool.submit(run_part, plan, folder, start): start for start in todo
        }
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(future), future.result()


def run_part(plan: Plan, folder: Path | None, start: int) -> list[Row]:
    """Certify one part, and write its file if there is a folder."""
    certificates = _certificates(plan, start)
    if folder is None:
        return [row_of(found) for found in certificates]
    rows, place = [], part_file(folder, start)
    draft = place.with_suffix(".draft")
    with writing(folder), draft.open("w") as file:
        for found in certificates:
            file.write(json.dumps(record(found), separators=(",", ":")) + "\n")
            rows.append(row_of(found))
        file.flush()
        os.replace(draft, place)
    return rows


def _certificates(plan: Plan, start: int) -> Iterator[Certificate]:
    data = Dataset(list(plan.inputs), list(plan.labels))
    count = min(PART, plan.trials - start)
    weights, biases = known.get(plan.initializer)(trials=count, seed=plan.seed, start=start)
    for w, b in zip(weights, biases, strict=True):
        yield certify(ShallowReLU(w, b), data, plan.method, claim=plan.claim)


def row_of(found: Certificate) -> Row:
    """What is counted of a certificate."""
    regime = found.regime.name if found.regime else ""
    return Row(found.verdict.name, regime, found.reason, *_middle(found.constant))


def _middle(ends: tuple[Fraction | Decimal, Fraction | Decimal] | None) -> tuple[float, float]:
    """Middle and relative width of an enclosure, exact before they are rounded."""
    if ends is None:
        return math.nan, math.nan
    lower, upper = Fraction(ends[0]), Fraction(ends[1])
    if lower == upper:
        return float(lower), 0.0
    size = min(abs(lower), abs(upper))
    return float((lower + upper) / 2), float((upper - lower) / size) if size else math.inf


def _rows_of(file: Path) -> list[Row]:
    """The rows of a part that is written already."""
    return [_row_of_record(json.loads(line)) for line in file.read_text().splitlines()]


def _row_of_record(body: dict[str, Any]) -> Row:
    claims = {claim["kind"]: claim for claim in body["claims"]}
    regime = claims["absorbed"]["regime"] if "absorbed" in claims else ""
    ends = None
    if "constant" in claims:
        interval = claims["constant"]["constant"]
        ends = _exact(interval["lower"]), _exact(interval["upper"])
    return Row(body["verdict"], regime, body["reason"], *_middle(ends))


def _exact(number: dict[str, str]) -> Fraction:
    return int(number["mantissa"]) * Fraction(2) ** int(number["exponent"])
