"""What an interruption leaves behind of an --out, in words, and how to go on."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable


def trials_in(out: str | None, trials: int) -> Callable[[], str]:
    """What is kept of a folder of trials, when asked."""
    if out is None:
        return lambda: "nothing was kept, for there is no --out"
    return lambda: _trials_in(out, trials)


def _trials_in(out: str, trials: int) -> str:
    from latephase.store.directory import is_ours, output_path, partial_of, read_marker

    target = output_path(out)
    partial = partial_of(target)
    if not partial.exists() and is_ours(target):
        return f"the output is complete: {target}"
    finished = (read_marker(partial) or {}).get("finished_trials")
    if finished is None:
        return "nothing was kept: no trial was finished"
    again = [word for word in sys.argv[1:] if word != "--resume"]
    command = shlex.join(["latephase", *again, "--resume"])
    return f"{finished:,} of {trials:,} trials are kept in {partial}; go on with: {command}"
