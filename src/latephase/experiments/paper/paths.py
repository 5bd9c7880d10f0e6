"""Activation patterns of sampled runs: codes, the paths they make, and groups to show them in.

Patterns are read as s11 s12 s21 s22: neuron 1 on x1, on x2, neuron 2 on x1, on x2; 1 is active.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np

from latephase.core import LogTime, log_spaced
from latephase.core.arrays import Floats, Ints

from ..bench.finding import Table

DENSE, UNTIL, SAMPLES = 24, 10**6, 60
SPECIALISED = int("1001", 2)
_BITS = np.array([8, 4, 2, 1])


def sample_times() -> list[LogTime]:
    """Every step up to DENSE, then log-spaced: a pattern between two samples goes unseen."""
    early = [LogTime.parse(n) for n in range(DENSE)]
    return sorted({*early, *log_spaced(LogTime.parse(UNTIL), SAMPLES)})


def codes_of(preactivations: Floats) -> Ints:
    """Pattern codes 0..15 of pre-activations (..., 2, 2)."""
    active = (preactivations > 0).reshape(*preactivations.shape[:-2], 4)
    codes: Ints = active @ _BITS
    return codes


def path(codes: Ints) -> tuple[str, ...]:
    """The distinct patterns of one trial (S,) in order of appearance in time."""
    return tuple(f"{code:04b}" for code, _ in groupby(codes.tolist()))


def leavers(codes: Ints) -> int:
    """Trials (T, S) with another pattern after the specialised one."""
    return int(((codes[:, :-1] == SPECIALISED) & (codes[:, 1:] != SPECIALISED)).any(axis=1).sum())


_GROUPS = (
    ("both active on both (1111)", ("1111",)),
    ("one still active on the wrong point (1101, 1011)", ("1101", "1011")),
    ("specialised (1001)", ("1001",)),
    ("one dead (1000, 0001)", ("1000", "0001")),
    ("both dead (0000)", ("0000",)),
)
GROUP_NAMES = (*(name for name, _ in _GROUPS), "a neuron on its way to death (others)")


def group_of(codes: Ints) -> Ints:
    """Index of the group of each code."""
    lookup = np.full(16, len(_GROUPS))
    for index, (_, members) in enumerate(_GROUPS):
        lookup[[int(m, 2) for m in members]] = index
    groups: Ints = lookup[codes]
    return groups


def slowest_table(codes: Ints, times: list[LogTime]) -> Table:
    """Which pattern holds specialised runs longest before they specialise."""
    lengths = np.diff([t.as_float for t in times])
    spent = np.stack([((codes[:, :-1] == c) * lengths).sum(axis=1) for c in range(16)])
    spent[SPECIALISED] = 0.0
    slowest = np.where(spent.max(axis=0, initial=0.0) > 0, spent.argmax(axis=0), SPECIALISED)
    names, counts = np.unique(slowest, return_counts=True)
    columns: dict[str, list[Any]] = {
        "slowest earlier pattern": [f"{c:04b}" if c != SPECIALISED else "none" for c in names],
        "trials": counts.tolist(),
        "steps there, median": [float(np.median(spent[c][slowest == c])) for c in names],
        "steps there, largest": [float(spent[c][slowest == c].max()) for c in names],
    }
    caption = "The pattern in which specialised runs spend most steps beforehand, at sampled steps."
    return Table("slowest_patterns", caption, columns)
