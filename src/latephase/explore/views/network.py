"""The network over its inputs, with points that can be dragged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.events import Pan, PanEnd, PanStart
from bokeh.models import ColumnDataSource, CustomJS, LabelSet, PointDrawTool

from latephase.experiments.bench.finding import Panel

from ..asked.state import State
from .look import FONT, colours, paint_frame, plot
from .painter import Painter

_OWN = ("label 1", "label −1")  # series that are drawn here, so that they can be dragged
Moved = Callable[[list[float], list[float], bool], None]
"""Told x and y of what was dragged, and whether it was let go."""

# While it is dragged, a source is Bokeh's own business; a copy of its columns is what Python sees.
_LIVE = """
const now = Date.now();
if (now - (live.tags[0] ?? 0) < 40) return;
live.tags[0] = now;
if (flat) source.data.y.fill(0);
live.data = {x: Array.from(source.data.x), y: Array.from(source.data.y)};
"""
_HELD = "document.body.dataset.held = '';"


def watch_drags(fig: Any, over: Callable[[], None]) -> None:
    """Have the page say that something on a figure is dragged; `over` is called after that."""
    fig.js_on_event(PanStart, CustomJS(code=_HELD))
    fig.on_event(PanEnd, lambda event: over())


class Handles:
    """Things on a figure that can be dragged; `moved` is told where to."""

    def __init__(self, fig: Any, moved: Moved, *, size: int, flat: bool = False, **look: Any):
        empty: dict[str, Any] = {"x": [], "y": [], "fill": [], "mark": [], "name": []}
        self.source, self._live = ColumnDataSource(data=empty), ColumnDataSource({"x": [], "y": []})
        self._moved, self._showing = moved, False
        self.drawn = fig.scatter(
            "x", "y", source=self.source, size=size, marker="mark", fill_color="fill",
            line_width=2, level="overlay", **look,
        )  # fmt: skip
        names = LabelSet(
            x="x", y="y", text="name", source=self.source, x_offset=size / 2 + 2, y_offset=4,
            text_font_size="11px", text_font=value(FONT), level="overlay",
        )  # fmt: skip
        self.names = names
        fig.add_layout(names)
        self.tool = PointDrawTool(renderers=[self.drawn], add=False)
        fig.add_tools(self.tool)
        fig.toolbar.active_drag = self.tool
        fig.toolbar.active_tap = None
        args = {"source": self.source, "live": self._live, "flat": flat}
        fig.js_on_event(Pan, CustomJS(args=args, code=_LIVE))
        self._live.on_change("data", lambda attr, old, new: self._tell(self._live, False))
        self.source.on_change("data", lambda attr, old, new: self._tell(self.source, True))

    def show(self, x: Any, y: Any, fill: list[str], mark: list[str], name: list[str]) -> None:
        """Put them there."""
        new = {"x": list(map(float, x)), "y": list(map(float, y)), "fill": fill}
        new |= {"mark": mark, "name": name}
        if any(list(self.source.data[key]) != value for key, value in new.items()):
            self._showing = True
            self.source.data = new
            self._showing = False

    def _tell(self, source: ColumnDataSource, let_go: bool) -> None:
        if self._showing:
            return
        x, y = list(source.data["x"]), list(source.data["y"])
        if len(x) == len(self.source.data["fill"]) and len(x) == len(y):
            self._moved(x, y, let_go)

    def recolour(self, dark: bool) -> None:
        """Go over to the other scheme."""
        known = colours(dark)
        self.drawn.glyph.line_color = known["back"]
        self.names.text_color = known["--ink"]


class NetworkView:
    """N over the inputs: on the line a curve, in the plane regions."""

    def __init__(self, moved: Moved) -> None:
        self.fig = plot()
        self._painter = Painter(self.fig)
        self._flat = Handles(self.fig, moved, size=18, flat=True)
        self._free = Handles(self.fig, moved, size=18)
        self._shown: State | None = None
        self._dark = False
        self._pixels: dict[str, float] = {}  # inside the axes, as the browser tells
        for side in ("inner_width", "inner_height"):
            self.fig.on_change(side, self._resized)

    def show(self, state: State, panel: Panel, held: bool) -> None:
        """Show a panel; held: something is dragged, and stays where it is."""
        if held:  # a frame that follows what is dragged runs away from it
            ends = (self.fig.x_range.start, self.fig.x_range.end)
            panel = _framed(panel, ends, self._ends_of_y(state, panel))
        self._painter.paint(panel, without=_OWN)
        self._shown = state
        if not held:
            self._to_scale()
            self._show_points(state)

    def _resized(self, attr: str, old: Any, new: Any) -> None:
        self._pixels[attr] = float(new or 0)
        self._to_scale()

    def _to_scale(self) -> None:
        """In the plane: as long a unit on both axes, the longer one reaching farther."""
        wide, high = (self._pixels.get(side, 0.0) for side in ("inner_width", "inner_height"))
        if self._shown is None or self._shown.d != 2 or min(wide, high) <= 0:
            return
        x, y = self.fig.x_range, self.fig.y_range
        unit = max((x.end - x.start) / wide, (y.end - y.start) / high)
        unit = min(unit, min(x.end - x.start, y.end - y.start) / min(wide, high))
        for axis, pixels in ((x, wide), (y, high)):
            middle, half = (axis.start + axis.end) / 2, unit * pixels / 2
            axis.update(start=middle - half, end=middle + half)

    def _ends_of_y(self, state: State, panel: Panel) -> Any:
        return panel.y_limits if state.d == 1 else (self.fig.y_range.start, self.fig.y_range.end)

    def _show_points(self, state: State) -> None:
        known, at = colours(self._dark), np.array(state.inputs)
        fill = [known["--c0"] if y > 0 else known["--c1"] for y in state.labels]
        mark = ["circle" if y > 0 else "square" for y in state.labels]
        names = [f"{i + 1}" if state.n > 2 else "" for i in range(state.n)]
        places = (at[:, 0], np.zeros(state.n) if state.d == 1 else at[:, 1])
        nothing: Any = ([], [], [], [], [])
        shown, hidden = (self._flat, self._free) if state.d == 1 else (self._free, self._flat)
        shown.show(*places, fill, mark, names)
        hidden.show(*nothing)
        self.fig.toolbar.active_drag = shown.tool

    def recolour(self, dark: bool) -> None:
        """Go over to the other scheme."""
        self._dark = dark
        paint_frame(self.fig, dark)
        self._painter.recolour(dark)
        for handles in (self._flat, self._free):
            handles.recolour(dark)
        if self._shown is not None:
            self._show_points(self._shown)


def _framed(panel: Panel, x: Any, y: Any) -> Panel:
    return replace(panel, x_limits=x, y_limits=y)
