"""What every test run shares: slow tests, a store of compiled steps, the command in this process.

Three sets of tests, by markers: `make test-quick` leaves out what is slow, `make test` only the
campaigns, `.ci/run` nothing. A campaign is marked where it stands (`helpers.shares` keeps a part of
it in every run). Whether a test is slow is decided by its room, below, unless the test or its file
says that it is `slow` or `quick`. What is not slow must not compile: such a test fails.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# Rooms whose tests follow runs: nearly each of their shapes is compiled, in half a second or more.
FOLLOWING = {"late", "training", "runs", "store", "experiments", "report", "cli", "docs"}
FOLLOWING |= {"references", "failure", "draw", "explore", "browser"}
COMPILED = "/jax/core/compile/backend_compile_duration"

# What one test has compiled is loaded by the others: in this process, in those of pytest-xdist, in
# those that tests start, and in the next run. It is the same code, so numbers stay as they are.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(TESTS.parent / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks as slow what stands in a room that follows runs and does not say otherwise.

    Campaigns come first, so that no worker begins a long test when the others have done theirs.
    """

    def marked(item: pytest.Item, *names: str) -> bool:
        return any(item.get_closest_marker(name) for name in names)

    for item in items:
        room = item.path.relative_to(TESTS).parts[0]
        follows = room in FOLLOWING and not marked(item, "slow", "quick")
        if follows or marked(item, "campaign", "everyday"):
            item.add_marker("slow")
    items.sort(key=lambda item: not marked(item, "campaign", "everyday"))


class Compilations:
    """How many programs JAX has compiled in this process, or loaded from the store, so far."""

    def __init__(self) -> None:
        self.count, self.listens = 0, False

    def counted(self) -> int:
        """The count; it starts once JAX is there, which nothing here imports."""
        if not self.listens and "jax" in sys.modules:
            sys.modules["jax"].monitoring.register_event_duration_secs_listener(self._heard)
            self.listens = True
        return self.count

    def _heard(self, event: str, _: float, **__: object) -> None:
        self.count += event == COMPILED


COMPILATIONS = Compilations()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fails a test that compiles and is not slow."""
    before = COMPILATIONS.counted()
    yield
    if COMPILATIONS.counted() > before and not item.get_closest_marker("slow"):
        pytest.fail("it compiles, so mark it: @pytest.mark.slow (tests/conftest.py)")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how many kills, cuts, cases and so on the tests of failures have made."""
    counts: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "teardown":
                found = (p for p in report.user_properties if p[0].startswith("counted "))
                counts.update({name.removeprefix("counted "): count for name, count in found})
    if counts:
        told = ", ".join(f"{count:,} {what}" for what, count in counts.items())
        terminalreporter.write_line(f"tests/failure: {told}")


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


Latephase = Callable[..., Ended]


@pytest.fixture
def latephase(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Latephase:
    """The command, as `latephase("run", "--json", ...)`, in the folder tmp_path."""
    from latephase.cli import main  # loads what tests of other rooms do without

    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as end:
            main(arguments)
        out, err = capsys.readouterr()
        return Ended(int(end.value.code or 0), out, err)

    return run
