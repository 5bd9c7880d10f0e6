"""One set of axes from its description: series, scales, labels, and a legend above the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, MaxNLocator

from latephase.draw.panels import log_ticks, times, typeset
from latephase.draw.panels.legend import ROW, Legend
from latephase.draw.panels.series import DRAWERS, SIDE_BY_SIDE, brushes, colour_mesh
from latephase.experiments.bench.finding import Panel

WIDE, NARROW = 6.6, 4.0  # inches: a panel alone on a desk, a panel of several or on a phone
_ROW = {"bars": 0.13, "ranges": 0.11}  # inches: of one that lies
_LONGEST_ROW = 42  # letters of category names that fit side by side under a narrow panel


def height_of(panel: Panel, width: float) -> float:
    """Inches: the legend and lying bars take what they need, maps are nearly square."""
    head = (Legend.of(panel, width).lines * ROW + 18 * bool(panel.title)) / 72
    rows = [one for one in panel.series if one.kind in SIDE_BY_SIDE]
    if rows and _sideways(panel):
        return head + 0.75 + sum(0.06 + _ROW[one.kind] * len(np.asarray(one.x)) for one in rows)
    tall = any(one.kind == "map" for one in panel.series)
    return head + (0.5 if width == WIDE else 0.66) * width + (0.9 if tall else 0.0)


def draw_panel(axes: Axes, panel: Panel, width: float, beside: Sequence[Panel] = ()) -> None:
    """One panel, `width` inches wide: series, scales, labels, and a legend above the data.

    beside: the panels of its row, whose titles stand at one height.
    """
    series, sideways = tuple(panel.series), _sideways(panel)
    for one, brush in zip(series, brushes(series, sideways=sideways), strict=True):
        DRAWERS[one.kind](axes, one, brush)
    _dress(axes, panel, sideways)
    if any(np.asarray(one.x).dtype.kind in "OUT" for one in series):
        _name_categories(axes, brushes(series, sideways=sideways)[0].places, sideways)
    mesh = colour_mesh(axes, series)
    if mesh is not None:
        bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02, aspect=28)
        bar.outline.set_visible(False)  # type: ignore[operator]
        bar.solids.set_rasterized(True)  # type: ignore[union-attr]
        bar.set_label(typeset.plain(panel.colour_label))
    legend = Legend.of(panel, width)
    legend.draw(axes)
    lines = max((Legend.of(one, width).lines for one in beside), default=legend.lines)
    axes.set_title(typeset.plain(panel.title), loc="left", pad=7.0 + lines * ROW)


def _dress(axes: Axes, panel: Panel, sideways: bool) -> None:
    """Scales, limits and labels, exchanged if bars lie."""
    if panel.equal:
        axes.set_aspect("equal", adjustable="box")
    first, second = (axes.yaxis, axes.xaxis) if sideways else (axes.xaxis, axes.yaxis)
    across: tuple[Any, ...] = (first, panel.x_label, panel.x_scale, panel.x_limits)
    along: tuple[Any, ...] = (second, panel.y_label, panel.y_scale, panel.y_limits)
    for axis, label, scale, limits in (across, along):
        _scale(axis, scale, panel)
        axis.set_label_text(typeset.plain(label))
        if limits is not None:
            (axes.set_xlim if axis is axes.xaxis else axes.set_ylim)(limits)


def _scale(axis: Axis, scale: str, panel: Panel) -> None:
    """Linear, log or symlog, with powers of ten in Unicode as ticks (no mathematics is parsed)."""
    nothing = scale == "log" and not math.isfinite(axis.get_minpos())  # that has a logarithm
    if scale == "linear" or nothing:
        axis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 2.5, 5, 10]))
        return
    if scale == "late":
        times.scale(axis, panel.start, panel.x_limits)
        return
    if scale == "log":
        log_ticks.scale(axis)
        return
    # Symlog, which turns linear at the smallest size on the axis other than 0.
    sizes = [np.abs(np.asarray(one.y, dtype=float)).ravel() for one in panel.series]
    every = np.concatenate(sizes)
    positive = every[np.isfinite(every) & (every > 0)]
    smallest = 10.0 ** math.floor(math.log10(positive.min())) if len(positive) else 1.0
    axis._set_axes_scale(scale, linthresh=smallest)  # type: ignore[attr-defined]
    axis.set_major_formatter(FuncFormatter(lambda value, _: _power_tick(value, smallest)))


def _power_tick(value: float, smallest: float) -> str:
    """The tick's label; none next to the 0 of a symlog axis, where it would cover the 0."""
    if value == 0:
        return "0"
    if abs(value) < 2 * smallest:
        return ""
    exponent = math.log10(abs(value))
    if abs(exponent - round(exponent)) > 1e-6:
        return ""
    return ("−" if value < 0 else "") + typeset.power_of_ten(round(exponent))


def _sideways(panel: Panel) -> bool:
    """Bars and ranges lie when the names of their categories would not fit side by side."""
    rows = [np.asarray(one.x) for one in panel.series if one.kind in SIDE_BY_SIDE]
    return any(sum(len(str(name)) + 2 for name in row) > _LONGEST_ROW for row in rows)


def _name_categories(axes: Axes, places: dict[str, int], sideways: bool) -> None:
    axis = axes.yaxis if sideways else axes.xaxis
    axis.set_ticks(list(places.values()), [typeset.plain(name) for name in places])
    axis.set_tick_params(length=0)
    axis.grid(False)
    ends = (-0.55, len(places) - 0.45)
    if sideways:
        axes.set_ylim(ends[::-1])
    else:
        axes.set_xlim(ends)
