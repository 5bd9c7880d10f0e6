"""The motion of the whole pair, layers and points coupled: one step, and the flow that it follows.

In a pattern one step adds F(z), z = (gained, output weights); steps follow the flow of
F - F'F/2 + F'F'F/3 + F''(F, F)/12 to the second order [hairer2006].
"""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.problem import TwoPointGeometry

from .state import LABELS, margins, rises

_SIGN = LABELS[:, None]
_NEAR = 16.0  # steps before a kink that are made one by one


class Motion:
    """What one step does to networks of pre-activations a (2, 2, T) and output weights v (2, T) in
    a pattern (2, 2, T), and its derivatives;  log_pulls (2 points, T): ln of step size * loss."""

    def __init__(
        self, g: TwoPointGeometry, a: Floats, v: Floats, active: Bools, log_step: float
    ) -> None:
        self._g, self._a, self._v, self._active = g, a, v, active
        self._felt = np.where(active, a, 0.0)
        felt = active.any(axis=0)  # what pulls nobody may be pulled as hard as it likes
        self.log_pulls = np.where(felt, log_step - margins(active, a, v), -np.inf)

    def field(self, pulls: Floats) -> Floats:
        """F (6, T) for given pulls (2 points, T) of the points."""
        gained = np.where(self._active, self._v[:, None] * pulls, 0.0)
        outer = (self._felt * (_SIGN * pulls)).sum(axis=1)
        return _joined(gained, outer)

    def modified(self, log_scale: Floats, stepped: Bools) -> Floats:
        """exp(log_scale) times the field that is followed, (6, T); stepped (T,): by descent."""
        with np.errstate(over="ignore", under="ignore"):
            scaled, pulls = np.exp(self.log_pulls + log_scale), np.exp(self.log_pulls)
        field = self.field(scaled)
        if not stepped.any():
            return field
        once = self._derivative(field, pulls)
        twice = self._derivative(once, pulls)
        second = self._second(self.field(pulls), scaled)
        return np.where(stepped, field - once / 2 + twice / 3 + second / 12, field)

    def nears_kink(self) -> Bools:
        """Whether some pre-activation may change its sign within the next steps, (T,)."""
        with np.errstate(under="ignore"):
            moves = rises(self._g, self.field(np.exp(self.log_pulls))[:4].reshape(2, 2, -1))
        near = (np.abs(self._a) <= _NEAR * np.abs(moves)) & ((self._a > 0) == (moves < 0))
        return np.asarray(near.any(axis=(0, 1)))

    def _along(self, d: Floats) -> tuple[Floats, Floats, Floats]:
        """Along a direction d (6, T): of felt pre-activations, output weights and margins."""
        felt = np.where(self._active, rises(self._g, d[:4].reshape(2, 2, -1)), 0.0)
        outer = d[4:]
        rise = _SIGN * (outer[:, None] * self._felt + self._v[:, None] * felt).sum(axis=0)
        return felt, outer, rise

    def _derivative(self, d: Floats, pulls: Floats) -> Floats:
        """F' d (6, T)."""
        felt, outer, rise = self._along(d)
        fall = -pulls * rise
        gained = np.where(self._active, outer[:, None] * pulls + self._v[:, None] * fall, 0.0)
        return _joined(gained, (_SIGN * (fall * self._felt + pulls * felt)).sum(axis=1))

    def _second(self, d: Floats, scaled: Floats) -> Floats:
        """F''(d, d) (6, T), times the scale of the pulls `scaled`."""
        felt, outer, rise = self._along(d)
        bend = 2 * _SIGN * (outer[:, None] * felt).sum(axis=0)
        fall, curve = -scaled * rise, scaled * (rise**2 - bend)
        gained = 2 * outer[:, None] * fall + self._v[:, None] * curve
        gained = np.where(self._active, gained, 0.0)
        return _joined(gained, (_SIGN * (curve * self._felt + 2 * fall * felt)).sum(axis=1))

    def log_rate(self) -> Floats:
        """ln (T,) of the fastest change of a margin, or of what is left of one, in a step."""
        lengths = self._g.squares[:, None]
        moved = np.where(self._active, self._v[:, None] ** 2 * lengths, 0.0) + self._felt**2
        rates = moved.sum(axis=0) + np.sqrt(lengths)
        with np.errstate(divide="ignore"):
            return np.asarray((self.log_pulls + np.log(rates)).max(axis=0))


def _joined(gained: Floats, outer: Floats) -> Floats:
    return np.concatenate([gained.reshape(4, -1), outer])
