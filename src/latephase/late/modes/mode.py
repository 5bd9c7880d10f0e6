"""One mode of a network: a pattern of active, inactive and sliding pairs, and how it moves.

While a mode lasts the network is linear in its parameters: theta' = sum_i l_i g_i, where l_i is the
pull of point i and g_i the gradient of its margin, projected so that sliding pairs stay on their
kinks. Points that the active neurons cannot fit come to rest against one another while the others
go on for ever: of such *resting* points the margins stay, and the motion is projected off them.
All directions of motion lie in the span of the g_i, of dimension r <= min(n, m (d + 1)); beta (r,)
are coordinates in an orthonormal basis of it, in which no margin is a difference of large numbers:
where g_1 and g_2 are nearly opposite (x = 2021, 2020), one coordinate moves both and another, of
another size, their difference. Source: docs/theory.md, "Any shallow network".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import ACTIVE, SLIDING, Statuses

from .dynamics import Dynamics
from .linear_algebra import off_columns, spanned

_SMALLEST = -1000  # binary exponent of a unit


@dataclass(frozen=True)
class Mode:
    """A mode entered at theta (m, k), in the coordinates of its dynamics.

    status (m, n);  resting (n,): points at rest;  live: indices of the L points that pull;
    pull (r, L): beta' = exp(log_drive) pull @ l, where pull is of size 1: with output weights of
    1e-120 pulls of 1e240 move something;  gram (L, L): its columns' inner products;
    carrier (m k, c): theta moves by carrier @ beta, or where it is `indirect`, by carrier @ w with
    pull @ w = beta: then it is made of the gradients, and no basis is needed;
    serving (m, n): v_j y_i of active pairs;  margins (n,) at entry;
    slides: pairs (S, 2) whose multipliers may reach an end, needs and rooms (S, n) map pulls to
    multiplier * room, and to the room.
    """

    dynamics: Dynamics
    theta: Floats
    status: Statuses
    resting: Bools
    live: Ints
    pull: Floats
    gram: Floats
    carrier: Floats
    indirect: bool
    log_drive: float
    serving: Floats
    margins: Floats
    slides: Ints
    needs: Floats
    rooms: Floats

    @classmethod
    def of(cls, dynamics: Dynamics, theta: Floats, status: Statuses, resting: Bools) -> Mode:
        """The mode of statuses (m, n) entered at theta, with some points at rest (n,)."""
        serving = dynamics.signs * (status == ACTIVE)
        g = serving[:, None, :] * dynamics.points.T
        slides, needs = [np.zeros((0, 2), np.int64)], [np.zeros((0, len(resting)))]
        rooms = needs.copy()
        for j in map(int, np.flatnonzero((status == SLIDING).any(axis=1))):
            neuron = dynamics.neuron(j, status[j], resting)
            g[j] = neuron.gradients
            slides.append(np.stack([np.full_like(neuron.slides, j), neuron.slides], axis=1))
            needs.append(neuron.needs)
            rooms.append(neuron.rooms)
        g = g.reshape(theta.size, -1)
        g, moving = off_columns(g, resting, dynamics.scale)
        live = np.flatnonzero(moving)
        g = g if moving.all() else g[:, live]
        # A power of two next to the largest entry divides all without rounding.
        largest = max(float(g.max(initial=0.0)), -float(g.min(initial=0.0)))
        power = max(math.frexp(largest)[1] - 1, _SMALLEST)
        unit = math.ldexp(1.0, power) if largest > 0 else 1.0
        g = g / unit
        basis, pull, gram = spanned(g)
        return cls(
            dynamics,
            theta,
            status,
            resting,
            live,
            pull,
            gram,
            (g if basis is None else basis) / unit,
            basis is None,
            2 * math.log(unit),
            serving,
            _margins(dynamics, theta, serving),
            np.concatenate(slides),
            np.concatenate(needs),
            np.concatenate(rooms),
        )

    def entered(self, theta: Floats) -> Mode:
        """The same mode entered at other parameters (m, k)."""
        return replace(self, theta=theta, margins=_margins(self.dynamics, theta, self.serving))

    def parameters(self, w: Floats) -> Floats:
        """theta (..., m, k) where the carrier is multiplied with w (..., c)."""
        moved = w @ self.carrier.T
        return np.asarray(self.theta + moved.reshape(*w.shape[:-1], *self.theta.shape))

    def direction(self) -> Floats:
        """The way in which theta sets off (m, k), of any length."""
        log = self.dynamics.log_pull(self.margins[self.live])
        pulls = np.exp(log - log.max(initial=-np.inf))
        moved = self.carrier @ (pulls if self.indirect else self.pull @ pulls)
        return np.asarray(moved.reshape(self.theta.shape))

    @property
    def moving(self) -> Bools:
        """Neurons (m,) that move at all."""
        return np.asarray(np.any(self.carrier.reshape(*self.theta.shape, -1), axis=(1, 2)))

    @property
    def sliding(self) -> bool:
        """Whether a pair slides."""
        return bool((self.status == SLIDING).any())


def _margins(dynamics: Dynamics, theta: Floats, serving: Floats) -> Floats:
    """q_i (n,) of the active pairs: what the mode sees, also an ulp beyond a kink."""
    return np.asarray((serving * dynamics.preactivations(theta)).sum(axis=0))
