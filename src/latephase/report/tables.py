"""Tables as they fit the page: heads of two lines at most, and so many columns side by side.

A table that is wider than its place is cut into parts below each other, each of which begins with
the column that names the rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from latephase.draw.panels import typeset
from latephase.experiments.bench.finding import Table

PLACE = 900.0  # pixels: of the page beside its side bar at 1280
_LETTER, _BETWEEN = 6.9, 18.0  # pixels: of a letter on average, and between two columns
_LINE = 24  # letters of a text in a cell, before it is broken
_TORN = 3  # letters that a head may be wider not to be broken inside a phrase
_LONG = 12  # rows from which on a table starts folded
_SHORT = 10  # rows that stand where a figure might
_MARKS = re.compile(r"<[^>]+>")


@dataclass(frozen=True)
class Column:
    """One column: its head in one or two lines, its cells, whether they are numbers, its pixels."""

    head: tuple[Markup, ...]
    cells: list[Markup]
    numeric: bool
    width: float


@dataclass(frozen=True)
class Shown:
    """A table in parts of columns; rows: how many;  folded: whether it starts closed."""

    parts: list[list[Column]]
    rows: int
    folded: bool


def shown(table: Table) -> Shown:
    """The table as it is put on the page."""
    columns = [
        _column(name, list(values), table.floors.get(name, -math.inf))
        for name, values in table.columns.items()
    ]
    rows = len(columns[0].cells) if columns else 0
    return Shown(_parts(columns), rows, rows > _LONG and not table.opened)


def is_short(table: Table) -> bool:
    """Whether it takes no more room than a figure."""
    fitted = shown(table)
    return fitted.rows * len(fitted.parts) <= _SHORT


def _column(name: str, values: list[Any], floor: float) -> Column:
    numeric = all(map(_is_number, values))
    low = [numeric and value is not None and value < floor for value in values]
    cells = [
        typeset.html("< " + typeset.cell(floor) if less else typeset.cell(value))
        for value, less in zip(values, low, strict=True)
    ]
    head = _two_lines(str(typeset.html(name)))
    letters = [len(_MARKS.sub("", cell)) for cell in cells]
    body = max(letters, default=0)
    if not numeric:
        cells = [
            Markup(str(cell).replace(":", ":<wbr>")) for cell in cells
        ]  # parameters of a method
        longest = max((len(word) for cell in cells for word in _words(cell)), default=0)
        body = max(longest, min(body, _LINE))
    width = max(body, *(len(_MARKS.sub("", line)) for line in head)) * _LETTER + _BETWEEN
    return Column(head, cells, numeric, width)


def _words(cell: Markup) -> list[str]:
    return re.split(r" |(?<=:)", _MARKS.sub("", cell))


def _is_number(value: Any) -> bool:
    real = (int, float, np.integer, np.floating)
    return value is None or (isinstance(value, real) and not isinstance(value, bool))


def _two_lines(head: str) -> tuple[Markup, ...]:
    """A head, broken where it leaves short lines, best behind a comma or before a bracket."""
    if len(_MARKS.sub("", head)) <= 9:
        return (Markup(head),)
    spaces = [found.start() for found in re.finditer(r"(?![^<]*>) ", head)]
    spaces = [at for at in spaces if head[:at].count("<sup") == head[:at].count("</sup")]
    if not spaces:
        return (Markup(head),)

    def cost(at: int) -> int:
        natural = head[at - 1] == "," or head[at + 1] == "("
        lines = [len(_MARKS.sub("", part)) for part in (head[:at], head[at + 1 :])]
        return max(lines) + (0 if natural else _TORN)

    best = min(spaces, key=cost)
    return Markup(head[:best]), Markup(head[best + 1 :])


def _parts(columns: Sequence[Column]) -> list[list[Column]]:
    """The columns in as few parts as fit, of about the same width, the first column in each."""
    first, *rest = columns
    room = PLACE - first.width
    count = 1
    while (parts := _filled(rest, room, sum(c.width for c in rest) / count)) and len(parts) > count:
        count += 1
    return [[first, *part] for part in parts or [[]]]


def _filled(columns: Sequence[Column], room: float, fair: float) -> list[list[Column]]:
    """Columns in order, a new part where one would be wider than the room or is fair already."""
    parts: list[list[Column]] = []
    width = 0.0
    for column in columns:
        if not parts or width + column.width > room or width + column.width / 2 > fair:
            parts.append([])
            width = 0.0
        parts[-1].append(column)
        width += column.width
    return parts
