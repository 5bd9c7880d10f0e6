"""Orbits to their late times, in panels: how long they take, by quadrature along the way.

Nothing in an orbit depends on the time, so the time is an integral over its way.  The way is
lambda = ln(P / P_0), P = rho + q, for q = (P_0 exp(lambda) - M_0 fallen^2 exp(-lambda)) / 2 and
rho, the half of the sum, are smooth in it wherever an orbit goes; `fallen` is what is left of the
spread.  A panel is so short that exp(q) is a polynomial in it to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev

from latephase.core.arrays import Bools, Floats, Ints

from .leaving import Leaving
from .orbit import Orbits, corrections

_NODES = 16  # of a panel
_RISE, _LONGEST = 1.6, 0.75  # of q and of lambda in a panel, about
_LOG_NOTHING = -39.0  # of x, to the power of the iterations made for `fallen`
_AT_KINK = 8  # rounds to the point at which a neuron leaves

POINTS = -np.cos(np.pi * np.arange(_NODES) / (_NODES - 1))
"""Chebyshev's points, ends included."""


def _integrals() -> Floats:
    """Of the polynomials through values at the points, from -1 to each of them; their series by a
    sum over the points, since what LAPACK rounds depends on the processor."""
    ends = np.where(np.isin(np.arange(_NODES), (0, _NODES - 1)), 0.5, 1.0)
    series = chebyshev.chebvander(POINTS, _NODES - 1) * np.outer(ends, ends) * (2 / (_NODES - 1))
    through = np.array([chebyshev.chebint(row, lbnd=-1) for row in series])
    return (chebyshev.chebvander(POINTS, _NODES)[:, None] * through).sum(axis=-1)


INTEGRAL = _integrals()


def _integrated(values: Floats) -> Floats:
    """The integrals (nodes, R) of values (nodes, R), summed in one order whatever R is."""
    total = INTEGRAL[:, 0, None] * values[0]
    for column, value in zip(INTEGRAL.T[1:], values[1:], strict=True):
        total += column[:, None] * value
    return total


def _weights(x: Floats) -> Floats:
    """Barycentric weights (nodes, R) of nodes x (nodes, R) [berrut2004]."""
    scaled = x * (4 / (x[-1] - x[0]))
    product = np.ones_like(x)
    for i in range(_NODES):
        apart = scaled - scaled[i]
        apart[i] = 1.0
        product *= apart
    return np.asarray(1 / product)


def _through(x: Floats, weights: Floats, values: list[Floats], at: Floats) -> list[Floats]:
    """The polynomials through values (nodes, P) at nodes x (nodes, P), at (P,) each."""
    total, sums = np.zeros_like(at), [np.zeros_like(at) for _ in values]
    for i in range(_NODES):
        part = weights[i] / (at - x[i])
        total += part
        for one, value in zip(sums, values, strict=True):
            one += part * value[i]
    found = [one / total for one in sums]
    hit = np.flatnonzero(~np.isfinite(total))  # a node itself
    node = np.abs(x[:, hit] - at[hit]).argmin(axis=0)
    for one, value in zip(found, values, strict=True):
        one[hit] = value[node, hit]
    return found


def share(q: Floats, spread: Floats) -> Floats:
    """rho + q, which is spread^2 / (rho - q) where q is negative."""
    rho = np.hypot(q, spread)
    with np.errstate(divide="ignore", invalid="ignore"):
        small = spread * (spread / (rho - q))
    return np.asarray(np.where(q >= 0, rho + q, small))


