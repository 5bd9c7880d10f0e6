"""Work off the event loop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Queue
from typing import Any

import pytest

from latephase.core import InputError
from latephase.explore.answered.compute import Stopped
from latephase.explore.latest import ENDING, Job, Latest

pytestmark = pytest.mark.quick
SECONDS = 20.0


class Loop:
    """An event loop that does one thing when it is told to."""

    def __init__(self) -> None:
        self.waiting: Queue[Callable[[], None]] = Queue()
        self.done: list[Any] = []
        self.failed: list[str] = []

    def job(self, work: Callable[[Callable[[], bool]], Any]) -> Job:
        return Job(work, self.done.append, self.failed.append)

    def once(self) -> None:
        self.waiting.get(timeout=SECONDS)()


def test_of_several_that_wait_the_last_is_done():
    """Ground truth: the order of what was given; the first is told that nobody wants it."""
    loop, go = Loop(), threading.Event()
    latest = Latest(loop.waiting.put)
    begun = threading.Event()

    def slow(wanted: Callable[[], bool]) -> str:
        begun.set()
        assert go.wait(SECONDS)
        if not wanted():
            raise Stopped("not wanted")
        return "first"

    latest.give(loop.job(slow))
    assert begun.wait(SECONDS)
    for k in range(5):
        latest.give(loop.job(lambda _, k=k: k))
    go.set()
    loop.once()
    loop.once()
    assert loop.done == [4]
    assert loop.failed == []


def test_where_the_server_ends_nobody_wants_anything():
    """Ground truth: Ctrl-C, after which the process waits for what its threads are at."""
    loop, begun, told = Loop(), threading.Event(), Queue[bool]()
    latest = Latest(loop.waiting.put)

    def slow(wanted: Callable[[], bool]) -> None:
        told.put(wanted())
        begun.set()
        assert ENDING.wait(SECONDS)
        told.put(wanted())
        raise Stopped("not wanted")

    latest.give(loop.job(slow))
    assert begun.wait(SECONDS)
    try:
        ENDING.set()
        latest.give(loop.job(lambda _: told.put(True)))
        loop.once()
    finally:
        ENDING.clear()
    assert [told.get(timeout=SECONDS) for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    "error", [InputError("a network", 1, "take one"), RuntimeError("unforeseen"), MemoryError()]
)
def test_whatever_goes_wrong_is_one_line_and_the_next_is_done(error: Exception, caplog: Any):
    """Ground truth: the error's own words."""
    loop = Loop()
    latest = Latest(loop.waiting.put)

    def wrong(_: Any) -> None:
        raise error

    latest.give(loop.job(wrong))
    loop.once()
    assert len(loop.failed) == 1
    assert "\n" not in loop.failed[0]
    latest.give(loop.job(lambda _: "next"))
    loop.once()
    assert loop.done == ["next"]


def test_a_page_that_has_gone_does_not_stop_the_threads():
    """Ground truth: the next session's job."""

    def gone(_: Any) -> None:
        raise RuntimeError("no session any more")

    latest = Latest(gone)
    latest.give(Job(lambda _: 1, print, print))
    loop = Loop()
    other = Latest(loop.waiting.put)
    other.give(loop.job(lambda _: 2))
    loop.once()
    assert loop.done == [2]
