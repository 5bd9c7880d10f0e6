"""Processes that share long work."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process

import numpy

_SIGNALS = {
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
}


@contextmanager
def workers(processes: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of fresh interpreters; the main module must be one that can be imported.

    What a terminal or a service manager sends to all processes of a group is the parent's to
    answer: they stop at once if the block is left by an exception, and end when the parent ends,
    however it does.
    """
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _start)
    try:
        with _signals_held_back():  # inherited: not even their imports are interrupted
            for _ in range(processes):  # one is started for each task while none is idle yet
                pool.submit(os.getpid)
        yield pool
    except BaseException:
        for process in list(pool._processes.values()):
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _signals_held_back() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start() -> None:
    numpy.seterr(all="ignore")  # a process of its own: results tell of overflows, as in `calls`
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
