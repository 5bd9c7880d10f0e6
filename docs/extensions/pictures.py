"""Pictures for the gallery: latephase draws without pyplot, which is where Sphinx-Gallery looks."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

from latephase.draw.panels.canvas import Picture, plot_style

_DOTS_PER_INCH = 144


def scraper(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """reST of the figures that a block has made: the names in its file that are new figures."""
    names, saved = block_vars["example_globals"], block_vars.setdefault("pictures", [])
    figures = [value for value in names.values() if isinstance(value, Figure)]
    shown = []
    for figure in dict.fromkeys(figures):
        if figure in saved:
            continue
        saved.append(figure)
        path = next(block_vars["image_path_iterator"])
        with plot_style() if isinstance(figure, Picture) else nullcontext():
            figure.savefig(path, dpi=_DOTS_PER_INCH)
        titles = [axes.get_title() for axes in figure.axes]
        shown.append(figure_rst([path], gallery_conf["src_dir"], "; ".join(filter(None, titles))))
    return "".join(shown)
