"""What each neuron gives to the constant of a law of trained layers."""

from __future__ import annotations

import math

import numpy as np

from latephase.core import Law
from latephase.core.arrays import Floats
from latephase.late.limits.curve import margin_or_nan
from latephase.problem import Dataset, ShallowReLU

from .law import Measure, zero
from .limit import LayeredLimit

_SUM = 1e-3  # of the parts' sizes, up to which their sum must be the constant: both are read off
# late states, which differ by that much where exponents are small
_ALIKE = 1e-9  # between exponents
_NEAR = 1e-3  # of the way on which the deviation is as long as the direction
_STEP = 1e-3  # of that, by which one neuron's share of the deviation is varied


def layered_parts(limit: LayeredLimit, network: ShallowReLU, data: Dataset, law: Law) -> Floats:
    """The part (m,) of each neuron in law.constant, to which they add up; NaN where they do not.

    Its share of what decays with the law's exponent moves the zero, or the margin.  NaN too where
    that moves it to second order only, since no neuron's share is then its own.
    Rigour: as the law's.
    """
    unknown = np.full(network.m, np.nan)
    same = [one.along for one in limit.deviations if abs(one.exponent - law.exponent) <= _ALIKE]
    if not same or not math.isfinite(law.constant):
        return unknown

    def measure(state: Floats) -> float:
        if law.limit_boundary is not None:
            return zero(network, data, state)
        return margin_or_nan(network.with_parameters(state[:, :-1], state[:, -1]), data)

    along = np.sum(same, axis=0)
    size = float(np.linalg.norm(limit.direction) / np.linalg.norm(along))
    coarse, middle, fine = (
        _slopes(measure, limit.direction, along, _NEAR * size / k) for k in (1, 2, 4)
    )
    parts = (coarse - 6 * middle + 8 * fine) / 3  # Richardson: without e and e^2
    sizes = np.abs(parts)
    left = law.constant - float(parts.sum())
    return parts + left * sizes / sizes.sum() if abs(left) <= _SUM * sizes.sum() else unknown


def _slopes(measure: Measure, direction: Floats, along: Floats, e: float) -> Floats:
    """The derivatives (m,) of a quantity at direction + along * e by what each neuron deviates."""
    state, found = direction + along * e, np.zeros(len(along))
    for j in np.flatnonzero(along.any(axis=1)):
        moved = np.zeros_like(state)
        moved[j] = _STEP * e * along[j]
        found[j] = (measure(state + moved) - measure(state - moved)) / (2 * _STEP * e)
    return found
