"""When the margin of a run has come within a distance of its limit: by its curve, or followed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from latephase.core import LogTime
from latephase.core.arrays import Floats
from latephase.late.limits.curve import Curve, margin_or_nan
from latephase.problem import ShallowReLU
from latephase.runs.run import Run
from latephase.runs.simulate import simulate

from .approach import Approach
from .passage import last_passage

_ULP = 2.0**-52
_RESOLVED = 1e-12  # of the inputs: what is left of a difference of margins in float64
_APART = 1e-7  # of the bound: how far the run may be from its curve where that answers
_ALIKE = 1e-3  # of ln t, by which rounding may put the curve off the law
_SHARE = 1e-6  # of a constant, to which the curve must know it
_FARTHEST = 1e6  # ln t up to which a run is followed


@dataclass(frozen=True)
class Pace:
    """The deviation |margin(t) - curve.start| of a run that was last seen at ln t = `log_last`,
    `remainder` off its asymptotic path, to which it comes like t^-rate (not at all if rate is 0);
    slides: whether a kink is chattered about.
    """

    run: Run
    curve: Curve
    log_last: float
    remainder: float
    rate: float
    slides: bool

    def within(self, eps: float) -> LogTime | None:
        """The time from which on the deviation is at most eps; None where it is not known."""
        log = self._by_curve(eps)
        if log is not None and log > self.log_last and self._apart(log) <= _APART * eps:
            return LogTime.from_log(log, flow=self._flow)
        if eps < _RESOLVED * self._size:
            return self._by_logarithm(eps)
        return self._followed(eps, max(self.log_last, log or 0.0, 1.0))

    @property
    def _flow(self) -> bool:
        return not self.run.method.discrete

    @property
    def _size(self) -> float:
        return float(np.abs(self.run.data.inputs).max())

    @property
    def _fast(self) -> bool:
        """Whether the law says that the constant is exactly 0."""
        return self.run.law is not None and self.run.law.constant == 0

    @property
    def constant_error(self) -> float:
        """Error of the curve's constant: of its extrapolation, and of the parameters read off."""
        return self.curve.slope[1] + 16 * _ULP * self.log_last * self._size

    def _by_curve(self, eps: float) -> float | None:
        """ln t by the curve or by a law that says the same; None where neither is sharp."""
        law, constant = self.run.law, abs(self.curve.slope[0])
        log = self.curve.within(eps)
        if log is None or self._fast:
            return None
        if law is not None and self.run.problem.is_pair:
            by_law = abs(law.constant) / eps - law.offset
            return by_law if abs(by_law - log) <= _ALIKE * log else log
        return log if self.constant_error <= _SHARE * constant else None

    def _apart(self, log: float) -> float:
        """How far the margin may be from the curve at ln t, from how far theta is."""
        left = self.remainder * math.exp(-self.rate * (log - self.log_last))
        off = math.inf if self.rate == 0 else left
        return self._size * off / (float(np.linalg.norm(self.curve.direction)) * log)

    def _by_logarithm(self, eps: float) -> LogTime | None:
        """Where a difference of margins is rounding: a law of C = 0 knows the logarithm."""
        run = self.run
        if run.law is None or not self._fast or not run.problem.is_pair:
            return None
        times = LogTime.parse(0), LogTime.from_log(self.log_last, flow=self._flow)
        options = {"loss": run.loss}
        approach = Approach(run.network, run.data, run.method, run.law, *times, options)
        return approach.within(eps)

    def _followed(self, eps: float, log_top: float) -> LogTime | None:
        chatter = self.slides and not self._flow
        excess = lambda times: self._log_deviations(times) - math.log(eps)  # noqa: E731
        while log_top <= _FARTHEST:
            top = LogTime.from_log(log_top, flow=self._flow)
            start = LogTime.parse(0)
            found = last_passage(excess, start, top, flow=self._flow, chatter=chatter)
            if found is not None:
                return found
            log_top *= 2
        return None

    def _log_deviations(self, times: list[LogTime]) -> Floats:
        run, outer = self.run, self.run.network.output_weights
        path = simulate(
            run.network, run.data, run.method, until=times[-1], at=times, loss=run.loss
        ).trajectory
        margins = path.robustness_margin.values
        if run.data.d > 2:  # `simulate` leaves these out, as they take their time
            pairs = zip(path.weights.values, path.biases.values, strict=True)
            margins = np.array(
                [margin_or_nan(ShallowReLU(w, b, outer), run.data) for w, b in pairs]
            )
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.abs(margins - self.curve.start)))
