"""How fast a mode moves at entry, and the time scale on which it is followed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .mode import Mode

_LOG_SLOW = math.log(1e-3)  # of the rate of relaxation: a motion below it is slow


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
        return self.log_move < self.log_rate + _LOG_SLOW

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
        move = top + float(np.log(np.abs(mode.gram @ f).max()))
    return Speed(rate, move)
