"""A mode followed to where something ends it: which solver does it.

A run of any network is some dozens to thousands of segments, most of which end at an event after a
step or two. So the solver is our own (`kernel`), of a kind that has nothing to build up, and it is
compiled, at installation: with Numba it took 50 s at the first run instead. A mode of six
coordinates to s = 0.5, 2, 10 and 230 at a tolerance of 1e-11 takes CVODE (SUNDIALS, by
scikit-sundae 1.2, with compiled callbacks, without guards) 1.0, 1.7, 2.8 and 3.7 ms. Where there
was no compiler SciPy does it, many times as slowly, to the same tolerances; tests hold one against
the other. Whole flows to 10^100, made twice, medians of seconds of processor time, of LSODA and, on
a machine as fast, now (`benchmarks/bench_general.py`):

    neurons, points, features    LSODA     now
    8, 6, 2                       0.24    0.019
    16, 20, 2                     1.3     0.16
    32, 50, 5                    15       0.96
    64, 100, 20                           8.7
"""

from __future__ import annotations

import math

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.late.kernels import has_kernel
from latephase.late.pattern import Statuses

from .by_scipy import follow_by_scipy
from .dynamics import Dynamics
from .gradients import Neuron
from .kernel import version
from .mode import Mode
from .segment import Segment

BALANCED = 1e-6  # how far the margin of a point at rest against others may still have to go
COMPILED = has_kernel(
    "latephase.late.modes.kernel.follower",
    version.SOURCES,
    "SciPy follows modes instead, many times as slowly",
)
if COMPILED:
    from .by_kernel import (
        LOGISTIC,
        compiled_neuron,
        follow_by_kernel,
        neuron_by_kernel,
        on_kinks_by_kernel,
    )


def follow(
    mode: Mode,
    order: int,
    log_times: Floats,
    log_end: float,
    tolerance: float,
    balanced: float = BALANCED,
    slack: Floats | None = None,
    least_terms: Floats | None = None,
    log_last: float = math.inf,
) -> Segment:
    """Follow a mode from its entry for a time exp(log_end); log_times: sorted, of the samples.

    order: of the modified flow;  balanced: how far the margin of a point that counts as at rest
    may still have to go;  slack (m, n): of the guards: how far below 0 a pair's guards may go, as a
    share of the terms of its pre-activation (at least `least_terms` (m, n)), and of 1 for its
    multiplier;  least_terms: also the size below which no more digits are asked for;
    log_last: ln of the time that the mode before this one has lasted, as this one may.
    """
    if least_terms is None:
        least_terms = 1e-2 * mode.dynamics.terms(mode.theta)
    if slack is None:
        slack = np.zeros(mode.status.shape)
    if mode.live.size == 0:
        return _at_rest(mode, log_times, log_end)
    told = mode, order, log_times, log_end, tolerance, balanced, slack, least_terms
    if COMPILED and mode.dynamics.loss.name in LOGISTIC:
        found = follow_by_kernel(*told, log_last)
        if not found.failed:
            return found
    return follow_by_scipy(*told)  # where rounding keeps one solver from its end another may go on


def on_kinks(mode: Mode) -> Mode:
    """The mode with sliding pairs on their kinks, as `Mode.on_kinks` says."""
    return on_kinks_by_kernel(mode) if COMPILED else mode.on_kinks()


def neuron(dynamics: Dynamics, j: int, status: Statuses, resting: Bools) -> Neuron:
    """Neuron j, which slides, in a mode of statuses (n,) with points at rest (n,)."""
    found = neuron_by_kernel(dynamics, j, status, resting) if COMPILED else None
    if found is None:
        kind = dynamics.slope, dynamics.kinks
        found = Neuron.of(dynamics.frame, dynamics.signs[j], status, resting, *kind)
    if COMPILED:
        compiled_neuron(found)
    return found


def _at_rest(mode: Mode, log_times: Floats, log_end: float) -> Segment:
    """What becomes of a mode that nothing moves."""
    none, sampled = np.zeros(mode.status.shape, bool), np.tile(mode.theta, (len(log_times), 1, 1))
    nothing = none, np.full(none.shape, -1), none[0], False, 0
    return Segment(log_end, mode.theta, mode.margins, sampled, *nothing)
