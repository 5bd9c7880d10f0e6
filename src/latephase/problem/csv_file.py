"""Labelled points in CSV files: a header, a column of labels, and inputs in all other columns."""

from __future__ import annotations

import csv
import io
import math
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import numpy as np

from latephase.core import InputError, Words
from latephase.core.arrays import Floats
from latephase.core.foreign import content
from latephase.core.shown import quoted, shown
from latephase.problem.checks import LABELS

MOST_BYTES = 64 << 20
MOST_POINTS = 10**6
MOST_BLANK = 1000  # lines
MOST_IN_LINE = 1 << 20  # characters: forty thousand columns of doubles
MOST_IN_FIELD = 2000  # characters: a double has at most 1077 digits
# float() reads more than this: 1_000, infinity, digits of other scripts.  Each text in one way
# only: with \d+\.?\d* the match of n digits and a letter takes n^2 steps.
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?(0|[1-9]\d*)(\.0*)?", re.ASCII)
_MEND = "correct the file"


@dataclass(frozen=True)
class Row:
    """A line with something on it: its number in the file, counted from 1, and its fields."""

    line: int
    fields: list[str]


class Label(NamedTuple):
    """The label of a point, and its line."""

    line: int
    text: str


def labelled_points(path: object, label: str, positive: object) -> tuple[Floats, list[int]]:
    """Inputs (n, d) and labels (n of -1 and +1) of a CSV file; see `Dataset.from_csv`.

    Raises InputError with the line and the column.
    """
    rows = _rows(content(path, "CSV file", MOST_BYTES))
    names, at = _header(rows, label)
    numbers, labels = array("d"), list[Label]()
    for row in rows:
        if len(row.fields) != len(names):
            last = f"(last column {quoted(names[-1])})"
            got = Words(f"{len(row.fields)} in line {row.line} {last}")
            raise InputError(f"{len(names)} fields, as in the header", got, _MEND)
        if len(labels) == MOST_POINTS:
            raise InputError(f"at most {MOST_POINTS:,} points", Words("more"), "leave some out")
        labels.append(Label(row.line, row.fields.pop(at)))
        inputs = zip(names[:at] + names[at + 1 :], row.fields, strict=True)
        numbers.extend(_input(text, name, row) for name, text in inputs)
    if not labels:
        raise InputError("a line for each point", Words("only a header"), "add points below it")
    points = np.frombuffer(numbers).reshape(len(labels), -1)
    return points, _signs(labels, label, positive)


def _rows(raw: bytes) -> Iterator[Row]:
    """The lines that are not blank, fields without the space around them."""
    text = io.TextIOWrapper(io.BytesIO(raw), "utf-8-sig", newline="")
    line, taken, blank = 1, 0, 0

    def lines() -> Iterator[str]:
        nonlocal taken
        while part := text.readline(MOST_IN_LINE + 1):
            taken += len(part)
            if taken > MOST_IN_LINE:
                got = Words(f"more in line {line}")
                raise InputError(f"at most {MOST_IN_LINE:,} characters in a line", got, _MEND)
            yield part

    reader = csv.reader(lines(), skipinitialspace=True, strict=True)
    try:
        for record in reader:
            fields = [field.strip() for field in record]
            if fields not in ([], [""]):
                _check_lengths(fields, line)
                yield Row(line, fields)
            else:
                blank = _counted(blank, line)
            line, taken = reader.line_num + 1, 0  # of a field over several lines the first is told
    except csv.Error as error:
        got = Words(f"line {line} ({error})")
        raise InputError("a CSV file", got, _MEND) from None
    except UnicodeDecodeError:
        raise _no_text(raw) from None


def _counted(blank: int, line: int) -> int:
    """One more blank line."""
    if blank == MOST_BLANK:
        got = Words(f"more up to line {line:,}")
        raise InputError(f"at most {MOST_BLANK:,} empty lines", got, "remove them")
    return blank + 1


def _check_lengths(fields: list[str], line: int) -> None:
    longest = max(fields, key=len)
    if len(longest) > MOST_IN_FIELD:
        got = Words(f"{len(longest):,} in line {line}: {quoted(longest)}")
        raise InputError(f"at most {MOST_IN_FIELD:,} characters in a field", got, _MEND)


