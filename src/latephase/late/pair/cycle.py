"""The cycle of a neuron whose partner is dead: a scalar map up to its kink, then a kick off it.

A kick takes one step. The cycles can be followed one by one, exactly. The later they are, the
sooner a kick comes after the pre-activation has changed sign, until all are alike: each takes the
same from both sides and is exp(gain) times as long as the one before it, and the number of kicks
until any time is that of a geometric series.

Source: docs/theory.md, "Sliding".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.problem import TwoPointGeometry

from .fatou import Orbits, increments, to_the_kink
from .state import PairState

ROUNDING = 2.0**-47
"""Relative error of an increment."""
_UNSEEN = 2.0**-64  # of one: it moves no digit of float64


@dataclass(frozen=True)
class Cycle:
    """What is the same in all cycles of neuron j, for its right side u and wrong side v.

    right, wrong: Gram numbers of the points;  taken: what a kick takes off u;  fall: off v;
    climb: by how much u rises until v is back;  gain: climb - taken = step * D / k12.
    """

    g: TwoPointGeometry
    step: float
    j: int

    @property
    def right(self) -> float:
        return float(self.g.squares[self.j])

    @property
    def wrong(self) -> float:
        return float(self.g.squares[1 - self.j])

    @property
    def taken(self) -> float:
        return self.step * self.g.k12

    @property
    def fall(self) -> float:
        return self.step * self.wrong

    @property
    def climb(self) -> float:
        return self.fall * self.right / self.g.k12

    @property
    def gain(self) -> float:
        return self.step * self.g.determinant / self.g.k12

    @property
    def log_c(self) -> float:
        return float(np.log(self.step * self.right))

    @property
    def slower(self) -> float:
        """What all cycles before one take together, in units of what it takes to reach s."""
        return float(-np.expm1(-self.taken) / np.expm1(self.gain))

    def top(self, u: Floats, v: Floats) -> Floats:
        """The right side at which v is back at 0."""
        return u - v * (self.right / self.g.k12)

    def surplus(self, top: Floats) -> Floats:
        """What all kicks from a right side `top` on take more off than the first of an endless
        series would: v is not 0 when they come but up to step * k12 * exp(-u)."""
        late = self.taken * np.exp(-top)
        return np.asarray(late * (1 + late) * self.gain / -np.expm1(-self.gain))

    def left_out(self, top: Floats) -> Floats:
        """Error of u where all cycles from `top` on are taken to be alike: half of the surplus,
        also by what it does to the times of kicks, and a step or two of each of these."""
        times = 1 + (1 + self.slower) * np.exp(self.taken)
        return np.asarray(self.surplus(top) / 2 * times + self.steps(top, self._most))

    def steps(self, top: Floats, kicks: Floats | float) -> Floats:
        """What a step of each kick is of s after the last one."""
        each = 1 + self.taken * self.g.k12 / self.right
        return np.asarray(kicks * each * np.exp(self.taken + self.log_c - top))

    @property
    def _most(self) -> float:
        """The largest (m + 1) exp(-(m - 1) gain), m >= 1."""
        return max(2.0, float(np.exp(2 * self.gain - 1)) / self.gain)


def orbits_from(cycle: Cycle, u: Floats) -> Orbits:
    """The scalar maps of the right side from u (R,) on, which is high."""
    log_c, ready = np.full(u.shape, cycle.log_c), np.zeros(u.shape, np.int64)
    return Orbits(log_c, np.zeros((1, u.size)), ready, u - cycle.log_c, True)


def table_of(cycle: Cycle, s: PairState, kicks: Ints) -> tuple[Floats, Bools]:
    """Where the cycles begin, (K + 1, 6, T): u, v, what was received from the right and the wrong
    point, time, error; and of which trials (T,) no step of a kick is in doubt.

    A trial of fewer kicks stays where its last one has put it.
    """
    g, j = cycle.g, cycle.j
    nothing = np.zeros_like(s.time)
    off = s.preactivation_error[j].max(axis=0)
    now = np.stack(
        [s.preactivations[j, j], s.preactivations[j, 1 - j], nothing, nothing, s.time, off]
    )
    table, sure = [now], np.ones(kicks.size, bool)
    for k in range(int(kicks.max(initial=0))):
        on = np.flatnonzero(kicks > k)
        u, v, right, wrong, time, off = now[:, on]
        exact_n, n, rise = to_the_kink(u - cycle.log_c, cycle.top(u, v) - u)
        u, v = u + rise, v + rise * (g.k12 / cycle.right)
        pull, kick = cycle.step * np.exp(-u), cycle.step * np.exp(v)
        near = np.abs(exact_n - np.rint(exact_n))
        off = off * np.maximum(1.0, kick * cycle.wrong - 1) + ROUNDING * (1 + u)
        sure[on] &= (near > 1e-9 + 1e-12 * n) & (near * g.k12 * pull > 4 * off)
        now = now.copy()
        now[:, on] = (
            u + cycle.right * pull - g.k12 * kick,
            v + g.k12 * pull - cycle.wrong * kick,
            right + rise / cycle.right + pull,
            wrong + kick,
            time + n + 1,
            off,
        )
        table.append(now)
    return np.stack(table), sure


@dataclass(frozen=True)
class Moved:
    """Where the living neuron is, (R, S) each: its sides u and v; what it has received of the right
    and of the wrong point since the start; the error of u; that of what was received of the wrong
    point; and whether a kick may have come or not."""

    u: Floats
    v: Floats
    right: Floats
    wrong: Floats
    off: Floats
    wrong_off: Floats
    near: Bools


def all_alike(cycle: Cycle, start: Floats, n: Floats, log_n: Floats) -> Moved:
    """After n steps (R, S) from where the last cycle that was followed has begun, start (6, R, 1).

    Where i + 1 kicks have come since, s was s_0 exp(i * gain) at the last of them, and the steps
    are (1 + q) s_0 exp(i * gain) - q s_0 - s + a few for each kick + those since, q = `slower`.
    """
    u, v, right, wrong, _, off = start
    top = cycle.top(u, v)
    half = cycle.surplus(top) / 2  # the mean, and as much on either side
    q, log_s = cycle.slower, top + half - cycle.log_c
    late = np.maximum(log_n, 0.0)
    grown = late - (np.log1p(q) + log_s)
    i = np.floor(grown / cycle.gain)
    begun = i * cycle.gain
    since = (1 + q) * np.expm1(np.maximum(grown - begun, 0.0))
    rise = np.log1p(np.exp(cycle.taken) * since)
    now = (log_s + cycle.log_c - cycle.taken) + begun + rise
    ahead = cycle.climb - rise
    left_out = half * (1 + (1 + q) * np.exp(cycle.taken))
    near, left_out = np.minimum(rise, ahead) <= left_out, np.repeat(left_out, late.shape[1], axis=1)

    # Where a step is not yet nothing.
    r, c = np.nonzero(late <= _nothing(cycle, u, log_s))
    early = _early(cycle, u[r, 0], top[r, 0], half[r, 0], n[r, c], log_n[r, c])
    for whole, part in zip((i, now, ahead, left_out, near), early, strict=True):
        whole[r, c] = part
    known = np.where(i < 0, 0.0, half * cycle.g.k12 / cycle.g.determinant)
    received = cycle.step * (i + 1) + known
    return Moved(
        now,
        -ahead * (cycle.g.k12 / cycle.right),
        right + (now - u + cycle.g.k12 * received) / cycle.right,
        wrong + received,
        off + left_out,
        known,
        near,
    )


def _nothing(cycle: Cycle, u: Floats, log_s: Floats) -> Floats:
    """ln n (R, 1) from where on the steps before the first kick and those of kicks do not move the
    last digit of anything."""
    first = np.maximum(u - cycle.log_c, log_s + np.log1p(cycle.slower))
    return np.asarray(first + cycle.climb + np.log1p(1 / cycle.gain) - np.log(_UNSEEN))


def _early(
    cycle: Cycle, u: Floats, top: Floats, half: Floats, n: Floats, log_n: Floats
) -> tuple[Floats, Floats, Floats, Floats, Bools]:
    """i, u, how far ahead the kink is, what is left out, and whether a kick is in doubt, (P,) each,
    with all that steps do."""
    q, log_s = cycle.slower, top + half - cycle.log_c
    each = 1.5 * -np.expm1(-cycle.taken) - cycle.climb / 2
    fixed = np.exp(u - cycle.log_c) - 1.5 + (top - u) / 2
    late = np.maximum(log_n, 0.0)
    grown = np.log1p(np.exp(-late) * fixed + q * np.exp(log_s - late)) + late
    grown -= np.log1p(q) + log_s
    later = each * np.exp(-grown - log_s) / (1 + q)  # of each kick, by how much that is less
    i = np.floor((grown - later * np.maximum(grown / cycle.gain, 0.0)) / cycle.gain)
    begun = i * cycle.gain
    scale = np.exp(-begun - log_s)  # a step
    since = (1 + q) * np.expm1(grown - begun) - each * i * scale
    low = np.exp(-cycle.taken) * (1 + 1.5 * scale)
    rise = np.log1p(np.maximum(since, 0.0) / low)
    rise += rise / 2 * scale / (low + np.maximum(since, 0.0))
    now = (log_s + cycle.log_c - cycle.taken) + begun + rise + 1.5 * scale
    ahead = cycle.climb - rise
    left_out = half * (1 + (1 + q) * np.exp(cycle.taken)) + cycle.steps(top, i + 2) * np.exp(-begun)
    near = np.minimum(rise, ahead) <= left_out
    before = np.flatnonzero(i < 0)  # the first kick
    if before.size:
        orbit = orbits_from(cycle, u[before])
        rise = increments(orbit, n[before, None], log_n[before, None])[:, 0]
        now[before] = u[before] + rise
        ahead[before] = top[before] - now[before]
        near[before] = ahead[before] <= left_out[before]
        left_out[before], i[before] = 0.0, -1.0
    return i, now, ahead, left_out, near