@dataclass(frozen=True)
class Way:
    """Orbits (R,) from their start on: P and M there (R,), and whether steps are followed."""

    start: Orbits
    large: Floats
    small: Floats
    discrete: bool

    @classmethod
    def of(cls, start: Orbits, discrete: bool) -> Way:
        """From where orbits stand."""
        large, small = share(start.margin, start.spread), share(-start.margin, start.spread)
        return cls(start, large, small, discrete)

    def __getitem__(self, r: Any) -> Way:
        return Way(self.start[r], self.large[r], self.small[r], self.discrete)

    def at(self, lam: Floats, log_fallen: Floats) -> tuple[Floats, Floats, Floats]:
        """q, rho and M (..., R) on the way."""
        risen = self.large * np.expm1(lam)
        fallen = self.small * np.expm1(2 * log_fallen - lam)
        q = self.start.margin + (risen - fallen) / 2  # whose digits a difference of P and M has not
        small = self.small + fallen
        return q, (self.large + risen + small) / 2, small

    def orbits(self, lam: Floats, log_fallen: Floats, clock: Floats) -> Orbits:
        """Where they are."""
        start = self.start
        log_time = np.logaddexp(start.log_time, log_expm1(clock) - start.log_push)
        spread = start.spread * np.exp(log_fallen)
        return Orbits(start.log_tau, self.at(lam, log_fallen)[0], spread, log_time)

    def paces(self, lam: Floats, log_fallen: Floats, stepped: bool) -> tuple[Floats, Floats]:
        """By how much exp(clock) and ln fallen change per lambda, (..., R); stepped: whether steps
        differ from gradient flow."""
        q, rho, small = self.at(lam, log_fallen)
        scale = np.exp(q - self.start.log_tau + self.start.log_push)
        if not stepped:
            return scale / 2, np.zeros_like(q)
        rise, fall = corrections(q, rho, np.exp(self.start.log_tau - q))
        part = rho / (2 * rho + rise + small * fall)
        return scale * part, fall * part


@dataclass(frozen=True)
class Panel:
    """Orbits (R,) over a panel, each at its nodes (nodes, R): lambda, ln fallen, q and clock."""

    way: Way
    lam: Floats
    log_fallen: Floats
    q: Floats
    clock: Floats

    @classmethod
    def of(cls, way: Way, lam: Floats, log_fallen: Floats, clock: Floats) -> Panel:
        """From where orbits are, (R,) each."""
        q, rho, _ = way.at(lam, log_fallen)
        length = np.minimum(_LONGEST, _RISE / rho)
        lams = lam + length * (POINTS[:, None] + 1) / 2
        fallen = np.broadcast_to(log_fallen, lams.shape).copy()
        rounds = np.zeros(lam.size)
        if way.discrete:
            log_x = way.start.log_tau - q
            rounds = np.where(
                log_x > _LOG_NOTHING, np.ceil(_LOG_NOTHING / np.minimum(log_x, -2)), 0
            )
        k = 0
        while (here := np.flatnonzero(rounds > k)).size:  # each is nearer by x
            slope = way[here].paces(lams[:, here], fallen[:, here], True)[1]
            fallen[:, here] = log_fallen[here] + length[here] / 2 * _integrated(slope)
            k += 1
        pace = np.empty_like(lams)
        for stepped in (False, True):
            here = np.flatnonzero((rounds > 0) == stepped)
            pace[:, here] = way[here].paces(lams[:, here], fallen[:, here], stepped)[0]
        time = np.expm1(clock) + length / 2 * _integrated(pace)
        return cls(way, lams, fallen, way.at(lams, fallen)[0], np.log1p(time))

    def find(self, clock: Floats, k: Ints) -> tuple[Floats, Floats]:
        """q and ln fallen of the k-th (P,) of its orbits at clocks (P,)."""
        values = [self.q[:, k], self.log_fallen[:, k]][: 2 if self.way.discrete else 1]
        weights = _weights(self.clock)[:, k]
        found = _through(self.clock[:, k], weights, values, clock)
        return found[0], found[1] if self.way.discrete else np.zeros_like(clock)

    def leaves(self, leaving: Leaving) -> tuple[Bools, Floats]:
        """Which orbits a neuron leaves within the panel, (R,), and lambda, ln fallen and the clock
        then, or else at its end, (3, R).

        That is at a margin which hardly depends on what has fallen."""
        end = np.stack([self.lam[-1], self.log_fallen[-1], self.clock[-1]])
        beyond = self.q[-1] >= leaving.margin(np.exp(end[1]))
        k = np.flatnonzero(beyond)
        if k.size:
            q, values = self.q[:, k], [x[:, k] for x in (self.lam, self.log_fallen, self.clock)]
            weights = _weights(q)
            for _ in range(_AT_KINK):
                goal = leaving[k].margin(np.exp(end[1, k]))
                end[:, k] = _through(q, weights, values, np.clip(goal, q[0], q[-1]))
        return beyond, end


def log_expm1(s: Floats) -> Floats:
    """ln(exp(s) - 1)."""
    with np.errstate(divide="ignore"):
        return np.asarray(s + np.log(-np.expm1(-s)))
