"""One set of axes from its description: series, scales, labels, and a legend above the data."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from latephase.draw.panels import times, typeset
from latephase.draw.panels.series import DRAWERS, SIDE_BY_SIDE, brushes, colour_mesh
from latephase.experiments.bench.finding import Panel

WIDE, NARROW = 6.6, 4.0  # inches: a panel alone on a desk, a panel of several or on a phone
_LEGEND_ROW, _CHARACTER = 11.4, 4.55  # points: a row of the legend, a letter of it
_ROW = {"bars": 0.16, "ranges": 0.11}  # inches: of one that lies
_LONGEST_ROW = 42  # letters of category names that fit side by side under a narrow panel


def height_of(panel: Panel, width: float) -> float:
    """Inches: the legend and lying bars take what they need, maps are nearly square."""
    head = (_legend_rows(panel, width)[1] * _LEGEND_ROW + 18 * bool(panel.title)) / 72
    rows = [one for one in panel.series if one.kind in SIDE_BY_SIDE]
    if rows and _sideways(panel):
        return head + 0.75 + sum(0.06 + _ROW[one.kind] * len(np.asarray(one.x)) for one in rows)
    tall = any(one.kind == "map" for one in panel.series)
    return head + (0.5 if width == WIDE else 0.66) * width + (0.9 if tall else 0.0)


def draw_panel(axes: Axes, panel: Panel, width: float) -> None:
    """One panel, `width` inches wide: series, scales, labels, and a legend above the data."""
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
    _head(axes, panel, width)


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
    smallest, options = 0.0, {}
    if scale == "symlog":  # which turns linear at the smallest size on the axis other than 0
        sizes = [np.abs(np.asarray(one.y, dtype=float)).ravel() for one in panel.series]
        every = np.concatenate(sizes)
        positive = every[np.isfinite(every) & (every > 0)]
        smallest = 10.0 ** math.floor(math.log10(positive.min())) if len(positive) else 1.0
        options = {"linthresh": smallest}
    axis._set_axes_scale(scale, **options)  # type: ignore[attr-defined]
    axis.set_major_formatter(FuncFormatter(lambda value, _: _power_tick(value, smallest)))
    axis.set_minor_formatter(FuncFormatter(lambda value, _: _minor_tick(value, axis)))


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


def _minor_tick(value: float, axis: Axis) -> str:
    """The label of a tick between powers of ten, at 2 and 5, where few powers are in view."""
    low, high = axis.get_view_interval()
    if not 0 < low < high < 100 * low or not 1e-3 <= value < 1e4:
        return ""
    lead = value / 10.0 ** math.floor(math.log10(value) + 1e-9)
    return f"{value:g}" if min(abs(lead - 2), abs(lead - 5)) < 1e-6 else ""


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


def _head(axes: Axes, panel: Panel, width: float) -> None:
    """Title and, below it, the legend: above the axes, where it covers no data."""
    columns, rows = _legend_rows(panel, width)
    if rows:
        handles, labels = axes.get_legend_handles_labels()
        first = dict(reversed(list(zip(labels, handles, strict=True))))
        names = [name for name in _legend_names(panel) if name in first]
        place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0)}
        legend = axes.legend([first[name] for name in names], names, ncols=columns, **place)
        for handle in filter(None, legend.legend_handles):
            if not isinstance(handle, Patch) and (handle.get_alpha() or 1.0) < 0.6:
                handle.set_alpha(0.6)  # a faint sample line is hard to make out in a legend
    pad = 7.0 + rows * _LEGEND_ROW
    axes.set_title(typeset.plain(panel.title), loc="left", pad=pad)


def _legend_names(panel: Panel) -> list[str]:
    """Entries of the legend, each once; a panel whose only data it names needs them too."""
    names = (name for one in panel.series for name in (one.label, *one.categories) if name)
    return list(dict.fromkeys(map(typeset.plain, names)))


def _legend_rows(panel: Panel, width: float) -> tuple[int, int]:
    """Columns and rows of the legend: the fewest rows that fit, in as few columns as these need."""
    names = _legend_names(panel)
    space = 72 * width - 60
    for rows in range(1, len(names)):
        columns = math.ceil(len(names) / rows)
        # matplotlib fills the first len % columns columns with one entry more.
        split = [len(part) for part in np.array_split(np.arange(len(names)), columns)]
        starts = np.concatenate([[0], np.cumsum(split)])
        longest = [max(map(len, names[a:b])) for a, b in pairwise(starts)]
        if sum(longest) * _CHARACTER + 30 * columns <= space:
            return columns, rows
    return 1, len(names)
