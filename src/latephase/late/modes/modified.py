"""Gradient descent inside a mode as a flow: the field of its modified equation, in ln t.

With F = step size * pull, a step of gradient descent in the coordinates of a mode is
beta <- beta + P F(q0 + P^T beta). With M = P^T P, D = diag F', D2 = diag F'' the flow

    beta' = P [F - D M F / 2 + D M D M F / 3 + D2 (M F)^2 / 12]

goes through its iterates up to O(F^4) a step (order 2; order 0 is F alone: gradient flow).
The independent variable is s = ln(1 + t / c), t counted from the entry into the mode, c a time of
the mode itself: then everything stays O(1) however late it is, and nothing underflows. It starts at
0, so that ten steps at t = 10^50 are an interval of floats like any other.
Source: docs/theory.md, "Any shallow network"; backward error analysis [hairer2006].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Floats

from .mode import Mode

LOG_SLOW = math.log(1e-3)  # of the rate of relaxation: a motion below it is slow
LARGEST = 500.0  # exponents are cut here: a solver's trial points may be anywhere, a run may not


@dataclass(frozen=True)
class Field:
    """The modified field of a mode: d beta / ds and its Jacobian.

    log_origin: ln c;  slow: whether c is a time in which the mode moves, not relaxes.
    """

    mode: Mode
    order: int
    log_origin: float
    slow: bool

    @classmethod
    def of(cls, mode: Mode, order: int) -> Field:
        """The field on the mode's own time scale."""
        speed = speed_of(mode)
        return cls(mode, order, speed.log_time_scale, speed.slow)

    def __call__(self, s: float, beta: Floats) -> Floats:
        """d beta / ds (r,)."""
        p = self.mode.pull
        f, first, second = self._pulls(s, beta)
        if self.order == 0:
            return np.asarray(p @ f)
        back = self._back(s)
        u1 = back * ((p @ f) @ p)
        factor = 1.0 + first * u1 / 2
        if self.order > 1:
            u2 = back * ((p @ (f * first * u1)) @ p)
            factor += first * u2 / 3 + second * u1**2 / 12
        return np.asarray(p @ (f * factor))

    def jacobian(self, s: float, beta: Floats) -> Floats:
        """Its Jacobian (r, r) as it is near balance, M F = 0, which is where it is stiff."""
        p = self.mode.pull
        f, first, _ = self._pulls(s, beta)
        slope = (p * (f * first)) @ p.T
        if self.order == 0:
            return -slope
        step = self._back(s) * slope
        series = slope + slope @ step / 2
        return -(series + slope @ step @ step / 3 if self.order > 1 else series)

    def log_pulls(self, s: float, beta: Floats) -> Floats:
        """ln((t + c) F) at the live points, F in units of the mode: including its drive."""
        # Summed first: a pull between 1e6 and 1e6 + 1 has no digit to lose in its logarithm.
        log_time = s + (self.log_origin + self.mode.log_drive)
        return np.asarray(log_time + self.mode.dynamics.log_pull(self._margins(beta)))

    def _back(self, s: float) -> float:
        """1 / (t + c)."""
        return math.exp(min(-s - self.log_origin, LARGEST))

    def _pulls(self, s: float, beta: Floats) -> tuple[Floats, Floats, Floats]:
        """(t + c) F, -F'/F and F''/F at the live points."""
        f = np.exp(np.minimum(self.log_pulls(s, beta), LARGEST))
        return f, *self.mode.dynamics.loss.slopes(self._margins(beta))

    def _margins(self, beta: Floats) -> Floats:
        return np.asarray(self.mode.margins[self.mode.live] + beta @ self.mode.pull)


@dataclass(frozen=True)
class Speed:
    """How fast a mode moves at entry, as natural logarithms.

    log_rate: of the largest relaxation rate h of the margins (1 / step);
    log_move: of the fastest change v of a margin per step.
    """

    log_rate: float
    log_move: float

    @property
    def log_time_scale(self) -> float:
        """ln of the mode's own time at entry: that in which it relaxes, or where it has done so
        and forces hold one another but for 1e-8 of them (x = 10001, 10000), in which it moves."""
        return -self.log_move if self.slow else -self.log_rate

    @property
    def slow(self) -> bool:
        """Whether the mode is nearly at balance, and moves far more slowly than it relaxes."""
        return self.log_move < self.log_rate + LOG_SLOW

    @property
    def log_defect(self) -> float:
        """ln(v h^2): what the modified flow of order 2 leaves out, up to a constant."""
        return self.log_move + 2 * self.log_rate


def speed_of(mode: Mode) -> Speed:
    """The speed of a mode at its entry; (-inf, -inf) at rest."""
    if mode.live.size == 0:
        return Speed(-math.inf, -math.inf)
    log = mode.dynamics.log_pull(mode.margins[mode.live])
    top = float(log.max())
    f = np.exp(log - top)
    with np.errstate(divide="ignore"):
        top += mode.log_drive
        rate = top + math.log((np.abs(mode.gram) @ f).max())
        move = top + float(np.log(np.abs((mode.pull @ f) @ mode.pull).max()))
    return Speed(rate, move)
