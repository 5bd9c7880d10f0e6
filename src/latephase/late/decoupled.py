"""Piece: follow a decoupled phase (late/phase.py) to its end, recording the samples on the way."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from .course import Course
from .fatou import Orbits, increments, log_gap
from .observe import Lean
from .phase import Phase
from .regimes import pushes
from .response import ACTIVE, SLIDING, Response
from .state import State, later

Array = NDArray[np.float64]
_WORKERS = os.cpu_count() or 1
_ROUNDING = 2.0**-47  # relative error of an increment and of the sums that use it


def follow(course: Course, trials: NDArray[np.int64], ph: Phase) -> State:
    """Record the samples up to the end of the phase and return the states there."""
    clock, s = course.clock, ph.state
    end, log_end = later(s.time, s.log_time, ph.n, ph.log_n)
    first, last = clock.index_after(s.time, s.log_time), clock.index_after(end, log_end)
    blocks = course.blocks(first, last)

    def record(block: tuple[NDArray[np.int64], slice]) -> None:
        with np.errstate(all="ignore"):  # threads do not inherit it
            _record(course, trials, ph, *block, first, last)

    with ThreadPoolExecutor(_WORKERS) as pool:  # NumPy lets go of the interpreter: half the time
        list(pool.map(record, blocks))
    return _final(course, ph, end, log_end)


def _record(
    course: Course,
    trials: NDArray[np.int64],
    ph: Phase,
    rows: NDArray[np.int64],
    columns: slice,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
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
    lean = _lean(ph.response, s, tracks, deltas)
    course.write(trials[rows], columns, inside, parameters, a, error, s.exact, lean)


def _at(
    reply: Response, s: State, tracks: dict[int, Orbits], n: Array, log_n: Array
) -> tuple[Array, Array, dict[int, Array]]:
    """Parameters and pre-activations (2, 2, R, S) after n (R, S) steps; the margins' increments."""
    deltas = {p: increments(track, n, log_n) for p, track in tracks.items()}
    moved = []
    for start, slopes in (
        (s.parameters, reply.parameters),
        (s.preactivations, reply.preactivations),
    ):
        value, felt = np.empty((2, 2, *n.shape)), slopes @ reply.gains
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
    deltas: dict[int, Array],
    parameters: Array,
) -> Array:
    """Estimated absolute error of the parameters, (2 neurons, R, S).

    What came in, possibly stretched by a first step beyond the contracting range; rounding; and
    the uncertainty of the clock.
    """
    stretch = np.ones(s.error.shape)
    for p, track in tracks.items():
        if len(track.table) > 1:  # table[1] = c exp(-m), the slope of the first step is 1 - that
            moves = reply.parameters[:, :, p].any(axis=1)
            stretch[moves] = np.maximum(stretch[moves], track.table[1])
    size = np.maximum(np.abs(parameters), np.abs(s.parameters)[..., None]).max(axis=1)
    error = (s.error * stretch)[..., None] + _ROUNDING * size
    if s.time_error.any():
        for p, track in tracks.items():
            speed = np.abs(reply.parameters[:, :, p]).max(axis=1) / reply.rates[p]
            level = track.x[:, None] - track.base[:, None] + deltas[p]
            error += speed[:, None, None] * s.time_error[:, None] * np.exp(-level)
    return error


def _lean(
    reply: Response, s: State, tracks: dict[int, Orbits], deltas: dict[int, Array]
) -> Lean | None:
    """Q without cancellation, where both margins rise alike: Q = rest + kappa ln(s2 / s1)."""
    rates = reply.rates
    serving = reply.status[0, 1] != ACTIVE != reply.status[1, 0]
    if len(tracks) < 2 or rates[0] != rates[1] or not serving:
        return None
    r, a = reply.preactivations, s.preactivations
    kappa = ((r[1, 1] - r[0, 1]) - (r[0, 0] - r[1, 0]))[1] / rates[1]
    wrong = np.where(reply.status == SLIDING, 0.0, 1.0)
    rest = (wrong[1, 0] * a[1, 0] - wrong[0, 1] * a[0, 1]) + (1 - kappa) * (a[1, 1] - a[0, 0])
    start = tracks[0].x - tracks[0].base
    gap = (tracks[1].x - tracks[1].base - start)[:, None] + (deltas[1] - deltas[0])
    log_size, sign = log_gap(tracks[0], tracks[1], start[:, None] + deltas[0], gap)
    mixed = rest[:, None] + kappa * sign * np.exp(log_size)
    with np.errstate(divide="ignore"):
        log_mixed = np.log(np.abs(mixed))
    vanishing = rest[:, None] == 0
    log = np.where(vanishing, np.log(abs(kappa)) + log_size, log_mixed)
    return Lean(np.where(vanishing, np.sign(kappa) * sign, np.sign(mixed)), log)


def _final(course: Course, ph: Phase, end: Array, log_end: Array) -> State:
    """The states at which the phase ends; those that never end stay as they are."""
    s = ph.state
    ends = np.isfinite(ph.log_n)
    n, log_n = np.where(ends, ph.n, 0.0)[:, None], np.where(ends, ph.log_n, -np.inf)[:, None]
    parameters, a, deltas = _at(ph.response, s, ph.orbits, n, log_n)
    a = _cross(course, ph, a[..., 0])
    error = _error(ph.response, s, ph.orbits, deltas, parameters)[..., 0]
    with np.errstate(over="ignore", invalid="ignore"):
        doubt = np.where(log_n[:, 0] > 34, np.exp(np.minimum(log_n[:, 0], 690)) * 2.0**-50, 0.0)
    return State(
        parameters[..., 0],
        a,
        np.where(ends, end, s.time),
        np.where(ends, log_end, s.log_time),
        np.where(ends, error, s.error),
        s.time_error + np.where(ends, doubt, 0.0),
        s.exact,
    )


def _landing(a: Array, step: Array) -> Array:
    """Where gradient descent lands: below zero, if only by a part of one step that rounding hides.

    Exactly zero would claim that the constant of the law vanishes; half a step does not.
    """
    return np.where(a < 0, a, -step / 2)


def _cross(course: Course, ph: Phase, a: Array) -> Array:
    """Give the pre-activations that end the phase their new sign, which rounding may hide."""
    tiny: Array = np.full((2, 1), np.finfo(float).tiny)
    active = (ph.response.status == ACTIVE)[:, :, None]
    landed = np.zeros_like(a)  # where gradient flow lands, exactly
    if ph.crossing.any() and course.discrete:
        up, down, _ = pushes(course.geometry, a, course.log_step)
        landed = _landing(a, down)
        if ph.response.sliding:
            tiny = 2 * (up + down)  # a kink that is let go leaves the band that would hold it
    return np.where(ph.crossing, np.where(active, landed, np.maximum(a, tiny)), a)
