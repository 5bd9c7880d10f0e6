"""A mode followed in machine code (`kernel`): what it is told, and what comes back."""

from __future__ import annotations

import math

from latephase.core.arrays import Floats

from .kernel import follower
from .mode import Mode
from .segment import Segment

_UNSURE = 10.0  # tolerances by which a solver may be off
_NOISE = 30.0  # times that, for what rounding leaves of forces that hold one another
_FINE = 3e-11  # the loosest tolerance there: what is left of the forces moves all
LOGISTIC = {"exponential": False, "logistic": True}  # the losses that the kernel has


def follow_by_kernel(
    mode: Mode,
    order: int,
    log_times: Floats,
    log_end: float,
    tolerance: float,
    balanced: float,
    slack: Floats,
    least_terms: Floats,
    log_last: float,
) -> Segment:
    """Follow a mode, as `follow.follow` says."""
    dynamics = mode.dynamics
    field = follower.Field(
        mode.pull,
        mode.gram,
        mode.margins,
        mode.live,
        order,
        LOGISTIC[dynamics.loss.name],
        mode.log_drive,
        dynamics.method.log_step,
    )
    guards = follower.Guards(
        field,
        mode.factor,
        mode.ways,
        mode.theta,
        dynamics.points,
        mode.status,
        mode.slides,
        mode.needs,
        mode.rooms,
        mode.norms,
        mode.reach,
        slack,
        least_terms,
        _UNSURE * tolerance * (_NOISE if field.slow else 1.0),
        dynamics.bends,
    )
    whole = dynamics.method.discrete and not mode.sliding
    way = follower.Follower(field, guards, dynamics.scale, math.log(balanced), whole)
    fine = min(tolerance, _FINE) if field.slow else tolerance
    log_time, theta, margins, sampled, why, triggered, released_to, resting, work = way.follow(
        log_times, log_end, log_last, fine
    )
    return Segment(
        log_end if why == follower.REACHED else log_time,
        theta,
        margins,
        sampled,
        dynamics.kinks.complete(triggered),
        dynamics.kinks.alike(released_to),
        resting,
        why == follower.FAILED,
        work,
    )
