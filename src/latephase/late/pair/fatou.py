"""The n-th iterate of m <- m + c exp(-m) in O(1), by its Fatou coordinate.

With s = exp(m) / c the map is F(s) = s exp(1/s).  The coordinate
Phi(s) = s - ln(s)/2 + sum_k a_k s^-k satisfies Phi(F(s)) = Phi(s) + 1, so the n-th iterate is
Phi^-1(Phi(s) + n).  Truncated at 8 terms and used from s >= 20 on, it is wrong by at most 7.8e-15
for *every* n (docs/theory.md, "Fatou coordinate").

Gradient flow obeys s' = 1 instead: the same code with Phi(s) = s.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latephase.core.arrays import Floats, Ints

TERMS = 8
START_LEVEL = 20.0
# ln(s_n) from, to, Newton's rounds, terms of the series: a round gains a factor of about 6 s^2.
_NEWTON_ROUNDS = ((0.0, 5.0, 4, 8), (5.0, 7.0, 3, 6), (7.0, 40.0, 2, 4))
_LOG_NEGLIGIBLE = 40.0  # beyond s = e^40 the correction ln(s)/(2 s) is below one ulp of ln(s)


@cache
def coefficients(terms: int = TERMS) -> tuple[Fraction, ...]:
    """The exact coefficients a_1 .. a_terms of the Fatou coordinate."""
    a: list[Fraction] = []
    for j in range(2, terms + 2):
        a.append(defect(j, tuple(a)) / (j - 1))
    return tuple(a)


def defect(j: int, a: tuple[Fraction, ...]) -> Fraction:
    """Coefficient of s^-j in Phi(F(s)) - Phi(s) - 1 when Phi ends with the given terms."""
    total = Fraction(1, factorial(j + 1))
    for k, a_k in enumerate(a, start=1):
        if k < j:
            total += a_k * Fraction((-k) ** (j - k), factorial(j - k))
    return total


_SERIES = np.array([float(a) for a in reversed(coefficients())])


def _series(inverse: Floats, terms: int = TERMS) -> Floats:
    """sum_k a_k s^-k from 1/s, by Horner's rule."""
    total = np.full_like(inverse, _SERIES[-terms])
    for a in _SERIES[TERMS - terms + 1 :]:
        total *= inverse
        total += a
    return total * inverse


@dataclass(frozen=True)
class Orbits:
    """Orbits of the scalar map, one per row.

    log_c (R,): ln c;  table (J + 1, R): increments m_j - m_0 of the ordinary steps up to `ready`,
    the first step with s >= START_LEVEL;  x (R,): ln s there.  discrete: GD; otherwise GF.
    """

    log_c: Floats
    table: Floats
    ready: Ints
    x: Floats
    discrete: bool

    def __getitem__(self, rows: NDArray[Any]) -> Orbits:
        table = self.table[:, rows]
        return Orbits(self.log_c[rows], table, self.ready[rows], self.x[rows], self.discrete)

    @classmethod
    def joined(cls, parts: list[Orbits]) -> Orbits:
        """One after the other; their tables are as long as the longest."""
        rows = max(len(one.table) for one in parts)
        tables = [np.pad(one.table, ((0, rows - len(one.table)), (0, 0)), "edge") for one in parts]
        log_c, ready, x = (
            np.concatenate([getattr(one, name) for one in parts])
            for name in ("log_c", "ready", "x")
        )
        return cls(log_c, np.concatenate(tables, axis=1), ready, x, parts[0].discrete)

    @property
    def base(self) -> Floats:
        """Increment accumulated by the ordinary steps, (R,)."""
        return self.table[self.ready, np.arange(self.ready.size)]

    @property
    def phase(self) -> Floats:
        """Phi at step 0 (extended backwards through the ordinary steps), (R,); inf if too large."""
        with np.errstate(over="ignore"):
            s = np.exp(self.x)
        if not self.discrete:
            return s
        return s - self.x / 2 + _series(np.exp(-self.x)) - self.ready


def orbits(start: Floats, log_c: Floats, *, discrete: bool = True) -> Orbits:
    """Orbits that begin at the levels m_0 = start, (R,), with step constants exp(log_c), (R,)."""
    x = start - log_c
    ready = np.zeros(start.shape, np.int64)
    if not discrete:
        return Orbits(log_c, np.zeros((1, start.size)), ready, x, False)
    table = [np.zeros_like(start)]
    low = np.exp(np.minimum(x, 50.0)) < START_LEVEL
    while low.any():
        increment = table[-1] + np.where(low, np.exp(log_c - start - table[-1]), 0.0)
        table.append(increment)
        ready += low
        x = np.where(low, start + increment - log_c, x)
        low &= np.exp(np.minimum(x, 50.0)) < START_LEVEL
    return Orbits(log_c, np.array(table), ready, x, True)


def increments(o: Orbits, n: Floats, log_n: Floats) -> Floats:
    """m_n - m_0 for n (R, S) steps (n may be inf: then log_n, its logarithm, is used instead).

    Relative error below 4e-15 (estimated; the truncation is proved to stay below 1.6e-14 / s).
    """
    ready, x = o.ready[:, None], o.x[:, None]
    after = n - ready
    early = after <= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.where(n < 1e300, np.log(np.where(early, 1.0, after)), log_n) - x
    y = _log_growth(o.x, log_ratio, o.discrete)
    result: Floats = o.base[:, None] + y
    if early.any():
        r, c = np.nonzero(early)
        result[r, c] = o.table[n[r, c].astype(np.int64), r]
    return result


