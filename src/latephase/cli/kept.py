"""What becomes of an --out: refused before the work, and what an interruption leaves of it."""

from __future__ import annotations

import shlex
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from latephase.cli import interrupt
from latephase.cli.failures import as_flags
from latephase.cli.streams import say
from latephase.core import InputError

if TYPE_CHECKING:
    from latephase.store.output import Output

_NO_OUT = "nothing was kept, for there is no --out"


def needs_out(out: str | None, asked: bool, do: str) -> None:
    """Refuse --resume and --force where there is nothing that they could be about."""
    if out is None and asked:
        raise InputError("--out with --resume and --force", None, do)


def trials_in(out: str | None, trials: int) -> Callable[[], str]:
    """What is kept of a folder of trials, when asked, and how to go on."""

    def told() -> str:
        from latephase.store.marker import read_marker
        from latephase.store.places import is_url, output_path, partial_of

        if out is None:
            return _NO_OUT
        again = [word for word in sys.argv[1:] if word != "--resume"]
        command = shlex.join(["latephase", *again, "--resume"])
        if is_url(out):
            return f"finished batches are kept in {out}; go on with: {command}"
        target = output_path(out)
        partial = partial_of(target)
        under_way, complete = read_marker(partial), read_marker(target)
        if not partial.exists() and complete is not None and complete.complete:
            return f"the output is complete: {target}"
        finished = under_way.finished_trials if under_way else 0
        if not finished:
            return "nothing was kept: no trial was finished"
        return f"{finished:,} of {trials:,} trials are kept in {partial}; go on with: {command}"

    return told


@contextmanager
def warnings_told() -> Iterator[None]:
    """Within, a warning is one line on stderr, like everything that is said there."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: say(f"warning: {as_flags(str(message))}")
        yield


@contextmanager
def reserved(out: str | None, force: bool, what: str) -> Iterator[Output | None]:
    """Claim an output before the work, so that one that cannot be written is refused then.

    what: what is made.  It is made again faster than resumed, so an interruption leaves nothing.
    """
    from latephase.store.output import Output

    if out is None:
        interrupt.on_interruption(lambda: _NO_OUT)
        yield None
        return
    with warnings_told(), Output(out, force=force) as output:
        withdraw_if_interrupted(output, what)
        yield output


def withdraw_if_interrupted(output: Output, what: str) -> None:
    """Let an interruption abandon a claimed output.

    Where compiled code keeps Python from unwinding, the interruption is all that cleans up.
    """

    def withdrawn() -> str:
        output.close()
        return f"no {what} was written and nothing was kept; start again to make it"

    interrupt.on_interruption(withdrawn)


Draw = Callable[[Callable[[], Any]], None]


@contextmanager
def picture(path: str | None) -> Iterator[Draw]:
    """Claim the file of a picture before the work; what draws it, called with what makes a figure.

    Without a path that does nothing.
    """
    if path is None:
        yield lambda make: None
        return
    from latephase.cli import surroundings
    from latephase.draw import files

    with warnings_told(), files.claimed(path) as place:
        interrupt.given_up(place.close)

        def draw(make: Callable[[], Any]) -> None:
            surroundings.prepare_drawing()
            files.write(make(), place)
            interrupt.on_interruption(lambda: f"the picture is drawn: {path}")

        yield draw


def command_line() -> str:
    """The command as it was typed, for what is said of how a page was made."""
    return shlex.join(["latephase", *sys.argv[1:]])
