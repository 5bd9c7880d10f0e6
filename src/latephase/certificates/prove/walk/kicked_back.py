"""One neuron dead, k12 > 0: the other is kicked at its wrong side for ever, and survives."""

from __future__ import annotations

from latephase.certificates.prove.system import System
from latephase.core.balls import arb, exact

from .step import WalkState


def stays_alive(system: System, state: WalkState, alive: int, step: arb) -> bool:
    """Whether the living neuron provably stays active on its own point for ever.

    Let a, w be its pre-activations at its own and at the other point, k, h the Gram numbers of the
    two points, q = k12 > 0, and the state one with w <= 0.  A = a - (q/h) w grows in every step,
    whatever the pattern.  While w <= 0 both a and w rise, w to at most kick = step q e^-a_low.
    While w > 0 a step takes step (h e^w - q e^-a) > 0 off w, so w stays in
    [-step h e^kick, kick], and a = A + (q/h) w >= A - step q e^kick =: a_low.  All of it holds for
    ever if a_low > 0 and q e^-a_low < h now.
    """
    own, other = alive, 1 - alive
    a, w = state.a[alive][own], state.a[alive][other]
    if not state.active[alive][own] or state.active[alive][other]:
        return False
    q = exact(system.k12)
    h = exact(system.k22 if other == 1 else system.k11)
    height = a - q / h * w
    kick = step * q  # e^-a_low <= 1, as will be checked
    low = height - step * q * kick.exp()
    return bool(low > 0) and bool(q * (-low).exp() < h)
