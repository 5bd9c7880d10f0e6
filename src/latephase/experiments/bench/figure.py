"""Figures as data: panels and their series, which the report draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from numpy.typing import ArrayLike


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
