"""What a notebook shows of a result: its words, and a small picture that fits any page.

The picture is an SVG inside the page: ink takes the colour of the page's text, and the accents
are told from light and from dark.  Where that is large (thousands of points) it is a PNG on white.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from html import escape
from typing import Any

from latephase.core import InputError
from latephase.core.shown import shown
from latephase.draw.panels import svg
from latephase.draw.panels.axes import NARROW, draw_panel, height_of
from latephase.draw.panels.canvas import canvas, plot_style, written
from latephase.experiments.bench.finding import Panel

MOST_BYTES = 50_000  # of a picture in a page
_LONGEST = 300  # characters of a line
_RESOLUTIONS = (100, 60, 30)  # dots per inch, until it fits


def html(result: Any, panel_of: Callable[[Any], Panel | None]) -> str:
    """A card: the lines of the result, and its picture if there is one."""
    name, (head, *rest) = type(result).__name__, result.lines()
    words = [f"<strong>{escape(name)}</strong> {escape(shown(head, _LONGEST))}"]
    words += [escape(shown(line, _LONGEST)) for line in rest]
    drawn = _drawn(result, panel_of)
    return f'<div style="max-width: 34em">{"<br>".join(words)}{drawn}</div>'


def _drawn(result: Any, panel_of: Callable[[Any], Panel | None]) -> str:
    """The picture as HTML; empty where nothing can be drawn: the words are there all the same."""
    try:
        panel = panel_of(result)
    except InputError:
        return ""
    if panel is None:
        return ""
    with plot_style():
        drawn = canvas(NARROW, height_of(panel, NARROW))
        draw_panel(drawn.subplots(), panel, NARROW)
        text = written(drawn, "svg").decode("utf-8")
        prefix = "lp" + hashlib.sha256(text.encode()).hexdigest()[:12]
        words = panel.title or f"Picture of this {type(result).__name__}"
        element = svg.inline(text, prefix, words, svg.ANY_PAGE)
        if len(element.encode()) <= MOST_BYTES:
            return f'<div style="max-width: 26em">{element}</div>'
        drawn.set_facecolor("white")
        return f'<br><img alt="{escape(words)}" src="data:image/png;base64,{_png(drawn)}">'


def _png(drawn: Any) -> str:
    for dots in _RESOLUTIONS:
        drawn.set_dpi(dots)
        text = base64.b64encode(written(drawn, "png")).decode("ascii")
        if len(text) <= MOST_BYTES:
            break
    return text
