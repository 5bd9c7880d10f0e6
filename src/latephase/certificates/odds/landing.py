"""Where a wrong-side pre-activation lands on x = +-1: gradient descent on whole intervals.

While both neurons are active on a point, the margin u = r - w of right and wrong pre-activation
obeys u <- g(u) = u + 2 c e^-u with c = 2 step_size, and S = r + w stands still.  The first n with
u_n >= S lands the wrong one at L = (S - u_n) / 2 <= 0.  So L needs S and the orbit of u_0 only.

g falls up to ln 2c, where it is 1 + ln 2c, and rises from there: after one step every orbit rises,
and orbits never overtake each other.  `Ladder` uses this: J orbits, started side by side within one
step, cut the line into rungs V_0 < V_1 < ... with g(V_i) = V_(i+J), so that an orbit between two
rungs stays between two rungs for ever.  Positions are doubles rounded float_bounds, from balls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import lambertw

from latephase.core.arrays import Floats, Ints
from latephase.core.balls import arb, exact, float_bounds

ROWS, RUNGS = 8192, 1_000_000  # beyond this the widths tell that it was too little
MIN_PHASES = 16


@dataclass(frozen=True)
class Ladder:
    """Rungs V_i of J orbits, lower[i] <= V_i <= upper[i], both (rungs,), with g(V_i) = V_(i+J).

    J = `phases`; rungs is a multiple of J, at least 3 J.  g rises above the first rung.  The last
    row of J rungs only says where the row before it goes.
    """

    lower: Floats
    upper: Floats
    phases: int

    @property
    def steps(self) -> Floats:
        """Upper bounds of g(u) - u for all u >= V_i, (rungs - J,), falling."""
        steps = self.upper[self.phases :] - self.lower[: -self.phases]
        return np.minimum.accumulate(np.nextafter(steps, np.inf))

    def between(self, lower: Floats, upper: Floats) -> tuple[Ints, Ints]:
        """(a, b) with V_a <= u <= V_b for what u_1 can be; b is the number of rungs if too large.

        No u_1 lies below V_0, whatever its rounded bound says: it is at least g(V_0) or 1 + ln 2c.
        """
        a = np.maximum(np.searchsorted(self.upper, lower, "right") - 1, 0)
        return a, np.searchsorted(self.lower, upper, "left")


def ladder(c: float, first: float, top: float, *, finest: float, gap: float, share: int) -> Ladder:
    """The ladder from max(first, ln 2c) up to `top`, or until steps are below 2 `finest`.

    c > 0, all lengths in units of a pre-activation.  Rungs of the first step are `gap` apart, or
    1/share of the step if that is less (more, if there would be too many of them); the last of them
    lies below `top`.  Rigour: proved.
    """
    base, twice = max(first, turning_point(c)), 2 * exact(c)
    # Rising doubles within [base, g(base)]: that is sure, where else they lie does not matter.
    step = _about_step(c, base)
    to_top = (math.exp(min(top, 700.0)) - math.exp(min(base, 700.0))) / (2 * c)
    rows = 3 + max(0.0, min(to_top, 0.5 / finest, ROWS))
    width = min(step, max(top - base, 0.0))
    few = max(MIN_PHASES, RUNGS // rows)
    apart = max(min(step / share, gap), width / few, 2.0**-30 * abs(base))
    end = float_bounds([_after(exact(base), twice)])[0][0]
    starts = [base, *(u for u in np.arange(base, base + width, apart)[1:].tolist() if u <= end)]
    # Their orbits, a step of all at a time.
    row = [exact(u) for u in starts]
    balls = list(row)
    enough = min(ROWS * len(row), RUNGS)
    while len(balls) == len(row) or not (len(balls) >= enough or _done(row[0], c, top, finest)):
        row = [_after(u, twice) for u in row]
        balls += row
    lower, upper = float_bounds(balls + [_after(u, twice) for u in row])
    # Rungs rise, so each bound holds on one side of its rung as well.
    upper = np.minimum.accumulate(upper[::-1])[::-1]
    return Ladder(np.maximum.accumulate(lower), upper, phases=len(row))


def turning_point(c: float) -> float:
    """The double above ln 2c: g rises from there on.  Rigour: proved."""
    return float(float_bounds([(2 * exact(c)).log()])[1][0])


def after_one_step(c: float, ends: Sequence[arb]) -> tuple[Floats, Floats]:
    """(lower, upper) of g on each of the k cells between k + 1 rising ends, (k,) each.

    Rigour: proved.  g is convex: largest at an end, least at ln 2c if that lies in the cell.
    """
    twice = 2 * exact(c)
    begin, end = float_bounds(ends)
    low, high = float_bounds([_after(u, twice) for u in ends])
    turn_low, turn_high = float_bounds([twice.log()])
    turns = (begin[:-1] <= turn_high) & (turn_low <= end[1:])
    # g >= 1 + ln 2c everywhere, also where a step overflows.
    least = float_bounds([1 + twice.log()])[0]
    inside = np.where(turns, least, np.maximum(np.minimum(low[:-1], low[1:]), least))
    return inside, np.maximum(high[:-1], high[1:])


def leftward(c: float, images: Floats) -> Floats:
    """About the u below ln 2c with g(u) = image, in floats: says where to look, proves nothing."""
    with np.errstate(all="ignore"):
        u = images + np.real(lambertw(-2 * c * np.exp(-images), -1))
    return np.asarray(u[np.isfinite(u)])


def _after(u: arb, twice_c: arb) -> arb:
    return u + twice_c * (-u).exp()


def _about_step(c: float, u: float) -> float:
    return math.exp(math.log(2 * c) - u)


def _done(u: arb, c: float, top: float, finest: float) -> bool:
    """Whether all rungs of a row that begins at u are high enough; decided in floats."""
    return float(u) > top * (1 + 2.0**-20) or _about_step(c, float(u)) <= 2 * finest
