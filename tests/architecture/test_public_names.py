"""The public names, which stand in one table: `src/latephase/__init__.pyi`."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import latephase

TABLE = Path(latephase.__file__).with_suffix(".pyi").read_text()
NAMES = re.findall(r"^from \.([\w.]+) import (\w+) as (\w+)$", TABLE, re.M)


def test_the_table_is_all_there_is():
    """Ground truth: the lines of the stub, which type checkers read."""
    assert latephase.__all__ == dir(latephase) == sorted(name for _, _, name in NAMES)
    assert TABLE.count("import") == len(NAMES)


@pytest.mark.parametrize(("room", "inside", "name"), NAMES, ids=[name for *_, name in NAMES])
def test_a_public_name_is_what_its_room_calls_so(room: str, inside: str, name: str):
    """Ground truth: the room itself, imported without the table."""
    assert inside == name
    found = getattr(latephase, name)
    assert found is getattr(importlib.import_module(f"latephase.{room}"), name)
    assert found.__doc__


def test_a_name_that_is_none_is_an_attribute_error():
    """Ground truth: Python's own modules."""
    assert not hasattr(latephase, "nothing_of_this_name")


def test_the_contract_is_complete():
    """Ground truth: the public contract of ARCHITECTURE.md, which names them in backticks."""
    page = (Path(__file__).resolve().parents[2] / "ARCHITECTURE.md").read_text()
    contract = page.partition("## The public contract")[2].partition("\n## ")[0]
    assert set(latephase.__all__) <= set(re.findall(r"`(\w+)", contract))
