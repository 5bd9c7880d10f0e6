"""The strip in which kinks slide: how wide it is, what it does to margins, what holds it.

Symbols as in docs/certificates-general.md, "absorbed".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from latephase.core.balls import Rational, arb

from .gradients import Gradients
from .system import GeneralSystem

_MORE = 1 + 2.0**-16  # of what the induction needs, so that rounding does not matter


class Bands(NamedTuple):
    """-low_a <= N r_a <= up_a of each kink that is held, -low_a <= r_a <= up_a / N of others."""

    up: list[arb]
    low: list[arb]


class Move(NamedTuple):
    """Bounds of N times what a kink falls by in a step where it is positive, else rises by.

    Of one that is kicked `fall` is the kick, not times N."""

    fall: tuple[arb, arb]
    rise: tuple[arb, arb]


@dataclass(frozen=True)
class Strip:
    """Of a pattern with kinks: `here` are their r_a at base."""

    gradients: Gradients
    system: GeneralSystem
    here: list[arb]

    def spread(self, bands: Bands, kappas: Sequence[Rational], late: arb) -> tuple[arb, arb]:
        """Ends of V(e, N), where 1 / N is `late`."""
        held, kicked = self._sums(bands, kappas, late)
        return held[0] * late + kicked[0], held[1] * late + kicked[1]

    def thrown(self, bands: Bands, late: arb) -> list[tuple[arb, arb]]:
        """(-P-, P+) of each point."""
        return [self._sums(bands, row, late)[1] for row in self.gradients.shares]

    def off(self, bands: Bands, late: arb) -> list[tuple[arb, arb]]:
        """Ends of e_i of each point."""
        pairs = zip(self.widths(bands), self.thrown(bands, late), strict=True)
        return [(w[0] * late + p[0], w[1] * late + p[1]) for w, p in pairs]

    def _sums(
        self, bands: Bands, kappas: Sequence[Rational], late: arb
    ) -> tuple[tuple[arb, arb], tuple[arb, arb]]:
        """Ends of the sums of kappa_a N r_a of held kinks, and of kappa_a r_a of others."""
        ends = [(arb(0), arb(0))] * 2
        for a, (kappa, up, low) in enumerate(zip(kappas, *bands, strict=True)):
            kicked = a in self.gradients.kicked
            one, other = arb(kappa) * (up * late if kicked else up), -arb(kappa) * low
            below, above = ends[kicked]
            ends[kicked] = below + one.min(other), above + one.max(other)
        return ends[0], ends[1]

    def widths(self, bands: Bands) -> list[tuple[arb, arb]]:
        """(-W-, W+) of each point."""
        found = []
        for i, row in enumerate(self.gradients.shares):
            below, above = self._sums(bands, row, arb(0))[0]
            for a, (_, p) in enumerate(self.gradients.kinks):
                if p == i:
                    charge = arb(self.gradients.charges[a])
                    below = below + charge * bands.up[a]
                    above = above - charge * arb(self.system.slope) * bands.low[a]
            found.append((below, above))
        return found

    def moves(self, pulls: list[tuple[arb, arb]], depths: list[arb] | None = None) -> list[Move]:
        """Of each kink, from lower and upper bounds of N h_i (n,), and U of each point (n,)."""
        slope, g, found = arb(self.system.slope), self.gradients, []
        for a, (j, p) in enumerate(g.kinks):
            low = high = arb(0)
            for row, ends in zip(g.along, pulls, strict=True):
                low, high = _added(low, high, arb(row[a]), ends)
            for b, (other, point) in enumerate(g.kinks):
                if other == j and b != a:
                    least, most = pulls[point]
                    reach = least * slope, most
                    low, high = _added(low, high, arb(g.charges[b] * g.own[a][b]), reach)
            kick, (least, most) = arb(-g.charges[a] * g.own[a][a]), pulls[p]
            if a in g.kicked:
                kick, plus = kick * arb(self.system.step), int(self.system.logistic)
                deep = (-depths[p]).exp() if depths else arb(1)
                found.append(Move((kick / (1 + plus), kick / (deep + plus)), (low, high)))
                continue
            back = kick * slope
            falls = kick * least - high, kick * most - low
            found.append(Move(falls, (low - back * most, high - back * least)))
        return found

    def depths(self, sigma: arb, bands: Bands) -> list[arb]:
        """U of each point (n,)."""
        found = [arb(0)] * self.system.n
        for (_, p), charge, up in zip(
            self.gradients.kinks, self.gradients.charges, bands.up, strict=True
        ):
            found[p] = found[p] + abs(arb(charge)) * up / sigma
        return found

    def needed(self, sigma: arb, moves: list[Move]) -> Bands:
        """The narrowest bands for such moves, and a little more."""
        once = (1 + 1 / sigma) * _MORE
        up = [
            (once * m.rise[1]).max(sigma * r).max(arb(0)).upper()
            for m, r in zip(moves, self.here, strict=True)
        ]
        low = []
        for a, (m, r) in enumerate(zip(moves, self.here, strict=True)):
            kicked = a in self.gradients.kicked
            far, back = (_MORE * m.fall[1], -r) if kicked else (once * m.fall[1], -sigma * r)
            low.append(far.max(back).max(arb(0)).upper())
        return Bands(up, low)

    def holds(self, sigma: arb, bands: Bands, moves: list[Move]) -> bool:
        """7. and 9."""
        once = 1 + 1 / sigma
        for a, (up, low, r, m) in enumerate(zip(*bands, self.here, moves, strict=True)):
            if a in self.gradients.kicked:
                inside = -low <= r and sigma * r <= up
                far = up >= once * m.rise[1] and low >= m.fall[1]
                back = sigma * m.fall[0] >= up + m.rise[1]
                if not (inside and far and back and m.rise[0] > 0):
                    return False
                continue
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
