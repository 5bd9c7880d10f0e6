"""Processes and threads that share long work."""

from __future__ import annotations

import ast
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import ContextVar
from multiprocessing import get_context, parent_process, resource_tracker
from pathlib import Path
from types import FrameType
from typing import TypeVar

import numpy

from latephase.core.errors import LatephaseError

Part = TypeVar("Part")
Made = TypeVar("Made")

_alone: ContextVar[bool] = ContextVar("_alone", default=False)
_SIGNALS = {
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
}


def threads() -> int:
    """How many threads may work at a time: one for each core that this process may use, but one
    alone within `one_thread`, and in a process that another one has started, as `workers` do:
    others are at work beside it."""
    return 1 if _alone.get() or parent_process() is not None else _cores()


def processes_at_most(asked: int | None) -> int:
    """How many processes may share work: as many as are asked for, None: one for each core that
    this process may use; one alone where `main_can_be_imported` forbids others."""
    return (asked or _cores()) if main_can_be_imported() else 1


def _cores() -> int:
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else sys.maxsize
    return min(os.cpu_count() or 1, mine)


@contextmanager
def one_thread() -> Iterator[None]:
    """Within, what this thread calls makes no other threads."""
    before = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(before)


def in_threads(work: Callable[[Part], Made], parts: Iterable[Part]) -> list[Made]:
    """What `work` makes of each of the parts, in their order, by as many threads as there may be.

    It must let go of the interpreter, as NumPy and compiled code do; NumPy's error state is not
    inherited.
    """
    todo = list(parts)
    count = min(threads(), len(todo))
    if count <= 1:
        return list(map(work, todo))
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, todo))


@contextmanager
def workers(
    processes: int, kept: str = "nothing was kept: start again"
) -> Iterator[ProcessPoolExecutor]:
    """A pool of fresh interpreters; the main module must be one that can be imported.

    What a terminal or a service manager sends to all processes of a group is the parent's to
    answer: they stop at once if the block is left by an exception, and end when the parent ends,
    however it does.  kept: what is kept if one of them is killed, and how to go on; then the block
    raises LatephaseError.
    """
    with _signals_held_back(), _anywhere():
        if os.name == "posix":  # the tracker of the pool's semaphores must outlive us all
            resource_tracker.ensure_running()
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _start)
    try:
        with _signals_held_back(), _anywhere():  # inherited: not even imports are interrupted
            for _ in range(processes):  # one is started for each task while none is idle yet
                pool.submit(os.getpid)
        yield pool
    except BaseException as error:
        for process in list(pool._processes.values()):
            process.kill()
        if isinstance(error, BrokenProcessPool):
            said = "a process that shared the work was killed, for want of memory perhaps"
            raise LatephaseError(f"{said}; {kept}") from error
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def main_can_be_imported() -> bool:
    """Whether fresh interpreters that import the main module will not come to this call again.

    They run a script under another name than `__main__`: a call from inside of a statement `if
    __name__ == "__main__":` is not reached, any other would be.  Without a file nothing is run.
    """
    main = sys.modules["__main__"]
    file, spec = getattr(main, "__file__", None), getattr(main, "__spec__", None)
    if parent_process() is not None:
        return False
    if file is None or (spec is not None and spec.name.endswith("__main__")):
        return True
    frame: FrameType | None = sys._getframe()
    while frame is not None and (
        frame.f_globals is not vars(main) or frame.f_code.co_name != "<module>"
    ):
        frame = frame.f_back
    try:
        statements = ast.parse(Path(file).read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return False
    guards = [one for one in statements if isinstance(one, ast.If) and _is_guard(one.test)]
    if frame is None:  # another thread, begun from inside of a guard if there is one
        return bool(guards)
    line = frame.f_lineno
    return any(one.body[0].lineno <= line <= (one.body[-1].end_lineno or 0) for one in guards)


def _is_guard(test: ast.expr) -> bool:
    return ast.unparse(test) in ("__name__ == '__main__'", "'__main__' == __name__")


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


@contextmanager
def _anywhere() -> Iterator[None]:
    """Within, there is a working folder: nothing is started from one that was removed."""
    try:
        os.getcwd()
    except FileNotFoundError:
        here = os.open(".", os.O_RDONLY)
        try:
            os.chdir(os.sep)
            yield
        finally:
            os.fchdir(here)
            os.close(here)
    else:
        yield


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
