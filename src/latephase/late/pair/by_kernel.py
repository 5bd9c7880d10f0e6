"""Steps of pairs in machine code (`kernel`): what it is told, and what comes back."""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Floats, Ints
from latephase.core.workers import in_threads

from .kernel import stepper
from .state import SteppedPair

_AT_A_TIME = 512  # trials of one call, at most
_WORTHWHILE = 1 << 16  # steps: fewer are made before other threads have begun


def advance_by_kernel(
    preactivations: Floats,
    preactivation_error: Floats,
    parameter_error: Floats,
    counts: Ints,
    looks: Ints,
    trials: Ints,
    *,
    gram: Floats,
    step_size: float,
) -> SteppedPair:
    """The steps, as `advance_pair` says."""
    wanted = np.argsort(trials * len(counts) + looks, kind="stable")  # mostly in order already
    first_look = np.searchsorted(trials[wanted], np.arange(counts.shape[1] + 1))
    looked = first_look, looks[wanted], wanted
    seen, undecided = np.empty((13, looks.size)), np.empty((4, looks.size), bool)
    marks = undecided.view(np.int8)
    told = (
        np.ascontiguousarray(preactivations).reshape(4, -1),
        np.ascontiguousarray(preactivation_error).reshape(4, -1),
        np.ascontiguousarray(parameter_error),
        np.ascontiguousarray(counts),
    )

    def advance(rows: Ints) -> None:
        stepper.advance(*told, rows, *looked, gram.ravel(), step_size, seen, marks)

    order = np.argsort(counts[-1], kind="stable")  # trials side by side end together
    if counts[-1].sum() < _WORTHWHILE:
        advance(order)
    else:
        parts = [order[k : k + _AT_A_TIME] for k in range(0, order.size, _AT_A_TIME)]
        in_threads(advance, parts[::-1])  # the longest first
    a, received, off = seen[:12].reshape(3, 2, 2, -1)
    return SteppedPair(a, received, off, seen[12], undecided.reshape(2, 2, -1))
