"""How a chain ends: the pattern it stands in, and whether that lasts for ever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from latephase.core import Outcome
from latephase.core.arrays import Ints
from latephase.late.modes.guards import Guards
from latephase.late.modes.mode import Mode, mode, statuses
from latephase.late.modes.modified import Field
from latephase.late.modes.segment import follow
from latephase.late.pattern import SLIDING

from .next_piece import next_piece
from .state import Chain

FAR = 1e6  # ln t until which a mode must last to count as lasting for ever
_TOLERANCE = 1e-9
_STRAIGHT = 1e-6


def pattern(chain: Chain) -> Ints:
    """Statuses (m, n) at the end of a chain: a neuron let go of a kink may rest an ulp off it."""
    with np.errstate(invalid="ignore", over="ignore"):  # of runs that overflowed
        seen = statuses(chain.setting.preactivations(chain.theta))
    if chain.status is None:
        return seen
    turned = chain.turned[:, None] & (chain.status != SLIDING)
    return np.where(turned, seen, chain.status)


@np.errstate(over="ignore", under="ignore", invalid="ignore")  # as in the chain itself
def ending(chain: Chain) -> Outcome:
    """Settled if the loss tends to 0 in a mode that lasts, unfitted if it lasts and does not.

    The mode is followed on as gradient flow from the horizon to ln t = 10^6.
    """
    if chain.outcome is not None:
        return chain.outcome
    if not np.isfinite(chain.now.log):  # t = 0 is no end
        return Outcome.transient
    here, must_step = next_piece(chain)
    last = None if must_step else _last(here)
    if last is None:
        return Outcome.transient
    fits = last.live.size == last.held.size
    return Outcome.settled if fits else Outcome.unfitted


def _last(here: Mode) -> Mode | None:
    """The mode in the far future, with all points at rest that come to rest; None if it is left."""
    if _is_straight(here):
        return here
    for _ in range(here.held.size + 1):
        found = follow(here, 0, np.zeros(0), FAR, _TOLERANCE)
        if found.failed or found.broken.any():
            return None
        if not found.resting.any():
            return replace(here, theta=here.parameters(found.beta))
        theta = here.parameters(found.beta)
        here = mode(here.setting, theta, here.status, here.held | found.resting)
    return None


def _is_straight(here: Mode) -> bool:
    """Whether the run goes straight on in ln t to the far future, without meeting a kink.

    Both pre-activations and multipliers are then what they are at the two ends, or between them.
    """
    if here.live.size == 0:
        return True
    field = Field.of(here, 0)
    at_rest, end = np.zeros(here.basis.shape[1]), FAR - field.log_origin
    first = field(0.0, at_rest)
    far = first * end
    apart = np.abs(field(end, far) - first).max()
    return bool(apart <= _STRAIGHT * np.abs(first).max() and (Guards(here)(far) >= 0).all())
