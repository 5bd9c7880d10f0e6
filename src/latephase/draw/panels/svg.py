"""matplotlib's SVG made fit for a page: colours from the page, unique ids, the page's own font."""

from __future__ import annotations

import re
from collections.abc import Mapping

from latephase.draw.panels.palette import GRID, INK, MUTED, THEME

VARIABLES = {light: f"var({name})" for name, (light, _) in THEME.items()}
_NOT_DRAWN = r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->"
_REFERENCE = re.compile(r'(href="#|url\(#)([\w.-]+)')
_DECIMALS = re.compile(r"(\d+\.\d{3,})")
# Coordinates only: matrices and scales of glyphs and images keep their digits.
_COORDINATES = re.compile(r'(?<=\s)(?:d|x|y|points)="[^"]*"|translate\([^)]*\)')


ANY_PAGE = {INK: "currentColor", MUTED: "currentColor", GRID: "rgba(128, 128, 128, 0.3)"}
"""Colours of a page of which nothing is known: its text's; accents are told from light and dark."""


def inline(text: str, prefix: str, label: str, colours: Mapping[str, str] = VARIABLES) -> str:
    """The <svg> element of matplotlib's `text`, for use inside an HTML page.

    prefix: makes its ids unique on the page;  label: what a screen reader says;  colours: what
    stands for those of the light scheme, the page's CSS variables unless said.
    """
    # The element alone: no XML prologue, metadata, name spaces or rules for the whole page.
    text = re.sub(_NOT_DRAWN, "", text[text.index("<svg") :], flags=re.S)
    head, _, rest = text.partition(">")
    head = re.sub(r'\s(?:xmlns(?::\w+)?|width|height|version)="[^"]*"', "", head)
    text = f"{head}>{rest}".replace("xlink:href", "href").strip()

    # Ids that are pointed at get the prefix, all others go.
    wanted = {name for _, name in _REFERENCE.findall(text)}
    text = re.sub(
        r'\sid="([^"]*)"', lambda m: f' id="{prefix}-{m[1]}"' if m[1] in wanted else "", text
    )
    text = _REFERENCE.sub(lambda m: f"{m[1]}{prefix}-{m[2]}", text)

    # The palette's light colours as CSS variables, texts in the font of the page.  A text without a
    # fill is black, also on a dark page.
    text = re.sub(r"#[0-9a-f]{6}\b", lambda m: colours.get(m[0], m[0]), text)
    text = re.sub(r"font: bold ([\d.]+px)[^;\"]*", r"font-weight: 600; font-size: \1", text)
    text = re.sub(r"font: (?:\d+ )?([\d.]+px)[^;\"]*", r"font-size: \1", text)
    text = re.sub(r"font-family:[^;\"]*;?\s*", "", text)
    text = re.sub(r'(<text style=")(?![^"]*fill)', rf"\1fill: {colours[INK]}; ", text)

    text = _COORDINATES.sub(lambda m: _DECIMALS.sub(_shorter, m[0]), text)
    text = re.sub(r"\s*\n\s*", "\n", text)
    for character, entity in (("&", "&amp;"), ('"', "&quot;"), ("<", "&lt;")):
        label = label.replace(character, entity)
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def _shorter(found: re.Match[str]) -> str:
    return f"{float(found[1]):.2f}".rstrip("0").rstrip(".")
