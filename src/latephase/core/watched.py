"""Long work in a notebook shows a bar without being asked: elsewhere nothing is written."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]
_AFTER = 1.0  # seconds: what is done sooner needs no bar


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook; IPython is not loaded for it."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and "IPKernelApp" in getattr(shell, "config", {})


@contextmanager
def bar(label: str) -> Iterator[dict[str, Progress]]:
    """A bar that is gone at the end; yields the argument `progress` of what it shows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of widgets that are missing: a bar of text will do
        from tqdm.auto import tqdm

    with tqdm(desc=label, delay=_AFTER, leave=False) as shown:

        def told(done: int, total: int) -> None:
            shown.total = total
            shown.update(done - shown.n)

        yield {"progress": told}
