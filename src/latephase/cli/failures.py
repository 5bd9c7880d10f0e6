"""How a failure is told: one line on stderr and an exit code."""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from latephase.cli.streams import say
from latephase.core import InputError, LatephaseError
from latephase.core.shown import LONGEST, shortened

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


def tell_lost(error: OSError) -> int:
    """Say that standard output did not take all, unless its reader went away (`| head`)."""
    if not isinstance(error, BrokenPipeError):
        say(
            f"expected a standard output that can be written on, got: {error.strerror or error}; "
            "give it another place (what --out names is complete)"
        )
    return UNFORESEEN


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
        return _usage(error, shortened(error.format_message(), 2 * LONGEST)), BAD_INPUT
    hint = f"set {SWITCH}=1 or say `latephase --traceback ...` to see where"
    what = shortened(str(error), 2 * LONGEST)
    return f"unforeseen {type(error).__name__}: {what}; {hint}", UNFORESEEN


def _usage(error: Exception, message: str) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "latephase"
    parameter = getattr(error, "param", None)
    if type(error).__name__ == "MissingParameter" and parameter is not None:
        return f"expected {parameter.opts[0]}, got nothing; see `{command} --help` for an example"
    wrong = message.strip().rstrip(".")
    return f"expected a command as in `{command} --help`, got: {wrong}; change that"
