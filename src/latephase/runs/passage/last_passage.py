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
_ROUNDS = 60
_NEXT = 64  # steps after a passage that are looked at one by one
_EXACT = 2.0**53


@dataclass(frozen=True)
class Steps:
    """excess(n): ln(quantity / bound) (n + 1,) after 0, 1, ..., n steps, n <= most."""

    excess: Callable[[int], Floats]
    most: int


def last_passage(
    excess: Excess,
    top: LogTime,
    *,
    flow: bool,
    entry: LogTime | None = None,
    steps: Steps | None = None,
) -> LogTime | None:
    """The earliest time from which on, up to `top`, every sample has excess <= 0.

    None if `top` has not.  entry: about which things move within few steps;  steps: where a kink
    is chattered about, so that a step over it and the next one differ: the first ones, which decide
    where the passage is among them.
    Rigour: estimated: the run is sampled 6 times per e-fold, of t and of the time since a passage,
    and a passage between two samples is found to 1e-8 of ln t (or two floats, or one step).
    """
    start = LogTime.parse(0)
    if top <= start:
        return start if excess([start])[0] <= 0 else None
    found = _seen_passage(excess, [start, *_grid(entry, top, flow), top], flow)
    if steps is None or found is None or found.as_float > steps.most / 3:
        return found
    count = int(min(3 * found.as_float + _NEXT, steps.most, top.as_float))
    outside = np.flatnonzero(~(steps.excess(count) <= 0))
    after = int(outside[-1]) + 1 if len(outside) else 0
    return _at(float(after), flow) if after <= count else found


def _seen_passage(excess: Excess, times: list[LogTime], flow: bool) -> LogTime | None:
    """The last passage that can be seen from these times on, which are looked at first."""
    top, bracket = times[-1], _Bracket().narrowed(excess, times)
    for _ in range(_ROUNDS):
        if inner := bracket.inner_times(flow):
            bracket = bracket.narrowed(excess, inner)
            continue
        # A passage.  Is it the last one?
        if bracket.high is None:
            return None
        later = [t for t in _after(bracket.high[0], flow) if t < top]
        after = _Bracket(high=(top, -math.inf)).narrowed(excess, later)
        if after.low is None:
            break
        bracket = after
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


def _grid(entry: LogTime | None, top: LogTime, flow: bool) -> list[LogTime]:
    """Times from 0 to top, and about the entry."""
    even = np.linspace(math.log(1e-3) if flow else 0.0, min(_STEEP, top.log), _EVEN)
    times = {_about(float(log), flow) for log in even}
    if top.log > _STEEP:
        times |= {_about(float(log), flow) for log in np.geomspace(_STEEP, top.log, _FAR)}
    if entry is not None:
        times |= {entry, *_since(entry, flow), *_since(entry, flow, -1.0)}
    return sorted(t for t in times if LogTime.parse(0) < t < top)


def _after(time: LogTime, flow: bool) -> list[LogTime]:
    """Times after a passage, ascending: the next steps, and later ones."""
    steps = range(1, _NEXT) if not flow and time.as_float < _EXACT else range(0)
    return sorted({_at(time.as_float + n, flow) for n in steps} | _since(time, flow))


def _since(time: LogTime, flow: bool, sign: float = 1.0) -> set[LogTime]:
    """Times at every distance after a time, or (sign -1) before it."""
    first = time.as_float
    if first < _EXACT:
        away = np.exp(np.linspace(math.log(1e-3) if flow else 0.0, _STEEP, _EVEN))
        there = first + sign * away
        return {_at(float(t), flow) for t in there[(there > 0) & (there < _EXACT)]} - {time}
    logs = (time.log + sign * math.exp(-k) for k in range(32))
    return {LogTime.from_log(log, flow=flow) for log in logs} - {time}


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
