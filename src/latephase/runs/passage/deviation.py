"""How far any network is from its limit, and from when on within a bound: by curve, law or run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from latephase.core import Law, LogTime
from latephase.core.arrays import Floats
from latephase.late.limits.curve import Curve, margin_or_nan
from latephase.margin import zeros_on_line
from latephase.runs.run import Run
from latephase.runs.trajectory import parameters_of

from .last_passage import FARTHEST, RESOLVED, last_passage
from .pair_deviation import PairDeviation

_ULP = 2.0**-52
_APART = 1e-7  # of the bound: how far the run may be from its curve where that answers
_ALIKE = 1e-3  # of ln t, by which rounding may put the curve off the law
_SHARE = 1e-6  # of a constant, to which the curve must know it


@dataclass(frozen=True)
class Deviation:
    """The deviation |margin(t) - curve.start| of a run, or of its only zero from law.limit_boundary
    with `boundary`.

    The run was last seen at ln t = `log_last`, `remainder` off its asymptotic path, to which it
    comes like t^-rate (not at all if rate is 0);  slides: whether a kink is chattered about.
    """

    run: Run
    law: Law | None
    curve: Curve
    log_last: float
    remainder: float
    rate: float
    slides: bool
    boundary: bool = False

    def within(self, eps: float) -> LogTime | None:
        """The time from which on the deviation is at most eps; None where it is not known."""
        log = self._asymptotic(eps)
        if log is not None and log > self.log_last and self._apart(log) <= _APART * eps:
            return LogTime.from_log(log, flow=self.run.flow)
        if eps < RESOLVED * self._size:
            return self._by_logarithm(eps)
        return self._followed(eps, max(self.log_last, log or 0.0, 1.0))

    @property
    def constant_error(self) -> float:
        """Error of the curve's constant: of its extrapolation, and of the parameters read off."""
        return self.curve.slope[1] + 16 * _ULP * self.log_last * self._size

    @property
    def _size(self) -> float:
        return float(np.abs(self.run.data.inputs).max())

    @property
    def _pair(self) -> bool:
        """Whether the law is a closed form."""
        return self.law is not None and self.run.problem.is_pair

    def _asymptotic(self, eps: float) -> float | None:
        """ln t by the curve or by a law that says the same; None where neither is sharp."""
        law, constant = self.law, abs(self.curve.slope[0])
        if self.boundary:
            return None if law is None else law.log_time_within(eps, boundary=True)
        log = self.curve.within(eps)
        if log is None or (law is not None and law.constant == 0):
            return None
        if law is not None and self._pair:
            by_law = law.log_time_within(eps)
            return by_law if by_law is not None and abs(by_law - log) <= _ALIKE * log else log
        return log if self.constant_error <= _SHARE * constant else None

    def _apart(self, log: float) -> float:
        """How far the margin may be from the curve at ln t, from how far theta is."""
        left = self.remainder * math.exp(-self.rate * (log - self.log_last))
        off = math.inf if self.rate == 0 else left
        return self._size * off / (float(np.linalg.norm(self.curve.direction)) * log)

    def _by_logarithm(self, eps: float) -> LogTime | None:
        """Where a difference of margins is rounding: a law of C = 0 knows the logarithm."""
        run, law = self.run, self.law
        if law is None or not self._pair or law.constant != 0:
            return None
        times = LogTime.parse(0), LogTime.from_log(self.log_last, flow=run.flow)
        return PairDeviation(run.problem, law, *times, run.options, self.boundary).within(eps)

    def _followed(self, eps: float, log_top: float) -> LogTime | None:
        chatter = self.slides and not self.run.flow
        excess = lambda times: self._log_deviations(times) - math.log(eps)  # noqa: E731
        while log_top <= FARTHEST:
            top = LogTime.from_log(log_top, flow=self.run.flow)
            start = LogTime.parse(0)
            found = last_passage(excess, start, top, flow=self.run.flow, chatter=chatter)
            if found is not None:
                return found
            log_top *= 2
        return None

    def _log_deviations(self, times: list[LogTime]) -> Floats:
        if self.boundary:
            off = zeros_off(self.run, times, self.law)
        else:
            off = np.abs(margins_at(self.run, times) - self.curve.start)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(off))


def margins_at(run: Run, times: list[LogTime]) -> Floats:
    """Robustness margins (S,) of a run at ascending times."""
    path = run.followed(times)
    if run.data.d <= 2:
        return np.asarray(path.robustness_margin.values)
    networks = map(run.network.with_parameters, parameters_of(path))  # left out by `simulate`,
    return np.array([margin_or_nan(n, run.data) for n in networks])  # as they take their time


def zeros_off(run: Run, times: list[LogTime], law: Law | None) -> Floats:
    """Distance (S,) of the farthest zero on the line from law.limit_boundary; NaN without zeros."""
    assert law is not None
    assert law.limit_boundary is not None
    kind, found = run.network, []
    for theta in parameters_of(run.followed(times)):
        (w, b), zeros = kind.parted(theta), np.zeros(0)
        if np.isfinite(w).all():
            b = kind.biases_or_zeros if b is None else b
            zeros = zeros_on_line(w[:, 0], b, kind.output_weights, kind.negative_slope)
        found.append(np.abs(zeros - law.limit_boundary).max() if len(zeros) else np.nan)
    return np.array(found)
