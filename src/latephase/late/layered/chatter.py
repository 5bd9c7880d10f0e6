"""What the chatter that a slide leaves out does to neurons, and to margins.

A slide follows the mean of steps that cross a kink now and then: at the kink, where the steps are
up to a kick beside it. Where a neuron slides does not matter by itself, since the pull of its point
holds it there. But meanwhile margins are off by what kicks move them, pulls by the same share of
themselves, and kicks and pulls fall like 1 / t: together, what the pulls of a time t do to the
parameters, times that share, and held back by relaxation as one implicit step has it. The less
cautious of the two runs that are compared begins each slide so far off (`twice`), and ends it a
kick beside the kink, on the side that it goes over to, where nothing holds the neuron any more; the
difference shows what becomes of that, and how the loss takes back what margins are off. The kicks
of the moment are added. Source: docs/theory.md, "Every layer trained".
"""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Floats
from latephase.late.modes.dynamics import lengths
from latephase.late.pattern import ACTIVE, SLIDING

from .dynamics import LayeredDynamics
from .field import gradients_of
from .mode import LayeredMode
from .segment import LayeredSegment

_LARGEST = 300.0  # exponents are cut here


def share(kicks: Floats, state: Floats) -> float:
    """The largest of kicks (m,) as a share of its neuron."""
    norms = lengths(state)
    return float((kicks / np.where(norms > 0, norms, np.inf)).max(initial=0.0))


def with_kicks(
    mode: LayeredMode, kicks: Floats, log_time: float, ways: Floats | float
) -> LayeredMode:
    """A slide entered as far off as chatter by kicks (m,) from a time exp(log_time) on leads.

    ways (m, k + 1): signs, 0 for none.  Neurons that this would carry over a kink, or
    their output weights over 0, stay.
    """
    if not (np.any(kicks) and np.any(ways) and mode.live.size):
        return mode
    dynamics, state = mode.dynamics, mode.state
    ways = np.broadcast_to(ways, state.shape)
    signs = np.resize(ways, len(mode.live))
    q = dynamics.margins(state)
    outer, reach = np.abs(state[:, -1]), dynamics.point_lengths
    pulls = np.exp(np.minimum(dynamics.log_pull(q) + log_time, _LARGEST))
    off = (outer @ kicks) * reach  # of the margins, and of the pulls as a share
    gradients = gradients_of(mode, mode.start)
    forces = gradients @ (signs * (off * pulls)[mode.live])
    slides = (mode.status == SLIDING)[mode.moving]
    forces[-len(mode.moving) :] += (
        ways[mode.moving, -1] * kicks[mode.moving] * (slides @ (pulls * reach))
    )
    bend, _ = dynamics.loss.slopes(q[mode.live])
    axes, sizes, _ = np.linalg.svd(gradients * np.sqrt(pulls[mode.live] * bend), False)
    along = axes.T @ forces
    step = forces - axes @ (along * (1 - 1 / (1 + sizes**2)))
    found = mode.parameters(mode.start + step)
    crossed = _sides(dynamics, found) != _sides(dynamics, state)
    crossed[:, :-1] &= mode.status != SLIDING
    found[crossed.any(axis=1)] = state[crossed.any(axis=1)]
    return LayeredMode.of(dynamics, found, mode.status)


def let_go(mode: LayeredMode, found: LayeredSegment) -> Floats:
    """The state (m, k + 1) at the end of a slide whose neurons leave their kinks a kick beside
    them, on the side that they go over to."""
    dynamics, state = mode.dynamics, found.state.copy()
    pulls = np.exp(np.minimum(dynamics.log_pull(dynamics.margins(state)), _LARGEST))
    for j, i in np.argwhere(found.released_to >= 0):
        kick = (1 - dynamics.slope) * abs(state[j, -1]) * pulls[i]
        side = 1.0 if found.released_to[j, i] == ACTIVE else -1.0
        state[j, :-1] += side * kick * dynamics.points[i]
    return state


def _sides(dynamics: LayeredDynamics, state: Floats) -> Floats:
    """Of each neuron the sides of the kinks on which it is, and the sign of its output weight,
    (m, n + 1)."""
    sides = dynamics.statuses(dynamics.preactivations(state))
    return np.column_stack([sides, np.sign(state[:, -1])])


def of_margins(mode: LayeredMode, sampled: list[Floats]) -> Floats:
    """How far a margin may be off for the kicks of the moment, of 1 + |q|, at S states (m, k + 1)
    of a slide, (S,): between what lifts a pre-activation and what throws it back lies one kick."""
    if not (mode.sliding and sampled):
        return np.zeros(len(sampled))
    dynamics, states = mode.dynamics, np.array(sampled)
    q, outer = dynamics.margins(states), np.abs(states[..., -1])
    pulls = np.exp(np.minimum(dynamics.log_pull(q), _LARGEST)) * dynamics.point_lengths
    kicks = (1 - dynamics.slope) * outer * (pulls @ (mode.status == SLIDING).T)
    moves = (outer * kicks).sum(axis=-1)[:, None] * dynamics.point_lengths
    return np.asarray((moves / (1 + np.abs(q))).max(axis=1))
