"""A mode followed from its entry to where something ends it, compiled: one call for a segment."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from latephase.core.arrays import Bools, Floats

from .compiled import compiled, inner
from .modified import LARGEST, Motion, field, log_pulls
from .radau import NODES, STAGES, along, stages
from .watch import (
    Suspects,
    Watch,
    carried,
    end_guards,
    first_below,
    guards,
    margins_at,
    multipliers,
    no_suspects,
    pair_guards,
)

_FIRST = 0.1  # in s, the power of the tolerance: a mode relaxes in a time of 1
_SAFE, _MOST_GROWTH = 0.9, 4.0
_MOST_TRIES = 40  # of a step
_MOST_STEPS = 3_000
_SMALLEST = 1e-15  # in s, absolute and relative
_LOOSER, _MOST_LOOSE = 100.0, 2  # times the tolerance, where rounding keeps a solver from it
_PULLS = 12.0  # ln(t l) from which on a point may be at rest: it pulls, and nothing comes of it
_RESOLVED = 40 * math.log(2.0)  # beyond it the steps of gradient descent are not told apart
_GLANCE = 10  # steps after which it is asked whether the clock is too fast
_SLOW = 1e-3  # of the rate of relaxation: a motion below it is slow
_ALIGHTS = 1e-8  # of a step: this near to a guard it is met along the field
_MOST_AIMS = 8

REACHED, TRIGGERED, RESTS, RELAXED, FAILED = range(5)


class Rest(NamedTuple):
    """When points have come to rest.  sizes (L,): lengths of the pull; scale (m, k): sizes of the
    coordinates;  log_balanced: ln of the share of its pull that may be left."""

    sizes: Floats
    scale: Floats
    log_balanced: float


class Ended(NamedTuple):
    """Where a mode was left, and why.

    log_time: ln of the time since entry;  theta (m, k), margins (n,) there;
    sampled (passed, m, k): theta at the samples;  why: one of the words above;
    met (m, n): pairs below their guards;  ends (S, 2): those of slides;  multipliers (S,): theirs;
    resting (L,): live points at rest;  work: attempts at steps.
    """

    log_time: float
    theta: Floats
    margins: Floats
    sampled: Floats
    why: int
    met: Bools
    ends: Bools
    multipliers: Floats
    resting: Bools
    work: int


@inner
def log_time(motion: Motion, s: float) -> float:
    """ln of the time since entry at the solver's variable s."""
    return motion.log_origin + s + math.log(-math.expm1(-s)) if s > 0 else -1e6


@compiled
def solver_time(motion: Motion, log_time: float) -> float:
    """The solver's variable s = ln(1 + t / c) at a time since entry."""
    x = log_time - motion.log_origin
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@inner
def at_rest(motion: Motion, watch: Watch, rest: Rest, s: float, beta: Floats) -> Bools:
    """Live points (L,) that have pulled for long without moving: they have come to rest.

    Forces count in units of their coordinates: where x = 10001 and 10000 hold one another,
    what moves both is 1e-8 of what they pull with, and is all that matters.
    """
    log = log_pulls(motion, s, beta) - s - motion.log_origin + log_time(motion, s)
    old = log + 2 * np.log(rest.sizes) > _PULLS
    if not old.any():
        return old
    forces = watch.carrier.reshape(rest.scale.size, -1)
    if not watch.indirect:
        forces = forces @ motion.pull
    forces = forces / rest.scale.reshape(-1, 1) * np.exp(log - log.max())
    left = math.sqrt((forces.sum(axis=1) ** 2).sum()) / math.exp(rest.log_balanced)
    return old & (np.sqrt((forces**2).sum(axis=0)) > left)


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
        if h <= _SMALLEST * s:
            break
        guess = guessed(motion, s, beta, h, Step(0.0, z, h, stiff, 0), False)
    return Step(0.0, np.zeros((len(beta), STAGES)), h, stiff, work)


@compiled
def opened(motion: Motion, watch: Watch) -> Floats:
    """The guards of pairs at entry (m, n), once all are measured from where they start: rounding
    may leave a pair that has just passed its kink an ulp on the wrong side."""
    for _ in range(2):
        pairs = pair_guards(watch, np.zeros(watch.carrier.shape[2]))
        inside = end_guards(motion, watch, np.zeros(len(motion.pull)))
        for j in range(len(pairs)):
            for i in range(pairs.shape[1]):
                watch.slack[j, i] += max(-pairs[j, i], 0.0)
        for k in range(len(inside)):
            for end in range(2):
                watch.ends[k, end] += max(-inside[k, end], 0.0)
    return pairs


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
        asked = max(target - s, _SMALLEST)
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


