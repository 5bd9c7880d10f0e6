"""Guards of a mode: what must stay positive while it lasts.

Pre-activations on their sides, the multipliers of slides and one minus these, and that each slide
is still held: the point pulls its neuron down, which it does no longer once v_j has passed 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import ACTIVE, INACTIVE, SLIDING, Statuses

from .mode import LayeredMode

NOISE = 32 * 2.0**-52  # of a margin, what rounding leaves in the pull of its point
_STAGES = 8.0  # times that, of the stages of a step, in which it is spread over all coordinates
_UNSURE = 10.0  # tolerances by which a solver may be off
ROUNDING = 1e-14  # of a pre-activation's terms: one nearer to its kink has no sign


@dataclass(frozen=True)
class LayeredGuards:
    """The guards of a mode, as rows: P pairs, then multipliers, 1 - multipliers and holds of the
    s slides.

    pairs (P, 2), sides (P,), start (P,), rows (P, D): sides * (start + rows @ (y - y0));
    slack (P + 3 s,): how far below 0 each may go: where rounding, or a mode that is entered on the
    wrong side, has it start.
    """

    mode: LayeredMode
    pairs: Ints
    sides: Floats
    start: Floats
    rows: Floats
    slack: Floats
    tolerance: float

    @classmethod
    def of(cls, mode: LayeredMode, loose: Floats, tolerance: float) -> LayeredGuards:
        """Those of a mode;  loose (m, n): how far below 0 a pair's guards may go, as a share of the
        terms of its pre-activation and of 1 for its multiplier;  tolerance: of margins, which
        multipliers follow from."""
        points, moving = mode.dynamics.points, mode.moving
        watched = np.zeros(mode.status.shape, bool)
        watched[moving] = (mode.status[moving] != SLIDING) & mode.dynamics.bends
        pairs = np.argwhere(watched)
        j, i = pairs.T
        place = np.searchsorted(moving, j)
        reach = points @ mode.basis if moving.size else np.zeros((0, len(points), mode.width))
        count = len(moving)
        rows = np.zeros((len(pairs), count, mode.width))
        rows[np.arange(len(pairs)), place] = reach[place, i]
        flat = rows.reshape(len(pairs), count * mode.width)
        rows = np.concatenate([flat, np.zeros((len(pairs), count))], axis=1)
        a, terms = mode.dynamics.preactivations(mode.state)[j, i], mode.dynamics.terms(mode.state)
        sides = np.where(mode.status[j, i] == ACTIVE, 1.0, -1.0)
        slack = (ROUNDING + loose[j, i]) * terms[j, i]
        ends = np.concatenate([np.tile(loose[tuple(mode.slides.T)], 2), np.zeros(len(mode.slides))])
        guards = cls(mode, pairs, sides, a, rows, np.concatenate([slack, ends]), tolerance)
        below = np.maximum(-guards(mode.start[:, None])[:, 0], 0.0)
        return cls(mode, pairs, sides, a, rows, guards.slack + below, tolerance)

    def __call__(self, y: Floats) -> Floats:
        """The guards (P + 3 s, S) at coordinates (D, S); one below 0 ends the mode."""
        a = self.sides[:, None] * (self.start[:, None] + self.rows @ (y - self.mode.start[:, None]))
        if len(self.mode.slides) == 0:
            return np.asarray(a + self.slack[:, None])
        shares, holds = self._slides(y)
        size = 1 + float(np.abs(self.mode.margins_at(y[:, :1])).max(initial=0.0))
        unsure = _UNSURE * max(self.tolerance, _STAGES * NOISE * size) * size
        ends = np.concatenate([shares, 1 - shares]) + unsure
        return np.concatenate([a, ends, holds]) + self.slack[:, None]

    def triggered(self, y: Floats, some: Bools) -> Bools:
        """The pairs (m, n) of which a guard is below 0 at y (D,); if there is none, the one of the
        least among `some` guards: rounding hides it at its root."""
        values = self(y[:, None])[:, 0]
        below = values < 0
        if not below.any():
            below = np.where(some, values, np.inf) == np.where(some, values, np.inf).min()
        met = np.zeros(self.mode.status.shape, bool)
        met[tuple(self.pairs[below[: len(self.pairs)]].T)] = True
        ends = below[len(self.pairs) :].reshape(3, -1).any(axis=0)
        met[tuple(self.mode.slides[ends].T)] = True
        return self.mode.dynamics.kinks.complete(met)

    def released_to(self, y: Floats, met: Bools) -> Statuses:
        """Statuses (m, n) that slides which end here go over to; -1 elsewhere."""
        result = np.full(met.shape, -1)
        if len(self.mode.slides):
            shares = self._slides(y[:, None])[0][:, 0]
            for (j, i), share in zip(self.mode.slides, shares, strict=True):
                if met[j, i]:
                    result[j, i] = ACTIVE if share > 0.5 else INACTIVE
        return self.mode.dynamics.kinks.alike(result)

    def _slides(self, y: Floats) -> tuple[Floats, Floats]:
        """Multipliers (s, S) of the slides, and by how much they are held, in units of v."""
        mode, labels = self.mode, self.mode.dynamics.labels
        j, i = mode.slides.T
        log = mode.dynamics.log_pull(mode.margins_at(y).T).T
        room, top_room = _scaled(mode.rooms, log)
        needed, top = _scaled(mode.needs, log)
        apart = np.exp(np.clip(top - top_room, -1e4, 700.0))
        outer = np.repeat(mode.state[:, -1:], y.shape[1], axis=1)
        outer[mode.moving] = mode.parted(y)[1]
        sizes = np.abs(mode.state[j]).max(axis=1)[:, None]
        holds = -outer[j] * labels[i][:, None] * np.sign(room) / sizes
        return np.clip(needed * apart / room, -1.0, 2.0), holds


def _scaled(rows: Floats, log: Floats) -> tuple[Floats, Floats]:
    """rows (s, n) @ exp(log (n, S)) in units of their largest terms, and ln of these, (s, S)."""
    used = np.where(rows[..., None] != 0, log, -np.inf)
    top = used.max(axis=1, initial=-1e300)
    return np.asarray((rows[..., None] * np.exp(used - top[:, None])).sum(axis=1)), top
