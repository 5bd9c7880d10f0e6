"""What ends an orbit: a neuron of the wrong output weight comes to its kink, or to the other one.

Such a neuron falls on its point, u = (p + m)/2 with p < m, until its output weight has changed its
sign, which ends nothing.  Before that it may be inactive there, or, for k12 < 0, active on the
other point.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from latephase.core.arrays import Floats, Ints

_BEYOND = 1e-12  # of a neuron's size, by which it is put beyond the kink: its error is less


@dataclass(frozen=True)
class Leaving:
    """Of orbits (R,): p, m (2 neurons, R), 0 of neurons elsewhere, the u (2, R) at which each
    leaves, and the lengths of their points (R,)."""

    p: Floats
    m: Floats
    least: Floats
    length: Floats

    @classmethod
    def of(cls, p: Floats, m: Floats, other: Floats, length: float, gram: float) -> Leaving:
        """other (2, R): pre-activations at the other point, gram: k12 <= 0."""
        u, size = (p + m) / 2, np.maximum(np.abs(p), np.abs(m))
        with np.errstate(divide="ignore", invalid="ignore"):
            turns_on = u - other * length / gram if gram < 0 else np.full_like(u, -np.inf)
        least = np.maximum(turns_on, 0.0) - _BEYOND * size
        return cls(p, m, least, np.full(p.shape[-1], length))

    def __getitem__(self, rows: Ints) -> Leaving:
        return Leaving(*(getattr(self, f.name)[..., rows] for f in fields(self)))

    def margin(self, fallen: Floats) -> Floats:
        """The margin (R,) at which the first neuron leaves, inf if none does, where the spread has
        fallen to so much of what it was.

        With P/M = y^2, P M = fallen: p y^2 - 2 beta y + m = 0, beta = least / sqrt(fallen).
        """
        beta = self.least / np.sqrt(fallen)
        root = np.sqrt(np.maximum(beta**2 - self.p * self.m, 0.0))
        meets = (self.m > self.p) & (beta**2 >= self.p * self.m) & (beta + root > 0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            y = np.where(meets, self.m / (beta + root), np.inf).min(axis=0)
            parts = (self.p**2).sum(axis=0) * y**2 - (self.m**2).sum(axis=0) / y**2
            return np.where(np.isfinite(y), self.length / 4 * fallen * parts, np.inf)
