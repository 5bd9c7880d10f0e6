"""Orbits over sample times: the modified flow in a logarithmic clock, then a series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from latephase.core.arrays import Floats, Ints

from .leaving import Leaving
from .orbit import Orbits, late_margin, log_waiting, modified_flow, order_for
from .runge_kutta import Field, step

TOLERANCE = 3e-14  # of a margin, in one step of the solver
_FIRST = 0.1  # length of the first step, in e-folds of time
_SHORTEST, _ON_TIME = 1e-3, 1e-13  # share of a step tried before a neuron leaves; how near counts


def follow_orbits(
    start: Orbits, log_times: Floats, first: Ints, discrete: bool, leaving: Leaving | None = None
) -> tuple[Floats, Floats, Floats]:
    """Margins and spreads (R, S) at times exp(log_times), (S,) or (R, S), and ln of the time at
    which a neuron leaves (R,), inf if none does before the last of them.

    They are NaN before the column `first` (R,), the first one that is later than the start; after a
    neuron has left they say nothing.  Rigour: estimated, to a few TOLERANCE; the series alone is as
    exact as float64.
    """
    rows = len(first)
    times = np.broadcast_to(log_times, (rows, log_times.shape[-1]))
    way = _Way.begun(start, times, first, discrete, leaving)
    way.go()
    late = way.now()
    left = np.where(way.left, late.log_time, np.inf)
    for c in range(times.shape[1]):
        here = np.flatnonzero((way.column <= c) & ~way.left)  # the others are late
        if here.size:
            begun = late[here]
            since = log_since(times[here, c], begun.log_time)
            way.margins[here, c] = late_margin(begun, since)
            way.spreads[here, c] = begun.spread
    if leaving is not None:
        staying = np.flatnonzero((way.column < times.shape[1]) & ~way.left)
        left[staying] = _late_departure(late[staying], start[staying], leaving[staying])
    return way.margins, way.spreads, left


def log_since(log_t: Floats | float, log_start: Floats) -> Floats:
    """ln(t - start) (R,) of logarithms."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(log_t + np.log(np.maximum(-np.expm1(log_start - log_t), 0.0)))


def log_expm1(s: Floats) -> Floats:
    """ln(exp(s) - 1)."""
    with np.errstate(divide="ignore"):
        return np.asarray(s + np.log(-np.expm1(-s)))


def _late_departure(late: Orbits, start: Orbits, leaving: Leaving) -> Floats:
    """ln of the time (R,) at which a neuron leaves a late orbit."""
    goal = np.maximum(leaving.margin(_fallen(late.spread, start.spread)), late.margin)
    with np.errstate(invalid="ignore", over="ignore"):
        then = log_waiting(late.log_tau, np.minimum(goal, 1e300), late.spread)[0]
        before = log_waiting(late.log_tau, late.margin, late.spread)[0]
        when = np.logaddexp(late.log_time, log_since(then, before))
    return np.where(np.isfinite(goal), when, np.inf)


def _fallen(spread: Floats, before: Floats) -> Floats:
    """spread / before, 1 where it is 0."""
    return np.asarray(np.where(before > 0, spread / np.where(before > 0, before, 1.0), 1.0))


@dataclass
class _Way:
    """Orbits on their way in s = ln(1 + push (t - start)), y = (margin, spread)."""

    start: Orbits
    times: Floats
    discrete: bool
    leaving: Leaving | None
    log_rate: Floats
    s: Floats
    y: Floats
    length: Floats
    column: Ints
    left: np.ndarray
    margins: Floats
    spreads: Floats

    @classmethod
    def begun(
        cls, start: Orbits, times: Floats, first: Ints, discrete: bool, leaving: Leaving | None
    ) -> _Way:
        """At the start."""
        zeros = np.zeros_like(start.margin)
        y = np.stack([start.margin, start.spread])
        length, left = np.full(zeros.shape, _FIRST), np.zeros(zeros.shape, bool)
        nothing = np.full((2, *times.shape), np.nan)
        state = (start.log_push, zeros, y, length, first.copy(), left, *nothing)
        return cls(start, times, discrete, leaving, *state)

    def now(self, r: Any = slice(None)) -> Orbits:
        """Where orbits stand."""
        begun = self.start[r]
        since = log_expm1(self.s[r]) - self.log_rate[r]
        log_time = np.logaddexp(begun.log_time, since)
        return Orbits(begun.log_tau, self.y[0, r], self.y[1, r], log_time)

    def go(self) -> None:
        """Until each is late, has left, or has passed all of its times; fills in the samples."""
        r = self._open(np.arange(self.s.size))
        slope = self._field(r)(self.s[r], self.y[:, r])
        while r.size:
            r, slope = self._advance(r, slope)
            on = np.isin(r, self._open(r))
            r, slope = r[on], slope[:, on]

    def _open(self, r: Ints) -> Ints:
        on = ~self.now(r).is_late(self.discrete) & ~self.left[r]
        return r[on & (self.column[r] < self.times.shape[1])]

    def _field(self, r: Ints) -> Field:
        now, rate = self.now(r), self.log_rate[r]
        order = order_for(float(now.log_push.max(initial=-np.inf))) if self.discrete else 1

        def field(s: Floats, y: Floats) -> Floats:
            return np.stack(modified_flow(now.log_tau, y[0], y[1], s - rate, order))

        return field

    def _advance(self, r: Ints, slope: Floats) -> tuple[Ints, Floats]:
        """One step of each, at most to its next time or until a neuron leaves."""
        goal = np.logaddexp(
            0.0,
            self.log_rate[r] + log_since(self.times[r, self.column[r]], self.start.log_time[r]),
        )
        ahead = goal - self.s[r]
        lands = ahead <= self.length[r]
        h = np.where(lands, ahead, self.length[r])
        scale = TOLERANCE * np.maximum(np.abs(self.y[:, r]), np.finfo(float).tiny)
        made = step(self._field(r), self.s[r], self.y[:, r], slope, h, scale)
        share, leaves = self._departure(r, made.y)
        taken = made.accepted & (share >= 1)
        growth = np.where(made.accepted, np.minimum(made.growth, share), made.growth)
        lands &= taken
        self.length[r] = np.where(lands, self.length[r], h * growth)
        self.s[r] = np.where(lands, goal, np.where(taken, self.s[r] + h, self.s[r]))
        self.y[:, r] = np.where(taken, made.y, self.y[:, r])
        self.left[r] = leaves & taken
        hit = r[lands]
        self.margins[hit, self.column[hit]] = self.y[0, hit]
        self.spreads[hit, self.column[hit]] = self.y[1, hit]
        self.column[hit] += 1
        return r, np.where(taken, made.slope, slope)

    def _departure(self, r: Ints, y: Floats) -> tuple[Floats, np.ndarray]:
        """What share of a step to try before a neuron leaves, inf where none does; and whether it
        ends just there."""
        if self.leaving is None:
            return np.full(r.size, np.inf), np.zeros(r.size, bool)
        goal = self.leaving[r].margin(_fallen(y[1], self.start.spread[r]))
        before = self.y[0, r]
        beyond = y[0] >= goal
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.clip((goal - before) / (y[0] - before), _SHORTEST, 0.999)
            near = y[0] - goal <= _ON_TIME * np.abs(y[0])
        return np.where(beyond & ~near, share, np.inf), beyond
