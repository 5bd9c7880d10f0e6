"""A mode followed in machine code (`kernel`): what it is told, and what comes back."""

from __future__ import annotations

from operator import attrgetter

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.late.pattern import SLIDING, Statuses

from .dynamics import Dynamics
from .frame import Frame
from .gradients import Neuron
from .kernel import follower
from .mode import Mode
from .segment import Segment

_KEPT = attrgetter("compiled")  # of a neuron
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
    way = follower.Follower(
        mode,
        _compiled_points(dynamics.frame),
        *_compiled(mode),
        order,
        LOGISTIC[dynamics.loss.name],
        slack,
        least_terms,
        tolerance,
        balanced,
        dynamics.method.discrete and not mode.sliding,
    )
    log_time, theta, margins, sampled, why, triggered, released_to, resting, work = way.follow(
        log_times, log_end, log_last
    )
    return Segment(
        log_end if why == follower.REACHED else log_time,
        theta,
        margins,
        np.array(sampled).reshape(-1, *theta.shape),
        dynamics.kinks.complete(triggered),
        dynamics.kinks.alike(released_to),
        resting,
        why == follower.FAILED,
        work,
    )


def on_kinks_by_kernel(mode: Mode) -> Mode:
    """The mode with sliding pairs on their kinks, as `Mode.on_kinks` says."""
    theta = mode.theta.copy()
    follower.put_on_kinks(theta, *_compiled(mode))
    return mode.entered(theta)


def turned_by_kernel(
    dynamics: Dynamics, j: int, status: Statuses, near: Bools, log_pull: Floats
) -> Statuses | None:
    """Statuses (n,) of neuron j at kinks that no two points share, as `filippov.neuron_statuses`
    says; None where kinks nearly depend on one another."""
    found = status.astype(np.int8)
    told = dynamics.signs[j], found, near.view(np.uint8), log_pull, dynamics.slope
    return found if follower.turned(_compiled_points(dynamics.frame), *told) else None


def neuron_by_kernel(dynamics: Dynamics, j: int, status: Statuses, resting: Bools) -> Neuron | None:
    """Neuron j, as `Neuron.of` has it; None where the kinks on which it slides nearly depend on one
    another, or are those of other points, too."""
    if dynamics.kinks.shared:
        return None
    slides, signs = np.flatnonzero((status == SLIDING) & dynamics.kinks.lies), dynamics.signs[j]
    told = dynamics.frame.scale, dynamics.frame.order, signs, status.astype(np.int8, copy=False)
    points = _compiled_points(dynamics.frame)
    made = follower.sliding_neuron(points, *told, slides, dynamics.slope) if slides.size else None
    if made is None:
        return None
    off, gradients, needs, rooms = made
    if np.count_nonzero(dynamics.gains(status[resting])):  # its multipliers have settled
        slides, needs, rooms = slides[:0], needs[:0], rooms[:0]
    return Neuron(off, gradients, slides, needs, rooms)


def _compiled_points(frame: Frame) -> follower.Points:
    """The points of a run for the kernel, which are kept with their frame."""
    found: follower.Points | None = vars(frame).get("compiled")
    if found is None:
        found = vars(frame)["compiled"] = follower.Points(frame.points)
    return found


def _compiled(mode: Mode) -> tuple[list[int], list[follower.Held]]:
    """Neurons that slide, and what they have of their own, for the kernel, which is kept with
    them."""
    found: tuple[list[int], list[follower.Held]] | None = mode.kept.get("held")
    if found is None:
        try:
            held = list(map(_KEPT, mode.neurons.values()))
        except AttributeError:
            held = [compiled_neuron(one) for one in mode.neurons.values()]
        found = mode.kept["held"] = list(mode.neurons), held
    return found


def compiled_neuron(one: Neuron) -> follower.Held:
    """What a neuron that slides has of its own, for the kernel, which is kept with it."""
    made = follower.Held(one.off, one.gradients, one.slides, one.needs, one.rooms)
    vars(one)["compiled"] = made
    return made
