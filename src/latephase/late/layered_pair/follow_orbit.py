"""Orbits over sample times: the modified flow in a logarithmic clock, then a series."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints

from .leaving import Leaving
from .orbit import Orbits, late_margin, log_waiting, modified_flow, order_for
from .runge_kutta import Field, step

TOLERANCE = 3e-14  # of a margin, in one step of the solver
_FIRST = 0.1  # length of the first step, in e-folds of time
_ROWS, _PAIRS = 4096, 1 << 15  # orbits whose paths are kept at once, samples taken at once
_FEW = 8  # orbits whose paths are remembered
_SHORTEST, _ON_TIME = 1e-3, 1e-13  # share of a step tried before a neuron leaves; how near counts


def follow_orbits(
    start: Orbits, log_times: Floats, first: Ints, discrete: bool, leaving: Leaving | None = None
) -> tuple[Floats, Floats, Floats]:
    """Margins and spreads (R, S) at times exp(log_times), (S,) or (R, S), ascending, and ln of the
    time at which a neuron leaves (R,), inf if none does before the last of them.

    They are NaN before the column `first` (R,), the first one that is later than the start, after a
    neuron has left, and at infinity.  Rigour: estimated, to a few TOLERANCE; the series alone is as
    exact as float64.
    """
    rows = len(first)
    times = np.broadcast_to(log_times, (rows, log_times.shape[-1]))
    found = []
    for k in range(0, max(rows, 1), _ROWS):
        here = np.arange(k, min(k + _ROWS, rows))
        leaves = None if leaving is None else leaving[here]
        found.append(_follow(start[here], times[here], first[here], discrete, leaves))
    margins, spreads, left = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return margins, spreads, left


def _follow(
    start: Orbits, times: Floats, first: Ints, discrete: bool, leaving: Leaving | None
) -> tuple[Floats, Floats, Floats]:
    """The same of so many orbits (R,) that their paths fit in memory."""
    sampled = first < times.shape[1]
    way = _Way(start, np.where(sampled, times[:, -1], -np.inf), discrete, leaving)
    path = _kept(way) if len(first) <= _FEW else way.path()
    wanted = (np.arange(times.shape[1]) >= first[:, None]) & np.isfinite(times)
    r, c = np.nonzero(wanted)
    y = np.full((2, *times.shape), np.nan)
    for k in range(0, r.size, _PAIRS):
        some = r[k : k + _PAIRS], c[k : k + _PAIRS]
        y[:, *some] = path.at(times[some], some[0])
    left = np.where(path.left, path.end.log_time, np.inf)
    if leaving is not None:
        staying = np.flatnonzero(sampled & ~path.left & path.end.is_late(discrete))
        left[staying] = _late_departure(path.end[staying], start[staying], leaving[staying])
    return y[0], y[1], left


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


@dataclass(frozen=True)
class _Path:
    """Orbits (R,) as the solver went: s = ln(1 + push (t - start)) at its knots (K, R), there
    y = (margin, spread) and dy/ds (2, K, R); where each ends, and whether as a neuron leaves."""

    way: _Way
    s: Floats
    y: Floats
    slope: Floats
    end: Orbits
    left: Bools

    def at(self, log_times: Floats, r: Ints) -> Floats:
        """y (2, P) of orbits r (P,) at exp(log_times) (P,)."""
        y, s = np.full((2, r.size), np.nan), self.way.clock(log_times, r)
        near = s <= self.s[-1, r]
        y[:, near] = self._between(s[near], r[near])
        late = ~near & ~self.left[r]
        end = self.end[r[late]]
        y[0, late] = late_margin(end, log_since(log_times[late], end.log_time))
        y[1, late] = end.spread
        return y

    def _between(self, s: Floats, r: Ints) -> Floats:
        """By one step from the knot before, shorter than one that was tolerable."""
        k = (self.s[:, r] <= s).sum(axis=0) - 1
        begun, y = self.s[k, r], self.y[:, k, r]
        field, slope = self.way.field(r, begun, y), self.slope[:, k, r]
        made = step(field, begun, y, slope, s - begun, np.ones(1))
        return np.where(s > begun, made.y, y)


@dataclass(frozen=True, eq=False)
class _Way:
    """Where orbits (R,) start, and ln of the time up to which they are wanted."""

    start: Orbits
    log_end: Floats
    discrete: bool
    leaving: Leaving | None

    @cached_property
    def _key(self) -> tuple[object, ...]:
        leaving = {} if self.leaving is None else vars(self.leaving)
        arrays = (self.log_end, *vars(self.start).values(), *leaving.values())
        return (self.discrete, *(array.tobytes() for array in arrays))

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Way) and self._key == other._key

    @cached_property
    def log_rate(self) -> Floats:
        """ln of the rate of s at the start."""
        return self.start.log_push

    def clock(self, log_t: Floats, r: Ints) -> Floats:
        """s of orbits r at exp(log_t)."""
        return np.logaddexp(0.0, self.log_rate[r] + log_since(log_t, self.start.log_time[r]))

    def orbits(self, r: Ints, s: Floats, y: Floats) -> Orbits:
        """Orbits r where they are at s, y = (margin, spread)."""
        log_time = np.logaddexp(self.start.log_time[r], log_expm1(s) - self.log_rate[r])
        return Orbits(self.start.log_tau[r], y[0], y[1], log_time)

    def field(self, r: Ints, s: Floats, y: Floats) -> Field:
        """dy/ds of orbits r from s, y on."""
        now, rate = self.orbits(r, s, y), self.log_rate[r]
        order = order_for(float(now.log_push.max(initial=-np.inf))) if self.discrete else 1

        def field(s: Floats, y: Floats) -> Floats:
            return np.stack(modified_flow(now.log_tau, y[0], y[1], s - rate, order))

        return field

    def path(self) -> _Path:
        """Until each is late, has left, or is at its end."""
        every = np.arange(self.log_rate.size)
        walk = _Walk(self, np.zeros(every.size), np.stack([self.start.margin, self.start.spread]))
        r = walk.under_way(every)
        walk.slope[:, r] = self.field(r, walk.s[r], walk.y[:, r])(walk.s[r], walk.y[:, r])
        knots = [walk.knot()]
        while r.size:
            walk.advance(r)
            knots.append(walk.knot())
            r = walk.under_way(r)
        s, y, slope = (np.stack(parts, axis=-2) for parts in zip(*knots, strict=True))
        return _Path(self, s, y, slope, self.orbits(every, walk.s, walk.y), walk.left)


@lru_cache(maxsize=32)
def _kept(way: _Way) -> _Path:
    """The path of few orbits: whoever asks for a run at other times asks for it again."""
    return way.path()


@dataclass
class _Walk:
    """Orbits on their way, at s and y."""

    way: _Way
    s: Floats
    y: Floats

    def __post_init__(self) -> None:
        self.slope = np.zeros_like(self.y)
        self.length, self.left = np.full(self.s.shape, _FIRST), np.zeros(self.s.shape, bool)
        self._goal = self.way.clock(self.way.log_end, np.arange(self.s.size))

    def knot(self) -> tuple[Floats, Floats, Floats]:
        """Where all orbits are."""
        return self.s.copy(), self.y.copy(), self.slope.copy()

    def under_way(self, r: Ints) -> Ints:
        """Those of r that have to go on."""
        late = self.way.orbits(r, self.s[r], self.y[:, r]).is_late(self.way.discrete)
        return r[~late & ~self.left[r] & (self.s[r] < self._goal[r])]

    def advance(self, r: Ints) -> None:
        """One step of each, at most to its end or until a neuron leaves."""
        s, y = self.s[r], self.y[:, r]
        ahead = self._goal[r] - s
        lands = ahead <= self.length[r]
        h = np.where(lands, ahead, self.length[r])
        scale = TOLERANCE * np.maximum(np.abs(y), np.finfo(float).tiny)
        made = step(self.way.field(r, s, y), s, y, self.slope[:, r], h, scale)
        share, leaves = self._departure(r, made.y)
        taken = made.accepted & (share >= 1)
        self.length[r] = h * np.where(made.accepted, np.minimum(made.growth, share), made.growth)
        self.s[r] = np.where(taken, np.where(lands, self._goal[r], s + h), s)
        self.y[:, r] = np.where(taken, made.y, y)
        self.slope[:, r] = np.where(taken, made.slope, self.slope[:, r])
        self.left[r] = leaves & taken

    def _departure(self, r: Ints, y: Floats) -> tuple[Floats, Bools]:
        """What share of a step to try before a neuron leaves, inf where none does; and whether it
        ends just there."""
        leaving = self.way.leaving
        if leaving is None:
            return np.full(r.size, np.inf), np.zeros(r.size, bool)
        goal = leaving[r].margin(_fallen(y[1], self.way.start.spread[r]))
        before = self.y[0, r]
        beyond = y[0] >= goal
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.clip((goal - before) / (y[0] - before), _SHORTEST, 0.999)
            near = y[0] - goal <= _ON_TIME * np.abs(y[0])
        return np.where(beyond & ~near, share, np.inf), beyond
