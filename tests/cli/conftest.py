"""Flags that tests of the command line share; `latephase` runs one (tests/conftest.py)."""

from __future__ import annotations

import pytest

DATA = "--inputs 1,-1 --labels 1,-1 --step-size 0.1"
SETTLING = f"{DATA} --weights 0.7,-0.4 --biases 0.1,0.2"
DEAD = f"{DATA} --weights 0.1,0.1 --biases -1,-1"
DRAWN = f"{DATA} --init he_normal --until 1e1000"


@pytest.fixture
def problem() -> list[str]:
    """Flags of a run that settles in the specialised regime."""
    return SETTLING.split()


@pytest.fixture
def dead() -> list[str]:
    """Flags of a network whose neurons are inactive on both points."""
    return DEAD.split()


@pytest.fixture
def drawn() -> list[str]:
    """Flags of an ensemble, but for trials and output."""
    return DRAWN.split()
