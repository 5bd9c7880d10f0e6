"""Gradient flow of any shallow network by Taylor series in time, in numbers of 64 bits.

Nothing here is shared with the package: parameters are weights and biases, time is stepped, and a
kink is crossed where the series says, found by bisection. Where a neuron would slide along its kink
the truth ends: `references.flow` resolves slides, to nine digits. Twice, with series of two
lengths: how far they are apart says what is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from references.long_descent import Long, Truth, distance
from references.problems import Problem

_TERMS = 24, 18
_LEFT_OUT = Long(2.0) ** -66  # of the largest term
_ON_KINK = Long(2.0) ** -56  # of its terms: a pre-activation that counts as 0
_LOOKS, _HALVINGS = 8, 80


def flow(p: Problem, times: Sequence[float], most_steps: int = 4000) -> Truth:
    """The flow at each of `times` (increasing); NaN from a slide on, and where steps run out."""
    one, other = (_followed(p, times, terms, most_steps) for terms in _TERMS)
    return Truth(one, distance(other, one))


def _followed(p: Problem, times: Sequence[float], terms: int, most_steps: int) -> Any:
    found = np.full((len(times), *p.theta.shape), np.nan, Long)
    run, steps = _Run(p, terms), 0
    with np.errstate(over="ignore", invalid="ignore"):
        for place, time in enumerate(times):
            while run.time < time:
                steps += 1
                if steps > most_steps or not run.step(Long(time)):
                    return found
            found[place] = run.theta
    return found


class _Run:
    """Where a flow stands: its time, theta (m, k), and which pairs are active (m, n)."""

    def __init__(self, p: Problem, terms: int) -> None:
        self.p, self.terms, self.time = p, terms, Long(0)
        self.theta, self.z = p.theta.astype(Long), p.z.astype(Long)
        self.active = self.theta @ self.z.T > 0
        self.signs = np.outer(p.output_weights, p.labels).astype(Long)

    def _gains(self, active: Any) -> Any:
        return np.where(active, Long(1), Long(self.p.slope))

    def _pulls(self, q: Any) -> Any:
        """-loss'(q), (n,)."""
        e = np.exp(-q)
        return np.where(np.isinf(e), Long(1), e / (1 + e)) if self.p.loss == "logistic" else e

    def _series(self) -> Any:
        """Coefficients of theta (terms + 1, m, k) in the time from now."""
        served = self.signs * self._gains(self.active)
        q, theta = [(served * (self.theta @ self.z.T)).sum(axis=0)], [self.theta]
        pulls = [self._pulls(q[0])]
        bent: list[Any] = []  # l (1 - l), or l: what q' multiplies in -l'
        for order in range(self.terms):
            theta.append(((served * pulls[order]) @ self.z) / (order + 1))
            q.append((served * (theta[-1] @ self.z.T)).sum(axis=0))
            bent.append(pulls[order])
            if self.p.loss == "logistic":
                bent[-1] = bent[-1] - sum(pulls[i] * pulls[order - i] for i in range(order + 1))
            moved = sum((i + 1) * q[i + 1] * bent[order - i] for i in range(order + 1))
            pulls.append(-moved / (order + 1))
        return np.array(theta)

    def step(self, until: Any) -> bool:
        """One step of the series, or to the kink within it; False where the truth ends."""
        series = self._series()
        sizes = np.abs(series).max(axis=(1, 2))
        if not np.isfinite(sizes).all():
            return False
        h = until - self.time
        if sizes[1] > 0:
            last = self.terms
            tall = np.max(sizes[last - 1 :] / sizes[1])
            radius = (_LEFT_OUT / tall) ** (Long(1) / (last - 1)) if tall > 0 else h
            h = min(h, radius)
        for look in range(1, _LOOKS + 1):
            there = h * look / _LOOKS
            crossed = self._crossed(series, there)
            if crossed.any():
                return self._cross(series, h * (look - 1) / _LOOKS, there)
        ends = h == until - self.time
        self.theta, self.time = self._value(series, h), until if ends else self.time + h
        return True

    def _value(self, series: Any, h: Any) -> Any:
        total = np.zeros_like(self.theta)
        for coefficient in series[::-1]:
            total = total * h + coefficient
        return total

    def _crossed(self, series: Any, h: Any) -> Any:
        """Pairs (m, n) on the other side by then, clearly."""
        theta = self._value(series, h)
        a, unsure = theta @ self.z.T, _ON_KINK * (np.abs(theta) @ np.abs(self.z).T)
        return np.where(self.active, a < -unsure, a > unsure) & (self.p.slope < 1)

    def _cross(self, series: Any, low: Any, high: Any) -> bool:
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if self._crossed(series, middle).any():
                high = middle
            else:
                low = middle
        crossed = self._crossed(series, high)
        self.theta, self.time = self._value(series, high), self.time + high
        for j in np.flatnonzero(crossed.any(axis=1)):
            a = self.theta[j] @ self.z.T
            near = np.abs(a) <= 64 * _ON_KINK * (np.abs(self.theta[j]) @ np.abs(self.z).T)
            after = np.where(near, ~self.active[j], self.active[j])
            served = self.signs[j] * self._gains(after)
            q = (self.signs * self._gains(self.active) * (self.theta @ self.z.T)).sum(axis=0)
            speed = ((served * self._pulls(q)) @ self.z) @ self.z.T
            if (np.where(after, speed, -speed)[near] <= 0).any():
                return False  # it would slide
            self.active[j] = after
        return True
