"""A segment: one mode followed by a stiff solver until a guard breaks, or to a given time.

The solver is SciPy's LSODA, stepped by hand for its dense output. To ln t = 10^6 at a tolerance of
1e-10 it takes 5 ms on two neurons and two points and 14 ms on eight and four, SciPy's BDF 30 and
58 ms, its Radau 62 and 136 ms (all three with the analytic Jacobian, measured in one run); diffrax
0.7's Kvaerno5 takes 9 and 42 ms, after some seconds of compilation for each shape of mode. Entered
when everything is in balance already, LSODA takes the problem for a non-stiff one and creeps: after
some steps, or at once on a slow clock, BDF takes over.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints

from .guards import Guards
from .mode import Mode, scales
from .modified import LARGEST, LOG_SLOW, Field

_PULLS = 12.0  # ln(t l) from which on a point may be at rest: it pulls, and nothing comes of it
BALANCED = 1e-6  # of its pull: what is left of it when it is at rest against others
_RESOLVED = math.log(2.0**40)  # beyond it the steps of gradient descent are not told apart
_CREEPS = 1_000  # steps of LSODA, and 100 for each coordinate, after which it is taken to creep
_MOST_STEPS = 5_000
# Times the tolerance, where rounding of a force at rest keeps a solver from it.
_LOOSER = (1.0, 1e2, 1e4)
_SMALLEST_LOG = -1e6
_NOISE = 30.0  # times the tolerance, for what rounding leaves of forces that hold one another
_GLANCE = 50  # steps after which it is asked whether the clock is too fast
_INSTANT = 1e-12  # in s: over less than this the field is constant, and solvers refuse to start


@dataclass(frozen=True)
class Segment:
    """What became of a mode.

    log_time: ln of the time since entry at the end, beta (r,) there;  reached: number of samples
    passed, sampled (reached, r) their beta;  broken: pairs (m, n) at whose guards it ended;
    let_go (m, n): status that a slide goes over to when it ends, else -1;
    resting (n,): points that have come to rest;  failed: the solver gave up;
    work: its steps.
    """

    log_time: float
    beta: Floats
    sampled: Floats
    broken: Bools
    let_go: Ints
    resting: Bools
    failed: bool
    work: int


def follow(
    mode: Mode,
    order: int,
    log_times: Floats,
    log_end: float,
    tolerance: float,
    balanced: float = BALANCED,
    slack: Floats | None = None,
    least: Floats | None = None,
) -> Segment:
    """Follow a mode from its entry for a time exp(log_end); log_times: sorted, of the samples.

    balanced: share of its pull that may be left of a point that counts as at rest;
    slack (m, n): of the guards;  least (m, n): size of the terms of a pre-activation below which
    no more digits are asked for.
    """
    follower = _Follower(mode, order, log_times, log_end, tolerance, slack, least)
    follower.log_balanced = math.log(balanced)
    with warnings.catch_warnings():  # what a solver has to say is in its status
        warnings.simplefilter("ignore")
        return follower.run()


class _Follower:
    """The solver, the samples it has passed, and what it watches for."""

    def __init__(
        self,
        mode: Mode,
        order: int,
        log_times: Floats,
        log_end: float,
        tolerance: float,
        slack: Floats | None,
        least: Floats | None,
    ) -> None:
        self.mode, self.field = mode, Field.of(mode, order)
        tolerance *= _NOISE if self.field.slow else 1.0
        self.log_times, self.log_end, self.work = log_times, log_end, 0
        least = 1e-2 * mode.setting.terms(mode.theta) if least is None else least
        self.scales = scales(mode, least) if mode.live.size else np.zeros(0)
        self.guards = Guards(mode, slack, least, tolerance)
        self.tolerance, self.log_balanced = tolerance, math.log(BALANCED)
        self.log_sizes = np.log(np.linalg.norm(mode.pull, axis=0))
        self.even = (mode.basis @ mode.pull) / mode.scale[:, None]
        self.rank, self.sampled = mode.basis.shape[1], list[Floats]()

    def run(self) -> Segment:
        """Step until something ends the segment."""
        end = self.s(self.log_end)
        if self.mode.live.size == 0:
            return self._still()
        if end < _INSTANT:
            return self._at_once(end)
        creeps = _CREEPS + 100 * self.rank
        s, beta = 0.0, np.zeros(self.rank)
        tries = [("LSODA", creeps, 1.0), *(("BDF", _MOST_STEPS, times) for times in _LOOSER)]
        for name, most, looser in tries[self.field.slow :]:
            found = self._solve(name, most, looser * self.tolerance, s, beta)
            if isinstance(found, Segment):
                return found
            s, beta = found
        return self._end(self.log_time(s), beta, failed=True)

    def _solve(
        self, name: str, most: int, tolerance: float, s: float, beta: Floats
    ) -> Segment | tuple[float, Floats]:
        """The segment by one solver, or where that got stuck."""
        end, self.guards.tolerance = self.s(self.log_end), tolerance
        try:
            solver = self._solver(name, tolerance, s, beta)
        except ValueError:  # of a field that is not finite
            return s, beta
        for _ in range(most):
            last = solver.t, solver.y.copy()
            if not self._stepped(solver):
                return last
            found = self._ended(solver, end)
            if found is not None:
                return found
        return solver.t, solver.y.copy()

    def _ended(self, solver: Any, end: float) -> Segment | None:
        """The segment if the solver's last step has ended it; the samples it has passed."""
        if (self.guards(solver.y) < 0).any():
            found = self._break(solver, end)
            if found is not None:
                return found
        self._sample(solver, solver.t)
        if solver.status == "finished":
            return self._end(self.log_end, solver.y, failed=False)
        slow = self.work % _GLANCE == 0 and self._slow(solver.t, solver.y)
        if slow or self._resting(solver.t, solver.y).any():
            return self._end(self.log_time(solver.t), solver.y, failed=False)
        return None

    def _slow(self, s: float, beta: Floats) -> bool:
        """Whether all that is fast has relaxed: what is left goes on on a slower clock."""
        motion = np.abs(self.field(s, beta) @ self.mode.pull).max()
        return bool(0 < motion < math.exp(LOG_SLOW))

    def _stepped(self, solver: Any) -> bool:
        """Whether one more step of the solver has led anywhere."""
        self.work += 1
        try:
            solver.step()
        except (ValueError, np.linalg.LinAlgError, OverflowError):  # of matrices beyond float64
            return False
        if solver.status == "failed" or not np.isfinite(solver.y).all():
            return False
        return bool(self.field.log_pulls(solver.t, solver.y).max() <= LARGEST)

    def s(self, log_time: float) -> float:
        """The solver's variable ln(1 + t / c) at a time since entry."""
        return float(np.logaddexp(log_time - self.field.log_origin, 0.0))

    def log_time(self, s: float) -> float:
        """ln t at the solver's variable s."""
        if s <= 0:
            return _SMALLEST_LOG
        return self.field.log_origin + s + math.log(-math.expm1(-s))

    def _at_once(self, end: float) -> Segment:
        """The segment where all of it is an instant on the mode's own clock."""
        speed = self.field(0.0, np.zeros(self.rank))
        self.sampled = [self.s(log) * speed for log in self.log_times if self.s(log) <= end]
        return self._end(self.log_end, end * speed, failed=False)

    def _still(self) -> Segment:
        beta = np.zeros(self.rank)
        self.sampled = [beta] * len(self.log_times)
        return self._end(self.log_end, beta, failed=False)

    def _solver(self, name: str, tolerance: float, s: float, beta: Floats) -> Any:
        from scipy import integrate

        end = max(self.s(self.log_end), math.nextafter(s, math.inf))
        # At balance a field is noise in fast directions: the first step must not be chosen by it.
        first = {"first_step": min(1e-3, end - s)} if name == "BDF" else {}
        return getattr(integrate, name)(
            self.field,
            s,
            beta,
            end,
            rtol=tolerance,
            atol=tolerance * self.scales,
            jac=self.field.jacobian,
            **first,
        )

    def _break(self, solver: Any, end: float) -> Segment | None:
        """The segment up to where a guard broke in the last step; None if no step noticed it."""
        dense, below = solver.dense_output(), self.guards(solver.y) < 0
        some = self.guards.only(below)
        s = min(self._noticed(_root(lambda s: some(dense(s)), solver.t_old, solver.t)), end)
        while solver.t < s:
            self._sample(solver, solver.t)
            last = solver.t, solver.y.copy()
            if not self._stepped(solver):
                return self._end(self.log_time(last[0]), last[1], failed=True)
        beta = solver.dense_output()(s)
        self._sample(solver, s)
        broken = self.guards.broken(beta)
        if not broken.any() and self._between_steps(s):
            if s < end:
                return None  # the pre-activation was on the other side between two steps only
        elif not broken.any():
            broken = self._nearest(beta, below)
        return self._end(self.log_time(s), beta, failed=False, broken=broken)

    def _nearest(self, beta: Floats, below: Bools) -> Bools:
        """The pair at whose guard the root lies, where rounding hides it: of those below 0 soon."""
        values = np.where(below, self.guards(beta), np.inf)
        result = np.zeros(self.mode.status.shape, bool)
        rows = np.concatenate([self.guards.pairs, self.mode.slides, self.mode.slides])
        result[tuple(rows[np.argmin(values)])] = True
        return result

    def _noticed(self, s: float) -> float:
        """Gradient descent notices a change at its next step only."""
        after = math.log(max(math.ceil(math.exp(min(self.log_time(s), _RESOLVED))), 1))
        return self.s(after) if self._between_steps(s) else s

    def _between_steps(self, s: float) -> bool:
        """Whether what happens at s has to wait for a step; else it ends the mode there and then,
        on whichever side of the guard rounding puts it: a slide that waited went on to the end."""
        discrete = self.mode.setting.discrete and not self.mode.sliding
        return discrete and self.log_time(s) < _RESOLVED

    def _sample(self, solver: Any, s: float) -> None:
        """Record the samples up to s that the solver's last step has passed."""
        dense = None
        while len(self.sampled) < len(self.log_times):
            at = self.s(self.log_times[len(self.sampled)])
            if at > s:
                return
            dense = dense or solver.dense_output()
            self.sampled.append(dense(max(at, solver.t_old)))

    def _resting(self, s: float, beta: Floats) -> Bools:
        """Points (n,) that have pulled for long without moving: they have come to rest.

        Forces count in units of their coordinates: where x = 10001 and 10000 hold one another,
        what moves both is 1e-8 of what they pull with, and is all that matters.
        """
        result = np.zeros(len(self.mode.held), bool)
        if self.mode.live.size == 0:
            return result
        log = self.field.log_pulls(s, beta) - s - self.field.log_origin + self.log_time(s)
        if (log + 2 * self.log_sizes).max() > _PULLS:
            forces = self.even * np.exp(log - log.max())
            left = np.linalg.norm(forces.sum(axis=1)) / math.exp(self.log_balanced)
            pulls = np.linalg.norm(forces, axis=0) > left
            result[self.mode.live[pulls & (log + 2 * self.log_sizes > _PULLS)]] = True
        return result

    def _end(
        self,
        log_time: float,
        beta: Floats,
        *,
        failed: bool,
        broken: Bools | None = None,
    ) -> Segment:
        if broken is None:
            broken = np.zeros(self.mode.status.shape, bool)
        resting = self._resting(self.s(log_time), beta)
        sampled = np.array(self.sampled).reshape(len(self.sampled), len(beta))
        let_go = self.guards.let_go(beta, broken)
        return Segment(log_time, beta, sampled, broken, let_go, resting, failed, self.work)


def _root(least: Callable[[float], float], start: float, end: float) -> float:
    """Where `least` falls below 0; at an end where rounding hides it there, as at a point given
    twice: one of its guards is met, the other an ulp short of it."""
    from scipy.optimize import brentq

    if least(start) < 0:
        return start
    return float(brentq(least, start, end, xtol=1e-15, rtol=1e-14)) if least(end) < 0 else end
