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
from functools import cached_property

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import SLIDING, Statuses

from .dynamics import Dynamics
from .linear_algebra import off_columns, spanned

_SMALLEST = -1000  # binary exponent of a unit


@dataclass(frozen=True)
class Mode:
    """A mode entered at theta (m, k), in the coordinates of its dynamics.

    status (m, n);  resting (n,): points at rest;  live: indices of the points that pull;
    basis (m k, r), orthogonal, and pull (r, live points): beta' = exp(log_drive) pull @ l, where
    pull is of size 1: with output weights of 1e-120 pulls of 1e240 move something;
    margins (n,) at entry;
    slides: pairs (k, 2) whose multipliers may reach an end, needs and rooms (k, n) map pulls to
    multiplier * room, and to the room.
    """

    dynamics: Dynamics
    theta: Floats
    status: Statuses
    resting: Bools
    live: Ints
    basis: Floats
    pull: Floats
    log_drive: float
    margins: Floats
    slides: Ints
    needs: Floats
    rooms: Floats

    @classmethod
    def of(cls, dynamics: Dynamics, theta: Floats, status: Statuses, resting: Bools) -> Mode:
        """The mode of statuses (m, n) entered at theta, with some points at rest (n,)."""
        neurons = [dynamics.neuron(j, status[j], resting) for j in range(len(status))]
        g = np.concatenate([neuron.gradients for neuron in neurons])
        g, moving = off_columns(g, resting, dynamics.scale)
        live = np.flatnonzero(moving)
        # A power of two next to the largest entry divides all without rounding.
        largest = float(np.abs(g[:, live]).max(initial=0.0))
        power = max(math.frexp(largest)[1] - 1, _SMALLEST)
        unit = math.ldexp(1.0, power) if largest > 0 else 1.0
        if dynamics.kinks.shared:  # of points on one ray one is enough, the others add rounding
            place, ratio = dynamics.kinks.proportional(live, not dynamics.bends)
            leads = np.flatnonzero(place == np.arange(len(live)))
            basis, inside = spanned(g[:, live[leads]] / unit)
            signs = dynamics.labels[live] * dynamics.labels[live[place]]
            pull = inside[:, np.searchsorted(leads, place)] * (ratio * signs)
        else:
            basis, pull = spanned(g[:, live] / unit)
        slides = np.array([(j, i) for j, one in enumerate(neurons) for i in one.slides], np.int64)
        return cls(
            dynamics,
            theta,
            status,
            resting,
            live,
            basis / unit,
            pull,
            2 * math.log(unit),
            _margins(dynamics, theta, status),
            slides.reshape(-1, 2),
            np.concatenate([neuron.needs for neuron in neurons]),
            np.concatenate([neuron.rooms for neuron in neurons]),
        )

    def entered(self, theta: Floats) -> Mode:
        """The same mode entered at other parameters (m, k)."""
        return replace(self, theta=theta, margins=_margins(self.dynamics, theta, self.status))

    def parameters(self, beta: Floats) -> Floats:
        """theta (..., m, k) at beta (..., r)."""
        moved = beta @ self.basis.T
        return np.asarray(self.theta + moved.reshape(*beta.shape[:-1], *self.theta.shape))

    def margins_at(self, beta: Floats) -> Floats:
        """q_i (n,) at beta (r,)."""
        q = self.margins.copy()
        q[self.live] += beta @ self.pull
        return q

    @property
    def rank(self) -> int:
        """The dimension r of the motion."""
        return self.basis.shape[1]

    @cached_property
    def neuron_basis(self) -> Floats:
        """The basis by neuron and coordinate, (m, k, r)."""
        return self.basis.reshape(*self.theta.shape, -1)

    @property
    def moving(self) -> Bools:
        """Neurons (m,) that move at all."""
        return np.asarray(self.neuron_basis.any(axis=(1, 2)))

    @property
    def sliding(self) -> bool:
        """Whether a pair slides."""
        return bool((self.status == SLIDING).any())

    @property
    def serving_resting(self) -> Bools:
        """Neurons (m,) that a point at rest pulls."""
        return np.asarray((self.dynamics.gains(self.status)[:, self.resting] > 0).any(axis=1))


def _margins(dynamics: Dynamics, theta: Floats, status: Statuses) -> Floats:
    """q_i (n,) with the gains of the mode: what it sees, also an ulp beyond a kink."""
    a = dynamics.preactivations(theta) * dynamics.gains(status)
    return np.asarray((dynamics.signs * a).sum(axis=0))
