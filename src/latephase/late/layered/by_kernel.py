"""A mode followed in machine code (`kernel`): what it is told, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
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
) -> tuple[Ints, follower.Guards]:
    """The pairs (P, 2) watched, and their guards and those of slides."""
    watch = mode.known.get("watch")
    if watch is None:
        watch = mode.known["watch"] = _Watch.of(mode)
    dynamics, (j, i), held = mode.dynamics, watch.pairs.T, mode.slides[:, 0]
    terms = (ROUNDING + loose[j, i]) * dynamics.terms(mode.state)[j, i]
    ends = loose[tuple(mode.slides.T)]
    sizes = np.abs(mode.state[held]).max(axis=1)
    guards = follower.Guards(
        flow,
        mode.start[None],
        mode.live,
        watch.places,
        np.array([watch.sides, dynamics.preactivations(mode.state)[j, i]]),
        watch.reach,
        watch.outer,
        np.array([mode.state[held, -1], watch.labels / sizes]),
        mode.needs,
        mode.rooms,
        np.concatenate([terms, ends, ends, np.zeros(len(held))])[None],
        tolerance,
    )
    return watch.pairs, guards


@dataclass(frozen=True)
class _Watch:
    """What the guards of a mode are told wherever it is entered: the pairs (P, 2) watched, their
    places among moving neurons, and sides (P,);  reach (M n, r);  outer, labels (s,): of slides."""

    pairs: Ints
    places: Ints
    sides: Floats
    reach: Floats
    outer: Ints
    labels: Floats

    @classmethod
    def of(cls, mode: LayeredMode) -> _Watch:
        """That of a mode."""
        dynamics, moving = mode.dynamics, mode.moving
        status = mode.status[moving]
        places, i = np.nonzero((status != SLIDING) & dynamics.bends)
        outer = np.full(len(mode.status), -1)
        outer[moving] = np.arange(len(moving))
        return cls(
            np.stack([moving[places], i], axis=1),
            np.stack([places, i], axis=1),
            np.where(status[places, i] == ACTIVE, 1.0, -1.0),
            np.ascontiguousarray(dynamics.points @ mode.basis).reshape(-1, mode.width),
            outer[mode.slides[:, 0]],
            -dynamics.labels[mode.slides[:, 1]],
        )


def _met(mode: LayeredMode, pairs: Ints, below: Bools) -> Bools:
    """The pairs (m, n) whose guards are below 0."""
    met = np.zeros(mode.status.shape, bool)
    met[tuple(pairs[below[: len(pairs)]].T)] = True
    ends = below[len(pairs) :].reshape(3, -1).any(axis=0)
    met[tuple(mode.slides[ends].T)] = True
    return mode.dynamics.kinks.complete(met)
