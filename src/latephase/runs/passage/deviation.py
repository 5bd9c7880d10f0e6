"""How far any network is from its limit, and from when on within a bound: by curve or run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from latephase.core import Law, LogTime
from latephase.core.arrays import Floats
from latephase.late.limits.curve import Curve, margin_or_nan
from latephase.margin import zeros_on_line
from latephase.runs.last_mode import length
from latephase.runs.run import Run
from latephase.runs.trajectory import networks_of, parameters_of

from .last_passage import FARTHEST, RESOLVED, Steps, last_passage
from .stepped import FEW, MANY, stepped

_PASSED = -0.01  # ln(deviation / bound) at a passage: it has just come within
_APART = 1e-7  # of the bound: how far the run may be from its curve where that answers


@dataclass(frozen=True)
class Deviation:
    """The deviation |margin(t) - curve.start| of a run, or of its only zero from law.limit_boundary
    with `boundary`.

    The run was last seen at ln t = `log_last`, `remainder` off its asymptotic path, to which it
    comes like t^-rate (not at all if rate is 0);  sharp: whether the curve's constant is known well
    enough;  slides: whether a kink is chattered about.
    """

    run: Run
    law: Law | None
    curve: Curve
    log_last: float
    remainder: float
    rate: float
    sharp: bool
    slides: bool
    boundary: bool = False

    def within(self, eps: float) -> LogTime | None:
        """The time from which on the deviation is at most eps; None where it is not known."""
        log = self._asymptotic(eps)
        if log is not None and log > self.log_last and self._apart(log) <= _APART * eps:
            return LogTime.from_log(log, flow=self.run.flow)
        if eps < RESOLVED * self._size:
            return None
        return self._followed(eps, max(self.log_last, log or 0.0, 1.0))

    @property
    def _size(self) -> float:
        return float(np.abs(self.run.data.inputs).max())

    def _asymptotic(self, eps: float) -> float | None:
        """ln t by the curve, or of the boundary by the law; None where that is not sharp."""
        law = self.law
        if self.boundary:
            return None if law is None else law.log_time_within(eps, boundary=True)
        log = self.curve.within(eps)
        if log is None or (law is not None and law.constant == 0):
            return None
        return log if self.sharp else None

    def _apart(self, log: float) -> float:
        """How far the margin may be from the curve at ln t, from how far theta is."""
        left = self.remainder * math.exp(-self.rate * (log - self.log_last))
        off = math.inf if self.rate == 0 else left
        return self._size * off / (length(self.curve.direction) * log)

    def _followed(self, eps: float, log_top: float) -> LogTime | None:
        run, flow = self.run, self.run.flow
        excess = lambda times: self._log_off(run.followed(times)) - math.log(eps)  # noqa: E731
        steps = lambda n: self._log_off(stepped(run.problem, n)) - math.log(eps)  # noqa: E731
        at_once = run.data.d == 1 and not self.boundary
        chatters = self.slides and not flow
        near = Steps(steps, MANY if at_once else FEW) if chatters else None
        while log_top <= FARTHEST:
            top = LogTime.from_log(log_top, flow=flow)
            found = last_passage(excess, top, flow=flow, steps=near)
            if found is not None and self.curve.is_wide and excess([found])[0] < _PASSED:
                return None  # where its margin is first known it is within already
            if found is not None:
                return found
            log_top *= 2
        return None

    def _log_off(self, path: Mapping[Any, Any]) -> Floats:
        if self.boundary:
            off = zeros_off(path, self.run, self.law)
        elif self.curve.is_wide:
            margins = [self.curve.margin_near(theta) for theta in parameters_of(path)]
            off = np.abs(np.array(margins) - self.curve.start)
        else:
            off = np.abs(margins_of(path, self.run) - self.curve.start)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(off))


def margins_of(path: Mapping[Any, Any], run: Run) -> Floats:
    """Robustness margins (S,) of samples of a run."""
    if run.data.d <= 2:
        return np.asarray(path["robustness_margin"])
    networks = networks_of(path, run.network)  # left out by `simulate`, as they take their time
    return np.array([margin_or_nan(n, run.data) for n in networks])


def zeros_off(path: Mapping[Any, Any], run: Run, law: Law | None) -> Floats:
    """Distance (S,) of the farthest zero on the line from law.limit_boundary; NaN without zeros."""
    assert law is not None
    assert law.limit_boundary is not None
    found = np.full(len(path["weights"]), np.nan)
    reached = np.flatnonzero(np.isfinite(parameters_of(path)).all(axis=(1, 2)))
    for k, network in zip(reached, networks_of(path, run.network, reached), strict=True):
        weights, biases, outer = network.summed
        zeros = zeros_on_line(weights[:, 0], biases, outer, network.negative_slope)
        if len(zeros):
            found[k] = np.abs(zeros - law.limit_boundary).max()
    return found
