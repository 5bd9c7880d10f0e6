"""Piece: the flow of coupled layers and points, in one pattern, to the next kink.

For k12 <= 0 no kink is held from both sides, so each is crossed.
"""

from __future__ import annotations

import numpy as np

from latephase.core import Outcome
from latephase.core.arrays import Bools, Floats, Ints

from .flow import Motion
from .follow_orbit import log_since
from .panels import log_expm1
from .runge_kutta import Field, step
from .state import LayeredPairState, rises, sizes
from .task import LayeredJourney, LayeredPairTask

SLOW = 2.0**-9  # relaxation in one step, from which on descent is followed as a flow
TOLERANCE = 1e-13  # of what a neuron has, in one step of the solver
_ON_KINK = 1e-13  # of what a neuron has: how far beyond its kink a step may end
_FIRST, _SHORTEST = 0.1, 1e-3  # length of the first step; share of a step tried before a kink
_FAR = 1e6  # ln t at which a trial without a horizon is under way for ever
_LOG_NOTHING = np.log(1e-17)  # relaxation in one step, below which steps are as good as flow
_WHOLE = 2.0**50  # time up to which descent is put at whole numbers of updates
_FASTER = np.log(4.0)  # growth of the relaxation at which descent is stepped again


def follow_flow(task: LayeredPairTask, journey: LayeredJourney, rows: Ints) -> None:
    """Follow trials (R,) until each has crossed a kink or has reached the horizon."""
    s = journey.state[rows]
    active = s.preactivations(task.geometry) > 0
    flow = _Flow(task, s, active)
    column = task.next_sample(s.log_time)
    targets = np.append(task.times.log, np.inf)
    horizon = min(task.times.log_horizon, _FAR)
    journey.exact[rows] = False
    open_rows = np.arange(rows.size)
    while open_rows.size:
        r = open_rows
        goal = flow.clock(targets[column[r]], r)
        lands = flow.advance(r, goal)
        hit = r[lands]
        task.samples.write(rows[hit], column[hit], flow.state(hit), journey.exact[rows[hit]])
        column[hit] += 1
        over = flow.log_time[r] >= horizon
        journey.outcome[rows[r[over]]] = Outcome.transient
        open_rows = r[~(over | flow.has_ended(r))]
    journey.state[rows] = flow.state(np.arange(rows.size))
    journey.log_entry[rows] = np.where(flow.crossed, flow.log_time, journey.log_entry[rows])


