"""A mode followed in machine code (`kernel`): what it is told, and what comes back."""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.late.pattern import ACTIVE, INACTIVE, SLIDING

from .field import LayeredField
from .guards import ROUNDING
from .kernel import follower
from .mode import LayeredMode
from .segment import LayeredSegment

LOGISTIC = {"exponential": False, "logistic": True}  # the losses that the kernel has


def follow_by_kernel(
    field: LayeredField,
    loose: Floats,
    log_times: Floats,
    log_end: float,
    tolerance: float,
    cap: float,
) -> LayeredSegment:
    """Follow a mode, as `follow.follow` says."""
    mode, dynamics = field.mode, field.mode.dynamics
    flow = follower.Field(
        mode.forms.reshape(-1, mode.width),
        len(mode.moving),
        field.order,
        LOGISTIC[dynamics.loss.name],
        field.log_origin,
        dynamics.method.log_step,
        field.scale[None],
    )
    pairs, guards = _guards(flow, mode, loose, tolerance)
    discrete = dynamics.method.discrete
    way = follower.Follower(flow, guards, discrete, discrete and not mode.sliding, cap, tolerance)
    log_time, y, sampled, why, below, shares, work = way.follow(log_times, log_end)
    met, released = np.zeros(mode.status.shape, bool), np.full(mode.status.shape, -1)
    if below.any():
        met = _met(mode, pairs, below)
        ended = met[tuple(mode.slides.T)]
        released[tuple(mode.slides[ended].T)] = np.where(shares[ended] > 0.5, ACTIVE, INACTIVE)
    states = [mode.parameters(one) for one in sampled]
    return LayeredSegment(
        log_time,
        mode.parameters(y),
        states,
        met,
        dynamics.kinks.alike(released),
        why == follower.FAILED,
        work,
        why == follower.ROUGH,
    )


def _guards(
    flow: follower.Field, mode: LayeredMode, loose: Floats, tolerance: float
) -> tuple[Floats, follower.Guards]:
    """The pairs (P, 2) watched, and their guards and those of slides."""
    dynamics, points, moving = mode.dynamics, mode.dynamics.points, mode.moving
    status = mode.status[moving]
    places, i = np.nonzero((status != SLIDING) & dynamics.bends)
    j, slides = moving[places], mode.slides.T
    sides = np.where(status[places, i] == ACTIVE, 1.0, -1.0)
    terms = (ROUNDING + loose[j, i]) * dynamics.terms(mode.state)[j, i]
    held, ends = slides[0], loose[slides[0], slides[1]]
    sizes = np.abs(mode.state[held]).max(axis=1)
    outer = np.full(len(mode.status), -1)
    outer[moving] = np.arange(len(moving))
    guards = follower.Guards(
        flow,
        mode.start[None],
        mode.live,
        np.stack([places, i], axis=1),
        np.stack([sides, dynamics.preactivations(mode.state)[j, i]]),
        np.ascontiguousarray(points @ mode.basis).reshape(-1, mode.width),
        outer[held],
        np.stack([mode.state[held, -1], -dynamics.labels[slides[1]] / sizes]),
        mode.needs,
        mode.rooms,
        np.concatenate([terms, ends, ends, np.zeros(len(held))])[None],
        tolerance,
    )
    return np.stack([j, i], axis=1), guards


def _met(mode: LayeredMode, pairs: Floats, below: Bools) -> Bools:
    """The pairs (m, n) whose guards are below 0."""
    met = np.zeros(mode.status.shape, bool)
    met[tuple(pairs[below[: len(pairs)]].T)] = True
    ends = below[len(pairs) :].reshape(3, -1).any(axis=0)
    met[tuple(mode.slides[ends].T)] = True
    return mode.dynamics.kinks.complete(met)
