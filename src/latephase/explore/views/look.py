"""How Bokeh figures look, in the colours of all other pictures (`draw.panels.palette`)."""

from __future__ import annotations

import math
from typing import Any

from bokeh.models import BasicTicker, CustomJSTickFormatter, FixedTicker, Range1d
from bokeh.plotting import figure

from latephase.draw.panels.palette import THEME

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
ACCENTS = tuple(name for name in THEME if name.startswith("--c"))
_SMALL = "11px"
_MINUS = "return tick.toLocaleString('en', {maximumSignificantDigits: 5, useGrouping: false})"


def colours(dark: bool) -> dict[str, str]:
    """CSS variables of the palette and their values in a scheme; "back": behind the figures."""
    found = {name: pair[dark] for name, pair in THEME.items()}
    return {**found, "back": "#14191f" if dark else "#ffffff"}


def plot(tools: Any = (), **more: Any) -> Any:
    """An empty figure that fills its place, without a toolbar."""
    ranges = {"x_range": Range1d(-1, 1), "y_range": Range1d(-1, 1)} | more
    found = figure(
        sizing_mode="stretch_both",
        toolbar_location=None,
        tools=list(tools),
        min_border=2,
        min_border_left=58,
        output_backend="canvas",
        **ranges,
    )
    found.outline_line_color = None
    found.background_fill_alpha = found.border_fill_alpha = 0.0
    for axis in found.axis:
        axis.ticker = BasicTicker(desired_num_ticks=5)
        axis.formatter = CustomJSTickFormatter(code=f"{_MINUS}.replace('-', '−')")
        axis.minor_tick_line_color = None
        axis.axis_label_text_font_style = "normal"
        for part in ("axis_label_text", "major_label_text"):
            setattr(axis, f"{part}_font", FONT)
            setattr(axis, f"{part}_font_size", _SMALL)
        axis.axis_label_standoff = 4
        axis.major_tick_in, axis.major_tick_out = 0, 4
    return found


def paint_frame(fig: Any, dark: bool) -> None:
    """Give axes and grid the colours of a scheme."""
    known = colours(dark)
    for axis in fig.axis:
        axis.axis_line_color = axis.major_tick_line_color = known["--muted"]
        axis.major_label_text_color = axis.axis_label_text_color = known["--ink"]
    for grid in fig.grid:
        grid.grid_line_color = known["--grid"]


def late_axis(axis: Any) -> None:
    """Make an axis that is given asinh(log10 t) one of log10 t."""
    ticks = (0, 1, 3, 10, 30, 100, 1000)
    axis.ticker = FixedTicker(ticks=[math.asinh(t) for t in ticks])
    axis.formatter = CustomJSTickFormatter(code="return Math.round(Math.sinh(tick)).toString()")
