"""Where a phase lands that ends at a kink: the new sign, which rounding may hide."""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Floats
from latephase.late.pattern import ACTIVE, SLIDING
from latephase.problem import TwoPointGeometry

from .course import Course
from .phase import Phase
from .regimes import pushes
from .response import Response


def cross(course: Course, ph: Phase, parameters: Floats, a: Floats) -> tuple[Floats, Floats]:
    """Give the pre-activations that end the phase their new sign, which rounding may hide.

    Gradient flow lands on 0 exactly, which gradient descent must not claim: the constant of the law
    would vanish.  It lands below, if only by half a step.  A kink that a slide lets go leaves the
    band that would hold it, along the way in which it is kicked.
    """
    reply, g = ph.response, course.geometry
    active = (reply.status == ACTIVE)[:, :, None]
    landed, tiny = np.zeros_like(a), np.finfo(float).tiny
    if not ph.crossing.any():
        return parameters, a
    if course.discrete:
        push = pushes(g, a, course.log_step)
        paces = np.abs(reply.slopes) @ (reply.rates[:, None] * push.step)
        landed = np.where(a < 0, a, -paces / 2)
        if reply.sliding:
            for j, i in np.argwhere(reply.status == SLIDING):
                free = ph.crossing[j, i] * 2 * (push.up[i] + push.down[i])
                parameters[j], a[j] = shifted(g, parameters[j], a[j], i, free)
    return parameters, np.where(ph.crossing, np.where(active, landed, np.maximum(a, tiny)), a)


def shifted(
    g: TwoPointGeometry, parameters: Floats, a: Floats, i: int, by: Floats
) -> tuple[Floats, Floats]:
    """One neuron's parameters (2, R) and pre-activations (2, R), that at point i moved `by` (R,)
    along the direction in which the point kicks it."""
    amount = by / (g.k11, g.k22)[i]
    moved = by * np.array([[1.0], [g.k12 / g.k11]] if i == 0 else [[g.k12 / g.k22], [1.0]])
    return parameters + amount * np.array([[(g.x1, g.x2)[i]], [1.0]]), a + moved


def onto_half_slide(
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
