"""A segment: one mode followed by a stiff solver until a guard breaks, or to a given time.

A run of any network is some dozens to thousands of segments, most of which end at an event after a
step or two. Why the solver is our own, of a kind that has nothing to build up and is compiled: a
mode of six coordinates to s = 0.5, 2, 10 and 230 at a tolerance of 1e-11 takes CVODE (SUNDIALS, by
scikit-sundae 1.2, with callbacks compiled by Numba, without guards) 1.0, 1.7, 2.8 and 3.7 ms;
SciPy's LSODA takes some fifty steps a segment, of 70 us each, guards included. Here a segment takes
0.15 to 0.3 ms on 6 coordinates and 48 guards as on 50 and 1600, guards, samples and its end
included. Whole flows to 10^100, made twice, medians in ms of processor time:

    neurons, points, features     LSODA    here
    8, 6, 2                         250      52
    16, 20, 2                      1770     400
    32, 50, 5                    > 15000    3400
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dtrtri

from latephase.core.arrays import Bools, Floats
from latephase.late.pattern import ACTIVE, INACTIVE, SLIDING, Statuses

from .dynamics import lengths
from .landing import below, solver_time
from .mode import Mode
from .modified import Motion, field
from .solver import (
    FAILED,
    REACHED,
    Ended,
    Rest,
    at_once,
    follow_mode,
    opened,
)
from .speed import Speed, speed_of
from .watch import Watch

BALANCED = 1e-6  # of its pull: what is left of it when it is at rest against others
_UNSURE = 10.0  # tolerances by which a solver may be off
_NOISE = 30.0  # times that, for what rounding leaves of forces that hold one another
_FINE = 3e-11  # the loosest tolerance there: what is left of the forces moves all
_INSTANT = 1e-12  # in s: over less than this the field is constant
_LOGISTIC = {"exponential": False, "logistic": True}  # the losses that the kernels have
_AS_LONG = 4.0  # times the time that the last mode has lasted: a first step
_SHORTEST = 1e-3  # in s: a first step
_ROUNDING = 1e-14  # of a pre-activation's terms: one nearer to its kink has no sign


@dataclass(frozen=True)
class Segment:
    """What became of a mode.

    log_time: ln of the time since entry at the end, theta (m, k) and margins (n,) there;
    sampled (passed, m, k): theta at the samples that were passed;
    triggered: pairs (m, n) at whose guards it ended;
    released_to (m, n): status that a slide goes over to when it ends, else -1;
    resting (n,): points that have come to rest;  failed: the solver gave up;
    work: its steps.
    """

    log_time: float
    theta: Floats
    margins: Floats
    sampled: Floats
    triggered: Bools
    released_to: Statuses
    resting: Bools
    failed: bool
    work: int


def follow(
    mode: Mode,
    order: int,
    log_times: Floats,
    log_end: float,
    tolerance: float,
    balanced: float = BALANCED,
    slack: Floats | None = None,
    least_terms: Floats | None = None,
    log_last: float = math.inf,
) -> Segment:
    """Follow a mode from its entry for a time exp(log_end); log_times: sorted, of the samples.

    order: of the modified flow;  balanced: share of its pull that may be left of a point that
    counts as at rest;  slack (m, n): of the guards: how far below 0 a pair's guards may go, as a
    share of the terms of its pre-activation (at least `least_terms` (m, n)), and of 1 for its
    multiplier;  least_terms: also the size below which no more digits are asked for;
    log_last: ln of the time that the mode before this one has lasted, as this one may.
    """
    if least_terms is None:
        least_terms = 1e-2 * mode.dynamics.terms(mode.theta)
    if mode.live.size == 0:
        none, sampled = (
            np.zeros(mode.status.shape, bool),
            np.tile(mode.theta, (len(log_times), 1, 1)),
        )
        nothing = np.full(none.shape, -1), none[0], False, 0
        return Segment(log_end, mode.theta, mode.margins, sampled, none, *nothing)
    speed = speed_of(mode)
    unsure = _UNSURE * tolerance * (_NOISE if speed.slow else 1.0)
    if speed.slow:
        tolerance = min(tolerance, _FINE)
    motion, watch = _kernels(mode, order, speed, least_terms, slack, unsure)
    shape = mode.theta.shape
    rest = Rest(
        np.sqrt(mode.gram.diagonal()), mode.dynamics.scale.reshape(shape), math.log(balanced)
    )
    end = solver_time(motion, log_end)
    times = np.array([solver_time(motion, log) for log in log_times])
    waits = mode.dynamics.method.discrete and not mode.sliding
    if end < _INSTANT:
        ended = at_once(motion, watch, rest, times, end)
    else:
        first = max(_AS_LONG * solver_time(motion, log_last), _SHORTEST)
        ended = follow_mode(motion, watch, rest, times, end, first, tolerance, waits)
    return _segment(mode, ended, log_end)


def goes_straight(mode: Mode, log_end: float, share: float) -> bool:
    """Whether a mode goes straight on in ln t as gradient flow, its speed changing by no more than
    a share, without meeting a guard."""
    speed = speed_of(mode)
    motion, watch = _kernels(mode, 0, speed, np.zeros(mode.status.shape), None, 0.0)
    end = log_end - motion.log_origin
    first = field(motion, 0.0, np.zeros(len(motion.pull)))
    far = first * end
    opened(motion, watch)
    apart = np.abs(field(motion, end, far) - first).max()
    return bool(apart <= share * np.abs(first).max()) and not below(motion, watch, far)


def _norms(mode: Mode) -> Floats:
    """How far neurons move (m, c) per unit of what the carrier is multiplied with, at most."""
    if not mode.indirect or mode.resting.any():  # off what rests, others move along
        return lengths(np.swapaxes(mode.carrier.reshape(*mode.theta.shape, -1), 1, 2))
    unit = math.exp(mode.log_drive / 2)
    return (
        np.abs(mode.serving[:, mode.live]) * (mode.dynamics.point_lengths[mode.live] / unit) / unit
    )


def _scales(mode: Mode, norms: Floats, sizes: Floats) -> Floats:
    """How far each coordinate (r,) may move for a change of 1 of a margin, or of any moving
    neuron's pre-activations by their own size (m,), about: what tolerances are relative to.

    Output weights of 1e-8, inputs of 1e8 and neurons 1e-8 long have their own.
    """
    own = norms * (mode.dynamics.point_lengths.max() / np.where(sizes > 0, sizes, np.inf))[:, None]
    if mode.indirect:
        own = own @ np.abs(dtrtri(mode.pull)[0])
    seen = np.maximum(np.abs(mode.pull).max(axis=1), own.max(axis=0))
    return np.asarray(1 / np.where(seen > 0, seen, 1.0))


def _kernels(
    mode: Mode,
    order: int,
    speed: Speed,
    least_terms: Floats,
    slack: Floats | None,
    unsure: float,
) -> tuple[Motion, Watch]:
    """What the kernels are told of a mode: of its field, and of its guards.

    On x = 2021 and 2020 a slide that lasts for ever has a multiplier of 1 - 6e-14, which margins
    that are off do not tell from one that ends.
    """
    dynamics, terms = mode.dynamics, mode.dynamics.terms(mode.theta)
    sizes, norms = np.maximum(terms, least_terms), _norms(mode)
    motion = Motion(
        np.ascontiguousarray(mode.pull),
        np.ascontiguousarray(mode.pull.T),
        mode.margins[mode.live],
        order,
        _LOGISTIC[dynamics.loss.name],
        speed.log_time_scale,
        speed.log_time_scale + mode.log_drive,
        dynamics.method.log_step,
        _scales(mode, norms, sizes.max(axis=1)),
    )
    slack = np.zeros(terms.shape) if slack is None else slack
    sides = np.where(mode.status == ACTIVE, 1.0, -1.0)
    sides[(mode.status == SLIDING) | ~norms.any(axis=1, keepdims=True)] = 0.0
    watch = Watch(
        mode.theta.copy(),
        np.ascontiguousarray(mode.carrier).reshape(*mode.theta.shape, -1),
        mode.indirect,
        dynamics.points,
        dynamics.points_t,
        sides,
        _ROUNDING * terms + slack * sizes,
        mode.slides,
        mode.needs,
        mode.rooms,
        np.repeat(slack[mode.slides[:, 0], mode.slides[:, 1], None], 2, axis=1),
        mode.margins,
        mode.live,
        unsure,
    )
    return motion, watch


def _segment(mode: Mode, ended: Ended, log_end: float) -> Segment:
    """The segment of a mode that the kernels have left."""
    released_to = np.full(mode.status.shape, -1)
    for (j, i), ends, multiplier in zip(mode.slides, ended.ends, ended.multipliers, strict=True):
        if ends.any():
            ended.met[j, i] = True
            released_to[j, i] = ACTIVE if multiplier > 0.5 else INACTIVE
    resting = np.zeros(mode.status.shape[1], bool)
    resting[mode.live] = ended.resting
    return Segment(
        log_end if ended.why == REACHED else ended.log_time,
        ended.theta,
        ended.margins,
        ended.sampled,
        ended.met,
        released_to,
        resting,
        ended.why == FAILED,
        ended.work,
    )
