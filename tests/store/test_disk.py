"""What is read of JSON beside an output, whoever wrote it."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from latephase.store import disk


@pytest.mark.parametrize("part", [b"[],", b"{},", b"1,", b"[[[["])
def test_what_would_take_memory_is_not_read(part):
    """Ground truth: a bound on memory; 12 MB of empty lists took 300 MB."""
    hostile = b'{"a":[' + part * (12 * 10**6 // len(part)) + b"1]}"
    tracemalloc.start()
    assert disk.object_in(hostile) == {}
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_a_marker_of_any_number_of_files_is_read(monkeypatch):
    """Ground truth: what was written, with no marks allowed but those that come with bytes."""
    monkeypatch.setattr(disk, "_MARKS", 8)
    marker = {"files": {f"law/c.{k}": [0, f"{k:064x}"] for k in range(20_000)}}
    assert disk.object_in(json.dumps(marker).encode()) == marker
