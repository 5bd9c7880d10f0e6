"""Standard output and error that take every character and never fail while work goes on."""

from __future__ import annotations

import codecs
import io
import os
import select
import sys
import unicodedata
from contextlib import suppress
from typing import Any, TextIO

from latephase.core.shown import escaped

_NAME = "latephase.plain"
_PLAIN = {"–": "-", "—": "-", "−": "-", "±": "+-", "×": "x", "·": "*", "→": "->", "η": "eta"}
_PLAIN |= dict.fromkeys("─━╸╺╶╴═", "-") | dict.fromkeys("│┃║", "|") | {"•": "*", "…": "..."}


class _Steady(io.FileIO):
    """A descriptor that takes everything; of what it could not write it remembers why.

    What is printed comes after hours of work, and what is kept of them does not depend on whether
    a disk has room for a table, or somebody still reads it (`| head`).
    """

    lost: OSError | None = None

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        total = len(rest)
        while rest and self.lost is None:
            try:
                written = super().write(rest)
                if written is None:  # a terminal that another program has set not to wait
                    select.select([], [self], [])
            except OSError as error:
                self.lost = error
            else:
                rest = rest[written or 0 :]
        return total


_out: _Steady | None = None
_err: TextIO | None = None
_LEAVE_BAR = "\r\x1b[2K\x1b[?25h"  # it has a line of its own, and hides the cursor


def prepare() -> None:
    """Make standard output and error take whatever is printed.

    What an encoding lacks (ASCII, latin-1, cp437) is printed in plain characters.  A descriptor
    that is closed (`>&-`) is opened on nothing: the next file would get its number, and with it
    what is printed.  Who closes one wants nothing of it: that is no failure, as /dev/null is none,
    and unlike a full disk.  A program that has streams of its own keeps them.
    """
    global _out, _err
    codecs.register_error(_NAME, _in_plain_characters)
    for number in range(3):  # the lowest number that is free is the one that is closed
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    _out = _steady("stdout", 1) or _out
    _err = sys.stderr if _steady("stderr", 2) else _err


def lost() -> OSError | None:
    """Why standard output did not take all that was printed, None where it did."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    return None if _out is None else _out.lost


def say(message: str) -> None:
    """One line on stderr, whatever the message holds, and nothing where stderr takes none."""
    with suppress(OSError, ValueError, RuntimeError):  # the exit code still tells
        sys.stderr.write(f"latephase: {escaped(' '.join(message.split()))}\n")
        sys.stderr.flush()


def has_bar() -> bool:
    """Whether stderr is a terminal that can draw a progress bar, over and over in one place."""
    return sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def leave_bar() -> None:
    """Leave a bar that nobody will end: it keeps stderr to itself, perhaps with a lock."""
    sys.stderr = _err or sys.stderr
    if has_bar():
        sys.stderr.write(_LEAVE_BAR)


def _steady(name: str, number: int) -> _Steady | None:
    """Put a steady stream in the place of Python's own; any other learns plain characters only."""
    stream = getattr(sys, name)
    raw = getattr(stream, "buffer", None)
    owned = stream is getattr(sys, f"__{name}__") and type(getattr(raw, "raw", raw)) is io.FileIO
    if stream is not None and not owned:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_NAME)
        return None
    steady = _Steady(number, "w", closefd=False)
    at_once = name == "stderr"  # and without a lock, which an interruption might find taken
    wrapped = io.TextIOWrapper(
        steady if at_once else io.BufferedWriter(steady),
        encoding=getattr(stream, "encoding", "utf-8"),
        errors=_NAME,
        line_buffering=getattr(stream, "line_buffering", False),
        write_through=at_once or getattr(stream, "write_through", False),
    )
    setattr(sys, name, wrapped)
    return steady


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
