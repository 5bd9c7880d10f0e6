"""Ctrl-C, `kill` and a closed terminal: one clear line and an exit code, within two seconds.

It is imported before anything that takes time, and imports little itself.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from latephase.cli.streams import leave_bar, say

if TYPE_CHECKING:
    import socket
    from types import FrameType

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
GRACE = 1.5  # seconds that Python gets to unwind before the process is ended without it
_IMPORTS = "<frozen importlib._bootstrap>"
_PATIENCE = 0.4  # seconds that it may take to tell: a full pipe, or a folder to be removed

Consequence = Callable[[], str]


def _nothing_kept() -> str:
    return "nothing was kept"


@dataclass
class _Interruption:
    """The signal that came first, 0 until one has, and what becomes of it.

    raises: whether it is raised as KeyboardInterrupt, else it ends the process at once;  told:
    whether its line is printed;  given_up: what else is closed first.
    """

    received: int = 0
    raises: bool = False
    told: bool = False
    consequence: Consequence = _nothing_kept
    installed: ExitStack | None = None
    given_up: list[Callable[[], None]] = field(default_factory=list)


_now = _Interruption()
_telling = threading.RLock()  # a second signal may find the main thread telling of the first


def exit_code() -> int:
    """128 and the number of the signal, as shells have it; that of Ctrl-C if there was none."""
    return 128 + (_now.received or signal.SIGINT)


def received() -> bool:
    """Whether a signal has come: whatever is raised from now on is its doing."""
    return _now.received != 0


def on_interruption(consequence: Consequence) -> None:
    """Say from now on, if interrupted, what that leaves behind and how to go on.

    `consequence` may also put things in order first; it is called once, from any thread, and soon
    after it the process ends.
    """
    _now.consequence = consequence


def given_up(close: Callable[[], None]) -> None:
    """Call this too, if interrupted: it gives up an output beside the one that is told of."""
    _now.given_up.append(close)


def tell() -> None:
    """Print the one line of an interruption, once."""
    with _telling:
        consequence, _now.consequence = _now.consequence, _cut_short
        if _now.told:
            return
        for close in _now.given_up:
            with suppress(Exception):
                close()
        try:
            text = consequence()
        except Exception as error:  # a folder that has gone: the line matters more
            text = f"what was kept is not known ({type(error).__name__}: {error})"
        if not _now.told:
            _now.told = True
            say(f"interrupted; {text}")


def _cut_short() -> str:
    return "a second time: what was under way is left as it was"


@contextmanager
def guarded(*, to_the_end: bool) -> Iterator[None]:
    """Within, a signal ends the process: by KeyboardInterrupt where it is `raised`, else at once.

    Python handles a signal only between two of its own instructions, and a compiled loop may be
    far from the next one: a thread that the signal wakes directly ends the process then, GRACE
    seconds after the first signal or at the second.  A signal that was ignored before (nohup, a
    job in the background) still is.

    to_the_end: the process is the command's own: signals are answered so until Python is gone.
    """
    global _now
    _now = _Interruption()
    with ExitStack() as undo:
        ours = threading.current_thread() is threading.main_thread()
        wanted = [n for n in SIGNALS if signal.getsignal(n) not in (signal.SIG_IGN, None)]
        answered = wanted if ours else []  # no other thread may
        for number in answered:
            undo.callback(signal.signal, number, signal.signal(number, _handle))
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # what `main` has held back
        if not ours:
            yield
            return
        if to_the_end:  # registered first, so done last: of half a Python they get no answer
            atexit.register(lambda: [signal.signal(n, signal.SIG_IGN) for n in answered])
        _watch(undo)
        _hush(undo)
        yield
        if to_the_end:
            if _now.received:  # all is put in order and told; what Python does at its end is not
                _leave()
            _now.installed = undo.pop_all()


def _handle(number: int, frame: FrameType | None) -> None:
    """What Python does in the main thread when a signal has come."""
    first = not _now.received
    _now.received = _now.received or number
    if first and _now.raises and not _importing(frame):
        raise KeyboardInterrupt
    _last_words()
    _leave()


def _importing(frame: FrameType | None) -> bool:
    """Whether a module is being loaded: compiled ones crash on an exception in their midst."""
    while frame is not None and frame.f_code.co_filename != _IMPORTS:
        frame = frame.f_back
    return frame is not None


def _watch(undo: ExitStack) -> None:
    """Start the thread that ends the process where the main thread does not."""
    import socket

    listening, woken = socket.socketpair()
    undo.callback(woken.close)  # ends the thread
    woken.setblocking(False)
    before = signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    undo.callback(signal.set_wakeup_fd, before)
    threading.Thread(target=_guard, args=(listening,), daemon=True).start()


def _guard(listening: socket.socket) -> None:
    """Wait for a signal and end the process; return if the block is left without one."""
    with listening:
        while (woken := listening.recv(1)) and woken[0] not in SIGNALS:
            pass  # somebody else's signal
        if woken and _now.raises:
            listening.settimeout(GRACE)
            with suppress(TimeoutError):
                woken = listening.recv(1)
    if not woken:
        return
    _now.received = _now.received or woken[0]
    teller = threading.Thread(target=_last_words, daemon=True)
    teller.start()
    teller.join(_PATIENCE)
    _leave()


def _last_words() -> None:
    leave_bar()
    tell()


def _leave() -> NoReturn:
    os._exit(exit_code())  # threads in compiled code would hold up any other way out


def _hush(undo: ExitStack) -> None:
    """Once a signal has come, what is raised where nobody can catch it is not shown any more."""
    for owner, name in ((sys, "unraisablehook"), (threading, "excepthook")):
        shown = getattr(owner, name)
        undo.callback(setattr, owner, name, shown)
        setattr(owner, name, partial(_unless_received, shown))


def _unless_received(shown: Callable[[Any], None], problem: Any) -> None:
    if not _now.received:
        shown(problem)


@contextmanager
def raised() -> Iterator[None]:
    """Within, the first signal is raised as KeyboardInterrupt, so that Python can put in order."""
    _now.raises = True
    try:
        yield
    finally:
        _now.raises = False