@compiled
def follow_mode(
    motion: Motion,
    watch: Watch,
    rest: Rest,
    times: Floats,
    end: float,
    first: float,
    tolerance: float,
    whole: bool,
) -> Ended:
    """Follow a mode from s = 0 to `end`, or where a guard falls below 0, or all that is fast has
    relaxed, or points have come to rest.

    times (T,): sorted, of samples;  first: the length of the first step, if that is not too long;
    whole: whether events wait for whole times.
    """
    s, beta, h, why = 0.0, np.zeros(len(motion.pull)), min(first, tolerance**_FIRST), FAILED
    step = Step(0.0, np.zeros((len(beta), STAGES)), h, False, 0)
    work, steps, loose, passed, some = 0, 0, 0, 0, no_suspects()
    sampled = np.empty((len(times), len(beta)))
    far = opened(motion, watch)
    while why == FAILED and work < _MOST_STEPS:
        step = advance(motion, s, beta, max(min(h, end - s), _SMALLEST), step, True, tolerance)
        if step.h == 0:  # rounding keeps the solver from its tolerance
            if loose == _MOST_LOOSE:
                break
            tolerance, loose, h, work = (
                tolerance * _LOOSER,
                loose + 1,
                tolerance**_FIRST,
                work + step.work,
            )
            continue
        k, some = first_below(motion, watch, far, beta, step.z)
        h, distance, ahead = step.next_h, 0.0, beta + step.z[:, -1]
        work += step.work
        if k >= 0:
            met = landed(motion, watch, some, s, beta, step, k, end, tolerance, whole)
            step, distance, work = met.step, met.distance, work + met.work
            ahead = beta + step.z[:, -1] + met.shift
            why = TRIGGERED if met.hit else FAILED
            far = pair_guards(watch, carried(motion, watch, ahead.reshape(-1, 1))[:, 0].copy())
        steps, there = steps + 1, s + step.h + distance
        while passed < len(times) and times[passed] <= there:
            asked = max(times[passed] - s, _SMALLEST)
            part = advance(motion, s, beta, asked, step, False, tolerance)
            way = part.z if part.h == asked else along(step.z, np.full(1, asked / step.h))
            sampled[passed] = beta + way[:, -1]
            passed += 1
        s, beta = there, ahead
        if why == FAILED:
            why = left(motion, watch, rest, s, beta, end, steps)
    return ended(motion, watch, rest, s, beta, sampled[:passed], why, some, work)


@inner
def ended(
    motion: Motion,
    watch: Watch,
    rest: Rest,
    s: float,
    beta: Floats,
    sampled: Floats,
    why: int,
    some: Suspects,
    work: int,
) -> Ended:
    """The end of a mode at s and beta (r,), sampled (passed, r), by `some` guards if any."""
    (m, size, columns), count = watch.carrier.shape, len(sampled)
    carrier = watch.carrier.reshape(m * size, columns)
    ways = np.empty((len(beta), count + 1))
    ways[:, :count], ways[:, count] = sampled.T, beta
    ways = carried(motion, watch, ways)
    thetas = np.empty((count + 1, m, size))
    for row in range(count + 1):
        thetas[row] = watch.theta + (carrier @ ways[:, row].copy()).reshape(m, size)
    pairs, inside = pair_guards(watch, ways[:, count].copy()), end_guards(motion, watch, beta)
    shares = multipliers(motion, watch, beta)[0] if len(inside) else inside[:, 0].copy()
    met, ends = pairs < 0, inside < 0
    if why != TRIGGERED:
        met[:], ends[:] = False, False
    elif not (met.any() or ends.any()):  # rounding hides it at its root
        nearest = np.inf
        for j, i in some.pairs:
            nearest = min(nearest, pairs[j, i])
        for k, e in some.ends:
            nearest = min(nearest, inside[k, e])
        for j, i in some.pairs:
            met[j, i] = pairs[j, i] <= nearest
        for k, e in some.ends:
            ends[k, e] = inside[k, e] <= nearest
    return Ended(
        log_time(motion, s),
        thetas[count],
        margins_at(motion, watch, beta),
        thetas[:count],
        why,
        met,
        ends,
        shares,
        at_rest(motion, watch, rest, s, beta),
        work,
    )


@compiled
def at_once(motion: Motion, watch: Watch, rest: Rest, times: Floats, end: float) -> Ended:
    """A mode followed for so short a time that its field is constant."""
    speed = field(motion, 0.0, np.zeros(len(motion.pull)))
    sampled = np.outer(times[times <= end], speed)
    return ended(motion, watch, rest, end, end * speed, sampled, REACHED, no_suspects(), 0)


@inner
def left(
    motion: Motion, watch: Watch, rest: Rest, s: float, beta: Floats, end: float, steps: int
) -> int:
    """Why a mode is left at s, FAILED if it is not."""
    if s >= end:
        return REACHED
    if at_rest(motion, watch, rest, s, beta).any():
        return RESTS
    if steps % _GLANCE == 0:
        motion_now = np.abs(motion.pull_t @ field(motion, s, beta)).max()
        if 0 < motion_now < _SLOW:
            return RELAXED
    return FAILED
