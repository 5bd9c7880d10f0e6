"""What must stay positive while a mode lasts, compiled: pre-activations and multipliers.

Guards are pre-activations of watched pairs (positive: on their side), multipliers of slides and one
minus these.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from latephase.core.arrays import Floats, Ints

from .compiled import inner
from .modified import Motion, weight
from .radau import STAGES

_REPRESENTABLE = 600.0  # spread of ln l_i below which all pulls are floats on one scale


class Watch(NamedTuple):
    """What the guards of a mode are made of.

    theta (m, k) at entry;  carrier (m, k, c): what moves it, times beta, or where it is `indirect`
    times the solution of pull @ w = beta;  points (n, k), points_t its transpose;
    sides (m, n): +1 and -1 of watched pairs, else 0;
    slack (m, n): how far below 0 a pair may go;
    slides (S, 2), needs, rooms (S, n): as a mode has them;  ends (S, 2): slack of either end;
    margins (n,) at entry;  live (L,): the points that pull;
    unsure: error of a multiplier per 1 + max |q|.
    """

    theta: Floats
    carrier: Floats
    indirect: bool
    points: Floats
    points_t: Floats
    sides: Floats
    slack: Floats
    slides: Ints
    needs: Floats
    rooms: Floats
    ends: Floats
    margins: Floats
    live: Ints
    unsure: float


@inner
def carried(motion: Motion, watch: Watch, beta: Floats) -> Floats:
    """What the carrier is multiplied with (c, columns) at beta (r, columns)."""
    if not watch.indirect:
        return beta
    w = beta.copy()
    for i in range(len(w) - 1, -1, -1):
        for c in range(w.shape[1]):
            left = w[i, c]
            for j in range(i + 1, len(w)):
                left -= motion.pull[i, j] * w[j, c]
            w[i, c] = left / motion.pull[i, i]
    return w


@inner
def margins_at(motion: Motion, watch: Watch, beta: Floats) -> Floats:
    """q_i (n,) at beta (r,)."""
    q = watch.margins.copy()
    moved = motion.pull_t @ beta
    for k in range(len(moved)):
        q[watch.live[k]] += moved[k]
    return q


@inner
def scaled_sum(row: Floats, log: Floats, one_scale: bool) -> tuple[float, float]:
    """row (n,) @ exp(log), and ln of what it is in units of: of all terms, or where these are not
    floats on one scale, of those that count, far below a point that is never fitted."""
    top = log.max() if one_scale else -1e300
    total = 0.0
    for i in range(len(row)):
        if row[i] != 0:
            top = max(top, log[i])
    for i in range(len(row)):
        if row[i] != 0:
            total += row[i] * math.exp(log[i] - top)
    return total, top


@inner
def multipliers(motion: Motion, watch: Watch, beta: Floats) -> tuple[Floats, float]:
    """The multipliers of the slides (S,), each in [0, 1] while it slides, and how far they may be
    off for what the margins are off."""
    q = margins_at(motion, watch, beta)
    log = np.empty_like(q)
    for i in range(len(q)):
        log[i] = weight(motion.logistic, q[i])[0]
    found = np.empty(len(watch.slides))
    one_scale = log.max() - log.min() < _REPRESENTABLE
    for k in range(len(found)):
        needed, top = scaled_sum(watch.needs[k], log, one_scale)
        room, top_room = scaled_sum(watch.rooms[k], log, one_scale)
        apart = min(max(top - top_room, -1e4), 700.0)
        found[k] = min(max(needed * math.exp(apart) / room, -1.0), 2.0)
    return found, watch.unsure * (1 + np.abs(q).max())


@inner
def end_guards(motion: Motion, watch: Watch, beta: Floats) -> Floats:
    """The guards (S, 2) of the multipliers at beta (r,)."""
    if len(watch.slides) == 0:
        return np.zeros((0, 2))
    found, error = multipliers(motion, watch, beta)
    return np.stack((found, 1 - found), axis=1) + error + watch.ends


@inner
def pair_guards(watch: Watch, w: Floats) -> Floats:
    """The guards (m, n) of all watched pairs at w (c,), inf elsewhere."""
    m, k, c = watch.carrier.shape
    theta = watch.theta + (watch.carrier.reshape(m * k, c) @ w).reshape(m, k)
    found = theta @ watch.points_t
    for j in range(m):
        for i in range(found.shape[1]):
            inside = watch.sides[j, i] * found[j, i] + watch.slack[j, i]
            found[j, i] = inside if watch.sides[j, i] != 0 else np.inf
    return found


@inner
def rows_of(watch: Watch, pairs: Ints) -> Floats:
    """The guards of some pairs (p, 2) as functions of (w, 1): rows (p, c + 1)."""
    _, size, columns = watch.carrier.shape
    found = np.zeros((len(pairs), columns + 1))
    for p in range(len(pairs)):
        j, i = pairs[p]
        for k in range(size):
            x = watch.sides[j, i] * watch.points[i, k]
            for c in range(columns):
                found[p, c] += x * watch.carrier[j, k, c]
            found[p, columns] += x * watch.theta[j, k]
        found[p, columns] += watch.slack[j, i]
    return found


class Suspects(NamedTuple):
    """Guards that are below 0 somewhere: pairs (p, 2) with their rows (p, c + 1), and ends (e, 2)
    of slides."""

    pairs: Ints
    rows: Floats
    ends: Ints


@inner
def no_suspects() -> Suspects:
    """None."""
    return Suspects(np.zeros((0, 2), np.int64), np.zeros((0, 1)), np.zeros((0, 2), np.int64))


@inner
def guards(motion: Motion, watch: Watch, some: Suspects, beta: Floats) -> Floats:
    """Some guards (p + e,) at beta (r,)."""
    w, count = carried(motion, watch, beta.reshape(-1, 1)), len(some.pairs)
    found = np.empty(count + len(some.ends))
    for p in range(count):
        found[p] = some.rows[p, -1]
        for c in range(len(w)):
            found[p] += some.rows[p, c] * w[c, 0]
    if len(some.ends):
        inside = end_guards(motion, watch, beta)
        for e in range(len(some.ends)):
            found[count + e] = inside[some.ends[e, 0], some.ends[e, 1]]
    return found


@inner
def first_below(motion: Motion, watch: Watch, beta: Floats, z: Floats) -> tuple[int, Suspects]:
    """The first of the stages of a step (r, 5) from beta at which a guard is below 0, -1 if none
    is, and those that are below it there."""
    at = carried(motion, watch, beta.reshape(-1, 1) + z)
    for k in range(STAGES):
        pairs = pair_guards(watch, at[:, k].copy())
        ends = end_guards(motion, watch, beta + z[:, k])
        if pairs.min() < 0 or (ends < 0).any():
            below = below_zero(pairs)
            return k, Suspects(below, rows_of(watch, below), below_zero(ends))
    return -1, no_suspects()


@inner
def below_zero(guards: Floats) -> Ints:
    """Where guards (., .) are below 0, (p, 2)."""
    found, count = np.empty((guards.size, 2), np.int64), 0
    for j in range(guards.shape[0]):
        for i in range(guards.shape[1]):
            if guards[j, i] < 0:
                found[count, 0], found[count, 1] = j, i
                count += 1
    return found[:count]
