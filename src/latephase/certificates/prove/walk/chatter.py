"""Ordinary steps of two neurons that are to and fro on their kinks, with nothing else between them.

The steps are those of `step_once`; where a slide settles there are thousands of them.
"""

from __future__ import annotations

from latephase.certificates.prove.system import System
from latephase.certificates.verdict import Unprovable
from latephase.core.balls import arb

from .step import LARGEST_EXPONENT, TOO_LARGE, Balls, WalkState, positive


def chatters(system: System, state: WalkState) -> bool:
    """Whether each neuron is active on its own point, and one on the other, too: x1 x2 > -1."""
    (on11, on12), (on21, on22) = state.active
    return system.k12 > 0 and on11 and on22 and (on12 or on21)


def chatter(state: WalkState, gram: Balls, step: arb, most: int) -> WalkState:
    """So many steps, fewer if it ends: then the last one has just ended it.

    Raises Undecided, and Unprovable where a loss leaves the range of balls.
    """
    (k11, k12), (_, k22) = gram
    (a11, a12), (a21, a22) = state.a
    ((_, on12), (on21, _)), (first, second) = state.active, state.nulls
    n, largest, right = 0, arb(LARGEST_EXPONENT), True
    while n < most and right and (on12 or on21):
        u1, u2 = (a11 - a21 if on21 else a11), (a22 - a12 if on12 else a22)
        if not (abs(u1) < largest and abs(u2) < largest):
            raise Unprovable(TOO_LARGE)
        pull1, pull2 = step * (-u1).exp(), step * (-u2).exp()
        there1, there2 = pull1 * k12, pull2 * k12
        a11, a12 = a11 + pull1 * k11, a12 + there1
        a21, a22 = a21 + there2, a22 + pull2 * k22
        if on12:
            a11, a12, first = a11 - there2, a12 - pull2 * k22, None
        if on21:
            a21, a22, second = a21 - pull1 * k11, a22 - there1, None
        n += 1
        on11, on12, on21, on22 = positive(a11), positive(a12), positive(a21), positive(a22)
        right = on11 and on22
    active = ((on11, on12), (on21, on22)) if n else state.active
    return WalkState(((a11, a12), (a21, a22)), active, (first, second), state.time + n)
