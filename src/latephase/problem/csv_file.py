"""Labelled points in CSV files: a header, a column of labels, and inputs in all other columns."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from latephase.core import InputError, Words
from latephase.problem.checks import LABELS, file_content

# float() reads more than this: 1_000, infinity, digits of other scripts.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?(0|[1-9]\d*)(\.0*)?", re.ASCII)
_MEND = "correct the file"


@dataclass(frozen=True)
class Row:
    """A line with something on it: its number in the file, counted from 1, and its fields."""

    line: int
    fields: list[str]


def labelled_points(
    path: object, label: str, positive: object
) -> tuple[list[list[float]], list[int]]:
    """Inputs (n rows of d) and labels (n of -1 and +1) of a CSV file; see `Dataset.from_csv`.

    Raises InputError with the line and the column.
    """
    rows = _rows(file_content(path, "CSV"))
    names, at = _header(rows, label)
    points, labels = [], []
    for row in rows:
        if len(row.fields) != len(names):
            got = Words(f"{len(row.fields)} in line {row.line} (last column {names[-1]!r})")
            raise InputError(f"{len(names)} fields, as in the header", got, _MEND)
        cells = zip(names, row.fields, strict=True)
        points.append([_input(text, name, row) for name, text in cells if name != label])
        labels.append(Row(row.line, [row.fields[at]]))
    if not points:
        raise InputError("a line for each point", Words("only a header"), "add points below it")
    return points, _signs(labels, label, positive)


def _rows(content: bytes) -> Iterator[Row]:
    """The lines that are not blank, fields without the space around them."""
    reader = csv.reader(io.StringIO(_text(content), newline=""), skipinitialspace=True, strict=True)
    line = 1
    try:
        for record in reader:
            fields = [field.strip() for field in record]
            if fields not in ([], [""]):
                yield Row(line, fields)
            line = reader.line_num + 1  # a quoted field may span lines: the first one is told
    except csv.Error as error:
        raise InputError("a CSV file", Words(f"line {line} ({error})"), _MEND) from None


def _text(content: bytes) -> str:
    """UTF-8, with or without a byte order mark."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        got = Words(f"the byte 0x{error.object[error.start]:02x} in line {line}")
        raise InputError("a CSV file in UTF-8", got, "save it as UTF-8") from None


def _header(rows: Iterator[Row], label: str) -> tuple[list[str], int]:
    """The names of the columns, and the place of the label among them."""
    first = next(rows, None)
    if first is None:
        raise InputError("a header and points", Words("an empty file"), f"name a column {label!r}")
    names, where = first.fields, f"in line {first.line}"
    if all(_NUMBER.fullmatch(name) for name in names):
        got = Words(f"numbers {where}")
        raise InputError("names of the columns before the points", got, "add a header")
    if "" in names:
        got = Words(f"none for column {names.index('') + 1} {where}")
        raise InputError("a name for each column", got, "name it, or remove the column")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        got = Words(f"{twice[0]!r} twice {where}")
        raise InputError("different names of columns", got, "rename one of them")
    return names, _place(names, label, where)


def _place(names: list[str], label: str, where: str) -> int:
    """Where the label stands; there must be an input beside it."""
    if label not in names:
        do = "name the column of labels with `label`"
        if len(names) == 1 and re.search(r"[;\t]", names[0]):
            do = "separate the columns by commas"
        got = Words(f"{', '.join(names)} {where}")
        raise InputError(f"a column {label!r}", got, do)
    if len(names) == 1:
        got = Words(f"only {label!r} {where}")
        raise InputError("columns of inputs beside the label", got, "add them")
    return names.index(label)


def _input(text: str, name: str, row: Row) -> float:
    """A finite number: the double that is nearest to the decimal."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan  # infinite beyond float64
    if not math.isfinite(value):
        got = Words(f"{_quoted(text)} in line {row.line}")
        do = _MEND if text else "fill it in, or remove the line"
        raise InputError(f"a finite number in column {name!r}", got, do)
    return value


def _quoted(text: str) -> str:
    shown = text if len(text) <= 40 else text[:40] + "..."
    return repr(shown) if text else "nothing"


def _signs(labels: list[Row], label: str, positive: object) -> list[int]:
    """Labels as -1 and +1."""
    for row in labels:
        if not row.fields[0]:
            got = Words(f"nothing in line {row.line}")
            raise InputError(f"a label in column {label!r}", got, "fill it in, or remove the line")
    if positive is None:
        return _plain_signs(labels, label)
    return _two_classes(labels, label, positive)


Value = Decimal | str


def _value(text: str) -> Value:
    """The number that a label is, exactly (a float would merge long ids), or its text."""
    try:
        return Decimal(text) if _NUMBER.fullmatch(text) else text
    except InvalidOperation:  # 1e99999999999999999999
        return text


def _name(text: str) -> Value:
    """The text of a label, but that 1, +1 and 1.0 are one: 007 and 7, 1E3 and 1000 may be two."""
    return _value(text) if _WHOLE.fullmatch(text) else text


def _plain_signs(labels: list[Row], label: str) -> list[int]:
    """Labels that are the numbers -1 and 1 already."""
    values = [_value(row.fields[0]) for row in labels]
    for row, value in zip(labels, values, strict=True):
        if value not in LABELS:
            got = Words(_at(row))
            raise InputError(f"labels -1 and 1 in column {label!r}", got, _recoding(labels))
    return [1 if value == 1 else -1 for value in values]


def _recoding(labels: list[Row]) -> str:
    """What to do about other labels."""
    texts = {_name(row.fields[0]): row.fields[0] for row in labels}
    if len(texts) == 2:
        one, other = (_quoted(text) for text in texts.values())
        return f"say with `positive` which of {one} and {other} is 1, or write -1 and 1"
    return "write -1 and 1" + (": keep two classes" if len(texts) > 2 else "")


def _two_classes(labels: list[Row], label: str, positive: object) -> list[int]:
    """+1 for the label `positive`, -1 for the one other; a number stands for all its spellings."""
    of = _name if isinstance(positive, str) else _value
    name = str(positive)
    wanted, values = of(name.strip()), [of(row.fields[0]) for row in labels]
    if wanted not in values:
        got = Words(f"labels such as {_at(labels[0])}")
        raise InputError(f"the positive label {name!r} in column {label!r}", got, "choose one")
    others = [row for row, value in zip(labels, values, strict=True) if value != wanted]
    for row in others:
        if of(row.fields[0]) != of(others[0].fields[0]):
            got = Words(f"{_at(row)} and {_at(others[0])}")
            raise InputError(f"one label but {name!r} in column {label!r}", got, "remove one")
    return [1 if value == wanted else -1 for value in values]


def _at(row: Row) -> str:
    return f"{_quoted(row.fields[0])} in line {row.line}"
