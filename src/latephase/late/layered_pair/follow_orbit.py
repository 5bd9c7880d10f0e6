"""Orbits over sample times: the modified flow in panels, then a series."""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Floats, Ints
from latephase.core.workers import in_threads

from .compiled import COMPILED
from .leaving import Leaving
from .orbit import Orbits, late_margin, log_waiting
from .panels import Panel, Way

if COMPILED:
    from .by_kernel import follow_by_kernel

TOLERANCE = 3e-14
"""Of a margin, what rounding and the polynomials of a panel leave."""

_ROWS, _PAIRS = 1024, 1 << 15  # orbits followed, late samples taken at once


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

    def part(k: int) -> tuple[Floats, Floats, Floats]:
        here = np.arange(k, min(k + _ROWS, rows))
        leaves = None if leaving is None else leaving[here]
        with np.errstate(all="ignore"):  # threads do not inherit it
            told = start[here], times[here], first[here], discrete, leaves
            return follow_by_kernel(*told) if COMPILED else _follow(*told)

    blocks = range(0, max(rows, 1), _ROWS)
    found = in_threads(part, blocks)
    margins, spreads, left = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return margins, spreads, left


def _follow(
    start: Orbits, times: Floats, first: Ints, discrete: bool, leaving: Leaving | None
) -> tuple[Floats, Floats, Floats]:
    """The same of so many orbits (R,) that their panels fit the cache."""
    way, rows, columns = Way.of(start, discrete), len(first), np.arange(times.shape[1])
    wanted = (columns >= first[:, None]) & np.isfinite(times)
    clock = np.full(times.shape, np.nan)
    r, c = np.nonzero(wanted)
    since = log_since(times[r, c], start.log_time[r])
    clock[r, c] = np.logaddexp(0.0, start.log_push[r] + since)
    last = times[:, -1]
    goal = np.logaddexp(0.0, start.log_push + log_since(last, start.log_time))
    y, moves = np.full((2, *times.shape), np.nan), way.large + way.small > 0

    # What moves, panel by panel.
    y[:, wanted & ~moves[:, None]] = 0.0
    end, left = np.zeros((3, rows)), np.zeros(rows, bool)  # lambda, ln fallen, clock
    going = np.flatnonzero((first < times.shape[1]) & moves & ~start.is_late(discrete))
    while going.size:
        on = way[going]
        panel = Panel.of(on, *end[:, going])
        begun = np.where(end[2, going] == 0, -1.0, end[2, going])[:, None]  # the start is inside
        end[:, going] = panel.lam[-1], panel.log_fallen[-1], panel.clock[-1]
        if leaving is not None:
            left[going], end[:, going] = panel.leaves(leaving[going])
        k, c = np.nonzero((clock[going] > begun) & (clock[going] <= end[2, going, None]))
        y[0, going[k], c], log_fallen = panel.find(clock[going[k], c], k)
        y[1, going[k], c] = start.spread[going[k]] * np.exp(log_fallen)
        late = on.orbits(*end[:, going]).is_late(discrete)
        going = going[~late & ~left[going] & (end[2, going] < goal[going])]
    then = way.orbits(*end)

    # What is late, sample by sample, in the order of time: those of one time take as many terms.
    c, r = np.nonzero((wanted & np.isnan(y[0]) & ~left[:, None]).T)
    for begin in range(0, r.size, _PAIRS):
        some = r[begin : begin + _PAIRS], c[begin : begin + _PAIRS]
        here = then[some[0]]
        y[0, *some] = late_margin(here, log_since(times[some], here.log_time))
        y[1, *some] = here.spread
    when = np.where(left, then.log_time, np.inf)
    if leaving is not None:
        staying = np.flatnonzero((first < times.shape[1]) & ~left & then.is_late(discrete))
        when[staying] = _late_departure(then[staying], start[staying], leaving[staying])
    return y[0], y[1], when


def log_since(log_t: Floats | float, log_start: Floats) -> Floats:
    """ln(t - start) (R,) of logarithms."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(log_t + np.log(np.maximum(-np.expm1(log_start - log_t), 0.0)))


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
