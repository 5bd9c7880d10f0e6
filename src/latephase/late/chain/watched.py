"""How far a run is, told to whoever asked for it: chains run many calls below `simulate`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from .state import Chain

Progress = Callable[[int, int], None]
TOTAL = 1000  # thousandths of the way
_CHAINS = 2  # in a row: a run and the more cautious one that it is compared with


class _Watcher:
    """Thousandths of the way, by ln(1 + t) of ln(1 + until), over the chains of a run in turn.

    It never goes back, and reaches the end only with the run; the work is not spread evenly.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.chain: Chain | None = None
        self.begun, self.told = 0, -1

    def see(self, chain: Chain) -> None:
        if chain is not self.chain:
            self.chain, self.begun = chain, self.begun + 1
        ahead = np.logaddexp(0.0, chain.until.log)
        share = np.logaddexp(0.0, chain.now.log) / ahead if ahead > 0 else 1.0
        self.tell(int(TOTAL * min((self.begun - 1 + share) / _CHAINS, 0.999)))

    def tell(self, done: int) -> None:
        if done > self.told:
            self.told = done
            self.progress(done, TOTAL)


_WATCHER: ContextVar[_Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched(progress: Progress | None) -> Iterator[None]:
    """Within, chains tell `progress(done, total)` how far they are; at its end all is done."""
    if progress is None:
        yield
        return
    watcher = _Watcher(progress)
    watcher.tell(0)
    before = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(before)
    watcher.tell(TOTAL)


def report(chain: Chain) -> None:
    """Tell how far a chain is, if anybody asked."""
    watcher = _WATCHER.get()
    if watcher is not None:
        watcher.see(chain)
