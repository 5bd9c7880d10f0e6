"""How far any network is from its limit, and from when on within a bound: by curve or run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import Law, LogTime
from latephase.core.arrays import Floats
from latephase.late.limits.curve import Curve, margin_or_nan
from latephase.margin import zeros_on_line
from latephase.problem import ShallowReLU
from latephase.runs.run import Run

from .last_passage import FARTHEST, RESOLVED, Excess, last_passage, step_by_step

if TYPE_CHECKING:
    import xarray as xr

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
        return self._size * off / (float(np.linalg.norm(self.curve.direction)) * log)

    def _followed(self, eps: float, log_top: float) -> LogTime | None:
        chatters, flow = self.slides and not self.run.flow, self.run.flow
        closer = self._excess(eps, **step_by_step(self.run.options)) if chatters else None
        while log_top <= FARTHEST:
            top = LogTime.from_log(log_top, flow=flow)
            found = last_passage(self._excess(eps), top, flow=flow, closer=closer)
            if found is not None:
                return found
            log_top *= 2
        return None

    def _excess(self, eps: float, **options: Any) -> Excess:
        """How far the deviation is beyond eps, in logarithms, of the run with these options."""

        def excess(times: list[LogTime]) -> Floats:
            path = self.run.followed(times, **options)
            if self.boundary:
                off = zeros_off(path, self.run, self.law)
            else:
                off = np.abs(margins_of(path, self.run) - self.curve.start)
            with np.errstate(divide="ignore"):
                return np.asarray(np.log(off)) - math.log(eps)

        return excess


def margins_of(path: xr.Dataset, run: Run) -> Floats:
    """Robustness margins (S,) of samples of a run."""
    if run.data.d <= 2:
        return np.asarray(path.robustness_margin.values)
    outer = run.network.output_weights  # left out by `simulate`, as they take their time
    pairs = zip(path.weights.values, path.biases.values, strict=True)
    return np.array([margin_or_nan(ShallowReLU(w, b, outer), run.data) for w, b in pairs])


def zeros_off(path: xr.Dataset, run: Run, law: Law | None) -> Floats:
    """Distance (S,) of the farthest zero on the line from law.limit_boundary; NaN without zeros."""
    assert law is not None
    assert law.limit_boundary is not None
    found, outer = [], run.network.output_weights
    for w, b in zip(path.weights.values[..., 0], path.biases.values, strict=True):
        zeros = zeros_on_line(w, b, outer) if np.isfinite(w).all() else np.zeros(0)
        found.append(np.abs(zeros - law.limit_boundary).max() if len(zeros) else np.nan)
    return np.array(found)
