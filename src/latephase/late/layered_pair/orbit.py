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
MOST = 6  # order of the modified flow
_LOG_NOTHING = np.log(1e-17)
_NEGLIGIBLE = 1e-15  # share of a time that what distinguishes descent from flow may make
_PRECISE = 1e-17
_TINY = 1e-140


@dataclass(frozen=True)
class Orbits:
    """Where orbits stand, (R,): log_tau = ln tau, margin q, spread, ln t."""

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
    log_tau: Floats, margin: Floats, spread: Floats, log_scale: Floats, order: int
) -> tuple[Floats, Floats]:
    """exp(log_scale) times (dq/dt, d spread/dt) of the flow that steps follow to an order up to
    MOST, which is gradient flow for order 1.

    The first terms of the vector field whose unit-time flow is the map.
    """
    log_x = log_tau - margin
    rho = _length(margin, spread)
    with np.errstate(over="ignore"):  # of a step that is then made shorter
        scaled = np.exp(log_x + log_scale)
    if order == 1:
        return 2 * scaled * rho, np.zeros_like(margin)
    x = np.exp(log_x)
    rises, falls = _terms(margin, rho, order)
    return scaled * (2 * rho + x * _horner(rises, x)), scaled * x * _horner(falls, x) * spread


def _length(margin: Floats, spread: Floats) -> Floats:
    """rho; three times as fast as hypot, where squares do not underflow."""
    if np.abs(margin).min(initial=1.0) < _TINY:
        return np.hypot(margin, spread)
    return np.sqrt(margin * margin + spread * spread)


def _terms(q: Floats, rho: Floats, order: int) -> tuple[list[Any], list[Any]]:
    """Coefficients of x^2, x^3, ... in dq/dt and in d ln spread/dt."""
    s = rho * rho
    rises: list[Any] = [2 * s - q]
    falls: list[Any] = [-1.0]
    if order > 2:
        rises.append(rho * (10 * s - 11 * q + 2) / 3)
        falls.append(-2 * rho)
    if order > 3:
        rises.append((s * (40 * s - 68 * q + 20) + q * (10 * q - 3)) / 6)
        falls.append((10 * q - 24 * s - 3) / 6)
    if order > 4:
        rises.append(rho * (s * (428 * s - 972 * q + 352) + q * (349 * q - 182) + 12) / 30)
        falls.append(2 * rho * (12 * q - 12 * s - 5) / 3)
        high = s * (s * (1384 * s - 3864 * q + 1554) + q * (2304 * q - 1545) + 189)
        rises.append((high - q * (q * (165 * q - 123) + 15)) / 45)
        falls.append(-(s * (700 * s - 1158 * q + 570) + q * (165 * q - 123) + 15) / 45)
    return rises, falls


def _horner(coefficients: list[Any], x: Floats) -> Any:
    total = coefficients[-1]
    for c in coefficients[-2::-1]:
        total = c + x * total
    return total


def order_for(log_push: float) -> int:
    """The order from which on nothing is left of pushes of this size or less."""
    return min(max(2, 1 + int(np.ceil(_LOG_NOTHING / min(log_push, -1.0)))), MOST)


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
