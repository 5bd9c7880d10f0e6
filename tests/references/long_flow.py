"""Gradient flow of any shallow network by Taylor series in time, in numbers of 64 bits.

Nothing here is shared with the package: parameters are weights and biases, and output weights where
`both` layers are trained; time is stepped, and a kink is crossed where the series says, found by
bisection. Where a neuron would slide along its kink
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
_FLAT = 45.0  # margins beyond it pull by 1 or by nothing, so that no series sees what is within it
_NEAR = 5.0  # of those, at most in a step


def flow(
    p: Problem, times: Sequence[float], most_steps: int = 4000, *, both: bool = False
) -> Truth:
    """The flow at each of `times` (increasing); NaN from a slide on, and where steps run out.
    Where `both` layers are trained, output weights are the last column of theta."""
    one, other = (_followed(_Run(p, terms, both), times, most_steps) for terms in _TERMS)
    return Truth(one, distance(other, one))


def _followed(run: _Run, times: Sequence[float], most_steps: int) -> Any:
    found, steps = np.full((len(times), *run.rows.shape), np.nan, Long), 0
    with np.errstate(over="ignore", invalid="ignore"):
        for place, time in enumerate(times):
            while run.time < time:
                steps += 1
                if steps > most_steps or not run.step(Long(time)):
                    return found
            found[place] = run.rows
    return found


class _Run:
    """Where a flow stands: its time, theta and, if these move, output weights, rows (m, k) or
    (m, k + 1), and which pairs are active (m, n)."""

    def __init__(self, p: Problem, terms: int, both: bool) -> None:
        self.p, self.terms, self.time, self.both = p, terms, Long(0), both
        self.z, self.fixed = p.z.astype(Long), p.output_weights.astype(Long)
        self.rows = p.theta.astype(Long)
        if both:
            self.rows = np.column_stack([self.rows, self.fixed])
        self.active = self._preactivations(self.rows) > 0

    def _parted(self, rows: Any) -> tuple[Any, Any]:
        """theta and output weights."""
        return (rows[..., :-1], rows[..., -1]) if self.both else (rows, self.fixed)

    def _preactivations(self, rows: Any) -> Any:
        return self._parted(rows)[0] @ self.z.T

    def _gains(self, active: Any) -> Any:
        return np.where(active, Long(1), Long(self.p.slope))

    def _pulls(self, q: Any) -> Any:
        """-loss'(q), (n,)."""
        e = np.exp(-q)
        return np.where(np.isinf(e), Long(1), e / (1 + e)) if self.p.loss == "logistic" else e

    def _series(self) -> Any:
        """Coefficients of rows (terms + 1, m, k) in the time from now."""
        served, last = self._gains(self.active) * self.p.labels, self.terms
        m, n = self.active.shape
        rows = np.zeros((last + 1, *self.rows.shape), Long)
        outer, heights = np.zeros((last + 1, m), Long), np.zeros((last + 1, m, n), Long)
        # bent: l (1 - l), or l, which is what q' multiplies in -l'.
        q, pulls, bent = (np.zeros((last + 1, n), Long) for _ in range(3))
        rows[0] = self.rows
        outer[0], heights[0] = self._parted(rows[0])[1], served * self._preactivations(rows[0])
        q[0] = (outer[0][:, None] * heights[0]).sum(axis=0)
        pulls[0] = self._pulls(q[0])
        for order in range(last):
            back, after = pulls[order::-1], order + 1
            moved = (served * (outer[:after].T @ back)) @ self.z
            if self.both:
                lifted = (heights[:after] * back[:, None]).sum(axis=(0, 2))
                moved = np.column_stack([moved, lifted])
            rows[after] = moved / after
            heights[after] = served * self._preactivations(rows[after])
            if self.both:
                outer[after] = rows[after][:, -1]
            q[after] = (outer[: after + 1, :, None] * heights[after::-1]).sum(axis=(0, 1))
            bent[order] = pulls[order]
            if self.p.loss == "logistic":
                bent[order] -= (pulls[:after] * back).sum(axis=0)
            rising = np.arange(1, after + 1)[:, None] * q[1 : after + 1]
            pulls[after] = -(rising * bent[order::-1]).sum(axis=0) / after
        return rows

    def step(self, until: Any) -> bool:
        """One step of the series, or to the kink within it; False where the truth ends."""
        series = self._series()
        if not np.isfinite(series).all():
            return False
        h = until - self.time
        for part in self._parted(series)[: 1 + self.both]:
            sizes, last = np.abs(part).reshape(len(part), -1).max(axis=1), self.terms
            tall = np.max(sizes[last - 1 :] / sizes[1]) if sizes[1] > 0 else 0
            if tall > 0:
                h = min(h, (_LEFT_OUT / tall) ** (Long(1) / (last - 1)))
        while self._surprised(series, h):
            h /= 2
        for look in range(1, _LOOKS + 1):
            there = h * look / _LOOKS
            crossed = self._crossed(series, there)
            if crossed.any():
                return self._cross(series, h * (look - 1) / _LOOKS, there)
        ends = h == until - self.time
        self.rows, self.time = self._value(series, h), until if ends else self.time + h
        return True

    def _margins(self, rows: Any) -> Any:
        outer = self._parted(rows)[1]
        return self.p.labels * (outer @ (self._gains(self.active) * self._preactivations(rows)))

    def _surprised(self, series: Any, h: Any) -> bool:
        """Whether a margin comes to where it pulls in another way than the series can see."""
        q = self._margins(self.rows)
        flat = (self._pulls(q) == 0) | ((np.abs(q) > _FLAT) & (self.p.loss == "logistic"))
        room = np.where(flat, np.maximum(np.abs(q) - _FLAT, _NEAR), np.inf)
        moved = (np.abs(self._margins(self._value(series, at)) - q) for at in (h / 2, h))
        return any(bool((one > room).any()) for one in moved)

    def _value(self, series: Any, h: Any) -> Any:
        total = np.zeros_like(self.rows)
        for coefficient in series[::-1]:
            total = total * h + coefficient
        return total

    def _crossed(self, series: Any, h: Any) -> Any:
        """Pairs (m, n) on the other side by then, clearly."""
        theta, _ = self._parted(self._value(series, h))
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
        self.rows, self.time = self._value(series, high), self.time + high
        theta, outer = self._parted(self.rows)
        pre = theta @ self.z.T
        near = np.abs(pre) <= 64 * _ON_KINK * (np.abs(theta) @ np.abs(self.z).T)
        pulls = self._pulls(self._margins(self.rows)) * self.p.labels
        for j in np.flatnonzero(crossed.any(axis=1)):
            after = np.where(near[j], ~self.active[j], self.active[j])
            speed = outer[j] * ((self._gains(after) * pulls) @ self.z) @ self.z.T
            if (np.where(after, speed, -speed)[near[j]] <= 0).any():
                return False  # it would slide
            self.active[j] = after
        return True
