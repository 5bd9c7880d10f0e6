"""How a run ends: the pattern it stands in, whether that lasts for ever, and the far future."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from latephase.core import Outcome
from latephase.core.arrays import Floats
from latephase.late.layered.chain import LayeredChain
from latephase.late.layered.decision import decide
from latephase.late.layered.mode import LayeredMode
from latephase.late.layered.segment import follow

FAR = 1e6  # ln t until which a mode must last to count as lasting for ever
_TOLERANCE = 1e-10
_SEEN = 8.0  # between the ln t at which the far future is looked at
_FITTED = 0.5  # of the largest margin's order, ln t: below it a margin does not grow


@dataclass(frozen=True)
class Ending:
    """What becomes of a run.

    outcome;  mode: the last one, None where it is not known to last;  far: its states (m, k + 1) at
    ln t = FAR / 64, FAR / 8 and FAR.
    """

    outcome: Outcome
    mode: LayeredMode | None = None
    far: tuple[Floats, ...] = ()


@np.errstate(over="ignore", under="ignore", invalid="ignore")  # as in the chain itself
def ending(chain: LayeredChain) -> Ending:
    """Settled if the loss tends to 0 in a mode that lasts, unfitted if it lasts and does not: the
    mode is followed on as gradient flow from the horizon to ln t = 10^6."""
    at, dynamics = chain.at, chain.task.dynamics
    if at.outcome is not None:
        return Ending(at.outcome)
    if not math.isfinite(at.now.log):  # t = 0 is no end
        return Ending(Outcome.transient)
    mode, _ = decide(chain.task, at)
    if mode is None:
        return Ending(Outcome.transient)
    if mode.sliding:
        mode = mode.on_kinks
    far = FAR * max(1.0, at.now.log / FAR * 2)
    seen = np.array([far / _SEEN**k for k in (2, 1, 0)])
    found = follow(mode, 0, seen, far, _TOLERANCE)
    if found.failed or found.triggered.any():
        return Ending(Outcome.transient)
    fitted = dynamics.margins(found.state) > _FITTED * far
    if not fitted.all():
        return Ending(Outcome.unfitted)
    return Ending(Outcome.settled, mode, tuple(found.sampled))
