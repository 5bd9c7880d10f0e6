"""A mode followed in machine code (`kernel`): what it is told, and what comes back."""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Floats

from .dynamics import Dynamics
from .gradients import Neuron
from .kernel import follower
from .mode import Mode
from .segment import Segment

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
        _compiled_points(dynamics),
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


def _compiled_points(dynamics: Dynamics) -> follower.Points:
    """The points of a run for the kernel."""
    found: follower.Points | None = vars(dynamics).get("compiled")
    if found is None:
        found = vars(dynamics)["compiled"] = follower.Points(dynamics.points)
    return found


def _compiled(mode: Mode) -> tuple[list[int], list[follower.Held]]:
    """Neurons that slide, and what they have of their own, for the kernel, which is kept with
    them."""
    found: tuple[list[int], list[follower.Held]] | None = mode.kept.get("held")
    if found is None:
        held = [getattr(one, "compiled", None) or _held(one) for one in mode.neurons.values()]
        found = mode.kept["held"] = list(mode.neurons), held
    return found


def _held(one: Neuron) -> follower.Held:
    """What a neuron that slides has of its own, for the kernel, which is kept with it."""
    made = follower.Held(one.off, one.gradients, one.slides, one.needs, one.rooms)
    vars(one)["compiled"] = made
    return made
