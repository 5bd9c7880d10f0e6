"""Maps over two numbers of a state: how the runs of all networks in between end."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from latephase.core.arrays import Floats

from ..asked.state import State
from .cells import NUMBERS, by_lines, one_by_one, over_networks
from .compute import TooLong, watch

SIDES = (6, 12, 24, 48, 80)  # cells of a side, coarse first
_PATIENCE = 3.0  # seconds that the next, finer map may take
_GROWING = 12.0  # the same where it is seen to grow, and was not asked for
_MOST_SECONDS = 30.0  # that one map may take, before it is left as coarse as it is
_AT_THE_EDGE = 0.04  # of a side of the map: what is nearer to the edge makes it wider
_SHOWN_EVERY = 0.7  # seconds

Box = tuple[float, float, float, float]
"""Ends of both numbers: left, right, bottom, top."""


@dataclass(frozen=True)
class Map:
    """Runs over a grid: x (k,), y (k,), and what came out, each (k, k), y first.

    ends: names of regimes, or of outcomes where regimes have no name; "refused" where there is no
    run, and "" where there is none yet.
    """

    x: Floats
    y: Floats
    ends: Any
    worse: Floats
    constant: Floats
    entry: Floats
    exponent: Floats


def is_quick(state: State) -> bool:
    """Whether one ensemble carries all networks of a map at once."""
    problem, data = state.problem, over_data(state)
    return (problem.has_closed_form and (not data or state.n == 2)) or (
        problem.has_layered_form and not data
    )


def over_data(state: State) -> bool:
    """Whether a map varies inputs."""
    return "x" in (state.map_x[0], state.map_y[0])


def over_a_pair(state: State) -> bool:
    """Whether a map is over both inputs of a pair, where x1 x2 = -1 divides it."""
    return state.problem.has_closed_form and {state.map_x, state.map_y} == {"x1", "x2"}


def what_decides(state: State) -> State:
    """The state without what its map does not depend on."""
    usual = State()
    looks = {name: getattr(usual, name) for name in ("beside", "colour")}
    there = state.with_values({state.map_x: 0.0, state.map_y: 0.0})
    time = state.time if state.colour == "worse" else usual.time
    return replace(there, **looks, time=time, init="", seed=0)


def finer(state: State, box: Box, wanted: Callable[[], bool]) -> Iterator[Map]:
    """Maps of one box, each finer than the one before, until the next would take too long.

    What is not quick is shown on the way, too.  Raises InputError, and Stopped where no map is
    wanted any more.
    """
    end, before = clock.monotonic() + _MOST_SECONDS, None
    found: Map
    for side in SIDES:
        began = clock.monotonic()
        for found in _grown(state, box, side, before, wanted):
            yield found
            if clock.monotonic() > end:
                return
        took, before = clock.monotonic() - began, found
        patience = _GROWING if over_data(state) else _PATIENCE
        if side > SIDES[0] and took * 4 > (patience if is_quick(state) else end - began):
            return


def _grown(
    state: State, box: Box, side: int, before: Map | None, wanted: Callable[[], bool]
) -> Iterator[Map]:
    """The map of `side` cells each way; in parts, on top of a coarser one, where it is slow."""
    going = watch(wanted, _MOST_SECONDS)
    x, y = _middles(*box[:2], side), _middles(*box[2:], side)
    cells = [{state.map_x: a, state.map_y: b} for b in y for a in x]
    if is_quick(state) and not over_data(state):
        yield _map(x, y, over_networks(state, cells, going))
        return
    grown = _upsampled(before, side)
    shown = clock.monotonic()
    try:
        for place, part in (by_lines if is_quick(state) else one_by_one)(state, cells, going):
            for name, values in part.items():
                grown[name][place] = values
            if clock.monotonic() - shown > _SHOWN_EVERY:
                yield _map(x, y, grown)
                shown = clock.monotonic()
    except TooLong:  # the rest stays as coarse as it is
        pass
    yield _map(x, y, grown)


def _map(x: Floats, y: Floats, found: dict[str, Any]) -> Map:
    shape = (len(y), len(x))
    return Map(x, y, **{name: values.reshape(shape).copy() for name, values in found.items()})


def _upsampled(before: Map | None, side: int) -> dict[str, Any]:
    """The columns (side^2,) of a map, as far as a coarser one knows them."""
    if before is None:
        known: dict[str, Any] = {name: np.full(side**2, np.nan) for name in NUMBERS}
        return known | {"ends": np.full(side**2, "", dtype="<U32")}
    nearest = (np.arange(side) * len(before.x)) // side
    rows = np.ix_(nearest, nearest)
    return {name: getattr(before, name)[rows].ravel() for name in ("ends", *NUMBERS)}


def _middles(low: float, high: float, side: int) -> Floats:
    edges = np.linspace(low, high, side + 1)
    return np.asarray((edges[1:] + edges[:-1]) / 2)


def box_around(state: State, before: Box | None = None) -> Box:
    """Ends for both numbers, wide enough to have what is set well inside."""
    ends: list[float] = []
    for name in (state.map_x, state.map_y):
        value = state.value(name)
        half = max(2.0, 1.25 * abs(value))
        ends += [-half, half]
    fresh = (ends[0], ends[1], ends[2], ends[3])
    return before if before is not None and _inside(state, before) else fresh


def _inside(state: State, box: Box) -> bool:
    for value, low, high in zip(
        (state.value(state.map_x), state.value(state.map_y)), box[::2], box[1::2], strict=True
    ):
        room = _AT_THE_EDGE * (high - low)
        if not low + room <= value <= high - room:
            return False
    return True


def moved(state: State, x: float, y: float) -> State:
    """The state at another place of its map."""
    return replace(state.with_values({state.map_x: x, state.map_y: y}))
