"""How a run ends: the pattern it stands in, whether that lasts for ever, and the far future."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from latephase.core import Outcome
from latephase.core.arrays import Floats
from latephase.late.layered.chain import LayeredChain
from latephase.late.layered.decision import decide
from latephase.late.layered.follow import follow
from latephase.late.layered.mode import LayeredMode

from .kkt import KKTPoint, kkt_point

FAR = 1e6  # ln t until which a mode must last to count as lasting for ever
_TOLERANCE = 1e-12  # at 1e-10 two entries into one mode make constants that differ by 1e-4
_SEEN = 8.0  # between the ln t at which the far future is looked at
_AHEAD = 4.0  # of the smallest margin: by then its point pulls
_FARTHEST = 1e12  # ln t from which on a margin has no digits for what its point pulls
_FITTED = 0.5  # of the largest margin's order, ln t: below it a margin does not grow


@dataclass(frozen=True)
class Ending:
    """What becomes of a run.

    outcome;  and of a run that has settled: point: the KKT point of its last mode;  logs (3,),
    far (3, m, k + 1): ln t and the states at late times, FAR / 64, FAR / 8 and FAR unless the mode
    begins late.
    """

    outcome: Outcome
    point: KKTPoint | None = None
    logs: Floats | None = None
    far: Floats | None = None


@np.errstate(over="ignore", under="ignore", invalid="ignore")  # as in the chain itself
def ending(chain: LayeredChain) -> Ending:
    """What becomes of a run beyond its horizon: the last mode is followed from where it began, so
    that the answer is the same for every horizon in it."""
    at = chain.at
    if at.outcome is not None:
        return Ending(at.outcome)
    if not math.isfinite(at.now.log):  # t = 0 is no end
        return Ending(Outcome.transient)
    try:
        if chain.mode is not None and at.last is not None and not np.any(at.met):
            return ending_of(chain.mode, chain.entry.log, chain.order(chain.mode))
        mode, _ = decide(chain.task, at)
        if mode is None:
            return Ending(Outcome.transient)
        mode = mode.on_kinks if mode.sliding else mode
        return ending_of(mode, at.now.log, chain.order(mode))
    except (ArithmeticError, ValueError, np.linalg.LinAlgError):  # beyond float64 in some matrix
        return Ending(Outcome.transient)


def ending_of(mode: LayeredMode, log_t: float, order: int) -> Ending:
    """What becomes of a run in a mode that it enters at time t: settled if the loss tends to 0 and
    the mode lasts, unfitted if it lasts and the loss does not, else transient.

    The mode is followed by the modified flow of an order to ln t = 10^6, and must lead to a point
    within its own pattern, since what decays like (ln t)^-0.004 meets its kink far beyond that, and
    to one that attracts: by another one a run may pass as slowly.
    """
    far = max(FAR, 2 * _SEEN**2 * log_t, _AHEAD * float(mode.dynamics.margins(mode.state).min()))
    if not far < _FARTHEST:  # rounding of a margin hides what its point pulls
        return Ending(Outcome.transient)
    seen = np.array([far / _SEEN**k for k in (2, 1, 0)])
    found = follow(mode, order, seen, far, _TOLERANCE)
    if found.failed or found.rough or found.triggered.any():
        return Ending(Outcome.transient)
    fitted = mode.dynamics.margins(found.state) > _FITTED * far
    if not fitted.all():
        return Ending(Outcome.unfitted)
    point = kkt_point(mode, found.state)
    if point is None or not point.within(mode) or not point.attracts:
        return Ending(Outcome.transient)
    return Ending(Outcome.settled, point, seen, np.array(found.sampled))
