"""What the figures and pages show, as data: JSON, CSV and Zarr."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.experiments.bench.base import Statement
from latephase.experiments.bench.finding import Figure, Finding, Table
from latephase.report.datasets import panel_places, tree
from latephase.report.figures import slug
from latephase.store.arrays import compressors

if TYPE_CHECKING:
    import xarray as xr

Examined = Sequence[tuple[Statement, Finding]]
FOLDERS = {"pdf": "figures", "csv": "tables", "zarr": "data"}


def findings_json(findings: Examined, provenance: Mapping[str, Any]) -> str:
    """Everything but the series of the figures as one JSON object.

    Numbers that are not finite are the strings "nan", "inf", "-inf"; enums are their names.
    """
    claims = [_claim(claim, finding) for claim, finding in findings]
    whole = {"provenance": jsonable(provenance), "claims": claims}
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _claim(claim: Statement, finding: Finding) -> dict[str, Any]:
    texts = ("number", "key", "title", "statement", "source", "criterion")
    numbers = [
        {name: getattr(number, name) for name in ("label", "value", "unit", "rigour")}
        for number in finding.numbers
    ]
    record = {
        **{name: getattr(claim, name) for name in texts},
        "verdict": finding.verdict,
        "evidence": claim.evidence.words,
        "summary": finding.summary,
        "run": finding.run,
        "numbers": numbers,
        "settings": finding.settings,
        "deviations": finding.deviations,
        "data": store(claim),
        "tables": [
            {"key": table.key, "caption": table.caption, "data": place(table, "csv")}
            for table in finding.tables
        ],
        "figures": [
            {"key": f.key, "caption": f.caption, "groups": list(panel_places(f))}
            | {"pdf": place(f, "pdf")}
            for f in finding.figures
        ],
    }
    return {name: jsonable(value) for name, value in record.items()}


def place(item: Table | Figure, kind: str) -> str:
    """Where a table lies as csv and a figure as pdf, in the report's folder."""
    return f"{FOLDERS[kind]}/{slug(item.key)}.{kind}"


def store(claim: Statement) -> str:
    """Where the data of a claim lies, in the report's folder."""
    return f"{FOLDERS['zarr']}/{slug(claim.key)}.zarr"


def runs_of(name: str) -> str:
    """Where the runs of an initializer lie, in the report's folder."""
    return f"{FOLDERS['zarr']}/runs/{slug(name)}.zarr"


def jsonable(value: Any) -> Any:
    """`value` as JSON knows it; records and other objects become their text."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, (np.generic, np.ndarray)):
        return jsonable(value.tolist())
    if isinstance(value, Mapping):
        return {str(name): jsonable(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and value.bit_length() > 10_000:
        return f"an integer of {value.bit_length()} bits"  # Python refuses to print such digits
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def write_csv(table: Table, path: Path) -> None:
    """The table with its column names, floats to their last digit."""

    def entry(value: Any) -> Any:
        plain = str(value) if isinstance(value, Fraction) else jsonable(value)
        return repr(plain) if isinstance(plain, float) else plain

    rows = zip(*table.columns.values(), strict=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.columns)
        writer.writerows([entry(value) for value in row] for row in rows)


def write_claim(claim: Statement, finding: Finding, path: Path) -> None:
    """The numbers and figures of a claim as one Zarr group, readable by `xarray.open_zarr`."""
    for place_, dataset in tree(claim, finding).items():
        _write(dataset, path, place_)


def write_runs(runs: xr.Dataset, path: Path) -> None:
    """Runs as one Zarr group; texts as objects, the one kind that Zarr has specified."""
    texts = [name for name in runs.variables if runs[name].dtype.kind == "U"]
    _write(runs.assign_coords({name: runs[name].astype(object) for name in texts}), path)


def _write(dataset: xr.Dataset, path: Path, group: str = "/") -> None:
    """A Zarr group whose chunks carry checksums."""
    encoding = {name: {"compressors": compressors()} for name in dataset.variables}
    dataset.to_zarr(
        path,
        group=group,
        mode="w",
        zarr_format=3,
        consolidated=False,
        encoding=encoding,
        write_empty_chunks=True,
    )
