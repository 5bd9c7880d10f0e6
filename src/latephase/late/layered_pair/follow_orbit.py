"""Orbits over sample times: the modified flow in a logarithmic clock, then the series of the time."""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Floats, Ints

from .orbit import Orbits, late_margin, modified_flow
from .runge_kutta import Field, step

TOLERANCE = 1e-13  # of a margin, in one step of the solver
_FIRST = 0.1  # length of the first step, in e-folds of time


def follow_orbits(
    start: Orbits, log_times: Floats, first: Ints, discrete: bool
) -> tuple[Floats, Floats]:
    """Margins and spreads (R, S) at times exp(log_times) (S,); NaN before the column `first` (R,),
    the first one that is later than the start.

    Rigour: estimated, to a few TOLERANCE; the series alone is as exact as float64.
    """
    rows, columns = len(first), len(log_times)
    margins, spreads = np.full((2, rows, columns), np.nan)
    late, column = to_late(start, log_times, first, discrete, margins, spreads)
    for c in range(columns):
        here = np.flatnonzero(column <= c)
        if here.size:
            begun = late[here]
            margins[here, c] = late_margin(begun, log_since(log_times[c], begun.log_time))
            spreads[here, c] = begun.spread
    return margins, spreads


def log_since(log_t: Floats | float, log_start: Floats) -> Floats:
    """ln(t - start) (R,) of logarithms."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ago = -np.expm1(log_start - log_t)
        return np.asarray(log_t + np.log(np.maximum(ago, 0.0)))


def log_expm1(s: Floats) -> Floats:
    """ln(exp(s) - 1)."""
    with np.errstate(divide="ignore"):
        return np.asarray(s + np.log(-np.expm1(-s)))


def to_late(
    start: Orbits,
    log_times: Floats,
    first: Ints,
    discrete: bool,
    margins: Floats,
    spreads: Floats,
) -> tuple[Orbits, Ints]:
    """Follow the modified flow, in s = ln(1 + push (t - start)), until it is late, and fill in the
    samples on the way; the late orbits, and from which column (R,) on they have the samples."""
    column, targets = first.copy(), np.append(log_times, np.inf)
    log_rate = start.log_push
    y = np.stack([start.margin, np.zeros_like(start.margin)])
    s, length = np.zeros_like(start.margin), np.full(start.margin.shape, _FIRST)
    log_time = start.log_time.copy()
    open_rows = np.flatnonzero(~start.is_late(discrete) & (column < len(log_times)))
    slope = np.zeros_like(y)
    slope[:, open_rows] = _field(start[open_rows], log_rate[open_rows], discrete)(
        s[open_rows], y[:, open_rows]
    )
    while open_rows.size:
        r = open_rows
        here, rate = start[r], log_rate[r]
        field = _field(here, rate, discrete)
        goal = np.logaddexp(0.0, rate + log_since(targets[column[r]], here.log_time))
        ahead = goal - s[r]
        lands = ahead <= length[r]
        h = np.where(lands, ahead, length[r])
        scale = TOLERANCE * np.stack([np.abs(y[0, r]), np.ones(r.size)])
        made = step(field, s[r], y[:, r], slope[:, r], h, scale)
        length[r] = np.where(lands & made.accepted, length[r], h) * made.growth
        good, there = r[made.accepted], lands[made.accepted]
        s[good] = np.where(there, goal[made.accepted], s[good] + h[made.accepted])
        y[:, good], slope[:, good] = made.y[:, made.accepted], made.slope[:, made.accepted]
        hit = good[there]
        margins[hit, column[hit]] = y[0, hit]
        spreads[hit, column[hit]] = start.spread[hit] * np.exp(y[1, hit] / 2)
        column[hit] += 1
        now = _now(start[good], log_rate[good], s[good], y[:, good])
        log_time[good] = now.log_time
        on = ~now.is_late(discrete) & (column[good] < len(log_times))
        open_rows = np.concatenate([r[~made.accepted], good[on]])
    moved = Orbits(start.log_tau, y[0], start.spread * np.exp(y[1] / 2), log_time)
    return moved, column


def _now(start: Orbits, log_rate: Floats, s: Floats, y: Floats) -> Orbits:
    since = log_expm1(s) - log_rate
    spread = start.spread * np.exp(y[1] / 2)
    return Orbits(start.log_tau, y[0], spread, np.logaddexp(start.log_time, since))


def _field(start: Orbits, log_rate: Floats, discrete: bool) -> Field:
    def field(s: Floats, y: Floats) -> Floats:
        spread = start.spread * np.exp(y[1] / 2)
        log_scale = s - log_rate
        return np.stack(modified_flow(start.log_tau, y[0], spread, log_scale, discrete))

    return field
