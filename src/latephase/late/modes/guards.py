"""Guards of a mode: what must stay positive while it lasts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import ACTIVE, INACTIVE, SLIDING

from .mode import Mode

_REPRESENTABLE = 600.0  # spread of ln l_i below which all pulls are floats on one scale
_UNSURE = 10.0  # tolerances by which a solver may be off
_ROUNDING = 1e-14  # of a pre-activation's terms: one nearer to its kink has no sign


class Guards:
    """The guards of a mode: pre-activations of watched pairs (positive: on their side), then
    multipliers and one minus multipliers of its slides.

    Rounding may leave a pair that has just passed its kink an ulp on the wrong side: every guard
    is measured from where it starts.  slack (m, n): how far below 0 a pair's guards may go, as a
    share of the terms of its pre-activation (at least `least` (m, n)), and of 1 for its multiplier;
    tolerance: of the margins that the multipliers follow from, relative to 1 + |q|: on x = 2021 and
    2020 a slide that lasts for ever has a multiplier of 1 - 6e-14.
    """

    def __init__(
        self,
        mode: Mode,
        slack: Floats | None = None,
        least: Floats | None = None,
        tolerance: float = 0.0,
    ) -> None:
        self.mode, self.tolerance = mode, tolerance
        loose = np.zeros(mode.status.shape) if slack is None else slack
        basis = mode.basis.reshape(*mode.theta.shape, -1)
        moves = np.asarray(basis.any(axis=(1, 2)))[:, None]
        self.pairs = np.argwhere(moves & (mode.status != SLIDING))
        active = mode.status[tuple(self.pairs.T)] == ACTIVE
        self._sides = np.where(active, 1.0, -1.0)
        self._flat = np.ravel_multi_index(tuple(self.pairs.T), mode.status.shape)
        self._slack = np.zeros(len(self.pairs) + 2 * len(mode.slides))
        terms = mode.setting.terms(mode.theta)
        sizes = terms if least is None else np.maximum(terms, least)
        allowed = _ROUNDING * terms + loose * sizes
        self._slack[: len(self.pairs)] = allowed.ravel()[self._flat]
        self._slack[len(self.pairs) :] = np.tile(loose[tuple(mode.slides.T)], 2)
        self._slack += np.maximum(-self(np.zeros(mode.basis.shape[1])), 0.0)

    def __call__(self, beta: Floats) -> Floats:
        """The guards at beta (r,); one below 0 ends the mode."""
        a = self.mode.setting.preactivations(self.mode.parameters(beta))
        shares, doubt = self._shares(beta), self._doubt(beta)
        sides = self._sides * a.ravel()[self._flat]
        return np.concatenate([sides, shares + doubt, 1 - shares + doubt]) + self._slack

    def _doubt(self, beta: Floats) -> float:
        """How far a multiplier may be off for what the margins are off."""
        if len(self.mode.slides) == 0 or self.tolerance == 0:
            return 0.0
        return _UNSURE * self.tolerance * (1 + float(np.abs(self.mode.margins_at(beta)).max()))

    def only(self, chosen: Bools) -> Callable[[Floats], float]:
        """The least of some guards alone, at a fraction of the work."""
        pairs = self.pairs[chosen[: len(self.pairs)]]
        points = self.mode.setting.points[pairs[:, 1]]
        basis = self.mode.basis.reshape(*self.mode.theta.shape, -1)[pairs[:, 0]]
        rows = np.einsum("pk,pkr->pr", points, basis)
        start = (points * self.mode.theta[pairs[:, 0]]).sum(axis=1)
        sides, slack = self._sides[chosen[: len(self.pairs)]], self._slack[chosen]
        ends = chosen[len(self.pairs) :]

        def least(beta: Floats) -> float:
            held = np.zeros(0)
            if ends.any():
                shares = self._shares(beta)
                held = np.concatenate([shares, 1 - shares])[ends] + self._doubt(beta)
            return float((np.concatenate([sides * (start + rows @ beta), held]) + slack).min())

        return least

    def _shares(self, beta: Floats) -> Floats:
        """The multipliers of the slides, each in [0, 1]."""
        if len(self.mode.slides) == 0:
            return np.zeros(0)
        log = self.mode.setting.log_pull(self.mode.margins_at(beta))
        if np.ptp(log) < _REPRESENTABLE:
            pull = np.exp(log - log.max())
            held = self.mode.multipliers @ pull
            return np.asarray(np.clip(held / pull[self.mode.slides[:, 1]], -1.0, 2.0))
        used = np.where(self.mode.multipliers != 0, log, -np.inf)
        top = used.max(axis=1, initial=-1e300)  # far below the pull of a point that is never fitted
        held = (self.mode.multipliers * np.exp(used - top[:, None])).sum(axis=1)
        room = np.clip(top - log[self.mode.slides[:, 1]], -1e4, 700.0)
        return np.asarray(np.clip(held * np.exp(room), -1.0, 2.0))

    def broken(self, beta: Floats) -> Bools:
        """The pairs (m, n) whose guard is below 0."""
        below = self(beta) < 0
        result = np.zeros(self.mode.status.shape, bool)
        for pair in self.pairs[below[: len(self.pairs)]]:
            result[tuple(pair)] = True
        ends = below[len(self.pairs) :].reshape(2, -1).any(axis=0)
        for pair in self.mode.slides[ends]:
            result[tuple(pair)] = True
        return result

    def let_go(self, beta: Floats, broken: Bools) -> Ints:
        """Statuses (m, n) that the broken slides go over to; -1 elsewhere.

        Asked again where its multiplier is 0 or 1 up to rounding, Filippov's rule may hold a pair.
        """
        result = np.full(broken.shape, -1)
        for (j, i), share in zip(self.mode.slides, self._shares(beta), strict=True):
            if broken[j, i]:
                result[j, i] = ACTIVE if share > 0.5 else INACTIVE
        return result
