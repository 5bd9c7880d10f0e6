"""The automaton of activation patterns: which ones a run can end in, and what they are called."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latephase.core import Regime
from latephase.problem import TwoPointGeometry

from .response import ACTIVE, INACTIVE, SLIDING, pattern_status

_SLIDES = {
    (SLIDING, SLIDING): Regime.double_slide,
    (ACTIVE, SLIDING): Regime.single_slide,
    (SLIDING, ACTIVE): Regime.single_slide,
    (INACTIVE, INACTIVE): Regime.specialised,
}


def terminal_regime(geometry: TwoPointGeometry, code: int) -> Regime | None:
    """The regime of a pattern that is never left; None for patterns no run can end in.

    Whether it is left is for the piece to say.  With k12 equal to k11 or k22 (an input at 0) the
    double slide turns into the single one, which has the same law, ever more slowly.
    Source: docs/theory.md, "Activation patterns".
    """
    status = pattern_status(code)
    serving = int(status[0, 0] == ACTIVE) + int(status[1, 1] == ACTIVE)
    if serving < 2:
        return Regime.one_dead if serving else Regime.both_dead
    regime = _SLIDES.get((int(status[0, 1]), int(status[1, 0])))
    marginal = geometry.k12 >= min(geometry.k11, geometry.k22)
    return Regime.single_slide if regime is Regime.double_slide and marginal else regime


def one_dead_for_ever(
    geometry: TwoPointGeometry, a: NDArray[np.float64], log_step: float
) -> NDArray[np.bool_]:
    """Where one neuron is dead and the kicks of the other's chatter cannot kill it, (T,).

    For k12 > 0 the living neuron is kicked back whenever its wrong side turns active; its right
    side loses step * k12 then, and has gained more before the next kick, since D > 0.
    """
    result = np.zeros(a.shape[-1], bool)
    for j in (0, 1):
        right, wrong = a[j, j], a[j, 1 - j]
        dead = (a[1 - j] <= 0).all(axis=0)
        kick = np.exp(np.minimum(log_step + np.maximum(wrong, 0.0), 700)) * geometry.k12
        result |= dead & (right > 2 * kick) & (wrong <= 2 * kick)
    return result


def statuses(preactivations: NDArray[np.float64]) -> NDArray[np.int64]:
    """Statuses (2, 2, T) without sliding: active iff the pre-activation is positive."""
    return np.where(preactivations > 0, ACTIVE, INACTIVE)


def sliding_statuses(
    geometry: TwoPointGeometry, a: NDArray[np.float64], log_step: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Statuses (2, 2, T) in which kinks that attract from both sides slide, and the chatter (T,).

    A wrong-side kink slides (k12 > 0) when it lies within one chatter of zero and the active side
    pushes it back harder than the inactive side lets it rise.  chatter: how far one step moves the
    parameters of a neuron at most.
    """
    status = statuses(a)
    up, down, chatter = pushes(geometry, a, log_step)
    for j, i in ((0, 1), (1, 0)):
        held = (np.abs(a[j, i]) <= up[i] + down[i]) & (up[i] < down[i])
        status[j, i][held & (status[j, 1 - i] == ACTIVE)] = SLIDING
    return status, chatter


def pushes(
    geometry: TwoPointGeometry, a: NDArray[np.float64], log_step: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """What a step adds to the wrong side at point i (up), takes off it when active (down), (2, T).

    And the chatter (T,), see `sliding_statuses`.
    """
    r = np.maximum(a, 0.0)
    with np.errstate(over="ignore"):
        step1 = np.exp(np.minimum(log_step - r[0, 0] + r[1, 0], 700))
        step2 = np.exp(np.minimum(log_step - r[1, 1] + r[0, 1], 700))
    up = np.stack([step2, step1]) * geometry.k12
    down = np.stack([step1 * geometry.k11, step2 * geometry.k22])
    lengths = np.sqrt([geometry.k11, geometry.k22])[:, None]
    return up, down, (np.stack([step1, step2]) * lengths).max(axis=0)
