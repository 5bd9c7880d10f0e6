"""What is compiled once per process is compiled before the first visitor asks for it."""

from __future__ import annotations

from .answered.compute import follow
from .asked.presets import PRESETS
from .latest import POOL


def warm_up() -> None:
    """Follow the network that a page begins with, and in a thread the others to start from."""
    follow(PRESETS[0].state)
    POOL.submit(lambda: [follow(preset.state) for preset in PRESETS[1:]])
