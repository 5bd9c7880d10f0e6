"""Which operations are disturbed, and how many of them in every run and in the campaign."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Sequence
from typing import Any

import pytest

_CHANGING = re.compile(r"[0-9a-f]{6,}|\d+")  # parts of names that tell nothing of the kind
_VARIABLE = re.compile(r"/\w+/(zarr|c/|c$)")  # an array of a store is like every other


def kind_of(operation: str) -> str:
    """The operation without what differs between two of a kind."""
    return _CHANGING.sub("#", _VARIABLE.sub(r"/*/\1", operation))


def sampled(operations: Sequence[str], count: int, seed: int) -> list[int]:
    """Numbers of operations, from 1: of every kind the first and the last, then others, seeded.

    Fewer than `count` if there are not so many; of a small sample any kind may be missing.
    """
    kinds: dict[str, list[int]] = {}
    for number, operation in enumerate(operations, 1):
        kinds.setdefault(kind_of(operation), []).append(number)
    rng = random.Random(f"{seed} {len(operations)}")
    first = sorted({n for numbers in kinds.values() for n in (numbers[0], numbers[-1])})
    others = sorted(set(range(1, len(operations) + 1)) - set(first))
    rng.shuffle(first)
    rng.shuffle(others)
    return sorted((first + others)[:count])


def rarely(*values: Any) -> list[Any]:
    """Values of a parameter: the first in every run, the others in the campaign."""
    first, *others = values
    return [first, *(pytest.param(one, marks=pytest.mark.campaign) for one in others)]


def scaled(everyday: int, campaign: int) -> list[Any]:
    """A parameter `count`: the small one in `make test`, the large one in the campaign.

    LATEPHASE_FAULTS=10 in the environment makes the campaign ten times as long.
    """
    longer = campaign * int(os.environ.get("LATEPHASE_FAULTS", "1"))
    return [
        pytest.param(everyday, id="some", marks=pytest.mark.everyday),
        pytest.param(longer, id="many", marks=pytest.mark.campaign),
    ]
