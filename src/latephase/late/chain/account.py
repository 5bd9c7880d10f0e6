"""What a run has done, which nobody asks on the way: errors charged to it, and its samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats

from .instant import AT_START, Instant
from .state import ChainState, ChainTask, altered


@dataclass(frozen=True)
class ChainSamples:
    """A run at its S times; NaN where it was not reached.

    theta (S, m, k), in the coordinates of the dynamics;  kick_error (S, m), margin_error (S, n):
    absolute errors of (w_j, b_j) and of margins that kicks at kinks leave;  rounding (S,): that of
    the steps until then, drift (S,): without what they expand;  sign_lost (S,): whether rounding
    may have decided by then that a neuron lives;  by_flow (S,): whether a flow has carried the run
    there.
    """

    theta: Floats
    kick_error: Floats
    margin_error: Floats
    rounding: Floats
    drift: Floats
    sign_lost: Bools
    by_flow: Bools


@dataclass(frozen=True)
class Account:
    """Errors so far, as in `ChainSamples`;  entry: the time at which the last mode began;
    samples: written once each, when the run passes them."""

    kick_error: Floats
    margin_error: Floats
    samples: ChainSamples
    drift: float = 0.0
    sign_lost: bool = False
    by_flow: bool = False
    entry: Instant = AT_START

    @classmethod
    def open(cls, task: ChainTask, state: ChainState) -> Account:
        """Nothing done."""
        (m, n), count = task.dynamics.signs.shape, len(task.times)
        shapes = (state.theta.shape, (m,), (n,), (), ())
        unknown = [np.full((count, *shape), np.nan) for shape in shapes]
        samples = ChainSamples(*unknown, *np.zeros((2, count), bool))
        return cls(np.zeros(m), np.zeros(n), samples)

    def charged(self, kick_error: Floats, margin_error: Floats) -> Account:
        """The account once neurons may be off by `kick_error` (m,) more, and margins by
        `margin_error` (n,)."""
        return altered(
            self,
            kick_error=self.kick_error + kick_error,
            margin_error=self.margin_error + margin_error,
        )

    def write(self, row: int, theta: Floats, rounding: float) -> None:
        """Write theta (m, k), if it is finite, as the sample `row`, with what is charged by now."""
        if np.isfinite(theta).all():
            self.samples.theta[row] = theta
            self.samples.kick_error[row] = self.kick_error
            self.samples.margin_error[row] = self.margin_error
            self.samples.rounding[row], self.samples.drift[row] = rounding, self.drift
            self.samples.sign_lost[row] = self.sign_lost
            self.samples.by_flow[row] = self.by_flow
