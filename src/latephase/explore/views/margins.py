"""Margin and deficit over log10 t, with the law, and the time that is looked at."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from bokeh.events import Tap
from bokeh.models import Span

from latephase.experiments.bench.finding import Panel

from .look import colours, late_axis, paint_frame, plot
from .painter import Painter

_ROOM = 0.06


class OverTimeView:
    """One quantity over time, or its logarithm to the base 10; a tap goes to a time."""

    def __init__(
        self, to_time: Callable[[float], None], label: str, *, logarithmic: bool = False
    ) -> None:
        self.fig = plot()
        late_axis(self.fig.xaxis[0])
        self._painter, self._label, self._logarithmic = Painter(self.fig), label, logarithmic
        self._given: Panel | None = None
        self._panel = Panel([], "", "")
        self.now = Span(location=0, dimension="height", line_width=2)
        self.fig.add_layout(self.now)
        self.fig.on_event(Tap, lambda event: to_time(float(np.sinh(event.x))))

    def show(self, panel: Panel, log10_t: float) -> None:
        """Show a panel, and where t is."""
        if panel is not self._given:
            self._given = panel
            taken = panel.y_label.startswith("log10") or not self._logarithmic
            self._panel = panel if taken else _in_logarithms(panel)
        panel = self._panel
        self._painter.paint(panel)
        self.fig.yaxis.axis_label = None  # the heading of the card says it
        ends = _ends(panel)
        self.fig.y_range.update(start=ends[0], end=ends[1])
        at = log10_t if math.isfinite(log10_t) else panel.start or 0.0
        self.now.location = float(np.arcsinh(at))

    def recolour(self, dark: bool) -> None:
        """Go over to the other scheme."""
        paint_frame(self.fig, dark)
        self._painter.recolour(dark)
        self.now.line_color = colours(dark)["--c1"]


def _in_logarithms(panel: Panel) -> Panel:
    """The panel with log10 of its numbers: Bokeh's own logarithmic axes end at 1e-300."""
    from dataclasses import replace

    with np.errstate(all="ignore"):
        series = [replace(one, y=np.log10(np.asarray(one.y, dtype=float))) for one in panel.series]
    return replace(panel, series=series, y_scale="linear", y_label=f"log10 {panel.y_label}")


def _ends(panel: Panel) -> tuple[float, float]:
    every = np.concatenate([np.asarray(one.y, dtype=float) for one in panel.series])
    finite = every[np.isfinite(every)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    room = _ROOM * (high - low) or 0.05 * max(abs(high), 1.0)
    return low - room, high + room
