"""States that tests of the page share."""

from __future__ import annotations

import pytest

from latephase.explore.asked.state import State

PLANE = {
    "inputs": ((1.0, 0.5), (-0.5, 1.0), (-1.0, -0.5)),
    "labels": (1, -1, -1),
    "weights": ((0.5, 0.25), (-0.75, 0.5), (0.1, -0.3)),
    "biases": (0.1, 0.2, -0.1),
    "output_weights": (1.0, -1.0, 1.0),
    "method": "gf",
}


@pytest.fixture
def plane() -> State:
    """Three neurons on three points in the plane."""
    return State(**PLANE)
