"""Figures of the report from their descriptions: panels as SVG for the page, the whole as PDF."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from latephase.draw.panels import svg, typeset
from latephase.draw.panels.axes import NARROW, WIDE, draw_panel, height_of
from latephase.draw.panels.canvas import canvas, lettered, written
from latephase.experiments.bench.finding import Figure, Panel

SMALL = 3.1  # inches: a panel of three, or of the first screen


def panel_svgs(figure: Figure) -> list[tuple[str, str]]:
    """(class, SVG element) of each panel: "wide" and "narrow" of a single one, else "panel"."""
    return _drawn(figure, f"fig-{slug(figure.key)}", NARROW if len(figure.panels) == 2 else SMALL)


def front_svgs(figure: Figure) -> list[tuple[str, str]]:
    """The same for the first screen, where a figure stands beside other things."""
    return _drawn(figure, f"front-{slug(figure.key)}", SMALL)


def _drawn(figure: Figure, prefix: str, width: float) -> list[tuple[str, str]]:
    panels = titled(figure.panels)
    sizes = [("panel", width, panel) for panel in panels]
    if len(panels) == 1:
        sizes = [("wide", WIDE, panels[0]), ("narrow", NARROW, panels[0])]
    done = []
    for i, (name, wide, panel) in enumerate(sizes):
        drawn = canvas(wide, max(height_of(one, wide) for one in panels))
        draw_panel(drawn.subplots(), panel, wide, beside=panels)
        text = written(drawn, "svg").decode("utf-8")
        label = typeset.plain(panel.title or figure.caption)
        done.append((name, svg.inline(text, f"{prefix}-{i}", label)))
    return done


def titled(panels: Sequence[Panel]) -> list[Panel]:
    """The panels with letters and titles: one without says what it shows by its axes."""
    named = [
        one if one.title else replace(one, title=f"{one.y_label or one.colour_label}")
        for one in panels
    ]
    return lettered(named)


def pdf(figure: Figure) -> bytes:
    """The figure on white, panels side by side."""
    panels = titled(figure.panels)
    width = WIDE if len(panels) == 1 else NARROW
    drawn = canvas(width * len(panels), max(height_of(panel, width) for panel in panels))
    grid = drawn.subplots(1, len(panels), squeeze=False)[0]
    for axes, panel in zip(grid, panels, strict=True):
        draw_panel(axes, panel, width, beside=panels)
    return written(drawn, "pdf", typeset.plain(figure.key))


def slug(key: str) -> str:
    """A key as it may stand in ids and file names."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", key)
