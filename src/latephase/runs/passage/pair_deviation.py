"""How far two neurons on two points are from their limit, and from when on within a bound."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import Law, LogTime
from latephase.core.arrays import Floats
from latephase.problem import Problem
from latephase.runs.simulate import again

from .last_passage import RESOLVED, Steps, last_passage
from .stepped import MANY, stepped

if TYPE_CHECKING:
    import xarray as xr


_FORGOTTEN = 45.0  # in ln t: what the law leaves out, O(ln t / t), is then less than rounding
_AGREES = 0.1  # of a logarithm, by which a tail may be off where the run can still tell
_PLAIN = 1e-7  # of the optimal margin: a deviation that float64 resolves and the tail describes


@dataclass(frozen=True)
class PairDeviation:
    """The deviation of a run of two neurons on two points from its limit: |margin - limit_margin|,
    or |x* - limit_boundary| with `boundary`.

    settled: a time at which the run is in its regime.
    """

    problem: Problem
    law: Law
    settled: LogTime
    options: Mapping[str, Any]
    boundary: bool = False

    @property
    def flow(self) -> bool:
        return not self.problem.method.discrete

    @property
    def size(self) -> float:
        """That of the inputs, whose rounding limits what is known of x*."""
        return float(np.abs(self.problem.data.inputs).max())

    @property
    def off_centre(self) -> float:
        """Distance of the limit from the midpoint; if 0, the deviation is the deficit, known by its
        logarithm."""
        assert self.law.limit_boundary is not None  # two neurons on two points have one
        return abs(self.law.limit_boundary - self.problem.geometry.midpoint)

    @cached_property
    def forgets(self) -> float:
        """ln t from which on the law holds to rounding.

        A margin u has relaxed after e^u / rate steps; rates are at least step * D / max(k11, k22).
        """
        path, g = self._simulated([self.settled]), self.problem.geometry
        a = g.preactivations(path.weights.values[0, :, 0], path.biases.values[0])
        step = self.problem.method.flow_step
        slowest = min(g.determinant / max(g.k11, g.k22), 1.0)
        level = float(np.abs(a).max()) - math.log(step * slowest)
        return max(self.settled.log, level, 0.0) + _FORGOTTEN

    def within(self, eps: float) -> LogTime | None:
        """The time from which on the deviation is at most eps, None where unknown."""
        if self.law.constant == 0:
            return self._fast(eps)
        log = self.law.log_time_within(self._reach(eps), boundary=True)
        if log is not None and log >= self.forgets:
            return LogTime.from_log(log, flow=self.flow)
        if eps < RESOLVED * self.size:
            return None
        return self._follow(eps, self.forgets)

    def _reach(self, eps: float) -> float:
        """How near x* must come to its limit for the deviation to be eps.

        A margin falls to its limit while x* comes from the midpoint, and before that, where x* is
        on the far side of the midpoint, rises: it is the limit plus or minus eps out there too.
        """
        assert self.law.margin_constant is not None
        beyond = not self.boundary and self.law.margin_constant < 0 and eps >= self.off_centre
        return eps + 2 * self.off_centre if beyond else eps

    def _follow(self, eps: float, log_top: float) -> LogTime | None:
        top = LogTime.from_log(log_top, flow=self.flow)
        excess = lambda times: self.log_deviations(times) - math.log(eps)  # noqa: E731
        steps = lambda n: self._log_off(stepped(self.problem, n)) - math.log(eps)  # noqa: E731
        slides = self.problem.geometry.gram_sign > 0 and not self.flow
        near = Steps(steps, MANY) if slides else None
        return last_passage(excess, top, flow=self.flow, entry=self.settled, steps=near)

    def _fast(self, eps: float) -> LogTime | None:
        """A constant of 0: the deviation falls like 1 / (t ln t)."""
        optimal, centred = self.problem.data.optimal_margin, self.off_centre == 0
        if not centred and eps < RESOLVED * self.size:
            return None
        log = self._tail(eps) if centred and eps < _PLAIN * optimal else None
        if log is None:
            return self._follow(eps, self.forgets + max(0.0, math.log(optimal / eps)))
        there = LogTime.from_log(log, flow=self.flow)
        if abs(float(self.log_deviations([there])[0]) - math.log(eps)) < _AGREES:
            return self._follow(eps, log + 2.0)
        return there  # float64's differences are lost there, and the run has no logarithm

    @cached_property
    def _plain(self) -> LogTime | None:
        """From when on the deviation is small, though float64 still resolves it as a difference."""
        bound = _PLAIN * self.problem.data.optimal_margin
        return self._follow(bound, self.forgets - math.log(_PLAIN))

    def _tail(self, eps: float) -> float | None:
        """ln t where K / (t (ln t + offset)) is eps, with K from a time when that is plain to see.

        e^a_11 and e^a_22 then rise by the same amounts, so their difference, which decides, is
        constant up to O(1 / t); it cannot be seen any more where float64 has a_11 = a_22.
        """
        plain, beta = self._plain, self.law.offset
        if plain is None or not plain.log + beta > 0:
            return None
        fall = float(self.log_deviations([plain])[0]) - math.log(eps)
        if not 0 < fall < math.inf:  # the boundary has long been at its limit
            return None
        log = plain.log + fall
        for _ in range(100):  # a contraction, by 1 / (ln t + beta)
            log = plain.log + fall + math.log((plain.log + beta) / (log + beta))
        return log

    def log_deviations(self, times: list[LogTime]) -> Floats:
        """ln of the deviation (S,) at sorted times; NaN where there is none: x* is undefined."""
        return self._log_off(self._simulated(times))

    def _log_off(self, path: Mapping[Any, Any]) -> Floats:
        limit = self.law.limit_boundary if self.boundary else self.law.limit_margin
        found = np.asarray(path["boundary" if self.boundary else "robustness_margin"])
        if self.off_centre == 0:
            return np.where(np.isnan(found), np.nan, path["log_margin_deficit"])
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.abs(found - limit)))

    def _simulated(self, times: list[LogTime]) -> xr.Dataset:
        return again(self.problem, times, self.options).trajectory
