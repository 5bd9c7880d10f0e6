"""A mode followed in machine code (`kernel`): what it is told, and what comes back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from latephase.core.arrays import Floats
from latephase.late.pattern import ACTIVE, INACTIVE, SLIDING

from .kernel import follower
from .mode import Mode
from .modified import speed_of
from .segment import Segment

_UNSURE = 10.0  # tolerances by which a solver may be off
_NOISE = 30.0  # times that, for what rounding leaves of forces that hold one another
_FINE = 3e-11  # the loosest tolerance there: what is left of the forces moves all
_LOGISTIC = {"exponential": False, "logistic": True}  # the losses that the kernel has
_ROUNDING = 1e-14  # of a pre-activation's terms: one nearer to its kink has no sign


def follow_by_kernel(
    mode: Mode,
    order: int,
    log_times: Floats,
    log_end: float,
    tolerance: float,
    balanced: float,
    slack: Floats | None,
    least_terms: Floats,
    log_last: float,
) -> Segment:
    """Follow a mode, as `follow.follow` says."""
    dynamics, speed = mode.dynamics, speed_of(mode)
    unsure = _UNSURE * tolerance * (_NOISE if speed.slow else 1.0)
    if speed.slow:
        tolerance = min(tolerance, _FINE)
    origin = speed.log_time_scale
    field = follower.Field(
        mode.pull,
        mode.margins[mode.live],
        order,
        _LOGISTIC[dynamics.loss.name],
        origin,
        origin + mode.log_drive,
        dynamics.method.log_step,
    )
    terms = dynamics.terms(mode.theta)
    sizes = np.maximum(terms, least_terms)
    guards = _guards(mode, field, terms, sizes, slack, unsure)
    whole = dynamics.method.discrete and not mode.sliding
    scales = _scales(mode, sizes.max(axis=1))
    told = field, guards, scales, dynamics.scale, math.log(balanced), whole
    return _segment(mode, follower.Follower(*told).follow(log_times, log_end, log_last, tolerance), log_end)


def _scales(mode: Mode, sizes: Floats) -> Floats:
    """How far each coordinate (r,) may move for a change of 1 of a margin, or of any moving
    neuron's pre-activations by their own size (m,), about: what tolerances are relative to.

    Output weights of 1e-8, inputs of 1e8 and neurons 1e-8 long have their own.
    """
    longest = mode.dynamics.point_lengths.max() / np.where(sizes > 0, sizes, np.inf)
    seen = np.maximum(np.abs(mode.pull).max(axis=1), (mode.reach * longest[:, None]).max(axis=0))
    return np.asarray(1 / np.where(seen > 0, seen, 1.0))


def _guards(
    mode: Mode, field: Any, terms: Floats, sizes: Floats, slack: Floats | None, unsure: float
) -> Any:
    """The guards of a mode, for the kernel."""
    slack = np.zeros(terms.shape) if slack is None else slack
    sides = np.where(mode.status == ACTIVE, 1.0, -1.0)
    sides[(mode.status == SLIDING) | ~mode.moving[:, None]] = 0.0
    sides *= mode.dynamics.bends
    ends = slack[mode.slides[:, 0], mode.slides[:, 1]]
    return follower.Guards(
        field,
        mode.factor,
        mode.ways,
        np.ascontiguousarray(mode.theta),
        np.ascontiguousarray(mode.dynamics.points),
        sides,
        _ROUNDING * terms + slack * sizes,
        np.stack([ends, ends], axis=1),
        mode.needs,
        mode.rooms,
        mode.margins,
        mode.live,
        unsure,
    )


def _segment(mode: Mode, ended: tuple[Any, ...], log_end: float) -> Segment:
    """The segment of a mode that the kernel has left."""
    log_time, theta, margins, sampled, why, met, ends, multipliers, rest, work = ended
    kinks, released_to = mode.dynamics.kinks, np.full(mode.status.shape, -1)
    for (j, i), over, multiplier in zip(mode.slides, ends.any(axis=1), multipliers, strict=True):
        if over:
            met[j, i] = True
            released_to[j, i] = ACTIVE if multiplier > 0.5 else INACTIVE
    resting = np.zeros(mode.status.shape[1], bool)
    resting[mode.live] = rest
    return Segment(
        log_end if why == follower.REACHED else log_time,
        theta,
        margins,
        sampled,
        kinks.complete(met),
        kinks.alike(released_to),
        resting,
        why == follower.FAILED,
        work,
    )
