"""Activation patterns: what each neuron is at each point, in the words of all engines.

A neuron is *inactive* at a point where its pre-activation is not positive, *active* where it is,
and *sliding* where it stays on its kink for a time, in Filippov's sense.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latephase.core.arrays import Floats, Ints

INACTIVE, ACTIVE, SLIDING = 0, 1, 2

Statuses = NDArray[np.signedinteger]
"""Entries INACTIVE, ACTIVE or SLIDING by neuron and point, (m, n)."""

_DIGITS = np.array([27, 9, 3, 1])


def gains(status: NDArray[np.integer], slope: float) -> Floats:
    """What part of a point's pull a neuron feels (m, n): 1 active, the negative slope inactive.

    0 where it slides: its motion is then projected off the point, whatever the point's share.
    """
    felt = (status == ACTIVE).astype(np.float64)
    return felt if slope == 0 else felt + slope * (status == INACTIVE)


def statuses(preactivations: Floats | Ints) -> Statuses:
    """Statuses without sliding: active iff the pre-activation is positive; relu'(0) = 0."""
    return np.where(preactivations > 0, ACTIVE, INACTIVE)


def pattern_code(status: Statuses) -> Ints:
    """Base-3 code (T,) of the statuses of two neurons on two points, (2, 2, T)."""
    code: Ints = _DIGITS @ status.reshape(4, -1)
    return code


def pattern_status(code: int) -> Statuses:
    """Statuses (2 neurons, 2 points) of a code."""
    return ((code // _DIGITS) % 3).reshape(2, 2)
