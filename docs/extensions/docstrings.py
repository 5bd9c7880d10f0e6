"""Docstrings as they are, which are plain text: |x*| is no substitution, x* no emphasis."""

from __future__ import annotations

import inspect
import re
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx


# What stays: code, emphasis of one word, and what is escaped already.
_KEPT = re.compile(r"(``.*?``|`[^`]*`|(?<![\w*])\*\w+\*(?![\w*])|\\.)")

_KEY = re.compile(r"\b([a-z]{2,}(?:19|20)\d\d)\b")
_CITED = re.compile(r"\[[^\[\]]*\]")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx; before Napoleon, which reads the sections."""
    app.connect("autodoc-process-docstring", _escape, priority=100)
    app.connect("autodoc-process-signature", _hide)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _escape(
    _app: Sphinx, _what: str, _name: str, _found: Any, _options: Any, lines: list[str]
) -> None:
    lines[:] = [line if line.lstrip().startswith(">>>") else _escaped(line) for line in lines]


def _hide(
    _app: Sphinx, what: str, _name: str, found: Any, _options: Any, signature: str, _returns: str
) -> tuple[str, None] | None:
    """No arguments of what nobody makes by hand: enums, and classes of attributes alone."""
    described = inspect.getdoc(found) or ""
    made = "Attributes\n-" not in described or "Parameters\n-" in described
    hidden = what == "class" and (issubclass(found, Enum) or not made)
    return ("", None) if hidden else None


def _escaped(line: str) -> str:
    parts = _KEPT.split(line)
    parts[::2] = [re.sub(r"([|*])|(?<=\w)(_)(?!\w)", r"\\\1\2", part) for part in parts[::2]]
    text = re.sub(r"\bdocs/([\w-]+)\.md", r":doc:`/\1`", "".join(parts))
    return re.sub(_CITED, lambda found: _KEY.sub(r":ref:`\1 <\1>`", found[0]), text)
