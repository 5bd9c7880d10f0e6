"""Piece: follow a decoupled phase to its end, recording the samples on the way."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import ACTIVE, INACTIVE, SLIDING

from .course import Course
from .fatou import Orbits, increments, log_gap
from .landing import cross
from .observe import Lean
from .phase import Phase
from .response import Response
from .state import State, later, margin_errors

_WORKERS = os.cpu_count() or 1
_ROUNDING = 2.0**-47  # relative error of an increment and of the sums that use it


def follow(course: Course, trials: Ints, ph: Phase) -> State:
    """Record the samples up to the end of the phase and return the states there."""
    clock, s = course.clock, ph.state
    end, log_end = later(s.time, s.log_time, ph.n, ph.log_n)
    first, last = clock.index_after(s.time, s.log_time), clock.index_after(end, log_end)
    blocks = course.blocks(first, last)

    def record(block: tuple[Ints, slice]) -> None:
        with np.errstate(all="ignore"):  # threads do not inherit it
            _record(course, trials, ph, *block, first, last)

    with ThreadPoolExecutor(_WORKERS) as pool:  # NumPy lets go of the interpreter: half the time
        list(pool.map(record, blocks))
    return _final(course, ph, end, log_end)


def _record(
    course: Course,
    trials: Ints,
    ph: Phase,
    rows: Ints,
    columns: slice,
    first: Ints,
    last: Ints,
) -> None:
    s, clock = ph.state[rows], course.clock
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        n = np.maximum(clock.time[columns] - s.time[:, None], 0.0)
        late = clock.log[columns] + np.log1p(
            -np.exp(np.minimum(s.log_time[:, None] - clock.log[columns], 0))
        )
        log_n = np.where(s.time[:, None] < 1e300, clock.log[columns], late)
    n = np.where(np.isnan(n), np.inf, n)
    if not ph.moving:  # nothing moves any more: one column stands for all
        n, log_n = n[:, :1], log_n[:, :1]
    tracks = {p: track[rows] for p, track in ph.orbits.items()}
    parameters, a, deltas = _at(ph.response, s, tracks, n, log_n)
    index = np.arange(columns.start, columns.stop)
    inside = (index >= first[rows][:, None]) & (index < last[rows][:, None])
    error = _error(ph.response, s, tracks, deltas, parameters)
    off = _margin_error(s, tracks, deltas)
    lean = _lean(ph.response, s, tracks, deltas)
    course.write(trials[rows], columns, inside, parameters, a, error, off, s, lean)


def _at(
    reply: Response, s: State, tracks: dict[int, Orbits], n: Floats, log_n: Floats
) -> tuple[Floats, Floats, dict[int, Floats]]:
    """Parameters and pre-activations (2, 2, R, S) after n (R, S) steps; the margins' increments."""
    deltas = {p: increments(track, n, log_n) for p, track in tracks.items()}
    moved = []
    for start, felt in zip((s.parameters, s.preactivations), reply.felt, strict=True):
        value = np.empty((2, 2, *n.shape))
        for j, c in np.ndindex(2, 2):
            value[j, c] = start[j, c][:, None]
            for p, delta in deltas.items():
                if felt[j, c, p] != 0:
                    value[j, c] += delta * felt[j, c, p]
        moved.append(value)
    return moved[0], moved[1], deltas


def _error(
    reply: Response,
    s: State,
    tracks: dict[int, Orbits],
    deltas: dict[int, Floats],
    parameters: Floats,
) -> Floats:
    """Estimated absolute error of the parameters, (2 neurons, R, S).

    What came in, possibly stretched by a first step beyond the contracting range; rounding; and
    the uncertainty of the clock.
    """
    size = np.maximum(np.abs(parameters), np.abs(s.parameters)[..., None]).max(axis=1)
    pulls, incoming = np.abs(reply.felt[0]).max(axis=1), _incoming(s, tracks)
    error = (s.error + pulls @ incoming)[..., None] + _ROUNDING * size
    if s.time_error.any():
        for p, late in _lateness(s, tracks, deltas):
            error += pulls[:, p, None, None] * late
    return error


def _incoming(s: State, tracks: dict[int, Orbits]) -> Floats:
    """Errors with which the margins of the points enter the contracting range, (2, R).

    A first step c exp(-m) wide has the slope 1 - c exp(-m): beyond 2 it stretches what came in; and
    a step of e^30 carries 30 ulps of the exponent.
    """
    incoming = margin_errors(s)
    for p, track in tracks.items():
        if len(track.table) > 1:
            jump = np.maximum(1.0, track.table[1])
            incoming[p] = incoming[p] * jump + _ROUNDING / 16 * jump * np.log(jump)
    return incoming


def _lateness(
    s: State, tracks: dict[int, Orbits], deltas: dict[int, Floats]
) -> list[tuple[int, Floats]]:
    """How far the margin of each moving point may be off because the clock is, (R, S)."""
    levels = {p: t.x[:, None] - t.base[:, None] + deltas[p] for p, t in tracks.items()}
    return [(p, s.time_error[:, None] * np.exp(-level)) for p, level in levels.items()]


