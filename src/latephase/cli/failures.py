"""How a failure is told: one line on stderr and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from latephase.core import InputError, LatephaseError

UNFORESEEN, BAD_INPUT = 1, 2
SWITCH = "LATEPHASE_TRACEBACK"


def wants_traceback(arguments: list[str]) -> bool:
    """Whether `--traceback` stands among the arguments, or the environment asks for it."""
    return "--traceback" in arguments or os.environ.get(SWITCH, "0") not in ("", "0")


def tell(error: Exception, with_traceback: bool) -> int:
    """Print the line that a failure deserves, and return its exit code."""
    message, code = _told(error)
    if with_traceback and code == UNFORESEEN:
        traceback.print_exception(error)
    say(message)
    return code


def say(message: str) -> None:
    """One line on stderr, whatever the message holds, and nothing where stderr takes none."""
    with suppress(OSError):  # a full disk, a reader that went away: the exit code still tells
        sys.stderr.write(f"latephase: {' '.join(message.split())}\n")
        sys.stderr.flush()


@contextmanager
def told_warnings() -> Iterator[None]:
    """Warnings of the library as lines on stderr, once the work is done."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for one in caught:
        say(f"warning: {one.message}")


def _told(error: Exception) -> tuple[str, int]:
    if isinstance(error, InputError):
        return str(error), BAD_INPUT
    if isinstance(error, LatephaseError):
        return str(error), UNFORESEEN
    # Usage errors are Typer's own or click's, depending on the version; both have this method.
    if hasattr(error, "format_message"):
        return _usage(error, error.format_message()), BAD_INPUT
    hint = f"set {SWITCH}=1 or say `latephase --traceback ...` to see where"
    return f"unforeseen {type(error).__name__}: {error}; {hint}", UNFORESEEN


def _usage(error: Exception, message: str) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "latephase"
    parameter = getattr(error, "param", None)
    if type(error).__name__ == "MissingParameter" and parameter is not None:
        return f"expected {parameter.opts[0]}, got nothing; see `{command} --help` for an example"
    wrong = message.strip().rstrip(".")
    return f"expected a command as in `{command} --help`, got: {wrong}; change that"
