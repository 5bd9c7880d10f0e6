"""Standard output and error that take every character, whatever their encoding, open or closed."""

from __future__ import annotations

import codecs
import os
import sys
import unicodedata
from pathlib import Path

_NAME = "latephase.plain"
_PLAIN = {"–": "-", "—": "-", "−": "-", "±": "+-", "×": "x", "·": "*", "→": "->", "η": "eta"}
_PLAIN |= dict.fromkeys("─━╸╺╶╴═", "-") | dict.fromkeys("│┃║", "|") | {"•": "*", "…": "..."}


def prepare() -> None:
    """Print what an encoding lacks (ASCII, latin-1, cp437) in plain characters instead of failing.

    Hours of work end in a table with a dash in it.  Where stdout or stderr is closed (`>&-`),
    Python has None in its place, and what is printed goes nowhere.
    """
    codecs.register_error(_NAME, _in_plain_characters)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (to the end)
            setattr(sys, name, nowhere)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_NAME)


def _in_plain_characters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(character: str) -> str:
    """ASCII for a character: its own, that of the letter below an accent, or a question mark."""
    if character in _PLAIN:
        return _PLAIN[character]
    letters = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return letters or "?"
