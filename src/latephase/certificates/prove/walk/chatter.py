"""Ordinary steps of two neurons that are to and fro on their kinks, with nothing else between them.

The steps are those of `step_once`; where a slide settles there are thousands of them, and balls
alone would swell at each.  So a centre is followed, and `spread`, how far (w, b) of both neurons
may be from it: within a pattern the loss is convex, and a step brings two networks no further apart
as long as step_size times its curvature is at most 2.  Source: docs/certificates.md, "entry".
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from latephase.certificates.prove.system import System
from latephase.certificates.verdict import Undecided, Unprovable
from latephase.core.balls import arb, exact, plus_minus

from .step import LARGEST_EXPONENT, TOO_LARGE, Balls, WalkState

Four = tuple[arb, arb, arb, arb]  # a11, a12, a21, a22

_ROW = 16  # steps after which what they have rounded goes from the balls into the spread
_NEAR = exact(2.0**-8)  # of what a pre-activation is off: losses then differ by less than ...
_ALIKE = exact(1 + 2.0**-6)
_LEAST = exact(-LARGEST_EXPONENT)


def chatters(system: System, state: WalkState) -> bool:
    """Whether x1 x2 > -1 and each neuron is active on its own point, at least."""
    return state.active[0][0] and state.active[1][1] and system.attracts


@dataclass(frozen=True)
class Chatter:
    """What the points decide of such steps.

    roots: of k11, k22;  far: |(w, b)| of a neuron is at most that times |a|;  curved: of a unit of
    each loss, by two neurons;  calm: losses, times the step size, up to which nothing spreads.
    """

    gram: Balls
    step: arb
    roots: tuple[arb, arb]
    far: arb
    curved: tuple[arb, arb]
    calm: tuple[arb, arb]

    @staticmethod
    def of(system: System, step: arb) -> Chatter:
        """Of two points, at the precision in force."""
        gram = system.gram()
        k11, k22 = gram[0][0], gram[1][1]
        far = exact((system.k11 + system.k22) / system.determinant).sqrt()
        share = exact(31.0 / 32)  # together below 2, also times _ALIKE
        calm = share / (2 * k11), share / (2 * k22)
        return Chatter(gram, step, (k11.sqrt(), k22.sqrt()), far, (2 * k11, 2 * k22), calm)

    def walked(self, state: WalkState, most: int) -> WalkState | None:
        """So many steps; fewer if it ends, which the last one has just done then, or no neuron is
        active on the other's point any more; None where the state is not known well enough.

        Raises Undecided, and Unprovable where a loss leaves the range of balls.
        """
        ((_, on12), (on21, _)), (first, second) = state.active, state.nulls
        a, spread = self._centre(state)
        rooms, n, on11, on22 = self._rooms(spread), 0, True, True
        while rooms and n < most and on11 and on22 and (on12 or on21 or n == 0):
            pull1, pull2 = self._pulls(a, on12, on21)
            if not (pull1 < self.calm[0] and pull2 < self.calm[1]):
                wider = self._spread(spread, pull1, pull2)
                if not (wide := self._rooms(wider)):
                    break
                spread, rooms = wider, wide
            first, second = None if on12 else first, None if on21 else second
            a11, a12, a21, a22 = a = self._moved(a, on12, on21, pull1, pull2)
            room1, room2 = rooms
            on11, on12, on21, on22 = a11 > room1, a12 > room2, a21 > room1, a22 > room2
            right = (on11 or a11 <= -room1) and (on22 or a22 <= -room2)
            if not (right and (on12 or a12 <= -room2) and (on21 or a21 <= -room1)):
                raise Undecided("the sign of a pre-activation")
            n += 1
            if n % _ROW == 0:
                a, spread = self._recentred(a, spread)
                rooms = self._rooms(spread)
        return self._arrived(state, n, a, spread, (on11, on12, on21, on22), (first, second))

    def _pulls(self, a: Four, on12: bool, on21: bool) -> tuple[arb, arb]:
        """step * loss of both points.  Raises Unprovable where one leaves the range of balls."""
        a11, a12, a21, a22 = a
        u1, u2 = (a11 - a21 if on21 else a11), (a22 - a12 if on12 else a22)
        if not (u1 > _LEAST and u2 > _LEAST):
            raise Unprovable(TOO_LARGE)
        return self.step * (-u1).exp(), self.step * (-u2).exp()

    def _moved(self, a: Four, on12: bool, on21: bool, pull1: arb, pull2: arb) -> Four:
        """A step."""
        (k11, k12), (_, k22) = self.gram
        there1, there2 = pull1 * k12, pull2 * k12
        a11, a12, a21, a22 = a
        a11, a12, a21, a22 = a11 + pull1 * k11, a12 + there1, a21 + there2, a22 + pull2 * k22
        if on12:
            a11, a12 = a11 - there2, a12 - pull2 * k22
        if on21:
            a21, a22 = a21 - pull1 * k11, a22 - there1
        return a11, a12, a21, a22

    def _spread(self, spread: arb, pull1: arb, pull2: arb) -> arb:
        """The spread after a step that is not calm."""
        curved = (pull1 * self.curved[0] + pull2 * self.curved[1]) * _ALIKE
        return (spread * (curved - 1).max(arb(1))).upper()

    def _arrived(
        self,
        state: WalkState,
        n: int,
        a: Four,
        spread: arb,
        on: tuple[bool, bool, bool, bool],
        nulls: tuple[Fraction | None, Fraction | None],
    ) -> WalkState | None:
        """The state n steps later."""
        (a11, a12, a21, a22), spread = self._recentred(a, spread)
        if n == 0:
            return None
        one, other = (plus_minus(spread * root) for root in self.roots)
        around = (a11 + one, a12 + other), (a21 + one, a22 + other)
        return WalkState(around, ((on[0], on[1]), (on[2], on[3])), nulls, state.time + n, spread)

    def _centre(self, state: WalkState) -> tuple[Four, arb]:
        """The middle of a state, and its spread."""
        (a11, a12), (a21, a22) = state.a
        if state.spread is None:
            return self._recentred((a11, a12, a21, a22), arb(0))
        return (a11.mid(), a12.mid(), a21.mid(), a22.mid()), state.spread

    def _recentred(self, a: Four, spread: arb) -> tuple[Four, arb]:
        """The middle of these balls, and the spread with what they leave open."""
        a11, a12, a21, a22 = (+x for x in a)  # of no more bits than those to which all is added
        open_ = a11.rad() + a12.rad() + a21.rad() + a22.rad()
        middle = a11.mid(), a12.mid(), a21.mid(), a22.mid()
        return middle, (spread + self.far * open_).upper()

    def _rooms(self, spread: arb) -> tuple[arb, arb] | None:
        """How far a_j1 and a_j2 may be from the centre; None where that is too much."""
        room1, room2 = ((spread * root).upper() for root in self.roots)
        return (room1, room2) if room1 < _NEAR and room2 < _NEAR else None
