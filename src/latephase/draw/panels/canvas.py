"""What panels are drawn on: a figure of its own or the reader's axes, and the file of a figure."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from string import ascii_lowercase
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from latephase.core import InputError
from latephase.draw.panels.axes import NARROW, WIDE, draw_panel, height_of
from latephase.draw.panels.palette import STYLE
from latephase.experiments.bench.finding import Panel

MAKER = "latephase"  # in every file, by which it is known for one of ours
_DPI = 160  # of maps, which are pixels inside the drawing


@contextmanager
def plot_style() -> Iterator[None]:
    """The room's style on top of matplotlib's defaults, whatever the reader's own settings."""
    with matplotlib.style.context([STYLE], after_reset=True):
        yield


class Picture(Figure):
    """A figure that no window and no pyplot knows of, and that a notebook shows all the same."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """The pixels, and over how many of the page they go: two in each, for fine screens."""
        width, height = (round(side * _DPI / 2) for side in self.get_size_inches())
        with plot_style():
            return written(self, "png"), {"width": width, "height": height}


def canvas(width: float, height: float) -> Figure:
    """An empty figure, inches."""
    drawn = Picture(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(drawn)
    return drawn


def picture(panels: Sequence[Panel], ax: Any = None) -> Figure:
    """The panels on white, two in a row, or on the axes that are given, as many as there are.

    ax: Axes, or a list of them; one alone gets the first panel.  Raises InputError.
    """
    with plot_style():
        if ax is not None:
            return _on_given(panels, ax)
        width = WIDE if len(panels) == 1 else NARROW
        shown, columns = lettered(panels), min(len(panels), 2)
        rows = -(-len(shown) // columns)
        drawn = canvas(width * columns, rows * max(height_of(one, width) for one in shown))
        drawn.set_facecolor("white")
        grid = drawn.subplots(rows, columns, squeeze=False).ravel()
        for axes in grid[len(shown) :]:
            axes.set_axis_off()
        for k, (axes, panel) in enumerate(zip(grid, shown, strict=False)):
            row = k // columns * columns
            draw_panel(axes, panel, width, beside=shown[row : row + columns])
        return drawn


def _on_given(panels: Sequence[Panel], ax: Any) -> Figure:
    given = [ax] if isinstance(ax, Axes) else list(ax) if hasattr(ax, "__iter__") else []
    if not given or len(given) > len(panels) or not all(isinstance(one, Axes) for one in given):
        most = f"or a list of up to {len(panels)}" if len(panels) > 1 else "to draw on"
        raise InputError(f"matplotlib's Axes as `ax`, {most}", ax, "leave it out for a new figure")
    for axes, panel in zip(given, panels, strict=False):
        draw_panel(axes, panel, NARROW, beside=panels[: len(given)])
    return given[0].get_figure(root=True)  # type: ignore[return-value]


def lettered(panels: Sequence[Panel]) -> list[Panel]:
    """The panels with (a), (b), ... before their titles, unless there is only one."""
    if len(panels) == 1:
        return list(panels)
    named = zip(ascii_lowercase, panels, strict=False)
    return [replace(one, title=f"({letter}) {one.title}".rstrip()) for letter, one in named]


def written(drawn: Figure, kind: str, title: str = "") -> bytes:
    """The figure as a file, svg, pdf or png: equal figures as equal bytes.

    Unlike savefig, which draws everything once more to measure it.
    """
    out = io.BytesIO()
    about: dict[str, Any] = {"Title": title} if title else {}
    if kind == "svg":
        about |= {"Date": None, "Creator": MAKER}
        FigureCanvasSVG(drawn).print_svg(out, metadata=about)
    elif kind == "pdf":
        about |= {"CreationDate": None, "Creator": MAKER}
        FigureCanvasPdf(drawn).print_pdf(out, metadata=about)
    else:
        FigureCanvasAgg(drawn).print_png(out, metadata=about | {"Software": MAKER})
    return out.getvalue()
