"""Neurons that serve their point alone for ever: their orbits, and the samples these make."""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints

from .follow_orbit import TOLERANCE, follow_orbits
from .orbit import Orbits
from .state import LABELS, LayeredState
from .task import LayeredJourney, LayeredTask, serving

_SOLVED = 4 * TOLERANCE  # relative error that following an orbit leaves in a margin
_BLOCK = 1 << 18  # (orbit, time) pairs followed at once


def halves(s: LayeredState, a: Floats, length: float, i: int) -> tuple[Floats, Floats]:
    """p and m (2 neurons, R) at point i, whose length is given."""
    u, w = a[:, i] / length, LABELS[i] * s.output_weights
    return u + w, u - w


def orbits_of(task: LayeredTask, s: LayeredState, serves: Bools, i: int) -> Orbits:
    """The orbits of point i under neurons serves (2, R)."""
    length = float(np.sqrt(task.geometry.squares[i]))
    p, m = halves(s, s.preactivations(task.geometry), length, i)
    with np.errstate(over="ignore", under="ignore"):
        u, w = np.where(serves, (p + m) / 2, 0.0), np.where(serves, (p - m) / 2, 0.0)
        margin = length * (u * w).sum(axis=0)
        p, m = np.where(serves, p, 0.0), np.where(serves, m, 0.0)
        spread = length / 2 * np.hypot(*p) * np.hypot(*m)
    log_tau = np.full(margin.shape, task.log_step + np.log(length))
    return Orbits(log_tau, margin, spread, s.log_time)


def fill_served(task: LayeredTask, journey: LayeredJourney, rows: Ints) -> None:
    """Record what trials (R,), which serve their points alone for ever, are at all later samples."""
    size = max(1, _BLOCK // max(1, len(task.times.log)))
    for k in range(0, rows.size, size):
        _fill(task, journey, rows[k : k + size])


def _fill(task: LayeredTask, journey: LayeredJourney, rows: Ints) -> None:
    s, samples = journey.state[rows], task.samples
    serves, _ = serving(s.preactivations(task.geometry) > 0, s.output_weights)
    first = task.next_sample(s.log_time)
    columns = np.arange(len(task.times.log))
    later = columns >= first[:, None]
    moved = np.repeat(s.moved[:, :, None], columns.size, axis=2)
    for i in (0, 1):
        here = np.flatnonzero(serves[:, i].any(axis=0))
        if here.size:
            change = _changes(task, s[here], serves[:, i, here], i, first[here])
            moved[i : 4 : 2, here] += change[0]  # gained by neuron 0 and 1 from point i
            moved[4:, here] += change[1]
    samples.moved[:, rows] = np.where(later, moved, samples.moved[:, rows])
    error = np.where(serves.any(axis=(0, 1)), s.error + _SOLVED, s.error)
    samples.error[rows] = np.where(later, error[:, None], samples.error[rows])
    samples.exact[rows] |= later & journey.exact[rows][:, None]


def _changes(
    task: LayeredTask, s: LayeredState, serves: Bools, i: int, first: Ints
) -> tuple[Floats, Floats]:
    """What neurons gain from point i, and their output weights, (2, R, S) each, at later samples."""
    start = orbits_of(task, s, serves, i)
    orbit = follow_orbits(start, task.times.log, first, task.discrete)
    return grown(task, s, serves, i, start, *orbit)


def grown(
    task: LayeredTask,
    s: LayeredState,
    serves: Bools,
    i: int,
    start: Orbits,
    q: Floats,
    spread: Floats,
) -> tuple[Floats, Floats]:
    """What neurons have gained from point i, and their output weights, (2, R, S) each, when the
    orbits `start` have come to margins q and spreads (R, S).

    All p have grown by one factor, up, and all m by one, fallen / up.
    """
    length = float(np.sqrt(task.geometry.squares[i]))
    before = np.hypot(start.margin, start.spread) + start.margin
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        up = np.sqrt((np.hypot(q, spread) + q) / before[:, None])
        fallen = np.where(start.spread[:, None] > 0, spread / start.spread[:, None], 1.0)
        p, m = halves(s, s.preactivations(task.geometry), length, i)
        risen = np.where(serves, p, 0.0)[..., None] * (up - 1)
        shrunk = np.where(serves, m, 0.0)[..., None] * (fallen / up - 1)
    u, w = (risen + shrunk) / 2, (risen - shrunk) / 2
    return LABELS[i] * u / length, LABELS[i] * w
