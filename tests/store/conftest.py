"""What the tests of the store share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _without_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power is cut here: that what is synced is what must be has tests of its own."""
    monkeypatch.setattr(os, "fsync", lambda opened: None)
