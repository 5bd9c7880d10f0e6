"""Guards of a mode: what must stay positive while it lasts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.late.pattern import ACTIVE, INACTIVE, SLIDING, Statuses

from .mode import Mode

_REPRESENTABLE = 600.0  # spread of ln l_i below which all pulls are floats on one scale
_UNSURE = 10.0  # tolerances by which a solver may be off
_ROUNDING = 1e-14  # of a pre-activation's terms: one nearer to its kink has no sign


class Guards:
    """The guards of a mode: pre-activations of watched pairs (positive: on their side), then
    multipliers and one minus multipliers of its slides.

    Rounding may leave a pair that has just passed its kink an ulp on the wrong side: every guard
    is measured from where it starts.  slack (m, n): how far below 0 a pair's guards may go, as a
    share of the terms of its pre-activation (at least `least_terms` (m, n)), and of 1 for its
    multiplier;  tolerance: of the margins that the multipliers follow from, relative to 1 + |q|: on
    x = 2021 and 2020 a slide that lasts for ever has a multiplier of 1 - 6e-14.
    """

    def __init__(
        self,
        mode: Mode,
        slack: Floats | None = None,
        least_terms: Floats | None = None,
        tolerance: float = 0.0,
    ) -> None:
        self.mode, self.tolerance = mode, tolerance
        # Pairs of neurons that stand still need no watching, nor those that have no kink.
        watched = mode.moving[:, None] & (mode.status != SLIDING) & mode.dynamics.bends
        self.pairs = np.argwhere(watched)
        self._sides = np.where(mode.status[tuple(self.pairs.T)] == ACTIVE, 1.0, -1.0)
        self._flat = np.ravel_multi_index(tuple(self.pairs.T), mode.status.shape)
        # What each guard may fall below 0 by, and where rounding has it start.
        loose = np.zeros(mode.status.shape) if slack is None else slack
        terms = mode.dynamics.terms(mode.theta)
        sizes = terms if least_terms is None else np.maximum(terms, least_terms)
        allowed = (_ROUNDING * terms + loose * sizes).ravel()[self._flat]
        self._slack = np.concatenate([allowed, np.tile(loose[tuple(mode.slides.T)], 2)])
        at_entry = self(np.zeros(mode.rank))
        self._slack += np.maximum(-at_entry, 0.0)

    def __call__(self, beta: Floats) -> Floats:
        """The guards at beta (r,); one below 0 ends the mode."""
        a = self.mode.dynamics.preactivations(self.mode.parameters(beta))
        multipliers, error = self._multipliers(beta), self._multiplier_error(beta)
        sides = self._sides * a.ravel()[self._flat]
        return np.concatenate([sides, multipliers + error, 1 - multipliers + error]) + self._slack

    def only(self, chosen: Bools) -> Callable[[Floats], float]:
        """The least of some guards alone, at a fraction of the work."""
        watched = len(self.pairs)
        pairs, sides = self.pairs[chosen[:watched]], self._sides[chosen[:watched]]
        ends, slack = chosen[watched:], self._slack[chosen]
        points = self.mode.dynamics.points[pairs[:, 1]]
        rows = np.einsum("pk,pkr->pr", points, self.mode.neuron_basis[pairs[:, 0]])
        start = (points * self.mode.theta[pairs[:, 0]]).sum(axis=1)

        def least(beta: Floats) -> float:
            inside = np.zeros(0)
            if ends.any():
                multipliers = self._multipliers(beta)
                both = np.concatenate([multipliers, 1 - multipliers])
                inside = both[ends] + self._multiplier_error(beta)
            return float((np.concatenate([sides * (start + rows @ beta), inside]) + slack).min())

        return least

    def triggered(self, beta: Floats) -> Bools:
        """The pairs (m, n) of which a guard is below 0."""
        below = self(beta) < 0
        result = np.zeros(self.mode.status.shape, bool)
        result[tuple(self.pairs[below[: len(self.pairs)]].T)] = True
        ends = below[len(self.pairs) :].reshape(2, -1).any(axis=0)
        result[tuple(self.mode.slides[ends].T)] = True
        return self.mode.dynamics.kinks.complete(result)

    def nearest(self, beta: Floats, among: Bools) -> Bools:
        """The pair (m, n) of the least guard among some of them."""
        values = np.where(among, self(beta), np.inf)
        result = np.zeros(self.mode.status.shape, bool)
        rows = np.concatenate([self.pairs, self.mode.slides, self.mode.slides])
        result[tuple(rows[np.argmin(values)])] = True
        return self.mode.dynamics.kinks.complete(result)

    def released_to(self, beta: Floats, triggered: Bools) -> Statuses:
        """Statuses (m, n) that slides which end here go over to; -1 elsewhere.

        Asked again where its multiplier is 0 or 1 up to rounding, Filippov's rule may hold a pair.
        """
        result = np.full(triggered.shape, -1)
        for (j, i), multiplier in zip(self.mode.slides, self._multipliers(beta), strict=True):
            if triggered[j, i]:
                result[j, i] = ACTIVE if multiplier > 0.5 else INACTIVE
        return self.mode.dynamics.kinks.alike(result)

    def _multipliers(self, beta: Floats) -> Floats:
        """The multipliers of the slides, each in [0, 1] while it slides."""
        if len(self.mode.slides) == 0:
            return np.zeros(0)
        log = self.mode.dynamics.log_pull(self.mode.margins_at(beta))
        if np.ptp(log) < _REPRESENTABLE:
            pull = np.exp(log - log.max())
            return np.asarray(np.clip(self.mode.needs @ pull / (self.mode.rooms @ pull), -1.0, 2.0))
        # Each far below the pull of a point that is never fitted.
        (needed, top), (room, top_room) = (
            _scaled(rows, log) for rows in (self.mode.needs, self.mode.rooms)
        )
        apart = np.clip(top - top_room, -1e4, 700.0)
        return np.asarray(np.clip(needed * np.exp(apart) / room, -1.0, 2.0))

    def _multiplier_error(self, beta: Floats) -> float:
        """How far a multiplier may be off for what the margins are off."""
        if len(self.mode.slides) == 0 or self.tolerance == 0:
            return 0.0
        return _UNSURE * self.tolerance * (1 + float(np.abs(self.mode.margins_at(beta)).max()))


def _scaled(rows: Floats, log: Floats) -> tuple[Floats, Floats]:
    """rows (k, n) @ exp(log) in units of their largest terms, and ln of these, (k,)."""
    used = np.where(rows != 0, log, -np.inf)
    top = used.max(axis=1, initial=-1e300)
    return np.asarray((rows * np.exp(used - top[:, None])).sum(axis=1)), top
