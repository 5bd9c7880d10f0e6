"""On and off a kink: where a phase lands that ends at one, and where a slide rests on one."""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Floats, Ints
from latephase.late.pattern import ACTIVE, SLIDING
from latephase.problem import TwoPointGeometry

from .phase import Phase
from .regimes import half_slide, pushes
from .response import Response
from .state import PairState
from .task import PairTask

ALIKE = 1e-12  # deviation that is rounding


def land(task: PairTask, phase: Phase, parameters: Floats, a: Floats) -> tuple[Floats, Floats]:
    """Give the pre-activations that end the phase their new sign, which rounding may hide.

    Gradient flow lands on 0 exactly, which gradient descent must not claim: the constant of the law
    would vanish.  It lands below, if only by half a step.  A kink that a slide lets go leaves the
    band that would hold it, along the way in which it is kicked.
    """
    reply, g, crossing = phase.response, task.geometry, phase.crossing
    if not crossing.any():
        return parameters, a
    landed = np.zeros_like(a)
    if task.method.discrete:
        push = pushes(g, a, task.method.log_step)
        paces = np.abs(reply.slopes) @ (reply.rates[:, None] * push.step)
        landed = np.where(a < 0, a, -paces / 2)
        for j, i in np.argwhere(reply.status == SLIDING):
            free = crossing[j, i] * 2 * (push.up[i] + push.down[i])
            parameters[j], a[j] = _kicked(g, parameters[j], a[j], i, free)
    active = (reply.status == ACTIVE)[:, :, None]
    new = np.where(active, landed, np.maximum(a, np.finfo(float).tiny))
    return parameters, np.where(crossing, new, a)


def rest_on_kinks(task: PairTask, state: PairState, rows: Ints, codes: Ints) -> None:
    """Put sliding pre-activations on their kink, where the shrinking chatter leaves them, along the
    direction in which it kicks them: what is left of a kick would spoil the law for ever."""
    for code, found, reply in task.by_pattern(codes):
        here = rows[found]
        half = half_slide(task.geometry, code)
        if half:  # on the one kink, where that leaves the other one alone
            active = half[0]
            theta, a = state.parameters[..., here], state.preactivations[..., here]
            new_theta, new = _onto_half_slide(reply, theta, a, 1 - active)
            moved, size = np.abs(new - a).max(axis=(0, 1)), np.abs(a).max(axis=(0, 1))
            off = np.asarray((new[active, 1 - active] > 0) & (moved > ALIKE * size))
            state.parameters[..., here[off]] = new_theta[..., off]
            state.preactivations[..., here[off]] = new[..., off]
            here = here[~off]
        for j, i in np.argwhere(reply.status == SLIDING):
            theta, a = state.parameters[j][:, here], state.preactivations[j][:, here]
            theta, a = _kicked(task.geometry, theta, a, i, -a[i])
            a[i] = 0.0
            state.parameters[j][:, here], state.preactivations[j][:, here] = theta, a


def _kicked(
    g: TwoPointGeometry, parameters: Floats, a: Floats, i: int, by: Floats
) -> tuple[Floats, Floats]:
    """One neuron's parameters (2, R) and pre-activations (2, R), that at point i moved `by` (R,)
    along the direction in which the point kicks it."""
    amount = by / (g.k11, g.k22)[i]
    moved = by * np.array([[1.0], [g.k12 / g.k11]] if i == 0 else [[g.k12 / g.k22], [1.0]])
    return parameters + amount * np.array([[(g.x1, g.x2)[i]], [1.0]]), a + moved


def _onto_half_slide(
    reply: Response, parameters: Floats, a: Floats, slides: int
) -> tuple[Floats, Floats]:
    """Parameters (2, 2, R) and pre-activations of two neurons that are active on both points, one
    wrong side dropped to 0 and the margins alike: where the shrinking chatter leaves them.

    Both neurons receive the same from both points, one with the other sign, so that the sums of
    their pre-activations stay; what a kick has put between the wrong sides is taken back.
    """
    g = reply.geometry
    both = (-reply.tilt - (a[0, 0] - a[1, 0] - a[1, 1] + a[0, 1])) / 2
    first, second = (both + a[0, 1], -a[0, 1]) if slides == 0 else (a[1, 0], both - a[1, 0])
    weight = (first - second) / (2 * g.half_gap)
    bias = (g.x1 * second - g.x2 * first) / (2 * g.half_gap)
    moved = np.stack([first, second])
    a = np.stack([a[0] + moved, a[1] - moved])
    a[slides, 1 - slides] = 0.0
    gained = np.stack([weight, bias])
    return np.stack([parameters[0] + gained, parameters[1] - gained]), a
