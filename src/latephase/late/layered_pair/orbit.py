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
_DEEPEST = -1e4  # margin from which on panels are followed to 0: from below they are too many, and
# on its way through 0 the margin is known to 1e-2 only
_NEGLIGIBLE = 1e-15  # share of a time that what distinguishes descent from flow may make
_PRECISE = 1e-17


@dataclass(frozen=True)
class Orbits:
    """Where orbits stand, (R,): log_tau = ln tau, margin q, spread, ln t."""

    log_tau: Floats
    margin: Floats
    spread: Floats
    log_time: Floats

    def __getitem__(self, rows: NDArray[Any] | slice) -> Orbits:
        return Orbits(*(getattr(self, f.name)[rows] for f in fields(self)))

    @property
    def log_push(self) -> Floats:
        """ln of the larger of the changes of the margin and of ln p in the next step."""
        size = np.maximum(2 * np.hypot(self.margin, self.spread), 1.0)
        return np.asarray(self.log_tau - self.margin + np.log(size))

    def is_late(self, discrete: bool) -> Bools:
        """Where the time is an asymptotic series of the margin for ever, not only until the margin
        passes 0, and steps are as good as flow."""
        rises = (self.margin > 0) | (self.margin < _DEEPEST)
        high = np.hypot(np.where(rises, self.margin, 0.0), self.spread) >= HIGH
        return np.asarray(high & (not discrete or self.log_push <= np.log(_NEGLIGIBLE)))


def corrections(q: Floats, rho: Floats, x: Floats) -> tuple[Floats, Floats]:
    """(a, b) of the flow that steps follow to the order 6: dq/dt = x (2 rho + a) and
    d ln spread/dt = x b; gradient flow has neither.

    The first terms of the vector field whose unit-time flow is the map.
    """
    s = rho * rho
    rises = [2 * s - q]
    rises.append(rho * (10 * s - 11 * q + 2) / 3)
    rises.append((s * (40 * s - 68 * q + 20) + q * (10 * q - 3)) / 6)
    rises.append(rho * (s * (428 * s - 972 * q + 352) + q * (349 * q - 182) + 12) / 30)
    high = s * (s * (1384 * s - 3864 * q + 1554) + q * (2304 * q - 1545) + 189)
    rises.append((high - q * (q * (165 * q - 123) + 15)) / 45)
    falls: list[Any] = [-1.0, -2 * rho, (10 * q - 24 * s - 3) / 6]
    falls.append(2 * rho * (12 * q - 12 * s - 5) / 3)
    falls.append(-(s * (700 * s - 1158 * q + 570) + q * (165 * q - 123) + 15) / 45)
    return x * _horner(rises, x), x * _horner(falls, x)


def _horner(coefficients: list[Any], x: Floats) -> Any:
    total = coefficients[-1]
    for c in coefficients[-2::-1]:
        total = c + x * total
    return total


def log_waiting(log_tau: Floats, margin: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """ln T of the flow time T = int exp(q)/(2 tau rho) dq up to late margins (R,), and its slope.

    T = exp(q)/(2 tau rho) * sum_k k! P_k(q/rho)/rho^k with Legendre's P_k, from integration by
    parts; cut at the smallest term, it is wrong by exp(-rho) of itself.
    """
    rho = np.hypot(margin, spread)
    cosine, inverse = margin / rho, 1 / rho
    before, term, total = np.zeros_like(rho), np.ones_like(rho), np.ones_like(rho)
    k, size = 0, np.ones_like(rho)
    while (more := (size > _PRECISE) & (k + 1 < rho)).any():  # each to its own smallest term
        rise = (2 * k + 1) * cosine * term - (k * k) * inverse * before
        before, term = term, rise * inverse
        total += np.where(more, term, 0.0)
        k += 1
        size = size * (k * inverse)
    return margin - log_tau - np.log(2 * rho) + np.log(total), 1 / total


def late_margin(start: Orbits, log_since: Floats) -> Floats:
    """Margins (R,) of late orbits after the time exp(log_since) (R,)."""
    log_t = np.logaddexp(log_waiting(start.log_tau, start.margin, start.spread)[0], log_since)
    level = log_t + start.log_tau + np.log(2.0)
    with np.errstate(invalid="ignore"):
        q = np.maximum(level + np.log(np.hypot(level, start.spread)), start.margin)
    near = np.zeros(q.shape, bool)
    for _ in range(6):
        found, slope = log_waiting(start.log_tau, q, start.spread)
        move = (log_t - found) / slope
        q = np.where(near, q, np.maximum(q + move, start.margin))
        near |= np.abs(move) <= 1e-9 * q  # the next one would be its square
        if near.all():
            break
    return q
