"""What every test run shares: which tests are slow, and one store of compiled steps.

Three sets of tests, by markers: `make test-quick` leaves out what is slow, `make test` only the
campaigns, `.ci/run` nothing. A campaign is marked where it stands (`helpers.shares` keeps a part of
it in every run). Whether a test is slow is decided by its room, below, unless the test or its file
says it is `slow` or `quick`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# Rooms whose tests follow runs: nearly each of their shapes is compiled, in half a second or more.
FOLLOWING = {"late", "training", "runs", "experiments", "report", "cli", "docs", "references"}

# What one test has compiled is loaded by the others: in this process, in those of pytest-xdist, in
# those that tests start, and in the next run. It is the same code, so numbers stay as they are.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(TESTS.parent / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks as slow what stands in a room that follows runs and does not say otherwise."""
    for item in items:
        room = item.path.relative_to(TESTS).parts[0]
        told = item.get_closest_marker("slow") or item.get_closest_marker("quick")
        if item.get_closest_marker("campaign") or (room in FOLLOWING and not told):
            item.add_marker("slow")
