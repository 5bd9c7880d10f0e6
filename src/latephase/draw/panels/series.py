"""Drawing of one series: a function per kind, and the brush that a role gives it.

For developers: a new kind is one function `(axes, series, brush) -> None` and one line in DRAWERS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.patheffects import withStroke

from latephase.draw.panels import typeset
from latephase.draw.panels.palette import ACCENTS, FAINT_OPACITY, FILL_OPACITY, FILLS, INK, MUTED
from latephase.experiments.bench.finding import Series

SIDE_BY_SIDE = ("bars", "ranges")  # kinds of which several share the place of a category
_LIGHTEST_CLOUD = 300  # from this many points on, dots of one path instead of a marker each


@dataclass(frozen=True)
class Brush:
    """How a series looks.

    sideways: bars lie, so that x and y of the panel are exchanged;  slot: which of how many rows
    of bars or ranges this is;  places: positions of the panel's categories;  over_map: a halo keeps
    it legible on any colour.
    """

    colour: str
    width: float
    dash: str
    opacity: float
    order: float
    sideways: bool
    slot: tuple[int, int]
    places: dict[str, int]
    over_map: bool

    def turned(self, x: Any, y: Any) -> tuple[Any, Any]:
        """(x, y) as the axes want them."""
        return (y, x) if self.sideways else (x, y)

    def positions(self, x: Any) -> np.ndarray:
        """x as numbers: categories by their place."""
        values = np.asarray(x)
        if values.dtype.kind in "OUT":
            return np.array([self.places[str(name)] for name in values], dtype=float)
        return values.astype(float)

    @property
    def thickness(self) -> float:
        """Of a bar and the gap beside it, in places."""
        return min(0.78 / self.slot[1], 0.5)

    def row(self, x: Any) -> np.ndarray:
        """Categories by their place, beside those of the panel's other rows."""
        slot, slots = self.slot
        at: np.ndarray = self.positions(x) + self.thickness * (slot - (slots - 1) / 2)
        return at


_ON_MAP, _HALO = "#101418", "#ffffff"  # the same on a light and on a dark page, as maps are

_DASHES = ("-", ":", "-.", "--")  # each time that the accents have been gone through

# Width, dash, opacity and drawing order by role.
_LOOKS: dict[str, tuple[float, str, float, float]] = {
    "reference": (0.9, "-", 1.0, 1.0),
    "sample": (0.7, "-", 0.4, 2.0),
    "data": (1.6, "-", 1.0, 3.0),
    "outline": (1.6, "-", 1.0, 3.5),
    "prediction": (1.2, "--", 1.0, 4.0),
    "ring": (1.2, "-", 1.0, 4.5),
}


def brushes(series: tuple[Series, ...], *, sideways: bool) -> list[Brush]:
    """A brush for every series of a panel; accents go to data in order, unless chosen."""
    rows = [i for i, one in enumerate(series) if one.kind in SIDE_BY_SIDE]
    columns = [np.asarray(one.x) for one in series]
    names = [str(name) for x in columns if x.dtype.kind in "OUT" for name in x]
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}  # as they appear
    over_map = any(one.kind == "map" for one in series)
    chosen = {one.colour for one in series if one.colour is not None}
    free = iter(i for i in range(10_000) if i not in chosen)
    done = []
    for i, one in enumerate(series):
        width, dash, opacity, order = _LOOKS[one.role]
        colour, lap = _colour(one, free)
        order += 2 * (one.kind == "points")  # a prediction's line goes under what it predicts
        dash = _DASHES[lap % len(_DASHES)] if dash == "-" else dash
        slot = (rows.index(i), len(rows)) if i in rows else (0, 1)
        dark = over_map and one.role != "sample" and colour in (INK, MUTED)
        colour = _ON_MAP if dark else colour
        done.append(Brush(colour, width, dash, opacity, order, sideways, slot, places, over_map))
    return done


def _colour(series: Series, free: Any) -> tuple[str, int]:
    """The colour of a series, and how often the accents have been gone through before it."""
    index = series.colour
    if index is None:
        if series.role != "data" or series.kind == "map":
            return (INK if series.role in ("prediction", "outline", "ring") else MUTED), 0
        index = next(free)
    return ACCENTS[index % len(ACCENTS)], index // len(ACCENTS)


def draw_line(axes: Axes, series: Series, brush: Brush) -> None:
    """A curve through (x, y); NaN leaves a gap."""
    x, y = brush.turned(brush.positions(series.x), np.asarray(series.y, dtype=float))
    axes.plot(x, y, brush.dash, **_stroke(series, brush))


def draw_points(axes: Axes, series: Series, brush: Brush) -> None:
    """A dot at every finite (x, y): smaller the more there are, hollow for predictions."""
    x, y = brush.turned(brush.positions(series.x), np.asarray(series.y, dtype=float))
    kept = np.isfinite(x) & np.isfinite(y)
    x, y = x[kept], y[kept]
    if len(x) < _LIGHTEST_CLOUD:
        axes.plot(x, y, **_marker(series, brush, 4.0 if len(x) < 80 else 2.8))
        return

    # Thousands of dots as one path of zero-length round strokes: a tenth of the markers' bytes.
    # (Of nearly no length: Agg leaves out strokes of none.)
    vertices = np.repeat(np.column_stack([x, y]), 2, axis=0)
    vertices[1::2, 0] += 1e-9 * np.where(x == 0, np.ptp(x), x)
    path = Path(vertices, np.tile([Path.MOVETO, Path.LINETO], len(x)).astype(Path.code_type))
    path.should_simplify = False  # simplifying would drop strokes of no length
    pen: dict[str, Any] = {"linewidth": 2.2 if len(x) < 2000 else 1.5, "capstyle": "round"}
    look: dict[str, Any] = {"alpha": brush.opacity, "zorder": brush.order}
    axes.add_artist(PathPatch(path, fill=False, edgecolor=brush.colour, **pen, **look))
    axes.update_datalim(vertices[::2])
    axes.autoscale_view()
    axes.plot([], [], **_marker(series, brush, 3.0))  # for the legend


