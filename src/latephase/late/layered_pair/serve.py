"""Piece: neurons that are active on one point each; two orbits, until a neuron leaves its point."""

from __future__ import annotations

import numpy as np

from latephase.core import Outcome
from latephase.core.arrays import Bools, Floats, Ints

from .follow_orbit import TOLERANCE, follow_orbits
from .leaving import Leaving
from .orbit import Orbits
from .state import LABELS, LayeredState
from .task import LayeredJourney, LayeredTask, alone, ending

_SOLVED = 16 * TOLERANCE  # relative error that following an orbit leaves in a margin
_BLOCK = 1 << 20  # (orbit, time) pairs followed at once
_WHOLE = 2.0**52  # time up to which a step is a whole number


class Served:
    """The orbit of point i in trials (R,) whose neurons single (2, R) are active on it alone.

    p = u + w, m = u - w (2, R), u = a / length, w = y v.
    """

    def __init__(self, task: LayeredTask, s: LayeredState, single: Bools, i: int) -> None:
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

    def follow(
        self, log_times: Floats, first: Ints, leaves: bool = False
    ) -> tuple[Floats, Floats, Floats]:
        """What its neurons have gained from it at times (S,) or (R, S), and the change of their
        output weights, (2, R, S), and ln of the time when one leaves (R,), as `follow_orbits`.

        All p have grown by one factor, `up`, and all m by one, fallen / up.
        """
        start = self.orbits
        leaving = None
        if leaves:
            leaving = Leaving.of(self.p, self.m, self._other, self.length, self._g.k12)
        q, spread, left = follow_orbits(start, log_times, first, self._discrete, leaving)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            up = np.sqrt(_sum(q, spread) / _sum(start.margin, start.spread)[:, None])
            fallen = np.where(start.spread[:, None] > 0, spread / start.spread[:, None], 1.0)
            risen = self.p[..., None] * (up - 1)
            shrunk = self.m[..., None] * (fallen / up - 1)
        u, w = (risen + shrunk) / 2, (risen - shrunk) / 2
        return LABELS[self.point] * u / self.length, LABELS[self.point] * w, left


def _sum(margin: Floats, spread: Floats) -> Floats:
    """margin + rho, which is spread^2 / (rho - margin) where the margin is negative."""
    rho = np.hypot(margin, spread)
    with np.errstate(divide="ignore", invalid="ignore"):
        small = spread * (spread / (rho - margin))
    return np.asarray(np.where(margin >= 0, rho + margin, small))


def serve(task: LayeredTask, journey: LayeredJourney, rows: Ints) -> None:
    """Follow decoupled trials (R,) until a neuron leaves its point, or for ever."""
    size = max(1, _BLOCK // max(1, len(task.times.log)))
    for k in range(0, rows.size, size):
        _serve(task, journey, rows[k : k + size])


def _serve(task: LayeredTask, journey: LayeredJourney, rows: Ints) -> None:
    s, samples, log_times = journey.state[rows], task.samples, task.times.log
    single, _ = alone(s.preactivations(task.geometry) > 0)
    first = task.next_sample(s.log_time)
    moved = np.repeat(s.moved[:, :, None], log_times.size, axis=2)
    left = np.full(rows.size, np.inf)
    both = [np.flatnonzero(single[:, i].any(axis=0)) for i in (0, 1)]
    parts = [Served(task, s[here], single[:, i, here], i) for i, here in enumerate(both)]
    horizon = np.append(log_times, np.inf)  # a neuron may leave after the last sample
    for part, here in zip(parts, both, strict=True):
        if here.size:
            gained, outer, then = part.follow(horizon, first[here], leaves=True)
            moved[part.point : 4 : 2, here] += gained[..., :-1]
            moved[4:, here] += outer[..., :-1]
            left[here] = np.minimum(left[here], then)
    columns = np.arange(log_times.size)
    later = (columns >= first[:, None]) & (log_times <= left[:, None])
    samples.moved[:, rows] = np.where(later, moved, samples.moved[:, rows])
    error = np.where(single.any(axis=(0, 1)), s.error + _SOLVED, s.error)
    samples.error[rows] = np.where(later, error[:, None], samples.error[rows])
    samples.exact[rows] |= later & journey.exact[rows][:, None]
    goes = np.isfinite(left)
    for k in np.flatnonzero(~goes):
        journey.outcome[rows[k]], journey.regime[rows[k]] = ending(single[..., k])
    over = goes & (left >= task.times.log_horizon)
    journey.outcome[rows[over]] = Outcome.transient
    if goes.any():
        s.error = error
        _leave(task, journey, rows, s, left, goes, parts, both)


def _leave(
    task: LayeredTask,
    journey: LayeredJourney,
    rows: Ints,
    s: LayeredState,
    left: Floats,
    goes: Bools,
    parts: list[Served],
    both: list[Ints],
) -> None:
    """Put trials where a neuron has left: descent at the first step after that."""
    if task.discrete:
        whole = np.ceil(np.exp(np.minimum(left, 700.0)))
        left = np.where(whole < _WHOLE, np.log(whole), left)
    for part, here in zip(parts, both, strict=True):
        on = goes[here]
        if on.any():
            then = np.where(on, left[here], np.maximum(s.log_time[here], 0.0))[:, None]
            gained, outer, _ = part.follow(then, np.zeros(here.size, np.int64))
            s.moved[part.point : 4 : 2, here[on]] += gained[:, on, 0]
            s.moved[4:, here[on]] += outer[:, on, 0]
    s.low[:, goes] = 0.0
    s.log_time = np.where(goes, left, s.log_time)
    journey.state[rows[goes]], journey.log_entry[rows[goes]] = s[goes], left[goes]
