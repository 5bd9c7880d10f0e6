"""How far a run is, told to whoever asked for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

TOTAL = 1000  # thousandths of the way


@contextmanager
def thousandths(progress: Callable[[int, int], None] | None) -> Iterator[Callable[[float], None]]:
    """What shares of the way are told to, of which `progress(done, total)` hears where they have
    grown; all is done only when this is left."""
    told = -1

    def tell(share: float, most: int = TOTAL - 1) -> None:
        nonlocal told
        done = min(int(TOTAL * share), most)
        if progress is not None and done > told:
            told = done
            progress(done, TOTAL)

    tell(0.0)
    yield tell
    tell(1.0, TOTAL)
