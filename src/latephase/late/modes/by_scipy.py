"""A mode followed by SciPy: what carries a run where there was no compiler at installation.

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
from typing import Any

import numpy as np

from latephase.core.arrays import Bools, Floats

from .balance import PULLS, at_rest
from .guards import Guards
from .mode import Mode
from .modified import LARGEST, LOG_SLOW, Field
from .segment import Segment

_RESOLVED = math.log(2.0**40)  # beyond it the steps of gradient descent are not told apart
_CREEPS = 1_000  # steps of LSODA, and 100 for each coordinate, after which it is taken to creep
_MOST_STEPS = 5_000
# Times the tolerance, where rounding of a force at rest keeps a solver from it.
_LOOSER = (1.0, 1e2, 1e4)
_SMALLEST_LOG = -1e6
_NOISE = 30.0  # times the tolerance, for what rounding leaves of forces that hold one another
_GLANCE = 50  # steps after which it is asked whether the clock is too fast
_INSTANT = 1e-12  # in s: over less than this the field is constant, and solvers refuse to start


def follow_by_scipy(
    mode: Mode,
    order: int,
    log_times: Floats,
    log_end: float,
    tolerance: float,
    balanced: float,
    slack: Floats | None,
    least_terms: Floats,
) -> Segment:
    """Follow a mode, as `segment.follow` says."""
    field = Field.of(mode, order)
    tolerance *= _NOISE if field.slow else 1.0
    guards = Guards(mode, slack, least_terms, tolerance)
    follower = _Follower(field, guards, log_times, log_end, balanced, least_terms)
    with warnings.catch_warnings():  # what a solver has to say is in its status
        warnings.simplefilter("ignore")
        return follower.run(tolerance)


class _Follower:
    """The solver, the samples it has passed, and what it watches for.

    Its variable is s = ln(1 + t / c) of the field, t counted from the entry.
    """

    def __init__(
        self,
        field: Field,
        guards: Guards,
        log_times: Floats,
        log_end: float,
        balanced: float,
        least_terms: Floats,
    ) -> None:
        self.mode, self.field, self.guards = field.mode, field, guards
        self.log_times, self.log_end, self.end = log_times, log_end, self.s(log_end)
        self.work, self.sampled = 0, list[Floats]()
        self.scales = _scales(self.mode, least_terms) if self.mode.live.size else np.zeros(0)
        self.balanced = balanced
        self.log_sizes = np.log(np.linalg.norm(self.mode.pull, axis=0))

    def s(self, log_time: float) -> float:
        """The solver's variable at a time since entry."""
        return float(np.logaddexp(log_time - self.field.log_origin, 0.0))

    def log_time(self, s: float) -> float:
        """ln t at the solver's variable s."""
        if s <= 0:
            return _SMALLEST_LOG
        return self.field.log_origin + s + math.log(-math.expm1(-s))

    def run(self, tolerance: float) -> Segment:
        """Step until something ends the segment, by one solver after another."""
        s, beta = 0.0, np.zeros(self.mode.rank)
        if self.mode.live.size == 0:
            self.sampled = [beta] * len(self.log_times)
            return self._ended(self.log_end, beta)
        if self.end < _INSTANT:  # on the mode's own time scale
            speed = self.field(0.0, beta)
            passed = [self.s(log) for log in self.log_times]
            self.sampled = [at * speed for at in passed if at <= self.end]
            return self._ended(self.log_end, self.end * speed)
        tries = [("LSODA", _CREEPS + 100 * self.mode.rank, 1.0)]
        tries += [("BDF", _MOST_STEPS, times) for times in _LOOSER]
        for name, most, looser in tries[self.field.slow :]:
            found = self._solved(name, most, looser * tolerance, s, beta)
            if isinstance(found, Segment):
                return found
            s, beta = found
        return self._ended(self.log_time(s), beta, failed=True)

    def _solved(
        self, name: str, most: int, tolerance: float, s: float, beta: Floats
    ) -> Segment | tuple[float, Floats]:
        """The segment by one solver in at most so many steps, or where that got stuck."""
        self.guards.tolerance = tolerance
        try:
            solver = self._solver(name, tolerance, s, beta)
        except ValueError:  # of a field that is not finite
            return s, beta
        for _ in range(most):
            last = solver.t, solver.y.copy()
            if not self._stepped(solver):
                return last
            below, high = self._below(solver, last[1])
            if below.any():
                found = self._up_to_guard(solver, below, high)
                if found is not None:
                    return found
            self._sample(solver, solver.t)
            if solver.status == "finished":
                return self._ended(self.log_end, solver.y)
            if self._has_relaxed(solver.t, solver.y) or self._resting(solver.t, solver.y).any():
                return self._ended(self.log_time(solver.t), solver.y)
        return solver.t, solver.y.copy()

    def _solver(self, name: str, tolerance: float, s: float, beta: Floats) -> Any:
        from scipy import integrate

        end = max(self.end, math.nextafter(s, math.inf))
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

    def _sample(self, solver: Any, s: float) -> None:
        """Record the samples up to s that the solver's last step has passed."""
        dense = None
        while len(self.sampled) < len(self.log_times):
            at = self.s(self.log_times[len(self.sampled)])
            if at > s:
                return
            dense = dense or solver.dense_output()
            self.sampled.append(dense(max(at, solver.t_old)))

    def _below(self, solver: Any, start: Floats) -> tuple[Bools, float]:
        """Which guards are below 0 at the end of the last step, from `start`, and where that is; if
        none is, which one was on the way, and where it was least."""
        end = self.guards(solver.y)
        if (end < 0).any():
            return end < 0, solver.t
        dense, none = solver.dense_output(), np.zeros(len(end), bool)
        first, middle = self.guards(start), self.guards(dense((solver.t_old + solver.t) / 2))
        bend, slope = 2 * (first - 2 * middle + end), 4 * middle - 3 * first - end
        lies = (slope < 0) & (-slope < 2 * bend)  # a parabola's least value, on the way
        lowest = first - slope**2 / np.where(lies, 4 * bend, 1.0)
        for k in np.flatnonzero(lies & (lowest < np.minimum(first, end) / 2)):
            one = none.copy()
            one[k] = True
            least = self.guards.only(one)
            s = _lowest(least, dense, solver.t_old, solver.t)
            if least(dense(s)) < 0:
                return one, s
        return none, solver.t

    def _up_to_guard(self, solver: Any, below: Bools, high: float) -> Segment | None:
        """The segment up to where guards that are `below` 0 at `high` fell so in the last step.

        Gradient descent notices at its next step only: None if it has risen again by then.  A slide
        does not wait, nor do steps that are not told apart, and end the mode there and then, on
        whichever side of the guard rounding puts it: a slide that waited went on to the end.
        """
        dense, least = solver.dense_output(), self.guards.only(below)
        s = _root(lambda s: least(dense(s)), solver.t_old, high)
        if self._waits(s):
            s = self.s(math.log(max(math.ceil(math.exp(self.log_time(s))), 1)))
        s = min(s, self.end)
        while solver.t < s:
            self._sample(solver, solver.t)
            last = solver.t, solver.y.copy()
            if not self._stepped(solver):
                return self._ended(self.log_time(last[0]), last[1], failed=True)
        beta = solver.dense_output()(s)
        self._sample(solver, s)
        triggered = self.guards.triggered(beta)
        if not triggered.any() and not self._waits(s):  # rounding hides it at its root
            triggered = self.guards.nearest(beta, below)
        elif not triggered.any() and s < self.end:
            return None
        return self._ended(self.log_time(s), beta, triggered=triggered)

    def _waits(self, s: float) -> bool:
        """Whether what happens at s has to wait for a step."""
        discrete = self.mode.dynamics.method.discrete and not self.mode.sliding
        return discrete and self.log_time(s) < _RESOLVED

    def _has_relaxed(self, s: float, beta: Floats) -> bool:
        """Whether all that is fast has relaxed, asked now and then: what is left goes on on a
        slower time scale."""
        if self.work % _GLANCE:
            return False
        motion = np.abs(self.field(s, beta) @ self.mode.pull).max()
        return bool(0 < motion < math.exp(LOG_SLOW))

    def _resting(self, s: float, beta: Floats) -> Bools:
        """Points (n,) that have come to rest."""
        result = np.zeros(len(self.mode.resting), bool)
        if self.mode.live.size == 0:
            return result
        log = self.field.log_pulls(s, beta) - s - self.field.log_origin + self.log_time(s)
        if (log + 2 * self.log_sizes).max() > PULLS:
            margins = self.mode.margins_at(beta)[self.mode.live]
            bend, _ = self.mode.dynamics.loss.slopes(margins)
            result[self.mode.live] = at_rest(self.mode.pull, log, np.asarray(bend), self.balanced)
        return result

    def _ended(
        self,
        log_time: float,
        beta: Floats,
        *,
        failed: bool = False,
        triggered: Bools | None = None,
    ) -> Segment:
        if triggered is None:
            triggered = np.zeros(self.mode.status.shape, bool)
        sampled = np.array(self.sampled).reshape(len(self.sampled), len(beta))
        return Segment(
            log_time,
            self.mode.parameters(beta),
            self.mode.margins_at(beta),
            self.mode.parameters(sampled),
            triggered,
            self.guards.released_to(beta, triggered),
            self._resting(self.s(log_time), beta),
            failed,
            self.work,
        )


