"""The law of the late phase with explicit constants: what holds for *all* later times.

In every regime with L -> 0, for all t from some time on,

    x*(t) - x_inf = (lean + y(t)) / (pace (ln t + offset + e(t))),   constant C = lean / pace,

where `lean`, `pace`, `offset` are balls and |y|, |e| have explicit bounds that decrease to 0.
This module turns what a tail states into lower / ln t <= |x*(t) - x_inf| <= upper / ln t.  A tail
states of a run with L -> 0: `since` when it holds, `lean` (None: exactly zero), `pace`, `offset`,

    lean_error, offset_error   upper bounds of |y|, |e| at all times from t on
    vanishing                  where lean is exactly zero: clock, and lower and upper bounds at all
                               times from t on of s |y(s)| (clock "t ln t") or of s |y(s)| / ln s
                               (clock "t")
    boundary_decides           whether at all times from t on both neurons are active at x*, so that
                               it is the only zero between the points and the deficit is
                               |x* - midpoint|
    at, gap, deficit           a_ji, x*(t) - x_inf and the margin deficit at t
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from latephase.certificates.verdict import Undecided
from latephase.core.balls import arb, exact

from .approach import LateApproach
from .orbits import LateOrbits
from .single import LateHold
from .slide import LateSlide

Tail = LateOrbits | LateSlide | LateHold | LateApproach
_ROOM = exact(2.0**-60)
_DOUBLINGS = 200  # of ln t, until a statement for all later times holds


@dataclass(frozen=True)
class ProvedRate:
    """lower <= |x*(t) - x_inf| * clock(t) <= upper for all t with ln t >= log_from.

    clock: "ln t", or "t ln t" and "t" where C = 0.  log_from is a float, exact as it stands; lower
    and upper are balls of radius 0.
    """

    clock: str
    log_from: float
    lower: arb
    upper: arb


class Leaning(Protocol):
    """What has a constant: that lean/pace is."""

    @property
    def lean(self) -> arb | None: ...
    @property
    def pace(self) -> arb: ...


def constant(tail: Leaning) -> arb:
    """C; a ball of radius 0 at 0 where it is exactly zero."""
    return arb(0) if tail.lean is None else tail.lean / tail.pace


def rate(tail: Tail, log_from: float | None = None) -> ProvedRate:
    """The rate from a time on; by default from the earliest of a sequence of doublings of ln t.

    Raises Undecided if none will do.
    """
    if log_from is not None:
        found = _rate_from(tail, log_from)
        if found is None:
            raise Undecided("the rate from the time asked for")
        return found
    log = max(1.0, float(exact(max(tail.since, 3)).log().upper()) * 1.0001)
    for _ in range(_DOUBLINGS):
        found = _rate_from(tail, log)
        if found is not None:
            return found
        log *= 1.5
    raise Undecided("a time from which the rate holds")


def _rate_from(tail: Tail, log_from: float) -> ProvedRate | None:
    log_t = exact(log_from)
    t = log_t.exp()
    if not t >= max(tail.since, 3) or not tail.boundary_decides(t):
        return None
    y, e = tail.lean_error(t), tail.offset_error(t)
    shift = (tail.offset + arb(0, e.abs_upper())) / log_t  # (offset + e) / ln t, largest at t
    if not (y.is_finite() and e.is_finite() and shift > -0.5):
        return None
    low, high = shift.lower().min(arb(0)), shift.upper().max(arb(0))
    if tail.lean is None:
        clock, least, most = tail.vanishing(t, log_t)
        if not most.is_finite():
            return None
        least, most = least / abs(tail.pace) / (1 + high), most / abs(tail.pace) / (1 + low)
        return ProvedRate(clock, log_from, _less(least).max(arb(0)), _more(most))
    share = y / abs(tail.lean)
    if not share < 0.5:
        return None
    size = abs(constant(tail))
    lower, upper = size * (1 - share) / (1 + high), size * (1 + share) / (1 + low)
    return ProvedRate("ln t", log_from, _less(lower), _more(upper))


def _less(x: arb) -> arb:
    """A little below a positive ball: exact bounds are decided by nobody who rounds otherwise."""
    return (x * (1 - _ROOM)).lower()


def _more(x: arb) -> arb:
    return (x * (1 + _ROOM)).upper()