def draw_band(axes: Axes, series: Series, brush: Brush) -> None:
    """The area between y and y2."""
    fill = axes.fill_betweenx if brush.sideways else axes.fill_between
    y, y2 = np.asarray(series.y, dtype=float), np.asarray(series.y2, dtype=float)
    look: dict[str, Any] = {"facecolor": brush.colour, "alpha": 0.22 * brush.opacity}
    look |= {"linewidth": 0, "zorder": brush.order - 1.5, "label": _label(series)}
    fill(brush.positions(series.x), y, y2, **look)


def draw_bars(axes: Axes, series: Series, brush: Brush) -> None:
    """A bar per category, beside those of the panel's other bars; y2 are ends of error bars."""
    at, thickness = brush.row(series.x), 0.9 * brush.thickness
    height = np.asarray(series.y, dtype=float)
    look: dict[str, Any] = {"color": brush.colour, "label": _label(series)}
    look |= {"zorder": brush.order - 1, "linewidth": 0}
    if brush.sideways:
        axes.barh(at, height, height=thickness, **look)
    else:
        axes.bar(at, height, width=thickness, **look)
    if series.y2 is not None:
        ends = np.asarray(series.y2, dtype=float)
        lines = axes.hlines if brush.sideways else axes.vlines
        lines(at, ends[0], ends[1], color=INK, linewidth=1.0, zorder=brush.order)


def draw_ranges(axes: Axes, series: Series, brush: Brush) -> None:
    """A dot per category on a line from end to end, beside those of the panel's other ranges."""
    at, ends = brush.row(series.x), np.asarray(series.y2, dtype=float)
    # One line with gaps: it keeps its other ends in view where one of them is 0 on a log scale.
    along = np.column_stack([*ends, np.full(len(at), np.nan)]).ravel()
    axes.plot(*brush.turned(np.repeat(at, 3), along), color=brush.colour, zorder=brush.order)
    x, y = brush.turned(at, np.asarray(series.y, dtype=float))
    axes.plot(x, y, **_marker(series, brush, 5.0))


def draw_steps(axes: Axes, series: Series, brush: Brush) -> None:
    """A histogram: its outline, with a faint filling if it is data."""
    y, edges = np.asarray(series.y, dtype=float), np.asarray(series.x, dtype=float)
    if series.role == "data":
        axes.stairs(y, edges, fill=True, color=brush.colour, alpha=0.18, zorder=brush.order - 1)
    axes.stairs(y, edges, linestyle=brush.dash, **_stroke(series, brush))


def draw_map(axes: Axes, series: Series, brush: Brush) -> None:
    """Values or categories z over (x, y); NaN stays empty."""
    z = np.ma.masked_invalid(np.asarray(series.z, dtype=float))
    opacity = FAINT_OPACITY if series.role == "sample" else FILL_OPACITY
    grid: dict[str, Any] = {"shading": "nearest", "rasterized": True, "zorder": 0.5}
    if series.categories:
        fills = [FILLS[i % len(FILLS)] for i in range(len(series.categories))]
        grid |= {"cmap": ListedColormap(fills), "vmin": -0.5, "vmax": len(fills) - 0.5}
        grid |= {"alpha": opacity}
        for fill, name in zip(fills, series.categories, strict=True):
            # Invisible: it gives the legend a category.
            look: dict[str, Any] = {"facecolor": fill, "alpha": opacity, "linewidth": 0}
            axes.add_patch(Rectangle((0, 0), 0, 0, label=typeset.plain(name), **look))
    else:
        grid |= {"cmap": "cividis"}
    axes.pcolormesh(np.asarray(series.x, float), np.asarray(series.y, float), z, **grid)
    axes.grid(False)


def colour_mesh(axes: Axes, series: tuple[Series, ...]) -> QuadMesh | None:
    """The mesh that needs a colour bar, if the panel has a map of values."""
    if not any(one.kind == "map" and not one.categories for one in series):
        return None
    return next(mesh for mesh in axes.collections if isinstance(mesh, QuadMesh))


def _label(series: Series) -> str:
    """matplotlib leaves labels that start with an underscore out of the legend."""
    return typeset.plain(series.label) if series.label else "_"


def _stroke(series: Series, brush: Brush) -> dict[str, Any]:
    faint = series.role == "sample"  # a halo would be what one sees of it
    halo = [withStroke(linewidth=brush.width + 1.8, foreground=_HALO)]
    return {
        "color": brush.colour,
        "linewidth": brush.width,
        "alpha": brush.opacity,
        "zorder": brush.order,
        "label": _label(series),
        "path_effects": halo if brush.over_map and not faint else None,
    }


def _marker(series: Series, brush: Brush, size: float) -> dict[str, Any]:
    hollow = series.role in ("prediction", "ring")
    size += {"prediction": 1.5, "ring": 6.0}.get(series.role, 0.0)
    return _stroke(series, brush) | {
        "linestyle": "none",
        "marker": series.marker,
        "markersize": size,
        "markerfacecolor": "none" if hollow else brush.colour,
        "markeredgewidth": 1.1 if hollow else 0.0,
    }


DRAWERS: dict[str, Callable[[Axes, Series, Brush], None]] = {
    "line": draw_line,
    "points": draw_points,
    "band": draw_band,
    "bars": draw_bars,
    "ranges": draw_ranges,
    "steps": draw_steps,
    "map": draw_map,
}
