"""The law of a run that trains both layers: exponent, constant and offset, from its KKT point.

The slowest deviation that moves the measured quantity, a zero on the line or the robustness margin,
sets the exponent.  One that does not to first order may to second, at twice its exponent, and where
nothing else does, what losses of different sizes leave of the margins, at the exponent 1.  The
constant of the first order is a slope at the KKT point; the others and the next term are read off
the far future, and so do not depend on the horizon.
Source: docs/theory.md, "Every layer trained".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement

import numpy as np

from latephase.core import Law
from latephase.core.arrays import Floats
from latephase.late.limits.curve import Curve, margin_or_nan
from latephase.late.limits.law import margin_law
from latephase.margin import zeros_on_line
from latephase.problem import Dataset, ShallowReLU

from .limit import LayeredLimit, extrapolated

_SHARP = 1e-7  # of a quantity: a slope no larger, over a deviation of the length 1, is none
_SAME = 1e-6  # between exponents that are told apart
_SLOWEST = 0.5  # share left of what follows the next term, from ln t to 8 ln t: beyond it that is
# no guide to its end, and the law meets the run at the second of the late times instead
_SEEN = 1e-13  # of the inputs: a difference no larger is rounding

Measure = Callable[[Floats], float]
"""A quantity of a network, given as a state (m, d + 2) in the user's coordinates."""


def layered_law(limit: LayeredLimit, network: ShallowReLU, data: Dataset) -> Law:
    """The law of a run with this limit: that of its only zero on the line, where there is one; else
    the margin's, whose numbers are computed when they are asked for.

    network: one of its kind.  Rigour: estimated.
    """
    limit_boundary = math.nan
    if network.d == 1 and network.biases is not None:
        limit_boundary = zero(network, data, limit.direction)
    if math.isnan(limit_boundary):
        numbers = partial(_margin_numbers, limit, network, data)
        return Law.later(numbers, limit_boundary=None, shares=limit.shares)
    found = _power(limit, partial(zero, network, data), data)
    inputs, constant = data.inputs[:, 0], found.constant
    limit_boundary = limit_boundary if abs(limit_boundary) > _SEEN * np.abs(inputs).max() else 0.0
    limit_margin, margin_constant = map(float, margin_law(inputs, limit_boundary, constant))
    ends = limit_margin, margin_constant, limit.shares, *found.remainder
    return Law(limit_boundary, constant, limit.offset, found.exponent, *ends)


def zero(network: ShallowReLU, data: Dataset, state: Floats) -> float:
    """The zero of N on the line at a state (m, d + 2), NaN unless it is the only one: kinks that
    all come to it, as those of the linear model do, may differ by rounding."""
    weights, biases = network.parted(state[:, :-1])
    shifts = np.zeros(len(state)) if biases is None else biases
    found = zeros_on_line(weights[:, 0], shifts, state[:, -1], network.negative_slope)
    alone = found.size > 0 and np.ptp(found) <= _SEEN * np.abs(data.inputs).max()
    return float(found[0]) if alone else math.nan


def _margin_numbers(limit: LayeredLimit, network: ShallowReLU, data: Dataset) -> dict[str, float]:
    def margin(state: Floats) -> float:
        return margin_or_nan(network.with_parameters(state[:, :-1], state[:, -1]), data)

    found = _power(limit, margin, data)
    return {
        "remainder_constant": found.remainder[0],
        "remainder_exponent": found.remainder[1],
        "limit_margin": found.limit,
        "margin_constant": 0.0 - found.constant,
        "constant": found.constant,
        "offset": limit.offset,
        "exponent": found.exponent,
    }


@dataclass(frozen=True)
class _Power:
    """A quantity that comes to `limit` like constant / Q^exponent, Q the common margin, and the
    constant and exponent of the next term."""

    limit: float
    constant: float
    exponent: float
    remainder: tuple[float, float]


@dataclass(frozen=True)
class _Ray(Curve):
    """A quantity along direction + offset * e, both (m, d + 2)."""

    measure: Measure = margin_or_nan  # type: ignore[assignment]

    def margin(self, e: float) -> float:
        """It at e >= 0."""
        return self.measure(self.direction + self.offset * e)

    @property
    def smooth(self) -> None:  # type: ignore[override]
        """It is measured: output weights move too, and it may be no margin."""


def _power(limit: LayeredLimit, measure: Measure, data: Dataset) -> _Power:
    """How a quantity comes to its limit."""
    first, end, slope = _first_order(limit, measure, data)
    rounding = _SEEN * float(np.abs(data.inputs).max())
    powers = [one.exponent for one in limit.deviations]
    pairs, triples = (
        [sum(some) for some in combinations_with_replacement(powers, k)] for k in (2, 3)
    )
    powers = [1.0, *powers, *pairs]
    later = [power for power in powers if power < min(first, 1.0 + _SAME)]
    apart = np.array([measure(limit.coordinates(state)) for state in limit.far]) - end
    exponent, constant = min(first, 1.0), slope
    if later and (np.abs(apart) > rounding).all() and (apart * apart[0] > 0).all():
        exponent = _nearest([*later, first], apart, limit.scales)
        if exponent < first:
            constant = float(extrapolated(apart * limit.scales**exponent))
    rest = apart - constant * limit.scales**-exponent
    next_ones = [power for power in (*powers, *triples, 2 * exponent) if power > exponent + _SAME]
    remainder = _remainder(rest, rounding, limit, next_ones)
    return _Power(end, constant, exponent, remainder)


def _nearest(powers: list[float], values: Floats, scales: Floats) -> float:
    """The power of 1 / Q that two of these values of one sign, one after the other, come nearest
    to: rounding at the latest time is seen in the last two, what follows a power in the first."""
    seen = np.log(values[:-1] / values[1:]) / np.log(scales[1:] / scales[:-1])
    return min(powers, key=lambda power: float(np.abs(power - seen).min()))


def _remainder(
    rest: Floats, rounding: float, limit: LayeredLimit, powers: list[float]
) -> tuple[float, float]:
    """Constant and exponent of what a first term leaves (3,), where that is no rounding."""
    if not (np.abs(rest) > rounding).all():
        return 0.0, min(powers)
    # The earlier times: an error of the first term grows in it.  Margins of 10^5 to begin with
    # are the same at both.
    same = rest[0] * rest[1] > 0 and limit.scales[0] < limit.scales[1]
    power = _nearest(powers, rest[:2], limit.scales[:2]) if same else min(powers)
    values = rest * limit.scales**power
    first, last = np.diff(values)
    shrinks = 0 < last * first < _SLOWEST * first**2
    return float(extrapolated(values) if shrinks else values[1]), power


def _first_order(
    limit: LayeredLimit, measure: Measure, data: Dataset
) -> tuple[float, float, float]:
    """The smallest exponent of a deviation that moves a quantity to first order, inf without one;
    its limit, and how far, NaN where that deviation is not known."""
    end, size = measure(limit.direction), float(np.abs(data.inputs).max())
    for one in limit.deviations:
        ray = _Ray(limit.direction, one.along, None, data, measure)  # type: ignore[arg-type]
        slope, error = ray.slope
        if abs(slope) > error + _SHARP * size * float(np.linalg.norm(one.along)):
            return one.exponent, ray.start, slope if one.known else math.nan
    return math.inf, end, 0.0
