"""Processes that share the work on many certificates, one thread each."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process


def workers(processes: int) -> ProcessPoolExecutor:
    """A pool of fresh interpreters; the main module must be one that can be imported.

    They leave Ctrl-C to the parent, and end when it ends, however it does.
    """
    return ProcessPoolExecutor(processes, get_context("spawn"), _start)


def _start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
