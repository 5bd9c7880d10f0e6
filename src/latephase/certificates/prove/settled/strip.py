"""The strip in which kinks slide: how wide it is, what it does to margins, what holds it.

Symbols as in docs/certificates-general.md, "absorbed".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from latephase.core.balls import Rational, arb

from .gradients import Gradients

_MORE = 1 + 2.0**-16  # of what the induction needs, so that rounding does not matter


class Bands(NamedTuple):
    """-low_a <= N r_a <= up_a of each kink."""

    up: list[arb]
    low: list[arb]

    def spread(self, kappas: Sequence[Rational]) -> tuple[arb, arb]:
        """Ends of V: of the sum of kappa_a N r_a."""
        below, above = arb(0), arb(0)
        for kappa, up, low in zip(kappas, *self, strict=True):
            one, other = arb(kappa) * up, -arb(kappa) * low
            below, above = below + one.min(other), above + one.max(other)
        return below, above


class Move(NamedTuple):
    """Bounds of N times what a kink falls by in a step where it is positive, else rises by."""

    fall: tuple[arb, arb]
    rise: tuple[arb, arb]


@dataclass(frozen=True)
class Strip:
    """Of a pattern with kinks: `here` are their r_a at base;  slope: the negative one."""

    gradients: Gradients
    slope: Rational
    here: list[arb]

    def widths(self, bands: Bands) -> list[tuple[arb, arb]]:
        """(-W-, W+) of each point."""
        found = []
        for i, row in enumerate(self.gradients.shares):
            below, above = bands.spread(row)
            for a, (_, p) in enumerate(self.gradients.kinks):
                if p == i:
                    charge = arb(self.gradients.charges[a])
                    below = below + charge * bands.up[a]
                    above = above - charge * arb(self.slope) * bands.low[a]
            found.append((below, above))
        return found

    def moves(self, pulls: list[tuple[arb, arb]]) -> list[Move]:
        """Of each kink, from lower and upper bounds of N h_i (n,)."""
        g, found = self.gradients, []
        for a, (j, p) in enumerate(g.kinks):
            low = high = arb(0)
            for row, ends in zip(g.along, pulls, strict=True):
                low, high = _added(low, high, arb(row[a]), ends)
            for b, (other, point) in enumerate(g.kinks):
                if other == j and b != a:
                    least, most = pulls[point]
                    reach = least * arb(self.slope), most
                    low, high = _added(low, high, arb(g.charges[b] * g.own[a][b]), reach)
            kick, (least, most) = arb(-g.charges[a] * g.own[a][a]), pulls[p]
            back = kick * arb(self.slope)
            falls = kick * least - high, kick * most - low
            found.append(Move(falls, (low - back * most, high - back * least)))
        return found

    def needed(self, sigma: arb, moves: list[Move]) -> Bands:
        """The narrowest bands for such moves, and a little more."""
        once = (1 + 1 / sigma) * _MORE
        pairs = [(m, sigma * r) for m, r in zip(moves, self.here, strict=True)]
        up = [(once * m.rise[1]).max(r).max(arb(0)).upper() for m, r in pairs]
        low = [(once * m.fall[1]).max(-r).max(arb(0)).upper() for m, r in pairs]
        return Bands(up, low)

    def holds(self, sigma: arb, bands: Bands, moves: list[Move]) -> bool:
        """7."""
        once = 1 + 1 / sigma
        for up, low, r, m in zip(*bands, self.here, moves, strict=True):
            inside = -low <= sigma * r <= up
            far = up >= once * m.rise[1] and low >= once * m.fall[1]
            back = (sigma + 1) * m.fall[0] >= up and (sigma + 1) * m.rise[0] >= low
            if not (inside and far and back and m.fall[0] > 0 and m.rise[0] > 0):
                return False
        return True


def _added(low: arb, high: arb, factor: arb, ends: tuple[arb, arb]) -> tuple[arb, arb]:
    """Bounds of a sum and one more term."""
    one, other = factor * ends[0], factor * ends[1]
    return low + one.min(other), high + one.max(other)
