"""Piece: neurons that are active on one point each; two orbits, until a neuron leaves its point."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from latephase.core import Outcome
from latephase.core.arrays import Bools, Floats, Ints
from latephase.core.workers import in_threads

from .follow_orbit import TOLERANCE, follow_orbits
from .leaving import Leaving
from .orbit import Orbits
from .panels import share
from .state import LABELS, LayeredPairState
from .task import LayeredJourney, LayeredPairTask, alone, endings, reference

_SOLVED = 16 * TOLERANCE  # relative error that following an orbit leaves in a margin
_BLOCK = 1 << 20  # (orbit, time) pairs followed at once
_FILLED = 128  # trials recorded at once
_WHOLE = 2.0**52  # time up to which a step is a whole number


class Served:
    """The orbit of point i in trials (R,) whose neurons single (2, R) are active on it alone.

    p = u + w, m = u - w (2, R), u = a / length, w = y v.
    """

    def __init__(self, task: LayeredPairTask, s: LayeredPairState, single: Bools, i: int) -> None:
        self.point, self._g = i, task.geometry
        self.length = float(np.sqrt(self._g.squares[i]))
        a = s.preactivations(self._g)
        u, w = a[:, i] / self.length, LABELS[i] * s.output_weights
        self.p, self.m = np.where(single, u + w, 0.0), np.where(single, u - w, 0.0)
        self._other = a[:, 1 - i]
        with np.errstate(over="ignore", under="ignore"):
            margin = self.length * np.where(single, u * w, 0.0).sum(axis=0)
            spread = self.length / 2 * np.hypot(*self.p) * np.hypot(*self.m)
        log_tau = np.full(margin.shape, task.log_step + np.log(self.length))
        self.orbits = Orbits(log_tau, margin, spread, s.log_time)
        self._discrete = task.discrete

    @property
    def leaving(self) -> Leaving:
        """What ends the orbits."""
        return Leaving.of(self.p, self.m, self._other, self.length, self._g.k12)

    def grown(self, q: Floats, spread: Floats, some: slice = slice(None)) -> tuple[Floats, Floats]:
        """What the neurons of some trials (R,) have gained from it when the margins and spreads are
        q, spread (R, S), and the change of their output weights, (2, R, S).

        All p have grown by one factor, `up`, and all m by one, fallen / up.
        """
        start, p, m = self.orbits[some], self.p[:, some, None], self.m[:, some, None]
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            up = np.sqrt(share(q, spread) / share(start.margin, start.spread)[:, None])
            fallen = np.where(start.spread[:, None] > 0, spread / start.spread[:, None], 1.0)
            risen = p * (up - 1)
            shrunk = m * (fallen / up - 1)
        u, w = (risen + shrunk) / 2, (risen - shrunk) / 2
        return LABELS[self.point] * u / self.length, LABELS[self.point] * w


def follow_both(
    parts: list[Served], log_times: list[Floats], first: list[Ints], leaves: bool, discrete: bool
) -> list[tuple[Floats, Floats, Floats]]:
    """What `follow_orbits` finds of the orbits of each part, all at once."""
    start = _joined([part.orbits for part in parts])
    leaving = _joined([part.leaving for part in parts]) if leaves else None
    times = np.concatenate(log_times)
    found = follow_orbits(start, times, np.concatenate(first), discrete, leaving)
    cut = np.cumsum([len(f) for f in first])[:-1]
    q, spread, left = (np.split(values, cut) for values in found)
    return list(zip(q, spread, left, strict=True))


def _joined(parts: list[Any]) -> Any:
    """Records of arrays (..., R), one after the other."""
    names = [f.name for f in fields(parts[0])]
    columns = ([getattr(one, name) for one in parts] for name in names)
    return type(parts[0])(*(np.concatenate(column, axis=-1) for column in columns))


def serve(task: LayeredPairTask, journey: LayeredJourney, rows: Ints) -> None:
    """Follow decoupled trials (R,) until a neuron leaves its point, or for ever."""
    size = max(1, _BLOCK // max(1, len(task.times.log)))
    for k in range(0, rows.size, size):
        _serve(task, journey, rows[k : k + size])


def _serve(task: LayeredPairTask, journey: LayeredJourney, rows: Ints) -> None:
    s, log_times = journey.state[rows], task.times.log
    single, _ = alone(s.preactivations(task.geometry) > 0)
    left = np.full(rows.size, np.inf)
    both = [np.flatnonzero(single[:, i].any(axis=0)) for i in (0, 1)]
    parts = [Served(task, s[here], single[:, i, here], i) for i, here in enumerate(both)]
    first = task.next_sample(s.log_time)
    # What the law is read off; and a neuron may leave after the last sample.
    then = reference(s.log_time)
    more = np.stack([then, np.full(rows.size, np.inf)], axis=1)
    every = np.concatenate([np.broadcast_to(log_times, (rows.size, log_times.size)), more], axis=1)
    times = [every[here] for here in both]
    found = follow_both(parts, times, [first[here] for here in both], True, task.discrete)
    for here, (_, _, then) in zip(both, found, strict=True):
        left[here] = np.minimum(left[here], then)
    last = np.searchsorted(log_times, left, side="left")  # the samples before a neuron leaves
    error = np.where(single.any(axis=(0, 1)), s.error + _SOLVED, s.error)
    for part, here, (q, _, _) in zip(parts, both, found, strict=True):
        journey.later_margins[part.point, rows[here]] = q[:, -2]

    def fill(k: int) -> None:
        with np.errstate(all="ignore"):  # threads do not inherit it
            _fill(task, journey, rows, s, error, (first, last), parts, both, found, k)

    in_threads(fill, range(0, rows.size, _FILLED))
    goes = np.isfinite(left)
    stay = rows[~goes]
    journey.outcome[stay], journey.regime[stay] = endings(single[..., ~goes])
    journey.outcome[rows[goes & (left >= task.times.log_horizon)]] = Outcome.transient
    if goes.any():
        s.error = error
        _leave(task, journey, rows, s, left, goes, parts, both)


def _fill(
    task: LayeredPairTask,
    journey: LayeredJourney,
    rows: Ints,
    s: LayeredPairState,
    error: Floats,
    span: tuple[Ints, Ints],
    parts: list[Served],
    both: list[Ints],
    found: list[tuple[Floats, Floats, Floats]],
    k: int,
) -> None:
    """Record a few trials, the k-th and those after it, at their samples from the first to the last
    (R,): few, so that all stays in the cache."""
    samples, some = task.samples, slice(k, k + _FILLED)
    trials, columns = rows[some], len(task.times.log)
    moved = np.repeat(s.moved[:, some, None], columns, axis=2)
    for part, here, (q, spread, _) in zip(parts, both, found, strict=True):
        a, b = np.searchsorted(here, (k, k + _FILLED))
        gained, outer = part.grown(q[a:b, :columns], spread[a:b, :columns], slice(a, b))
        moved[part.point : 4 : 2, here[a:b] - k] += gained
        moved[4:, here[a:b] - k] += outer
    first, last = (side[some, None] for side in span)
    inside = (np.arange(columns) >= first) & (np.arange(columns) < last)
    samples.moved[:, trials] = np.where(inside, moved, samples.moved[:, trials])
    samples.error[trials] = np.where(inside, error[some, None], samples.error[trials])
    samples.exact[trials] |= inside & journey.exact[trials][:, None]


def _leave(
    task: LayeredPairTask,
    journey: LayeredJourney,
    rows: Ints,
    s: LayeredPairState,
    left: Floats,
    goes: Bools,
    parts: list[Served],
    both: list[Ints],
) -> None:
    """Put trials where a neuron has left: descent at the first step after that."""
    if task.discrete:
        whole = np.ceil(np.exp(np.minimum(left, 700.0)))
        left = np.where(whole < _WHOLE, np.log(whole), left)
    at = [np.where(goes[here], left[here], s.log_time[here] + 1.0)[:, None] for here in both]
    none = [np.where(goes[here], 0, 1) for here in both]  # no sample of those that stay
    found = follow_both(parts, at, none, False, task.discrete)
    for part, here, (q, spread, _) in zip(parts, both, found, strict=True):
        on = goes[here]
        gained, outer = part.grown(q, spread)
        s.moved[part.point : 4 : 2, here[on]] += gained[:, on, 0]
        s.moved[4:, here[on]] += outer[:, on, 0]
    s.low[:, goes] = 0.0
    s.log_time = np.where(goes, left, s.log_time)
    gone, then = rows[goes], s[goes]
    journey.state[gone], journey.log_entry[gone] = then, left[goes]
    at_once = task.next_sample(then.log_time) - 1  # a sample at that very step
    hit = (at_once >= 0) & (np.append(task.times.log, np.nan)[at_once] == then.log_time)
    task.samples.write(gone[hit], at_once[hit], then[hit], journey.exact[gone[hit]])
