"""Progress of long work, on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from latephase.cli.streams import has_bar

_EVERY = 5.0  # seconds between two lines where there is no terminal

Progress = Callable[[int, int], None]


@contextmanager
def progress(label: str, unit: str, lines: bool = True) -> Iterator[Progress]:
    """Yield what the work calls as progress(done, total); `unit` is what is counted, "" for shares.

    lines: whether to say so in lines where there can be no bar.
    """
    if not has_bar():
        yield _in_lines(label, unit) if lines else _silent
        return
    from rich import progress as rich
    from rich.console import Console

    counted = "{task.completed:,.0f} of {task.total:,.0f} " + unit
    columns = (
        rich.SpinnerColumn(),
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.TextColumn(counted if unit else "{task.percentage:.1f} %"),
        rich.TimeElapsedColumn(),
    )
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=0)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _silent(done: int, total: int) -> None:
    """Nothing: what takes seconds as a rule leaves no lines in files and pipes."""


def _in_lines(label: str, unit: str) -> Progress:
    """Says how far the work is, every few seconds."""
    began = said = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= _EVERY:
            said = now
            with suppress(OSError):  # nobody listens: the work goes on
                text = f"{label}: {done:,} of {total:,} {unit} ({now - began:.0f} s)"
                sys.stderr.write(text + "\n")
                sys.stderr.flush()

    return tell
