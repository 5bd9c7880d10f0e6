"""The small picture of each result, one panel each; nothing is run or searched for it."""

from __future__ import annotations

from typing import Any

from latephase.draw import limit as limits
from latephase.draw import run as runs
from latephase.draw.boundary import panel
from latephase.draw.scene import Scene
from latephase.experiments.bench.finding import Panel

_SMALL = 500  # neurons times points, up to which a margin is measured in a moment


def run(found: Any) -> Panel | None:
    """The margin at the run's own samples."""
    law = found.law if found.law is not None and found.law._known else None
    return runs.panels(found, found.trajectory, law)[0]


def limit(found: Any) -> Panel | None:
    """The limit network."""
    small = found.network.m * found.data.n <= _SMALL
    return limits.panels(found, measured=small)[0]


def network(found: Any) -> Panel | None:
    """N(x) on the line, its regions in the plane."""
    return panel(Scene(found), "") if found.d <= 2 else None


def dataset(found: Any) -> Panel | None:
    """The points."""
    return panel(Scene(None, found), "") if found.d <= 2 else None


def certificate(found: Any) -> Panel | None:
    """The network that was asked about, and the points."""
    return panel(Scene(found.network, found.data), "t = 0")


def prediction(found: Any) -> Panel | None:
    """What the law says of the margin, from the entry into the regime on."""
    if found.law is None or found.entry is None:
        return panel(Scene(found.network, found.data), "t = 0")
    return runs.law_panel(found)
