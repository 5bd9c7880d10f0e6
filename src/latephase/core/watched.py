"""Long work in a notebook shows a bar without being asked: elsewhere nothing is written."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T", bound=Callable[..., Any])
_AFTER = 1.0  # seconds: what is done sooner needs no bar


def watched(function: T) -> T:
    """A function with an argument `progress`, which in a notebook draws a bar unless it is given.

    It goes outside of `public`, which looks at who has raised a TypeError.
    """

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        if named.get("progress") is not None or not in_notebook():
            return function(*arguments, **named)
        with bar(function.__name__) as told:
            return function(*arguments, **{**named, "progress": told})

    return call  # type: ignore[return-value]


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook; IPython is not loaded for it."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and "IPKernelApp" in getattr(shell, "config", {})


@contextmanager
def bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is gone at the end; yields what the work calls as progress(done, total)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of widgets that are missing: a bar of text will do
        from tqdm.auto import tqdm

    with tqdm(desc=label, delay=_AFTER, leave=False) as shown:

        def told(done: int, total: int) -> None:
            shown.total = total
            shown.update(done - shown.n)

        yield told