def _margin_error(s: State, tracks: dict[int, Orbits], deltas: dict[int, Floats]) -> Floats:
    """Estimated absolute errors of the margins, (2 points, R, S).

    As `_error`; and what chatter left out, which a margin that rises by r forgets like e^-r: with
    du = e^-u dt an early error is a shift of time.
    """
    size = np.maximum(s.preactivations, 0.0).max(axis=0)
    start = (_incoming(s, tracks) + _ROUNDING * size)[..., None]
    if not deltas:
        return start + s.chatter_error[:, None]
    off = start + np.zeros(next(iter(deltas.values())).shape)
    for p, delta in deltas.items():
        off[p] += _ROUNDING * delta
    if s.time_error.any():
        for p, late in _lateness(s, tracks, deltas):
            off[p] += late
    if s.chatter_error.any():
        off += _forgotten(s.chatter_error[:, None], np.minimum.reduce(list(deltas.values())))
    return off


def _forgotten(error: Floats, rise: Floats) -> Floats:
    """What is left of an error of a margin that has risen since; kicks fall like 1/t, and their
    sum, which delays the margin, like ln t / t."""
    left = np.expm1(np.minimum(error, 700.0)) * np.exp(-rise) * (1 + rise)
    return np.asarray(np.log1p(left))


def _lean(
    reply: Response, s: State, tracks: dict[int, Orbits], deltas: dict[int, Floats]
) -> Lean | None:
    """Q without cancellation, where both margins rise alike: Q = rest + kappa ln(s2 / s1)."""
    g, rates = reply.geometry, reply.rates
    if reply.both and not reply.decoupled and (reply.status != INACTIVE).all():
        return _mixed(np.full(s.time.size, reply.tilt), 1.0, tracks, deltas)
    serving = reply.status[0, 1] != ACTIVE != reply.status[1, 0]
    if len(tracks) < 2 or rates[0] != rates[1] or not serving:
        return None
    r, a = reply.felt[1], s.preactivations
    kappa = ((r[1, 1] - r[0, 1]) - (r[0, 0] - r[1, 0]))[1]
    wrong = np.where(reply.status == SLIDING, 0.0, 1.0)
    rest = (wrong[1, 0] * a[1, 0] - wrong[0, 1] * a[0, 1]) + (1 - kappa) * (a[1, 1] - a[0, 0])
    rest = rest + kappa * np.log1p(g.norm_gap / g.k11)  # ln(r2 / r1): not 0 on 1e-9, -2e-9
    return _mixed(rest, kappa, tracks, deltas)


def _mixed(
    rest: Floats, kappa: float, tracks: dict[int, Orbits], deltas: dict[int, Floats]
) -> Lean:
    """Q = rest + kappa ln(s2 / s1)."""
    start = tracks[0].x - tracks[0].base
    gap = (tracks[1].x - tracks[1].base - start)[:, None] + (deltas[1] - deltas[0])
    log_size, sign = log_gap(tracks[0], tracks[1], start[:, None] + deltas[0], gap)
    mixed = rest[:, None] + kappa * sign * np.exp(log_size)
    with np.errstate(divide="ignore"):
        log_mixed = np.log(np.abs(mixed))
    vanishing = rest[:, None] == 0
    log = np.where(vanishing, np.log(abs(kappa)) + log_size, log_mixed)
    return Lean(np.where(vanishing, np.sign(kappa) * sign, np.sign(mixed)), log)


def _final(course: Course, ph: Phase, end: Floats, log_end: Floats) -> State:
    """The states at which the phase ends; those that never end stay as they are."""
    s = ph.state
    ends = np.isfinite(ph.log_n)
    n, log_n = np.where(ends, ph.n, 0.0)[:, None], np.where(ends, ph.log_n, -np.inf)[:, None]
    parameters, a, deltas = _at(ph.response, s, ph.orbits, n, log_n)
    moved, a = cross(course, ph, parameters[..., 0], a[..., 0])
    error = _error(ph.response, s, ph.orbits, deltas, parameters)[..., 0]
    off = np.where(ends, _margin_error(s, ph.orbits, deltas)[..., 0], 0.0)
    rise = np.minimum.reduce(list(deltas.values()))[:, 0] if deltas else np.zeros(n.shape[0])
    chatter = _forgotten(s.chatter_error, np.where(ends, rise, 0.0))
    with np.errstate(over="ignore", invalid="ignore"):
        doubt = np.where(log_n[:, 0] > 34, np.exp(np.minimum(log_n[:, 0], 690)) * 2.0**-50, 0.0)
    return State(
        moved,
        np.where(ends, 0.0, s.low),
        a,
        np.where(ends, end, s.time),
        np.where(ends, log_end, s.log_time),
        np.where(ends, error, s.error),
        np.where(ends & _moved(ph.response)[..., None], off - chatter, s.preactivation_error),
        chatter,
        s.time_error + np.where(ends, doubt, 0.0),
        s.exact,
        s.undecided,
    )


def _moved(reply: Response) -> Bools:
    """Pre-activations that the phase moves, (2, 2)."""
    return np.asarray((reply.preactivations != 0).any(axis=-1))