def _log_growth(x: Floats, log_ratio: Floats, discrete: bool) -> Floats:
    """y = ln(s_n / s_0) for x = ln s_0, (R,), and log_ratio = ln(n / s_0), (R, S)."""
    y = np.maximum(log_ratio, 0.0)
    near = np.abs(log_ratio) < _LOG_NEGLIGIBLE
    y[near] += np.log1p(np.exp(-np.abs(log_ratio[near])))
    far_below = log_ratio <= -_LOG_NEGLIGIBLE
    if far_below.any():
        y[far_below] = np.exp(log_ratio[far_below])
    if discrete:
        start, series = (np.broadcast_to(v[:, None], y.shape) for v in (x, _series(np.exp(-x))))
        level = start + y
        for low, high, rounds, terms in _NEWTON_ROUNDS:
            here = (level >= low) & (level < high)
            if here.any():
                y[here] = _refine(start[here], series[here], y[here], rounds, terms)
    return y


def _refine(x: Floats, at_start: Floats, base: Floats, rounds: int, terms: int) -> Floats:
    """Solve y = base + log1p(q (y/2 - S(x + y) + S(x))), q = 1/(s_0 + n), by Newton's method."""
    q, y = np.exp(-x - base), base
    for _ in range(rounds):
        inner = q * (y / 2 - _series(np.exp(-x - y), terms) + at_start)
        y = y + (base + np.log1p(inner) - y) / (1 - q / 2 / (1 + inner))
    return y


def first_passage(o: Orbits, rise: Floats) -> tuple[Floats, Floats]:
    """First n >= 1 with m_n - m_0 >= rise, (R,), as (n, ln n); n is inf beyond 1e308.

    GF: the exact real time.  Exact while n < 2**53 unless the passage lies within rounding of a
    step; beyond, n carries the relative error of float64.
    """
    y = rise - o.base
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        growth = np.expm1(np.maximum(y, 0.0))
        log_n = o.x + np.where(y < 700, np.log(growth), y)
        n = np.exp(log_n)
        if not o.discrete:
            return n, log_n
        n = np.where(log_n < 40, n - y / 2 + _series(np.exp(-o.x - y)) - _series(np.exp(-o.x)), n)
        n = o.ready + np.ceil(n)
    n = np.maximum(np.where(y <= 0, 1.0, n), 1.0)
    return _settle(o, rise, n, log_n)


def to_the_kink(x: Floats, rise: Floats) -> tuple[Floats, Floats, Floats]:
    """Where m_n - m_0 reaches `rise` (R,) >= 0 from ln s_0 = x (R,): the real n, the first whole
    one, and m_n - m_0 there. s_0 >= START_LEVEL, and n < 2**52."""
    inverse = np.exp(-x)
    growth, at_start = np.exp(rise), _series(inverse)
    end = inverse / growth
    at_end = _series(end)
    real = np.expm1(rise) / inverse - rise / 2 + at_end - at_start
    n = np.ceil(real)
    # The part of a step beyond: from s_n = exp(x + rise) on.
    return real, n, rise + _refine(x + rise, at_end, np.log1p((n - real) * end), 3, TERMS)


def _settle(o: Orbits, rise: Floats, n: Floats, log_n: Floats) -> tuple[Floats, Floats]:
    """Read early passages off the table and move the others by a step where rounding misled."""
    steps = np.arange(len(o.table))[:, None]
    passed = (o.table >= rise) & (steps <= o.ready) & (steps >= 1)
    n = np.where(
        passed.any(axis=0), passed.argmax(axis=0), np.maximum(n, o.ready * (~passed.any(axis=0)))
    )
    exact = n < 2.0**52
    safe = np.where(exact, n, 1.0)
    near = np.stack([safe - 1, safe], axis=1)
    reached = increments(o, near, np.log(np.maximum(near, 1.0))) >= rise[:, None]
    n = np.where(exact & reached[:, 0] & (n > 1), n - 1, np.where(exact & ~reached[:, 1], n + 1, n))
    with np.errstate(divide="ignore"):
        return n, np.where(n < 1e300, np.log(n), log_n)


def log_gap(first: Orbits, second: Orbits, level: Floats, gap: Floats) -> tuple[Floats, Floats]:
    """ln |ln(s2 / s1)| and its sign for two orbits with equal c after the same number of steps.

    level (R, S): ln s1 now;  gap (R, S): ln(s2 / s1) as the difference of two levels, which has
    lost its digits where it is small: there the conserved Phi2 - Phi1 gives it, once the levels
    are high enough for the series.
    """
    delta = (second.phase - first.phase)[:, None]
    inverse = np.exp(-level)
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = delta
        if first.discrete:
            shift = delta + gap / 2 - (_series(inverse * np.exp(-gap)) - _series(inverse))
        scaled = shift * inverse
        fine = np.where(
            level < 600, np.log(np.abs(np.log1p(scaled))), np.log(np.abs(shift)) - level
        )
        coarse = ~np.isfinite(delta) | (np.abs(gap) > 0.1)
        if first.discrete:  # below START_LEVEL the series is worse than the difference
            coarse |= np.minimum(level, level + gap) < np.log(START_LEVEL)
        return np.where(coarse, np.log(np.abs(gap)), fine), np.where(
            coarse, np.sign(gap), np.sign(shift)
        )
