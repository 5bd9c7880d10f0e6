"""What becomes of an --out: refused before the work, and what an interruption leaves of it."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from latephase.cli import interrupt
from latephase.core import InputError

_NO_OUT = "nothing was kept, for there is no --out"


def needs_out(out: str | None, asked: bool, do: str) -> None:
    """Refuse --resume and --force where there is nothing that they could be about."""
    if out is None and asked:
        raise InputError("--out with --resume and --force", None, do)


def trials_in(out: str | None, trials: int) -> Callable[[], str]:
    """What is kept of a folder of trials, when asked, and how to go on."""

    def told() -> str:
        from latephase.store.directory import is_ours, output_path, partial_of, read_marker

        if out is None:
            return _NO_OUT
        target = output_path(out)
        partial = partial_of(target)
        if not partial.exists() and is_ours(target):
            return f"the output is complete: {target}"
        finished = (read_marker(partial) or {}).get("finished_trials")
        if not finished:
            return "nothing was kept: no trial was finished"
        again = [word for word in sys.argv[1:] if word != "--resume"]
        command = shlex.join(["latephase", *again, "--resume"])
        return f"{finished:,} of {trials:,} trials are kept in {partial}; go on with: {command}"

    return told


@contextmanager
def reserved(out: str | None, force: bool, what: str) -> Iterator[None]:
    """Refuse an output that cannot be written before the work, not after it.

    what: what is made.  It is made again faster than resumed, so an interruption leaves nothing.
    """
    from latephase.store.directory import claim_output

    if out is None:
        interrupt.on_interruption(lambda: _NO_OUT)
        yield
        return
    partial = claim_output(out, force=force)

    def withdrawn() -> str:
        shutil.rmtree(partial, ignore_errors=True)
        return f"no {what} was written and nothing was kept; start again to make it"

    # Where compiled code keeps Python from unwinding, the interruption is all that cleans up.
    interrupt.on_interruption(withdrawn)
    try:
        yield
    finally:
        shutil.rmtree(partial, ignore_errors=True)  # gone already if it was put in place


def command_line() -> str:
    """The command as it was typed, for what is said of how a page was made."""
    return shlex.join(["latephase", *sys.argv[1:]])
