"""A mode followed from its entry to where something ends it, compiled: one call for a segment."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from latephase.core.arrays import Bools, Floats

from .compiled import compiled, inner
from .landing import SMALLEST, Step, advance, landed, log_time
from .modified import Motion, field, log_pulls
from .radau import STAGES, along
from .watch import (
    Suspects,
    Watch,
    carried,
    end_guards,
    first_below,
    margins_at,
    multipliers,
    no_suspects,
    pair_guards,
)

_FIRST = 0.1  # in s, the power of the tolerance: a mode relaxes in a time of 1
_MOST_STEPS = 3_000
_LOOSER, _MOST_LOOSE = 100.0, 2  # times the tolerance, where rounding keeps a solver from it
_PULLS = 12.0  # ln(t l) from which on a point may be at rest: it pulls, and nothing comes of it
_GLANCE = 10  # steps after which it is asked whether the clock is too fast
_SLOW = 1e-3  # of the rate of relaxation: a motion below it is slow

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


@compiled
def opened(motion: Motion, watch: Watch) -> None:
    """Have all guards measured from where they start: rounding may leave a pair that has just
    passed its kink an ulp on the wrong side."""
    pairs = pair_guards(watch, np.zeros(watch.carrier.shape[2]))
    inside = end_guards(motion, watch, np.zeros(len(motion.pull)))
    for j in range(len(pairs)):
        for i in range(pairs.shape[1]):
            watch.slack[j, i] += max(-pairs[j, i], 0.0)
    for k in range(len(inside)):
        for end in range(2):
            watch.ends[k, end] += max(-inside[k, end], 0.0)


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
    opened(motion, watch)
    while why == FAILED and work < _MOST_STEPS:
        step = advance(motion, s, beta, max(min(h, end - s), SMALLEST), step, True, tolerance)
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
        k, some = first_below(motion, watch, beta, step.z)
        h, distance, ahead = step.next_h, 0.0, beta + step.z[:, -1]
        work += step.work
        if k >= 0:
            met = landed(motion, watch, some, s, beta, step, k, end, tolerance, whole)
            step, distance, work = met.step, met.distance, work + met.work
            ahead = beta + step.z[:, -1] + met.shift
            why = TRIGGERED if met.hit else FAILED
        steps, there = steps + 1, s + step.h + distance
        while passed < len(times) and times[passed] <= there:
            asked = max(times[passed] - s, SMALLEST)
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