class _Flow:
    """Trials (R,) on their way through a pattern, in s = ln(1 + rate (t - start))."""

    def __init__(self, task: LayeredPairTask, s: LayeredPairState, active: Bools) -> None:
        self._task, self._start, self._active = task, s, active
        self.z, self.log_time = s.moved.copy(), s.log_time.copy()
        self._s, self._length = np.zeros(s.error.size), np.full(s.error.size, _FIRST)
        everyone = np.arange(s.error.size)
        self._log_rate = self._motion(everyone, self.z).log_rate()
        self._slope = self._field(everyone)(self._s, self.z)
        self.crossed = np.zeros(s.error.size, bool)
        self._error = s.error + _left_out(self._log_rate, task.discrete)

    def _motion(self, r: Ints, z: Floats) -> Motion:
        return Motion(
            self._task.geometry,
            self._heights(r, z),
            z[4:],
            self._active[..., r],
            self._task.log_step,
        )

    def _heights(self, r: Ints, z: Floats) -> Floats:
        gained = z[:4].reshape(2, 2, -1)
        return self._start.first[..., r] + rises(self._task.geometry, gained)

    def _field(self, r: Ints) -> Field:
        rate = self._log_rate[r]
        stepped = self._task.discrete & (self._motion(r, self.z[:, r]).log_rate() > _LOG_NOTHING)

        def field(s: Floats, z: Floats) -> Floats:
            return self._motion(r, z).modified(s - rate, stepped)

        return field

    def clock(self, log_t: Floats, r: Ints) -> Floats:
        """s (R,) at exp(log_t) (R,)."""
        since = log_since(log_t, self._start.log_time[r])
        return np.asarray(np.logaddexp(0.0, self._log_rate[r] + since))

    def advance(self, r: Ints, goal: Floats) -> Bools:
        """One step of each trial, at most to its goal; whether it has got there."""
        ahead = goal - self._s[r]
        lands = ahead <= self._length[r]
        h = np.where(lands, ahead, self._whole(r, self._length[r]))
        z = self.z[:, r]
        before = self._heights(r, z)
        size = sizes(before, z[4:], self._task.geometry)
        made = step(self._field(r), self._s[r], z, self._slope[:, r], h, self._scale(size))
        share, crossed = _crossing(before, self._heights(r, made.y), self._active[..., r], size)
        accepted = made.accepted & (share >= 1)
        good = r[accepted]
        growth = np.where(
            made.accepted, np.minimum(made.growth, np.where(share < 1, share, np.inf)), made.growth
        )
        keeps = lands & accepted
        self._length[r] = np.where(keeps, self._length[r], h * growth)
        self._s[good] = np.where(lands, goal, self._s[r] + h)[accepted]
        self.z[:, good], self._slope[:, good] = made.y[:, accepted], made.slope[:, accepted]
        self.crossed[good] = crossed[accepted]
        since = log_expm1(self._s[good]) - self._log_rate[good]
        self.log_time[good] = np.logaddexp(self._start.log_time[good], since)
        return keeps

    def _whole(self, r: Ints, length: Floats) -> Floats:
        """Lengths (R,) of steps of descent that end at a whole number of updates."""
        if not self._task.discrete:
            return length
        s, rate, start = self._s[r], self._log_rate[r], self._start.log_time[r]
        end = np.exp(np.minimum(np.logaddexp(start, log_expm1(s + length) - rate), 700.0))
        after = np.maximum(np.floor(end), np.rint(np.exp(np.minimum(self.log_time[r], 700.0))) + 1)
        whole = self.clock(np.log(after), r) - s
        return np.where(after < _WHOLE, whole, length)

    def _scale(self, size: Floats) -> Floats:
        lengths = np.sqrt(self._task.geometry.squares)[:, None]
        unit = TOLERANCE * np.maximum(size, np.finfo(float).tiny)
        return np.concatenate([(unit[:, None] / lengths).reshape(4, -1), unit])

    def has_ended(self, r: Ints) -> Bools:
        """Whether trials have crossed a kink or must be stepped, (R,)."""
        steps = np.zeros(r.size, bool)
        if self._task.discrete:
            motion, whole = self._motion(r, self.z[:, r]), self.log_time[r] < np.log(_WHOLE)
            steps = motion.log_rate() > np.log(SLOW) + _FASTER
            steps |= motion.nears_kink() & whole
        return np.asarray(self.crossed[r] | steps)

    def state(self, r: Ints) -> LayeredPairState:
        """Where trials stand."""
        s, z = self._start[r], self.z[:, r]
        kick = np.where(self.crossed[r], np.exp(self._motion(r, z).log_rate()), 0.0)
        error = self._error[r] + kick * self._task.discrete
        return LayeredPairState(s.start, s.first, z, s.low * 0.0, self.log_time[r], error)


def _left_out(log_rate: Floats, discrete: bool) -> Floats:
    """Error (R,) of the solver, and of the modified flow where steps are what is followed."""
    solver = np.full(log_rate.shape, 10 * TOLERANCE)
    return solver + np.exp(3 * log_rate) / 16 * discrete  # measured: a tenth of that


def _crossing(before: Floats, after: Floats, active: Bools, size: Floats) -> tuple[Floats, Bools]:
    """What share of a step to try before a kink is met, at least 1 where it may be taken, (R,); and
    whether it ends just beyond one."""
    beyond = (after > 0) != active
    far = beyond & (np.abs(after) > _ON_KINK * size[:, None])
    fall = np.where(beyond, before - after, 1.0)
    share = np.where(far, np.clip(before / fall, _SHORTEST, 0.999), np.inf).min(axis=(0, 1))
    return share, beyond.any(axis=(0, 1))
