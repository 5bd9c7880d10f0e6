"""A point that its neurons serve alone: one scalar map, to any number of steps.

Neuron j, active on this point only, has u_j = a_j / sqrt(k) and w_j = y v_j, and p_j = u_j + w_j,
m_j = u_j - w_j.  A step is p_j <- p_j (1 + x), m_j <- m_j (1 - x), the same for all of them, with
x = tau exp(-q), tau = step size * sqrt(k).  So the margin q = sqrt(k)/4 (sum p^2 - sum m^2) and
rho = sqrt(k)/4 (sum p^2 + sum m^2) obey

    q <- q (1 + x^2) + 2 x rho,    rho <- rho (1 + x^2) + 2 x q,

and rho^2 = q^2 + spread^2, where `spread` is conserved by flow and falls by (1 - x^2) a step.
Source: docs/theory.md, "Every layer trained".
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latephase.core.arrays import Bools, Floats

SMALL = 2.0**-7  # change of a margin and of ln p in one step, from which on the flow is followed
"""What the modified flow of order 6 leaves out of a margin is then below SMALL^6 = 2e-13 (measured:
a hundredth of that)."""

HIGH = 40.0  # rho from which on the asymptotic series of the time is exact: its error is exp(-rho)
_NEGLIGIBLE = 1e-15  # share of a time that what distinguishes descent from flow may make
_PRECISE = 1e-17


@dataclass(frozen=True)
class Orbits:
    """Where orbits stand, (R,): log_tau = ln tau, margin q, spread, ln t;  log_fall: ln of what the
    spread has lost since the start, squared."""

    log_tau: Floats
    margin: Floats
    spread: Floats
    log_time: Floats

    def __getitem__(self, rows: NDArray[Any]) -> Orbits:
        return Orbits(*(getattr(self, f.name)[rows] for f in fields(self)))

    @property
    def log_push(self) -> Floats:
        """ln of the larger of the changes of the margin and of ln p in the next step."""
        size = np.maximum(2 * np.hypot(self.margin, self.spread), 1.0)
        return np.asarray(self.log_tau - self.margin + np.log(size))

    def is_late(self, discrete: bool) -> Bools:
        """Where the time is an asymptotic series of the margin, and steps are as good as flow."""
        high = np.hypot(self.margin, self.spread) >= HIGH
        return np.asarray(high & (not discrete or self.log_push <= np.log(_NEGLIGIBLE)))


def modified_flow(
    log_tau: Floats, margin: Floats, spread: Floats, log_scale: Floats, discrete: bool
) -> tuple[Floats, Floats]:
    """exp(log_scale) times (dq/dt, d ln spread^2/dt) of the flow that steps follow to order 6.

    The first terms of the vector field whose unit-time flow is the map; tests derive them again.
    """
    log_x = log_tau - margin
    rho = np.hypot(margin, spread)
    with np.errstate(over="ignore"):  # of a step that is then made shorter
        scaled = np.exp(log_x + log_scale)
    if not discrete:
        return 2 * scaled * rho, np.zeros_like(margin)
    x = np.exp(log_x)
    rise, fall = _beyond_first_order(margin, rho, x)
    return scaled * (2 * rho + x * rise), scaled * x * fall


def _beyond_first_order(q: Floats, rho: Floats, x: Floats) -> tuple[Floats, Floats]:
    """What orders 2 to 6 add to (2 rho, 0), over x."""
    s = rho * rho
    rise3 = rho * (10 * s - 11 * q + 2) / 3
    rise4 = (s * (40 * s - 68 * q + 20) + q * (10 * q - 3)) / 6
    rise5 = rho * (s * (428 * s - 972 * q + 352) + q * (349 * q - 182) + 12) / 30
    rise6 = s * (s * (1384 * s - 3864 * q + 1554) + q * (2304 * q - 1545) + 189) / 45
    rise6 -= q * (q * (165 * q - 123) + 15) / 45
    fall4 = (10 * q - 24 * s - 3) / 3
    fall5 = 4 * rho * (12 * q - 12 * s - 5) / 3
    fall6 = -2 * (s * (700 * s - 1158 * q + 570) + q * (165 * q - 123) + 15) / 45
    rise = 2 * s - q + x * (rise3 + x * (rise4 + x * (rise5 + x * rise6)))
    return rise, -2 + x * (-4 * rho + x * (fall4 + x * (fall5 + x * fall6)))


def log_waiting(log_tau: Floats, margin: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """ln T of the flow time T = int exp(q)/(2 tau rho) dq up to late margins (R,), and its slope.

    T = exp(q)/(2 tau rho) * sum_k k! P_k(q/rho)/rho^k with Legendre's P_k, from integration by
    parts; cut at the smallest term, it is wrong by exp(-rho) of itself.
    """
    rho = np.hypot(margin, spread)
    cosine, inverse = margin / rho, 1 / rho
    before, term, total = np.zeros_like(rho), np.ones_like(rho), np.ones_like(rho)
    k, lowest = 0, float(rho.min(initial=np.inf))
    size = 1.0
    while size > _PRECISE and k + 1 < lowest:
        rise = (2 * k + 1) * cosine * term - (k * k) * inverse * before
        before, term = term, rise * inverse
        total += term
        k += 1
        size *= k / lowest
    return margin - log_tau - np.log(2 * rho) + np.log(total), 1 / total


def late_margin(start: Orbits, log_since: Floats) -> Floats:
    """Margins (R,) of late orbits after the time exp(log_since) (R,)."""
    log_t = np.logaddexp(log_waiting(start.log_tau, start.margin, start.spread)[0], log_since)
    level = log_t + start.log_tau + np.log(2.0)
    with np.errstate(invalid="ignore"):
        q = np.maximum(level + np.log(np.hypot(level, start.spread)), start.margin)
    for _ in range(6):
        found, slope = log_waiting(start.log_tau, q, start.spread)
        move = (log_t - found) / slope
        q = np.maximum(q + move, start.margin)
        if (np.abs(move) <= 1e-9 * q).all():  # the next one would be its square
            break
    return q
