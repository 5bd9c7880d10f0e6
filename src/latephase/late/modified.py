"""Gradient descent inside a mode as a flow: the field of its modified equation, in ln t.

With F = step size * pull, a step of gradient descent in the coordinates of a mode is
beta <- beta + P F(q0 + P^T beta). With M = P^T P, D = diag F', D2 = diag F'' the flow

    beta' = P [F - D M F / 2 + D M D M F / 3 + D2 (M F)^2 / 12]

goes through its iterates up to O(F^4) a step (order 2; order 0 is F alone: gradient flow).
The independent variable is s = ln(t + c), t counted from the entry into the mode: then everything
stays O(1) however late it is, and nothing underflows.
Source: docs/theory.md, "Any shallow network"; backward error analysis [hairer2006].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .mode import Mode

Array = NDArray[np.float64]
_LARGEST = 500.0  # exponents are cut here: a solver's trial points may be anywhere


@dataclass(frozen=True)
class Field:
    """The modified field of a mode: d beta / ds, its Jacobian, and how fast it is at entry."""

    mode: Mode
    order: int

    def __call__(self, s: float, beta: Array) -> Array:
        """d beta / ds (r,)."""
        p = self.mode.pull
        f, first, second = self._pulls(s, beta)
        if self.order == 0:
            return np.asarray(p @ f)
        back = math.exp(-s) if s > -_LARGEST else math.exp(_LARGEST)
        u1 = back * ((p @ f) @ p)
        factor = 1.0 + first * u1 / 2
        if self.order > 1:
            u2 = back * ((p @ (f * first * u1)) @ p)
            factor += first * u2 / 3 + second * u1**2 / 12
        return np.asarray(p @ (f * factor))

    def jacobian(self, s: float, beta: Array) -> Array:
        """Its Jacobian (r, r) as it is near balance, M F = 0, which is where it is stiff."""
        p = self.mode.pull
        f, first, _ = self._pulls(s, beta)
        slope = (p * (f * first)) @ p.T
        if self.order == 0:
            return -slope
        step = math.exp(-max(s, -_LARGEST)) * slope
        series = slope + slope @ step / 2
        return -(series + slope @ step @ step / 3 if self.order > 1 else series)

    def _pulls(self, s: float, beta: Array) -> tuple[Array, Array, Array]:
        """e^s F, -F'/F and F''/F at the live points."""
        q = self.mode.margins[self.mode.live] + beta @ self.mode.pull
        log = s + self.mode.setting.log_pull(q)
        f = np.exp(np.minimum(log, _LARGEST))
        return f, *self.mode.setting.loss.slopes(q)


@dataclass(frozen=True)
class Pace:
    """How fast a mode moves at entry, as natural logarithms.

    log_rate: of the largest relaxation rate h of the margins (1 / step);
    log_move: of the fastest change v of a margin per step.
    """

    log_rate: float
    log_move: float

    @property
    def log_defect(self) -> float:
        """ln(v h^2): what the modified flow of order 2 leaves out, up to a constant."""
        return self.log_move + 2 * self.log_rate


def pace(mode: Mode) -> Pace:
    """The pace of a mode at its entry; (-inf, -inf) at rest."""
    if mode.live.size == 0:
        return Pace(-math.inf, -math.inf)
    log = mode.setting.log_pull(mode.margins[mode.live])
    top = float(log.max())
    f = np.exp(log - top)
    gram = mode.pull.T @ mode.pull
    with np.errstate(divide="ignore"):
        rate = top + math.log((np.abs(gram) @ f).max())
        move = top + float(np.log(np.abs(gram @ f).max()))
    return Pace(rate, move)
