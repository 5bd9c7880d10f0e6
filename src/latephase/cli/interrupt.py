"""Ctrl-C: one clear line and exit code 130, promptly, even while compiled code is at work."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from latephase.cli.failures import say

EXIT_CODE = 130
GRACE = 1.5  # seconds that Python gets to unwind before the process is ended without it
_SHOW_CURSOR = "\x1b[?25h"  # a progress bar hides it

_lock = threading.Lock()
_told = False
_consequence: list[Callable[[], str]] = []


def on_interruption(consequence: Callable[[], str]) -> None:
    """Say from now on, if interrupted, what that leaves behind and how to go on.

    `consequence` may also put things in order first; it is called once, from any thread, and soon
    after it the process ends.
    """
    _consequence[:] = [consequence]


def tell() -> None:
    """Print the one line of an interruption, once."""
    global _told
    with _lock:
        if not _told:
            say(f"interrupted; {_consequence[0]() if _consequence else 'nothing was kept'}")
        _told = True


@contextmanager
def guarded() -> Iterator[None]:
    """Within, Ctrl-C ends the process within GRACE seconds.

    Python raises KeyboardInterrupt only between two of its own instructions, and a compiled loop
    may be far from the next one: a thread that the signal wakes directly ends the process then.
    """
    global _told
    _told = False
    _consequence.clear()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    listening, woken = socket.socketpair()
    woken.setblocking(False)
    before = signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    guard = threading.Thread(target=_guard, args=(listening,), daemon=True)
    guard.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        woken.close()  # ends the guard, unless it has been woken: then Python's exit is guarded too


def _guard(listening: socket.socket) -> None:
    with listening:
        while received := listening.recv(1):
            if received[0] == signal.SIGINT:
                time.sleep(GRACE)
                _end()


def _end() -> None:
    if sys.stderr.isatty():
        sys.stderr.write(_SHOW_CURSOR)
    tell()
    os._exit(EXIT_CODE)
