"""What a claim's experiment hands to the report: a verdict, numbers, tables and figures as data.

No plotting here: a figure is a description of panels and series, which the report draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from numpy.typing import ArrayLike

from latephase.core import Rigour


class Verdict(Enum):
    """What the numbers say of a claim, against the criterion written with it."""

    SUPPORTED = "the numbers meet the criterion"
    NOT_SUPPORTED = "the numbers contradict the claim"
    UNDECIDED = "the numbers do not decide"


@dataclass(frozen=True)
class Number:
    """One reported number: its label, value (a float is shown to 4 digits), unit and rigour."""

    label: str
    value: float | int | str
    rigour: Rigour
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


@dataclass(frozen=True)
class Series:
    """One curve, cloud, band, row of bars or ranges, or map of a panel.

    kind: line (x, y), points (x, y), band (x, y lower, y2 upper), bars (x categories, y heights,
    y2 optional (2, k) lower and upper ends of error bars), ranges (x categories, y middles,
    y2 (2, k) ends; on a log scale, which has no 0 for bars to stand on), steps (histogram: x edges
    (k + 1,), y (k,)), map (x (nx,), y (ny,), z (ny, nx) values or category indices).
    role: what it is, which decides its looks: data (accent colours in order), prediction (dashed),
    reference (thin grey), sample (thin, faint).
    """

    kind: Literal["line", "points", "band", "bars", "ranges", "steps", "map"]
    x: ArrayLike
    y: ArrayLike
    label: str = ""
    y2: ArrayLike | None = None
    z: ArrayLike | None = None
    role: Literal["data", "prediction", "reference", "sample"] = "data"
    categories: Sequence[str] = ()  # names of the category indices of a map
    colour: int | None = None  # index of the accent colour; None: the next one


@dataclass(frozen=True)
class Panel:
    """One set of axes.  Labels carry units.  Times are plotted as log10 t on a linear axis."""

    series: Sequence[Series]
    x_label: str
    y_label: str
    title: str = ""
    x_scale: Literal["linear", "log"] = "linear"
    y_scale: Literal["linear", "log", "symlog"] = "linear"
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    colour_label: str = ""  # of a map's colour bar


@dataclass(frozen=True)
class Figure:
    """Panels with a caption that says what to see.

    Several panels are drawn with the letters (a), (b), ... in order, and the caption names them by
    these: side by side on a desk, they stand below each other on a phone.
    """

    key: str
    caption: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Finding:
    """The result of one claim's experiment.

    summary: one sentence with the deciding numbers;  run: what was run, in words;
    settings: everything needed to run it again.
    """

    verdict: Verdict
    summary: str
    run: str
    numbers: Sequence[Number]
    settings: Mapping[str, Any]
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()
    deviations: Sequence[str] = field(default=())  # where the numbers differ from the theory page
