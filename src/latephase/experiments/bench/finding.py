"""What a claim's experiment hands to the report: how far it is supported, numbers, tables, figures.

No plotting here: a figure is a description of panels and series, which the report draws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, TypeVar

from numpy.typing import ArrayLike

from latephase.core import Rigour

Row = TypeVar("Row")
Columns = Mapping[str, str | Callable[[Row], Any]]
"""Columns by name: an attribute of each row, or a function of it."""


def unwrap(record: object, *texts: str) -> None:
    """Make each of a new record's texts one line: source files wrap them as prose."""
    for name in texts:
        object.__setattr__(record, name, " ".join(getattr(record, name).split()))


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

    opened: shown at once even if it is long;
    floors: of columns, what a page says less of no more than that it is less: rounding, say.
    """

    key: str
    caption: str
    columns: Mapping[str, Sequence[Any]]
    opened: bool = False
    floors: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unwrap(self, "caption")

    @classmethod
    def of(
        cls,
        key: str,
        caption: str,
        rows: Sequence[Row],
        named: Columns[Row],
        opened: bool = False,
        floors: Mapping[str, float] | None = None,
    ) -> Table:
        """A table of records: in each column, what `named` says of each row."""
        return cls(
            key,
            caption,
            {
                name: [getattr(row, read) if isinstance(read, str) else read(row) for row in rows]
                for name, read in named.items()
            },
            opened,
            floors or {},
        )


Role = Literal["data", "prediction", "outline", "reference", "sample", "ring"]


@dataclass(frozen=True)
class Series:
    """One curve, cloud, band, row of bars or ranges, or map of a panel.

    kind: line (x, y), points (x, y), band (x, y lower, y2 upper), bars (x categories, y heights,
    y2 optional (2, k) lower and upper ends of error bars), ranges (x categories, y middles,
    y2 (2, k) ends; on a log scale, which has no 0 for bars to stand on), steps (histogram: x edges
    (k + 1,), y (k,)), map (x (nx,), y (ny,), z (ny, nx) values or category indices).
    role: what it is, which decides its looks: data (accent colours in order), prediction (dashed),
    outline (dark), reference (thin grey), sample (thin, faint), ring (around points of others).
    """

    kind: Literal["line", "points", "band", "bars", "ranges", "steps", "map"]
    x: ArrayLike
    y: ArrayLike
    label: str = ""
    y2: ArrayLike | None = None
    z: ArrayLike | None = None
    role: Role = "data"
    categories: Sequence[str] = ()  # names of the category indices of a map
    colour: int | None = None  # index of the accent colour; None: the next one
    marker: Literal["o", "s"] = "o"  # of points: round or square


@dataclass(frozen=True)
class Panel:
    """One set of axes.  Labels carry units.  Times are plotted as log10 t on a linear axis, or on
    one of "late" times: even in log10 t to 10^6 and in ln ln t beyond, as `log_times` are.
    """

    series: Sequence[Series]
    x_label: str
    y_label: str
    title: str = ""
    x_scale: Literal["linear", "log", "late"] = "linear"
    y_scale: Literal["linear", "log", "symlog"] = "linear"
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    colour_label: str = ""  # of a map's colour bar
    equal: bool = False  # whether a unit is as long on both axes
    start: float | None = None  # where on an axis of late times t = 0 stands, which has no log10


@dataclass(frozen=True)
class Figure:
    """Panels with a caption that says what to see.

    Several panels are drawn with the letters (a), (b), ... in order, and the caption names them by
    these: side by side on a desk, they stand below each other on a phone.
    """

    key: str
    caption: str
    panels: Sequence[Panel]

    def __post_init__(self) -> None:
        unwrap(self, "caption")


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

    def __post_init__(self) -> None:
        unwrap(self, "summary", "run")
        object.__setattr__(self, "deviations", [" ".join(text.split()) for text in self.deviations])
