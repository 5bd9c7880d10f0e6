"""Margin deficit of a network in balls, from its pre-activations at the two points.

The zero set of N is {both neurons inactive} and, if both are active there, the crossing x*.
"""

from __future__ import annotations

from latephase.certificates.prove.system import System
from latephase.certificates.prove.walk.step import BOTH, Balls
from latephase.core.balls import arb, exact


def span(a: Balls) -> arb:
    """(a11 - a21) + (a22 - a12) = (x1 - x2)(w1 - w2)."""
    return (a[0][0] - a[1][0]) + (a[1][1] - a[0][1])


def off_midpoint(system: System, a: Balls) -> arb:
    """x* - midpoint."""
    lean = (a[1][1] - a[0][1]) - (a[0][0] - a[1][0])
    return exact(system.half_gap) * lean / span(a)


def crosses(a: Balls) -> bool | None:
    """Whether both neurons are active where their lines meet; None where it is not decided."""
    height = (a[0][0] * a[1][1] - a[0][1] * a[1][0]) / span(a)
    return True if height > 0 else False if height <= 0 else None


def deficit(system: System, a: Balls) -> arb:
    """Optimal margin less the robustness margin; where a sign is open, the hull of both cases."""
    optimal = abs(exact(system.half_gap))
    apart = off_midpoint(system, a)
    cross = crosses(a)
    worst = -optimal if cross is False else abs(apart)  # no crossing is farther than any
    if cross is None:
        worst = worst.union(-optimal)
    for p in BOTH:
        worst = worst.max(optimal - _to_inactive(system, a, p))
    for p in BOTH:  # where a point is not on its side, the deficit is the optimal margin
        output = _positive_part(a[p][p]) - _positive_part(a[1 - p][p])
        if output <= 0:
            return optimal
        if not output > 0:
            worst = worst.union(optimal)
    return worst


def _to_inactive(system: System, a: Balls, p: int) -> arb:
    """Distance from point p to where both neurons are inactive: no less than each alone."""
    gap = abs(2 * exact(system.half_gap))
    distances = []
    for j in BOTH:
        rise = abs(a[j][0] - a[j][1])
        distances.append(_ratio(_positive_part(a[j][p]) * gap, rise, 4 * gap))
    return distances[0].max(distances[1])


def _ratio(x: arb, y: arb, far: arb) -> arb:
    """x / y for x, y >= 0; what is beyond `far` does not matter, so y = 0 counts as that."""
    if x <= 0:
        return arb(0)
    if y > 0:
        return x / y
    return far.union(x / y.abs_upper()) if y.abs_upper() > 0 else far


def _positive_part(x: arb) -> arb:
    return x if x > 0 else arb(0) if x <= 0 else x.nonnegative_part()
