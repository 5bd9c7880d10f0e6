"""Times of a run under way: exact while they are small, logarithms beyond."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from latephase.core import LogTime
from latephase.core.arrays import Floats

_EXACT = 2**53
_FAR = 40.0  # in ln t: less than a later time's rounding is then what lies before


class Times(NamedTuple):
    """Times as arrays (S,): their logarithms and, inf beyond float64, themselves."""

    logs: Floats
    floats: Floats

    @classmethod
    def of(cls, times: list[LogTime]) -> Times:
        """Those of times."""
        return cls(np.array([t.log for t in times]), np.array([t.as_float for t in times]))

    def after(self, passed: int) -> Times:
        """Without the first ones."""
        return Times(self.logs[passed:], self.floats[passed:])


@dataclass(frozen=True)
class Instant:
    """A time on the clock of a run: exact `value` while it is below 2**53, else None; `log`."""

    value: int | Fraction | None
    log: float

    @classmethod
    def at(cls, time: LogTime) -> Instant:
        """The instant of a time."""
        exact = time.value is not None and time.value < _EXACT
        return cls(time.value if exact else None, time.log)

    @property
    def as_float(self) -> float:
        """The time; inf once only its logarithm is known."""
        return math.inf if self.value is None else float(self.value)

    def is_past(self, time: LogTime) -> bool:
        """Whether the time is not later."""
        if time.log > self.log + _FAR:
            return False
        if self.value is not None and time.value is not None:
            return bool(time.value <= self.value)
        return time.log <= self.log

    def log_until(self, time: LogTime) -> float:
        """ln(time - self); -inf if the time is not later."""
        if time.log > self.log + _FAR:
            return time.log
        if self.is_past(time):
            return -math.inf
        if self.value is not None and time.value is not None:
            left = Fraction(time.value) - self.value
            return math.log(left.numerator) - math.log(left.denominator)
        return time.log + math.log1p(-math.exp(self.log - time.log))

    def logs_until(self, times: Times) -> Floats:
        """The same of many later times, sorted, up to the rounding of the times."""
        if not len(times.logs) or times.logs[0] > self.log + _FAR:
            return times.logs
        if self.value is None:
            return np.asarray(times.logs + np.log1p(-np.exp(self.log - times.logs)))
        left = times.floats - float(self.value)
        return np.where(times.logs > self.log + _FAR, times.logs, np.log(left))

    def later(self, log_elapsed: float, whole: bool) -> Instant:
        """The instant a time exp(log_elapsed) later, rounded to an integer if `whole`."""
        if self.value is not None and log_elapsed < math.log(_EXACT):
            elapsed = Fraction(math.exp(log_elapsed))
            return self.plus(round(elapsed) if whole else elapsed)
        return Instant(None, float(np.logaddexp(self.log, log_elapsed)))

    def plus(self, elapsed: int | Fraction) -> Instant:
        """The instant `elapsed` later."""
        if elapsed == 0:
            return self
        if self.value is None:
            return Instant(None, float(np.logaddexp(self.log, math.log(elapsed))))
        total = self.value + elapsed
        seen = float(total)
        return Instant(total if seen < _EXACT else None, math.log(seen))


AT_START = Instant(0, -math.inf)
