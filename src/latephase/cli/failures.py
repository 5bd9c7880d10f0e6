"""How a failure is told: one line on stderr and an exit code."""

from __future__ import annotations

import os
import re
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from latephase.cli.streams import say
from latephase.core import InputError, LatephaseError, Words
from latephase.core.calls import INSTEAD
from latephase.core.shown import LONGEST, shortened

UNFORESEEN, BAD_INPUT = 1, 2
SWITCH = "LATEPHASE_TRACEBACK"
# What to do is said in the words of Python: here those are flags, and `simulate` is `run`.
_FLAGS = (
    "resume|force|max_steps|slide_tolerance|dtype|`(?:at|until|label|positive|out|negative_slope)`"
)
_FLAGS += "|(?<=raise )(?:until|samples)"  # elsewhere these are English
_IN_PYTHON = re.compile(rf"(?<![-\w])({_FLAGS}|simulate)(?![-\w])")


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


def tell_lost(error: OSError, arguments: list[str]) -> int:
    """Say that standard output did not take all, unless its reader went away (`| head`)."""
    if not isinstance(error, BrokenPipeError):
        flags = {word.partition("=")[0] for word in arguments} & {"--out", "--save"}
        kept = f" (what {min(flags)} names is complete)" if flags else ""
        say(
            f"expected a standard output that can be written on, got: {error.strerror or error}; "
            f"give it another place{kept}"
        )
    return UNFORESEEN


@contextmanager
def told_warnings() -> Iterator[None]:
    """Warnings of the library as lines on stderr, once the work is done."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for one in caught:
        say(f"warning: {as_flags(str(one.message))}")


def as_flags(advice: str) -> str:
    """What to do, said in Python's words, in those of the command line.

    >>> as_flags("use simulate, or replace it with force")
    'use `latephase run`, or replace it with --force'
    """

    def flag(found: re.Match[str]) -> str:
        word = found[1].strip("`").replace("_", "-")
        return "`latephase run`" if word == "simulate" else f"--{word}"

    return _IN_PYTHON.sub(flag, advice)


def _told(error: Exception) -> tuple[str, int]:
    if isinstance(error, InputError):
        return str(InputError(error.expected, error.got, as_flags(error.do))), BAD_INPUT
    if isinstance(error, LatephaseError):
        said, semicolon, advice = str(error).rpartition("; ")
        return said + semicolon + as_flags(advice), UNFORESEEN
    text = str(error)
    guilty = [n for n in os.environ if n.startswith("JAX_") and n in text.upper()]
    if guilty:  # JAX reads them when it starts, and fails in its own words
        got = Words(f"{guilty[0]}={os.environ[guilty[0]]} ({shortened(text, LONGEST)})")
        do = f"unset {guilty[0]}, or correct it"
        return str(InputError("an environment in which JAX starts", got, do)), BAD_INPUT
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
    unknown = re.search(r"No such option:? '?--([\w-]+)", wrong)
    if unknown and (instead := INSTEAD.get(unknown[1].replace("-", "_"))):
        return f"expected a command as in `{command} --help`, got: {wrong}; {as_flags(instead)}"
    return f"expected a command as in `{command} --help`, got: {wrong}; change that"
