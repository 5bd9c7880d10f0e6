"""matplotlib's SVG made fit for a page: colours from the page, unique ids, the page's own font."""

from __future__ import annotations

import re

from latephase.report.palette import THEME

_VARIABLES = {light: f"var({name})" for name, (light, _) in THEME.items()}
_REFERENCE = re.compile(r'(href="#|url\(#)([\w.-]+)')
_DECIMALS = re.compile(r"(\d+\.\d{3,})")
# Coordinates only: matrices and scales of glyphs and images keep their digits.
_COORDINATES = re.compile(r'(?<=\s)(?:d|x|y|points)="[^"]*"|translate\([^)]*\)')


def inline(text: str, prefix: str, label: str) -> str:
    """The <svg> element of matplotlib's `text`, for use inside an HTML page.

    prefix: makes its ids unique on the page;  label: what a screen reader says.
    """
    text = _element(text)
    text = _own_ids(text, prefix)
    text = _themed(text)
    text = _COORDINATES.sub(lambda m: _DECIMALS.sub(_shorter, m[0]), text)
    text = re.sub(r"\s*\n\s*", "\n", text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{_attribute(label)}" ', 1)


def _element(text: str) -> str:
    """The element alone: no XML prologue, metadata, name spaces or rules for the whole page."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.S)
    head, _, rest = text.partition(">")
    head = re.sub(r'\s(?:xmlns(?::\w+)?|width|height|version)="[^"]*"', "", head)
    return f"{head}>{rest}".replace("xlink:href", "href").strip()


def _own_ids(text: str, prefix: str) -> str:
    """Ids that are pointed at get the prefix, all others go."""
    wanted = {name for _, name in _REFERENCE.findall(text)}

    def renamed(found: re.Match[str]) -> str:
        return f' id="{prefix}-{found[1]}"' if found[1] in wanted else ""

    text = re.sub(r'\sid="([^"]*)"', renamed, text)
    return _REFERENCE.sub(lambda m: f"{m[1]}{prefix}-{m[2]}", text)


def _themed(text: str) -> str:
    """The palette's light colours as CSS variables, texts in the font of the page."""
    text = re.sub(r"#[0-9a-f]{6}\b", lambda m: _VARIABLES.get(m[0], m[0]), text)
    text = re.sub(r"font: bold ([\d.]+px)[^;\"]*", r"font-weight: 600; font-size: \1", text)
    text = re.sub(r"font: (?:\d+ )?([\d.]+px)[^;\"]*", r"font-size: \1", text)
    text = re.sub(r"font-family:[^;\"]*;?\s*", "", text)
    # A text without a fill is black, also on a dark page.
    return re.sub(r'(<text style=")(?![^"]*fill)', r"\1fill: var(--ink); ", text)


def _shorter(found: re.Match[str]) -> str:
    return f"{float(found[1]):.2f}".rstrip("0").rstrip(".")


def _attribute(label: str) -> str:
    for character, entity in (("&", "&amp;"), ('"', "&quot;"), ("<", "&lt;")):
        label = label.replace(character, entity)
    return label
