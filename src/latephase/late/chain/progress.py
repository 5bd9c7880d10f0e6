"""How far a run is, told to whoever asked for it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
TOTAL = 1000  # thousandths of the way


def thousandths(progress: Progress | None) -> Callable[[float], None]:
    """To be told shares of the way; `progress(done, total)` hears of those that have grown."""
    told = -1

    def tell(share: float) -> None:
        nonlocal told
        done = int(TOTAL * share)
        if progress is not None and done > told:
            told = done
            progress(done, TOTAL)

    return tell
