"""How a chain ends: the pattern it stands in, and whether that lasts for ever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from latephase.core import Outcome
from latephase.late.modes.follow import follow
from latephase.late.modes.guards import Guards
from latephase.late.modes.mode import Mode
from latephase.late.modes.modified import Field
from latephase.late.pattern import SLIDING, Statuses, statuses

from .decision import decide
from .run_chain import Chain

FAR = 1e6  # ln t until which a mode must last to count as lasting for ever
_TOLERANCES = (1e-9, 1e-10, 1e-7, 1e-5)  # rounding may stop a solver at one, and not at another
_STRAIGHT = 1e-6


def pattern(chain: Chain) -> Statuses:
    """Statuses (m, n) at the end of a chain: a neuron let go of a kink may rest an ulp off it."""
    last = chain.state.last
    with np.errstate(invalid="ignore", over="ignore"):  # of runs that overflowed
        seen = statuses(chain.task.dynamics.preactivations(chain.state.theta))
    if last is None or not chain.task.dynamics.bends:
        return seen
    return np.where(last.switching[:, None] & (last.status != SLIDING), seen, last.status)


@np.errstate(over="ignore", under="ignore", invalid="ignore")  # as in the chain itself
def ending(chain: Chain) -> Outcome:
    """Settled if the loss tends to 0 in a mode that lasts, unfitted if it lasts and does not.

    The mode is followed on as gradient flow from the horizon to ln t = 10^6.
    """
    if chain.state.outcome is not None:
        return chain.state.outcome
    if not np.isfinite(chain.state.now.log):  # t = 0 is no end
        return Outcome.transient
    decision = decide(chain.task, chain.state)
    last = None if decision.must_step else _last(decision.mode)
    if last is None:
        return Outcome.transient
    return Outcome.settled if last.live.size == last.resting.size else Outcome.unfitted


def _last(mode: Mode) -> Mode | None:
    """The mode in the far future, with all points at rest that come to rest; None if it is left."""
    if _is_straight(mode):
        return mode
    for _ in range(mode.resting.size + 1):
        for tolerance in _TOLERANCES:
            found = follow(mode, 0, np.zeros(0), FAR, tolerance)
            if not found.failed:
                break
        if found.failed or found.triggered.any():
            return None
        theta = found.theta
        if not found.resting.any():
            return replace(mode, theta=theta)
        mode = Mode.of(mode.dynamics, theta, mode.status, mode.resting | found.resting)
    return None


def _is_straight(mode: Mode) -> bool:
    """Whether the run goes straight on in ln t to the far future, without meeting a kink.

    Both pre-activations and multipliers are then what they are at the two ends, or between them.
    """
    if mode.live.size == 0:
        return True
    field = Field.of(mode, 0)
    end = FAR - field.log_origin
    first = field(0.0, np.zeros(mode.rank))
    far = first * end
    apart = np.abs(field(end, far) - first).max()
    return bool(apart <= _STRAIGHT * np.abs(first).max() and (Guards(mode)(far) >= 0).all())
