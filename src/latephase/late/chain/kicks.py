"""What one step of gradient descent does to the pre-activations of a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.late.modes.dynamics import Dynamics

KICKS = 16.0  # by which a neuron may be off for ever where a sign was decided wrongly, or averaged
MARGIN_KICK = 10.0  # times the slide tolerance: of 1 + |q|, how far a kick may move a margin
_SOON = 64  # steps: a mode that a pair in chatter ends sooner than this is stepped through


@dataclass(frozen=True)
class Kicks:
    """What one step of gradient descent does at a network.

    rise (m, n): to the pre-activations;  kick (m, n): how much farther point i moves neuron j when
    that is active there;  overshoot (m, n): how far a step may carry a pre-activation over its
    kink, -inf where there are none.
    """

    rise: Floats
    kick: Floats
    overshoot: Floats

    @classmethod
    def of(cls, dynamics: Dynamics, theta: Floats, a: Floats) -> Kicks:
        """The step at theta (m, k) with pre-activations a (m, n)."""
        pull = dynamics.pull(dynamics.margins(theta))
        gains = dynamics.gains(dynamics.statuses(a))
        rise = ((dynamics.signs * gains * pull) @ dynamics.points) @ dynamics.points.T
        kick = (1 - dynamics.slope) * np.abs(dynamics.signs) * pull * dynamics.point_lengths
        overshoot = np.abs(rise) + kick * dynamics.point_lengths
        return cls(rise, kick, overshoot if dynamics.bends else np.full_like(rise, -np.inf))

    def shares(self, dynamics: Dynamics, norms: Floats, margins: Floats) -> Floats:
        """Kicks (m, n) as shares of what they move: of their neurons, of lengths `norms` (m,), or
        of ten times the margins (n,) if that is more, as where x = 1e-8 and w = 1e8."""
        moves = np.abs(dynamics.output_weights)[:, None] * dynamics.point_lengths
        moves = moves / (MARGIN_KICK * (1 + np.abs(margins)))
        per_kick = np.where(norms > 0, 1 / np.where(norms > 0, norms, 1.0), 0.0)[:, None]
        return np.asarray(self.kick * np.maximum(per_kick, moves))

    def crosses_soon(self, a: Floats) -> Bools:
        """Pairs within a step of their kink that reach it soon, (m, n): on points 1e-5 apart that a
        neuron serves both, a flow notices the kink a step late, and is a kick behind from there."""
        with np.errstate(divide="ignore", invalid="ignore"):
            left = -a / self.rise  # steps, at the present speed
        left = np.where(left >= 0, left, np.inf)
        return np.asarray((np.abs(a) <= self.overshoot) & (left < _SOON))

    def late_kick(self, a: Floats) -> Floats:
        """How far neurons (m,) may be off where such a pair is followed by a flow all the same."""
        return np.asarray((KICKS * self.kick * self.crosses_soon(a)).max(axis=1))
