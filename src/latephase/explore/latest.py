"""Work off the event loop: one piece at a time, and of several that wait only the last."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from latephase.core import InputError
from latephase.core.shown import shortened

from .answered.compute import Stopped

POOL = ThreadPoolExecutor(max_workers=4, thread_name_prefix="explore")
"""Threads of all sessions: NumPy, JAX and the kernel let go of Python's lock for much of it."""
ENDING = threading.Event()
"""Set while the server ends: nobody wants anything any more, and the process waits for threads."""

Wanted = Callable[[], bool]


@dataclass(frozen=True)
class Job:
    """work(wanted) in a thread; then done(result), or failed(one line), on the event loop."""

    work: Callable[[Wanted], Any]
    done: Callable[[Any], None]
    failed: Callable[[str], None]


class Latest:
    """Does the last job it was given; one that is under way is told that nobody wants it."""

    def __init__(self, later: Callable[[Callable[[], None]], Any]) -> None:
        self._later = later  # puts a function on the event loop, from any thread
        self._lock = threading.Lock()
        self._next: Job | None = None
        self._count = 0
        self._works = False

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return self._works

    def give(self, job: Job | None) -> None:
        """Do this next; None: nothing any more."""
        with self._lock:
            self._count += 1
            self._next = job
            if job is None or self._works or ENDING.is_set():
                return
            self._works = True
        POOL.submit(self._go)

    def _is_last(self, count: int) -> bool:
        return self._count == count and not ENDING.is_set()

    def _go(self) -> None:
        while True:
            with self._lock:
                job, self._next, mine = self._next, None, self._count
                if job is None:
                    self._works = False
                    return
            rest = _one(job, lambda mine=mine: self._is_last(mine))  # type: ignore[misc]
            with suppress(Exception):  # the page has gone meanwhile
                self._later(rest)


@contextmanager
def together(doc: Any) -> Iterator[None]:
    """Within, changes of a document are sent together."""
    doc.hold("combine")
    try:
        yield
    finally:
        doc.unhold()


def _one(job: Job, wanted: Wanted) -> Callable[[], None]:
    """The work done, as what is left to do on the event loop."""
    try:
        result = job.work(wanted)
    except Stopped:
        return lambda: None
    except Exception as error:
        line = _told(error)
        return lambda: job.failed(line) if wanted() else None

    def done() -> None:
        try:
            job.done(result)
        except Exception as error:
            job.failed(_told(error))

    return done


def _told(error: Exception) -> str:
    """One line for the page; what nobody foresaw is written to the log, with where it was."""
    if isinstance(error, InputError):
        return str(error)
    logging.getLogger(__name__).error("a page could not be answered", exc_info=error)
    text = shortened(f"{type(error).__name__}: {error}", 300)
    return f"this could not be computed ({text}); change it, or go back"
