"""Ordinary steps of gradient descent on both layers, compensated: valid always."""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Floats
from latephase.problem import TwoPointGeometry
from latephase.problem.geometry import two_sum

from .flow import Motion
from .state import LayeredPairState, rises, sizes

_SHARE = 2.0**-51  # rounding error of a kick, relative, for each unit of 2 + |margin|


def one_step(g: TwoPointGeometry, s: LayeredPairState, log_step: float) -> LayeredPairState:
    """The states after one update; the time is for the caller to count."""
    low = s.low
    a = s.first + rises(g, s.gained) + rises(g, low[:4].reshape(2, 2, -1))
    v = s.output_weights
    motion = Motion(g, a, v, a > 0, log_step)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        kick = motion.field(np.exp(motion.log_pulls))
        moved, rest = two_sum(s.moved, low + kick)
        felt = np.abs(motion.log_pulls - log_step)
        share = _SHARE * (2 + np.where(np.isfinite(felt), felt, 0.0).max(axis=0))
        growth = np.maximum(np.exp(motion.log_rate()) - 1, 1.0)
        error = growth * s.error + share * _relative(g, kick, sizes(a, v, g))
    return LayeredPairState(s.start, s.first, moved, rest, s.log_time, error)


def _relative(g: TwoPointGeometry, kick: Floats, size: Floats) -> Floats:
    """How far a kick (6, T) moves a neuron, in units of its size, (T,)."""
    lengths = np.sqrt(g.squares)[:, None]
    moved = np.abs(kick[:4].reshape(2, 2, -1) * lengths).max(axis=1) + np.abs(kick[4:])
    return np.asarray((moved / np.where(size > 0, size, np.inf)).max(axis=0))
