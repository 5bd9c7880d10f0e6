"""Figures of the report from their descriptions: panels as SVG for the page, the whole as PDF."""

from __future__ import annotations

import re

from latephase.draw.panels import svg, typeset
from latephase.draw.panels.axes import NARROW, WIDE, draw_panel, height_of
from latephase.draw.panels.canvas import canvas, lettered, written
from latephase.experiments.bench.finding import Figure


def panel_svgs(figure: Figure) -> list[tuple[str, str]]:
    """(class, SVG element) of each panel: "wide" and "narrow" of a single one, else "panel"."""
    panels = lettered(figure.panels)
    if len(panels) == 1:
        sizes = [("wide", WIDE, panels[0]), ("narrow", NARROW, panels[0])]
    else:
        sizes = [("panel", NARROW, panel) for panel in panels]
    done = []
    for i, (name, width, panel) in enumerate(sizes):
        drawn = canvas(width, max(height_of(one, width) for one in panels))
        draw_panel(drawn.subplots(), panel, width, beside=panels)
        text = written(drawn, "svg").decode("utf-8")
        label = typeset.plain(panel.title or figure.caption)
        done.append((name, svg.inline(text, f"fig-{slug(figure.key)}-{i}", label)))
    return done


def pdf(figure: Figure) -> bytes:
    """The figure on white, panels side by side."""
    panels = lettered(figure.panels)
    width = WIDE if len(panels) == 1 else NARROW
    drawn = canvas(width * len(panels), max(height_of(panel, width) for panel in panels))
    grid = drawn.subplots(1, len(panels), squeeze=False)[0]
    for axes, panel in zip(grid, panels, strict=True):
        draw_panel(axes, panel, width, beside=panels)
    return written(drawn, "pdf", typeset.plain(figure.key))


def slug(key: str) -> str:
    """A key as it may stand in ids and file names."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", key)