def _scales(mode: Mode, least_terms: Floats) -> Floats:
    """How far each coordinate (r,) may move for a change of 1 of a margin, or of any moving
    neuron's pre-activations by their own size: what a solver's tolerance is relative to.

    Output weights of 1e-8, inputs of 1e8 and neurons 1e-8 long have their own.
    """
    sizes = np.maximum(mode.dynamics.terms(mode.theta), least_terms).max(axis=1)
    moves = np.einsum("ic,jcr->jir", mode.dynamics.points, mode.neuron_basis)
    own = np.abs(moves).max(axis=1) / np.where(sizes > 0, sizes, np.inf)[:, None]
    seen = np.maximum(np.abs(mode.pull).max(axis=1), own.max(axis=0))
    return np.asarray(1 / np.where(seen > 0, seen, 1.0))


def _root(least: Callable[[float], float], start: float, end: float) -> float:
    """Where `least` falls below 0; at an end where rounding hides it there, as at a point given
    twice: one of its guards is met, the other an ulp short of it."""
    from scipy.optimize import brentq

    if least(start) < 0:
        return start
    return float(brentq(least, start, end, xtol=1e-15, rtol=1e-14)) if least(end) < 0 else end


def _lowest(
    value: Callable[[Floats], float], path: Callable[[float], Floats], start: float, end: float
) -> float:
    """Where a function is least on a path, between two ends."""
    from scipy.optimize import minimize_scalar

    options = {"xatol": 1e-9 * (end - start)}
    found = minimize_scalar(
        lambda s: value(path(s)), bounds=(start, end), method="bounded", options=options
    )
    return float(found.x)
