"""Orbits and steps in machine code (`kernel`): what it is told, and what comes back."""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Floats, Ints

from .kernel import follower
from .leaving import Leaving
from .orbit import Orbits
from .panels import INTEGRAL, POINTS, Way
from .task import LayeredJourney, LayeredPairTask

_RULES = np.ascontiguousarray(INTEGRAL.T)
_PLACES = (POINTS + 1) / 2


def follow_by_kernel(
    start: Orbits, times: Floats, first: Ints, discrete: bool, leaving: Leaving | None
) -> tuple[Floats, Floats, Floats]:
    """Follow orbits (R,), as `follow_orbits` says; times (R, S)."""
    way = Way.of(start, discrete)
    orbits = [start.log_tau, start.margin, start.spread, start.log_time]
    ends = np.empty((7, 0))
    if leaving is not None:
        ends = np.concatenate([leaving.p, leaving.m, leaving.least, leaving.length[None]])
    found, left = np.full((2, *times.shape), np.nan), np.empty(len(first))
    follower.follow(
        np.stack([*orbits, way.large, way.small, start.log_push]),
        np.ascontiguousarray(times),
        np.ascontiguousarray(first),
        discrete,
        np.ascontiguousarray(ends),
        _RULES,
        _PLACES,
        found,
        left,
    )
    return found[0], found[1], left


def make_steps_by_kernel(
    task: LayeredPairTask, journey: LayeredJourney, rows: Ints, count: int
) -> None:
    """Step trials (R,) so many times, as `follow_steps` says: their states, when they entered their
    patterns, and their samples."""
    s, g, samples = journey.state[rows], task.geometry, task.samples
    entry, column = journey.log_entry[rows], task.next_sample(s.log_time)
    moved, low = np.ascontiguousarray(s.moved), np.ascontiguousarray(s.low)
    follower.make_steps(
        np.ascontiguousarray(s.first.reshape(4, -1)),
        moved,
        low,
        s.error,
        s.log_time,
        entry,
        g.gram.ravel(),
        task.log_step,
        count,
        np.append(task.times.time, np.inf),
        column,
        rows,
        journey.exact[rows].view(np.int8),
        samples.moved,
        samples.error,
        samples.exact.view(np.int8),
    )
    s.moved, s.low = moved, low
    journey.state[rows], journey.log_entry[rows] = s, entry
