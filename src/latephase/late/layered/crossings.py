"""When steps of gradient descent cross kinks, where two runs agree on it by chance.

A pair that is found beyond its kink is pulled by another force from there on, and it is found there
at a whole step: a run that is off by a share of a step crosses at the same step as the truth, or is
off by a whole kick. Two runs that are compared may both cross at the wrong one, and show nothing of
it. So the cautious run notes when its kinks were crossed, in shares of steps too. Where the other
run crosses at the same step, but they are so far apart that it may have been the one before or
after, that one crosses a step later, and the difference shows what becomes of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from latephase.core.arrays import Bools, Floats

from .dynamics import LayeredDynamics
from .mode import LayeredMode

_APART = 16.0  # times the difference of two runs, by which the truth may be off


@dataclass(frozen=True)
class Crossings:
    """When pairs have crossed their kinks, in shares of steps: by neuron, point, and the step at
    which they are found to have."""

    noted: dict[tuple[int, int, int], float] = field(default_factory=dict)

    def note(self, times: Floats) -> None:
        """Add times (m, n), NaN of pairs that have not."""
        for j, i, step in _steps(times):
            self.noted[j, i, step] = float(times[j, i])

    def taken(self, times: Floats) -> Bools:
        """Which of pairs that have crossed at times (m, n) did so first, and at the step that is
        noted here, but might have done so at another; these are noted no longer."""
        agreed = [one for one in _steps(times) if self._by_chance(one, times)]
        first, found = min((step for *_, step in agreed), default=0), np.zeros(times.shape, bool)
        for j, i, step in agreed:
            if step == first:
                found[j, i] = True
                del self.noted[j, i, step]
        return found

    def _by_chance(self, one: tuple[int, int, int], times: Floats) -> bool:
        time = self.noted.get(one)
        if time is None:
            return False
        return bool(_APART * abs(time - times[one[:2]]) > abs(time - round(time)))


def _steps(times: Floats) -> list[tuple[int, int, int]]:
    """Pairs that have crossed at times (m, n), and at which step."""
    pairs = np.argwhere(np.isfinite(times)).tolist()
    return [(j, i, math.ceil(times[j, i])) for j, i in pairs]


def moments(mode: LayeredMode, state: Floats, time: float) -> Floats:
    """When pre-activations were 0 whose kinks a mode has met by a whole time, at the state
    (m, k + 1) there, by its last step; NaN of others, (m, n)."""
    dynamics = mode.dynamics
    a, outer = dynamics.preactivations(state), state[:, -1:] * dynamics.labels
    pull = np.exp(dynamics.log_pull(dynamics.margins(state)))
    rise = ((outer * dynamics.hidden.gains(mode.status) * pull) @ dynamics.points) @ (
        dynamics.points.T
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        share = a / rise
    beyond = dynamics.statuses(a) != mode.status
    return np.where(beyond & (share >= 0) & (share <= 1), time - share, np.nan)


def put_back(dynamics: LayeredDynamics, state: Floats, pairs: Bools) -> Floats:
    """A state (m, k + 1) with pairs (m, n) on their kinks that have just crossed these, an ulp of
    their terms before them."""
    found, terms = state.copy(), dynamics.terms(state)
    for j, i in np.argwhere(pairs):
        z = dynamics.points[i]
        a = found[j, :-1] @ z
        found[j, :-1] -= (a + np.copysign(2.0**-48 * terms[j, i], a)) / (z @ z) * z
    return found
