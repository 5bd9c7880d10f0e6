"""A mode followed to where something ends it: which solver does it.

As for fixed output weights (`late/modes/follow.py`) the solver is our own, Radau IIA of order nine,
and compiled at installation (`kernel`). Where there was no compiler NumPy does the same, step for
step, many times as slowly; tests hold one against the other.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from latephase.core.arrays import Floats
from latephase.late.kernels import has_kernel

from .by_numpy import follow_by_numpy
from .field import LayeredField
from .kernel import version
from .mode import LayeredMode
from .segment import LayeredSegment

STIFFEST = 1e8  # relaxation in s beyond which it is slowed down, where a solver gives up
AT_REST = 12.0  # ln of the pull at which points that get nowhere are at rest
COMPILED = has_kernel(
    "latephase.late.layered.kernel.follower",
    version.SOURCES,
    "NumPy follows modes of both layers instead, many times as slowly",
)
if COMPILED:
    from .by_kernel import LOGISTIC, follow_by_kernel


def follow(
    mode: LayeredMode,
    order: int,
    log_times: Floats,
    log_end: float,
    tolerance: float,
    loose: Floats | None = None,
    cap: float = AT_REST,
) -> LayeredSegment:
    """Follow a mode from its entry for a time exp(log_end); log_times: sorted, of the samples.

    order: of the modified flow;  loose (m, n): slack of the guards;  cap: ln of the pull at
    which points that get nowhere are at rest.
    """
    field = LayeredField.of(mode, order)
    if not math.isfinite(field.log_origin):  # nothing moves, for ever
        still, nowhere = [mode.state] * len(log_times), np.zeros(mode.status.shape, bool)
        never = np.full(mode.status.shape, -1)
        return LayeredSegment(log_end, mode.state, still, nowhere, never, False, 0)
    slack = np.zeros(mode.status.shape) if loose is None else loose
    told = slack, log_times, log_end, tolerance, cap
    compiled = COMPILED and mode.dynamics.loss.name in LOGISTIC
    found = (follow_by_kernel if compiled else follow_by_numpy)(field, *told)
    return follow_by_numpy(replace(field, stiffest=STIFFEST), *told) if found.failed else found