def _no_text(raw: bytes) -> InputError:
    """What to say of a file that is not in UTF-8."""
    try:
        raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        got = Words(f"the byte 0x{error.object[error.start]:02x} in line {line}")
        return InputError("a CSV file in UTF-8", got, "save it as UTF-8")
    raise AssertionError("what was refused in pieces is refused as a whole")


def _header(rows: Iterator[Row], label: str) -> tuple[list[str], int]:
    """The names of the columns, and the place of the label among them."""
    first = next(rows, None)
    if first is None:
        raise InputError(
            "a header and points", Words("an empty file"), f"name a column {quoted(label)}"
        )
    names, where = first.fields, f"in line {first.line}"
    if all(_NUMBER.fullmatch(name) for name in names):
        got = Words(f"numbers {where}")
        raise InputError("names of the columns before the points", got, "add a header")
    if "" in names:
        got = Words(f"none for column {names.index('') + 1} {where}")
        raise InputError("a name for each column", got, "name it, or remove the column")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        got = Words(f"{quoted(twice[0])} twice {where}")
        raise InputError("different names of columns", got, "rename one of them")
    return names, _place(names, label, where)


def _place(names: list[str], label: str, where: str) -> int:
    """Where the label stands; there must be an input beside it."""
    if label not in names:
        do = "name the column of labels with `label`"
        if len(names) == 1 and re.search(r"[;\t]", names[0]):
            do = "separate the columns by commas"
        got = Words(f"{shown(', '.join(names), 120)} {where}")
        raise InputError(f"a column {quoted(label)}", got, do)
    if len(names) == 1:
        got = Words(f"only {quoted(label)} {where}")
        raise InputError("columns of inputs beside the label", got, "add them")
    return names.index(label)


def _input(text: str, name: str, row: Row) -> float:
    """A finite number: the double that is nearest to the decimal."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan  # infinite beyond float64
    if not math.isfinite(value):
        got = Words(f"{_quoted(text)} in line {row.line}")
        do = _MEND if text else "fill it in, or remove the line"
        raise InputError(f"a finite number in column {quoted(name)}", got, do)
    return value


def _quoted(text: str) -> str:
    return quoted(text, 45) if text else "nothing"


def _signs(labels: list[Label], label: str, positive: object) -> list[int]:
    """Labels as -1 and +1."""
    for row in labels:
        if not row.text:
            got = Words(f"nothing in line {row.line}")
            raise InputError(
                f"a label in column {quoted(label)}", got, "fill it in, or remove the line"
            )
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


def _plain_signs(labels: list[Label], label: str) -> list[int]:
    """Labels that are the numbers -1 and 1 already."""
    values = [_value(row.text) for row in labels]
    for row, value in zip(labels, values, strict=True):
        if value not in LABELS:
            got = Words(_at(row))
            raise InputError(f"labels -1 and 1 in column {quoted(label)}", got, _recoding(labels))
    return [1 if value == 1 else -1 for value in values]


def _recoding(labels: list[Label]) -> str:
    """What to do about other labels."""
    texts = {_name(row.text): row.text for row in labels}
    if len(texts) == 2:
        one, other = (_quoted(text) for text in texts.values())
        return f"say with `positive` which of {one} and {other} is 1, or write -1 and 1"
    return "write -1 and 1" + (": keep two classes" if len(texts) > 2 else "")


def _two_classes(labels: list[Label], label: str, positive: object) -> list[int]:
    """+1 for the label `positive`, -1 for the one other; a number stands for all its spellings."""
    of = _name if isinstance(positive, str) else _value
    name = str(positive)
    wanted, values = of(name.strip()), [of(row.text) for row in labels]
    if wanted not in values:
        got = Words(f"labels such as {_at(labels[0])}")
        raise InputError(
            f"the positive label {quoted(name)} in column {quoted(label)}", got, "choose one"
        )
    others = [row for row, value in zip(labels, values, strict=True) if value != wanted]
    for row in others:
        if of(row.text) != of(others[0].text):
            got = Words(f"{_at(row)} and {_at(others[0])}")
            raise InputError(
                f"one label but {quoted(name)} in column {quoted(label)}", got, "remove one"
            )
    return [1 if value == wanted else -1 for value in values]


def _at(row: Label) -> str:
    return f"{_quoted(row.text)} in line {row.line}"
