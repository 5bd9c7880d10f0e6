"""A site that asks no other host for anything: what a page would load from one ends the build."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# What a browser loads by itself; a link to follow is none of these.
_LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed|input)\b[^>]*?\b(?:src|srcset)=[\"']((?:https?:)?//[^\"']+)"
    r"|<link\b[^>]*?\bhref=[\"']((?:https?:)?//[^\"']+)"
    r"|(?:@import\s+[\"']|url\([\"']?)((?:https?:)?//[^\"')]+)"
)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("build-finished", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _check(app: Sphinx, failed: Exception | None) -> None:
    if failed is None:
        pages = [file for file in Path(app.outdir).rglob("*") if file.suffix in (".html", ".css")]
        found = [(file, url) for file in pages for url in loaded(file.read_text(encoding="utf-8"))]
        if found:
            listed = "; ".join(f"{file.relative_to(app.outdir)} loads {url}" for file, url in found)
            raise RuntimeError(f"pages that load from other hosts: {listed}")


def loaded(text: str) -> list[str]:
    """Addresses on other hosts that a page or a style sheet makes a browser load."""
    return ["".join(groups) for groups in _LOADED.findall(text)]
