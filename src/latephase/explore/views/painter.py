"""Panels of `draw`, painted on a Bokeh figure and painted again at every change.

For developers: a kind of series is one function that adds its glyph, and one that has its columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource

from latephase.draw.panels import typeset
from latephase.draw.panels.palette import FAINT_OPACITY, FILLS
from latephase.experiments.bench.finding import Panel, Series

from .look import ACCENTS, colours

# Width, dash and opacity by role.
_LOOKS: dict[str, tuple[float, Any, float]] = {
    "reference": (1.0, "solid", 1.0),
    "sample": (1.0, "solid", 0.6),
    "data": (2.2, "solid", 1.0),
    "outline": (2.2, "solid", 1.0),
    "prediction": (1.6, [6, 4], 1.0),
    "ring": (1.8, "solid", 1.0),
}
_LEVELS = {"map": "image", "band": "underlay", "points": "annotation"}
_STRONG = ("prediction", "outline", "ring")  # drawn in ink unless a colour is chosen


class Painter:
    """Paints panels on one figure; what a panel has not is left empty."""

    def __init__(self, fig: Any, dark: bool = False) -> None:
        self.fig, self.dark = fig, dark
        self._drawn: dict[tuple[Any, ...], tuple[Any, ColumnDataSource, Series]] = {}
        self._now: dict[tuple[Any, ...], Series] = {}

    def paint(self, panel: Panel, without: Sequence[str] = ()) -> None:
        """Show the series of a panel, but for those labelled as in `without`."""
        late = panel.x_scale == "late"
        keys = set()
        for one in panel.series:
            if one.label.removesuffix(", some") in without:
                continue
            key: tuple[Any, ...] = (one.kind, one.role, one.label.split(" ")[0], one.colour)
            while key in keys:
                key = (*key, "again")
            keys.add(key)
            if key not in self._drawn:
                source = ColumnDataSource()
                source.data = _columns(one, late)
                self._drawn[key] = (self._glyph(one, source), source, one)
                self._colour(key)
            elif self._now.get(key) is not one:  # what is the same is neither sent nor drawn again
                self._drawn[key][1].data = _columns(one, late)
            self._now[key] = one
        for key in self._now.keys() - keys:
            source = self._drawn[key][1]
            source.data = {name: [] for name in source.data}
            del self._now[key]
        self._frame(panel, late)

    def _frame(self, panel: Panel, late: bool) -> None:
        turned = np.arcsinh if late else np.asarray
        for ends, axis in ((panel.x_limits, self.fig.x_range), (panel.y_limits, self.fig.y_range)):
            if ends is not None:
                start, end = turned(ends) if axis is self.fig.x_range else ends
                if (axis.start, axis.end) != (start, end):
                    axis.update(start=float(start), end=float(end))
        for name, axis in ((panel.x_label, self.fig.xaxis), (panel.y_label, self.fig.yaxis)):
            if axis.axis_label != (shown := typeset.plain(name)):
                axis.axis_label = shown

    def recolour(self, dark: bool) -> None:
        """Go over to the other scheme."""
        self.dark = dark
        for key in self._drawn:
            self._colour(key)

    def _glyph(self, one: Series, source: ColumnDataSource) -> Any:
        width, dash, opacity = _LOOKS[one.role]
        level = _LEVELS.get(one.kind, "glyph")
        if one.kind == "line":
            look = {"line_width": width, "line_dash": dash, "line_alpha": opacity}
            return self.fig.line("x", "y", source=source, level=level, **look)
        if one.kind == "band":
            return self.fig.varea("x", "y", "y2", source=source, fill_alpha=0.13, level=level)
        if one.kind == "map":
            places = {"image": "image", "x": "x", "y": "y", "dw": "dw", "dh": "dh"}
            return self.fig.image_rgba(**places, source=source, level=level)
        look = {"marker": "square" if one.marker == "s" else "circle", "line_width": width}
        size = 17 if one.role == "ring" else 8
        return self.fig.scatter("x", "y", source=source, size=size, level=level, **look)

    def _colour(self, key: tuple[Any, ...]) -> None:
        renderer, _, one = self._drawn[key]
        if one.kind == "map":
            return
        known = colours(self.dark)
        name = "--ink" if one.role in _STRONG else "--muted"
        if one.colour is not None:
            name = ACCENTS[one.colour % len(ACCENTS)]
        glyph = renderer.glyph
        if one.kind == "band":
            glyph.fill_color = known[name]
            return
        glyph.line_color = known[name]
        if one.kind == "points":
            hollow = one.role in ("ring", "prediction")
            glyph.fill_color = known["back"] if hollow else known[name]
            glyph.fill_alpha = 0.0 if one.role == "ring" else 1.0


def _columns(one: Series, late: bool) -> dict[str, Any]:
    """The columns of a series."""
    if one.kind == "map":
        return _image(one)
    x, y = (np.asarray(part, dtype=float) for part in (one.x, one.y))
    found = {"x": np.arcsinh(x) if late else x, "y": y}
    if one.kind == "band":
        found["y2"] = np.asarray(one.y2, dtype=float)
    return found


def _image(one: Series) -> dict[str, Any]:
    """A map of categories as one image, faint."""
    x, y, z = (np.asarray(part, dtype=float) for part in (one.x, one.y, one.z))
    fills = [FILLS[i % len(FILLS)] for i in range(len(one.categories))]
    image = rgba(z, fills, FAINT_OPACITY)
    cell_x, cell_y = (x[-1] - x[0]) / (len(x) - 1), (y[-1] - y[0]) / (len(y) - 1)
    ends = {"x": [x[0] - cell_x / 2], "y": [y[0] - cell_y / 2]}
    return {**ends, "image": [image], "dw": [cell_x * len(x)], "dh": [cell_y * len(y)]}


def rgba(indices: Any, fills: Sequence[str], opacity: float) -> Any:
    """Indices (h, w) of colours as an image (h, w) of 32 bits a pixel; NaN is see-through."""
    table = np.array([[*bytes.fromhex(fill[1:]), round(255 * opacity)] for fill in fills], np.uint8)
    image = np.zeros((*np.shape(indices), 4), np.uint8)
    known = np.isfinite(indices)
    image[known] = table[np.asarray(indices)[known].astype(int)]
    return image.view(np.uint32).reshape(np.shape(indices))
