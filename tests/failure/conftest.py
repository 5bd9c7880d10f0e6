"""One server for all tests of a process, results that nothing disturbed, and what was done."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from failure.harness.lab import Lab, Results
from failure.harness.runner import Runner


@pytest.fixture(scope="session")
def shared_runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    base = tmp_path_factory.getbasetemp()
    # Processes of pytest-xdist share what was computed; others keep it to themselves.
    memory = (base.parent if base.name.startswith("popen-") else base) / "numbers"
    memory.mkdir(exist_ok=True)
    memory.chmod(0o777)
    runner = Runner(memory)
    yield runner
    runner.close()


@pytest.fixture
def runner(shared_runner: Runner, record_property: Callable[..., None]) -> Iterator[Runner]:
    """Runs commands; what a test counts is printed at the end of all (tests/conftest.py)."""
    shared_runner.counts.clear()
    yield shared_runner
    for what, count in shared_runner.counts.items():
        record_property(f"counted {what}", count)


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """What commands do undisturbed; kept by all tests of this process."""
    return Results(tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def lab(runner: Runner, results: Results) -> Iterator[Lab]:
    """Folders for outputs, which other users may enter."""
    home = Path(tempfile.mkdtemp(prefix="latephase-lab-"))
    home.chmod(0o755)
    yield Lab(runner, home, results)
    shutil.rmtree(home)
