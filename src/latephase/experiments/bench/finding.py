"""What a claim's experiment hands to the report: how far it is supported, numbers, tables, figures.

No plotting here: a figure is a description of panels and series, which the report draws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from latephase.core import Rigour
from latephase.experiments.bench.figure import Figure

Row = TypeVar("Row")
Columns = Mapping[str, str | Callable[[Row], Any]]
"""Columns by name: an attribute of each row, or a function of it."""


class Support(Enum):
    """What the numbers say of a claim, against the criterion written with it."""

    SUPPORTED = "the numbers meet the criterion"
    NOT_SUPPORTED = "the numbers contradict the claim"
    UNDECIDED = "the numbers do not decide"

    @classmethod
    def of(cls, met: object) -> Support:
        """SUPPORTED iff the criterion is met: of numbers that do decide."""
        return cls.SUPPORTED if met else cls.NOT_SUPPORTED


@dataclass(frozen=True)
class Number:
    """One reported number: its label, value (a float is shown to 4 digits), rigour and unit.

    rigour: not said, the kind that says least.
    """

    label: str
    value: float | int | str
    rigour: Rigour = Rigour.measured
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """A table: columns of equal length by name (units in the name), stored as CSV under `key`.

    opened: shown at once even if it is long.
    """

    key: str
    caption: str
    columns: Mapping[str, Sequence[Any]]
    opened: bool = False


def columns(rows: Sequence[Row], named: Columns[Row]) -> dict[str, list[Any]]:
    """Columns of a table of records: what `named` says of each row."""
    return {
        name: [getattr(row, read) if isinstance(read, str) else read(row) for row in rows]
        for name, read in named.items()
    }


@dataclass(frozen=True)
class Finding:
    """The result of one claim's experiment.

    verdict: how far the claim is supported;  summary: one sentence with the deciding numbers;
    run: what was run, in words;  settings: everything needed to run it again;
    deviations: where the numbers differ from the theory page.
    """

    verdict: Support
    summary: str
    run: str
    numbers: Sequence[Number]
    settings: Mapping[str, Any]
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()
    deviations: Sequence[str] = ()
