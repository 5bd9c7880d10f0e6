"""Steps within the tolerance, and the landing of one where a guard falls below 0; compiled."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from latephase.core.arrays import Floats

from .compiled import compiled, inner
from .modified import LARGEST, Motion, field, log_pulls
from .radau import NODES, STAGES, along, stages
from .watch import Suspects, Watch, carried, end_guards, guards, pair_guards

_SAFE, _MOST_GROWTH = 0.9, 4.0
_MOST_TRIES = 40  # of a step
SMALLEST = 1e-15  # a step in s, absolute and relative
_RESOLVED = 40 * math.log(2.0)  # beyond it the steps of gradient descent are not told apart
_ALIGHTS = 1e-8  # of a step: this near to a guard it is met along the field
_MOST_AIMS = 8


@inner
def log_time(motion: Motion, s: float) -> float:
    """ln of the time since entry at the solver's variable s."""
    return motion.log_origin + s + math.log(-math.expm1(-s)) if s > 0 else -1e6


@compiled
def solver_time(motion: Motion, log_time: float) -> float:
    """The solver's variable s = ln(1 + t / c) at a time since entry."""
    x = log_time - motion.log_origin
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


class Step(NamedTuple):
    """A step that may be accepted: its length, moves z (r, 5) to its stages, the length that the
    next one may have, whether Newton's iteration found it;  work: attempts, h = 0 if all failed."""

    h: float
    z: Floats
    next_h: float
    stiff: bool
    work: int


@inner
def guessed(motion: Motion, s: float, beta: Floats, h: float, old: Step, goes_on: bool) -> Floats:
    """What beta may move to the stages of a step h (r, 5), from one that began here or, if this one
    `goes_on`, ended here."""
    z = np.empty((len(beta), STAGES))
    if old.h == 0 or h > 4 * old.h:
        speed = field(motion, s, beta)
        for c in range(STAGES):
            z[:, c] = h * NODES[c] * speed
        return z
    if not goes_on:
        return along(old.z, NODES * h / old.h)
    z[:] = along(old.z, 1 + NODES * h / old.h)
    for c in range(STAGES):
        z[:, c] -= old.z[:, -1]
    return z


@inner
def advance(
    motion: Motion, s: float, beta: Floats, h: float, old: Step, goes_on: bool, tolerance: float
) -> Step:
    """One step from s of at most h, that is within the tolerance."""
    stiff, work, guess = old.stiff, 0, guessed(motion, s, beta, h, old, goes_on)
    while work < _MOST_TRIES:
        work += 1
        z, error, count = stages(motion, s, beta, h, guess, tolerance, stiff)
        if count == 0 and not stiff:
            stiff = True
        elif count == 0 or log_pulls(motion, s + h, beta + z[:, -1]).max() > LARGEST:
            h /= 4
        else:
            change = _SAFE * max(error, 1e-9) ** (-1 / (STAGES + 1))
            if error <= 1:
                return Step(h, z, h * min(change, _MOST_GROWTH), stiff, work)
            h *= max(min(change, 0.9), 0.1)
        if h <= SMALLEST * s:
            break
        guess = guessed(motion, s, beta, h, Step(0.0, z, h, stiff, 0), False)
    return Step(0.0, np.zeros((len(beta), STAGES)), h, stiff, work)


@inner
def root(motion: Motion, watch: Watch, some: Suspects, beta: Floats, z: Floats, k: int) -> float:
    """The share of a step (r, 5) from beta at which the least of some guards falls below 0, which
    it is at stage k: by the collocation polynomial.  0 where it is below 0 at beta."""
    low, high = NODES[k - 1] if k > 0 else 0.0, NODES[k]
    share = np.empty(1)
    above, below = 0.0, guards(motion, watch, some, beta + z[:, k]).min()
    share[0] = low
    above = guards(motion, watch, some, beta + along(z, share)[:, 0]).min()
    if above <= 0:  # at the stage before it was not: rounding
        return low
    for _ in range(30):  # the method of false position, Illinois variant
        share[0] = (low * below - high * above) / (below - above)
        value = guards(motion, watch, some, beta + along(z, share)[:, 0]).min()
        if abs(value) < 1e-9 * abs(above) or high - low < 1e-9 * high:
            break
        if value < 0:
            high, below, above = share[0], value, above / 2 if below < 0 else above
        else:
            low, above, below = share[0], value, below / 2
    return share[0]


@inner
def aimed(
    motion: Motion, watch: Watch, some: Suspects, s: float, beta: Floats, h: float
) -> tuple[float, Floats]:
    """From near an event to it, by Newton: how far in s, and the field there; inf where the guards
    do not fall."""
    speed, little, first = field(motion, s, beta), 1e-4 * h, np.inf
    now = guards(motion, watch, some, beta)
    slopes = (guards(motion, watch, some, beta + little * speed) - now) / little
    for p in range(len(now)):
        if slopes[p] < 0:
            first = min(first, -now[p] / slopes[p])
        elif now[p] < 0:
            first = 0.0
    return first, speed


@inner
def noticed(motion: Motion, s: float) -> float:
    """When gradient descent sees what happens at s: at its next whole time, 1 at least."""
    return solver_time(motion, math.log(max(math.ceil(math.exp(log_time(motion, s))), 1.0)))


@compiled
def below(motion: Motion, watch: Watch, beta: Floats) -> bool:
    """Whether a guard is below 0 at beta (r,)."""
    w = carried(motion, watch, beta.reshape(-1, 1))[:, 0].copy()
    pairs, ends = pair_guards(watch, w), end_guards(motion, watch, beta)
    return bool((pairs < 0).any() or (ends < 0).any())


class Landed(NamedTuple):
    """Where an event has been met, or was a false alarm: the step that leads there, and by how much
    s and beta (r,) are off its end;  hit: whether it was met;  work: attempts at steps."""

    step: Step
    distance: float
    shift: Floats
    hit: bool
    work: int


@inner
def landed(
    motion: Motion,
    watch: Watch,
    some: Suspects,
    s: float,
    beta: Floats,
    step: Step,
    k: int,
    end: float,
    tolerance: float,
    whole: bool,
) -> Landed:
    """To where the least of some guards falls below 0, which it is at stage k of a step from s.

    whole: whether that is noticed at the next whole time only, and not at all if the guard has
    risen again by then.
    """
    none, work, reach = np.zeros(len(beta)), 0, step.h
    target, most = s + step.h * root(motion, watch, some, beta, step.z, k), s + step.h * NODES[k]
    waits = whole and log_time(motion, target) < _RESOLVED
    if waits:
        target = min(noticed(motion, target), end)
    for _ in range(_MOST_AIMS):
        asked = max(target - s, SMALLEST)
        step = advance(motion, s, beta, asked, step, False, tolerance)
        work += step.work
        there, ahead = s + step.h, beta + step.z[:, -1]
        if step.h < asked:  # too far for one step: it is met again
            break
        if waits:
            hit = below(motion, watch, ahead)
            return Landed(step, 0.0, none, hit, work)
        distance, speed = aimed(motion, watch, some, there, ahead, reach)
        if not there + distance <= most + _ALIGHTS * reach:
            break
        if abs(distance) <= _ALIGHTS * reach:
            return Landed(step, distance, distance * speed, True, work)
        target = there + distance
        if target <= s:
            break
    hit = not waits and guards(motion, watch, some, beta + step.z[:, -1]).min() < 0
    return Landed(step, 0.0, none, hit, work)
