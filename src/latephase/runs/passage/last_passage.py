"""The time from which on a quantity of a run stays within a bound: its last passage, followed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latephase.core import LogTime
from latephase.core.arrays import Floats

Excess = Callable[[list[LogTime]], Floats]
"""ln(quantity / bound) (S,) of a run at sorted times; NaN where there is no such quantity."""

RESOLVED = 1e-12  # of the inputs: what is left of a difference of margins in float64
FARTHEST = 1e6  # ln t up to which a run is followed
_SHARP = 1e-8  # of ln t, to which a passage is found
_STEEP = 40.0  # ln t up to which the run is sampled evenly: its transients are relics of steps
_EVEN, _FAR = 240, 120  # samples up to there, and beyond
_WITHIN = np.linspace(0.0, 1.0, 13)
_ROUNDS = 40
_CHATTERING = 40_000  # steps looked at one by one where a kink is chattered about
_EXACT = 2.0**53


def last_passage(
    excess: Excess, start: LogTime, top: LogTime, *, flow: bool, chatter: bool = False
) -> LogTime | None:
    """The earliest time from which on, up to `top`, every sample has excess <= 0; >= start.

    None if `top` has not.  chatter: look at every step after the passage, while there are few, as a
    step over a kink and the next one differ.  Rigour: estimated: the run is sampled 6 times per
    e-fold, and a passage between two samples is found to 1e-8 of ln t (or two floats, or one step).
    """
    if top <= start:
        return start if excess([start])[0] <= 0 else None
    bracket = _Bracket().narrowed(excess, _grid(start, top, flow))
    if chatter and bracket.low is not None and bracket.low[0].as_float < _CHATTERING:
        first = int(bracket.low[0].as_float)
        steps = range(first + 1, min(3 * first + 64, first + _CHATTERING))
        bracket = _Bracket(high=bracket.high).narrowed(
            excess, [t for n in steps if (t := _at(float(n), flow)) <= top]
        )
    for _ in range(_ROUNDS):
        inner = bracket.inner_times(flow)
        if not inner:
            break
        bracket = bracket.narrowed(excess, inner)
    return None if bracket.high is None else bracket.high[0]


Sample = tuple[LogTime, float]


@dataclass(frozen=True)
class _Bracket:
    """The last sample that is not within (None if all are) and the first of those after it, which
    are (None if there are none).  Samples once taken are kept: another call may differ by an error.
    """

    low: Sample | None = None
    high: Sample | None = None

    def narrowed(self, excess: Excess, times: list[LogTime]) -> _Bracket:
        """With what the run says at further times between low and high, ascending."""
        if not times:
            return self
        found = excess(times)
        outside = np.flatnonzero(~(found <= 0))
        k = int(outside[-1]) if len(outside) else -1
        low = (times[k], float(found[k])) if k >= 0 else self.low
        high = (times[k + 1], float(found[k + 1])) if k + 1 < len(times) else self.high
        return _Bracket(low, high)

    def inner_times(self, flow: bool) -> list[LogTime]:
        """Even times, and a cluster about where a smooth passage would lie; [] when all is said."""
        if self.low is None or self.high is None:
            return []
        (a, above), (b, below) = self.low, self.high
        if _adjacent(a, b, flow):
            return []
        smooth = math.isfinite(above) and math.isfinite(below) and above > below
        share = above / (above - below) if smooth else 0.5
        near = share + np.outer([-1.0, 1.0], 10.0 ** -np.arange(1, 8)).ravel()
        shares = np.concatenate([_WITHIN, near[(near > 0) & (near < 1)]]) if smooth else _WITHIN
        return sorted(t for x in shares if a < (t := _mixed(a, b, float(x), flow)) < b)


def _grid(start: LogTime, top: LogTime, flow: bool) -> list[LogTime]:
    """Times from start to top: after a late entry things may move within few steps again."""
    first = start.as_float
    even = np.linspace(math.log(1e-3) if flow else 0.0, min(_STEEP, top.log), _EVEN)
    times = {_about(float(log), flow) for log in even}
    if top.log > _STEEP:
        times |= {_about(float(log), flow) for log in np.geomspace(_STEEP, top.log, _FAR)}
    if first < _EXACT:
        after = first + np.exp(even)
        times |= {_at(float(t), flow) for t in after[after < _EXACT]}
    else:
        times |= {LogTime.from_log(start.log + math.exp(-k), flow=flow) for k in range(32)}
    return [start, *sorted(t for t in times if start < t < top), top]


def _about(log: float, flow: bool) -> LogTime:
    """A time near that of this logarithm, at once: `from_log` looks for the shortest text."""
    if log < 36:
        return _at(math.exp(log), flow)
    whole, rest = divmod(log / math.log(10.0), 1.0)
    return LogTime.parse(f"{10.0**rest:.9f}e{int(whole)}", flow=flow)


def _mixed(a: LogTime, b: LogTime, share: float, flow: bool) -> LogTime:
    if b.as_float < _EXACT and a.as_float > 0:
        return _at(a.as_float * (b.as_float / a.as_float) ** share, flow)
    if b.as_float < _EXACT:
        return _at(b.as_float * share, flow)
    return LogTime.from_log(a.log + (b.log - a.log) * share, flow=flow)


def _at(t: float, flow: bool) -> LogTime:
    return LogTime.parse(t if flow else round(t), flow=flow)


def _adjacent(a: LogTime, b: LogTime, flow: bool) -> bool:
    if not flow and b.as_float < _EXACT and b.as_float - a.as_float <= 1:
        return True
    return b.log - a.log <= max(_SHARP, 4 * math.ulp(b.log))
