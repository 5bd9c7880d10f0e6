"""The margin near a limit whose nearest zeros lie off all kinks.

Around such a zero N is one affine function A x + B, also of networks nearby, so that the margin is
|A x_i + B| / |A| for the input i that it is nearest to: in closed form, of any width, where neurons
that point in one direction in the limit have so many kinks at finite times that no search ends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Floats
from latephase.late.modes.dynamics import lengths
from latephase.margin import nearest_zeros
from latephase.problem import Dataset, ShallowReLU

_OFF = 1e-7  # of the margin: a zero that is off a kink
_TIED = 1e-8  # of the margin: distances that are equal, in all runs: they part after ln t = 10^8
_ROUNDED = 2.0**-46  # of inputs: distances that may be equal, too
_KNOWN = 1e-3  # of the margin: a distance that is known
_REACH = 0.1  # of the margin: how much farther than it zeros are followed


@dataclass(frozen=True)
class SmoothZero:
    """A zero nearest to an input, in a unit of N in which the largest entry of its slope is 1.

    weighted (m,): what the neurons give to y N around it;  point (k,): the input, with a 1 where
    there are biases;  height: y N there, were it affine all the way;  slope (d,): of y N;
    gains (m,): of the neurons there, 1 where active.
    """

    weighted: Floats
    point: Floats
    height: float
    slope: Floats
    gains: Floats

    @classmethod
    def of(
        cls, outer: Floats, gains: Floats, point: Floats, direction: Floats, d: int
    ) -> SmoothZero:
        """That of networks near direction (m, k), of output weights y v (m,), in any unit; NaN
        where N has no slope."""
        weighted = outer * gains
        weighted = weighted / np.abs(weighted @ direction[:, :d]).max()
        way = weighted @ direction
        return cls(weighted, point, float(way @ point), way[:d], gains)

    def foot(self, theta: Floats) -> tuple[float, Floats]:
        """Its distance in the network theta (m, k), of any length, and where it is (k,)."""
        way = self.weighted @ theta
        slope, height = way[: len(self.slope)], float(way @ self.point)
        place = self.point.copy()
        place[: len(slope)] -= height / float(slope @ slope) * slope
        return height / math.sqrt(slope @ slope), place

    def series(self, offset: Floats) -> Floats:
        """Its distance along direction + offset * e: the terms (3,) of order 0, 1 and 2 in e."""
        way = self.weighted @ offset
        rise, turn, square = way @ self.point, way[: len(self.slope)], self.slope @ self.slope
        first = -(self.slope @ turn) / square
        second = 1.5 * first**2 - turn @ turn / (2 * square)
        orders = self.height, rise + self.height * first, self.height * second + rise * first
        return np.array(orders) / math.sqrt(square)

    def parts(self, offset: Floats) -> Floats:
        """What the offset of each neuron (m,) has in the term of order 1, which is their sum."""
        square, turns = self.slope @ self.slope, offset[:, : len(self.slope)] @ self.slope
        rises = offset @ self.point - self.height / square * turns
        return np.asarray(self.weighted * rises / math.sqrt(square))

    def size(self, offset: Floats) -> float:
        """The size of all that the term of order 1 is summed from, which bounds its rounding."""
        square, moved = self.slope @ self.slope, np.abs(offset)
        turns = moved[:, : len(self.slope)] @ np.abs(self.slope)
        most = moved @ np.abs(self.point) + self.height / square * turns
        return float(np.abs(self.weighted) @ most / math.sqrt(square))


def smooth_zeros(
    direction: Floats, offset: Floats, network: ShallowReLU, data: Dataset, margin: float
) -> list[SmoothZero] | None:
    """All zeros of the limit that are as near as its margin; None where one lies on a kink.

    direction, offset (m, k): of networks direction + offset * e of the kind of `network`.
    """
    found = _zeros_within(direction, offset, network, data, margin, 0.0)
    zeros = [one for one, _ in found or [] if one is not None]
    return zeros if found and len(zeros) == len(found) else None


@dataclass(frozen=True)
class Surroundings:
    """The zeros of a limit that are at most `gap` of its margin farther than that, none on a kink.

    margin: that of the limit, in units of the inputs.
    """

    zeros: list[SmoothZero]
    margin: float
    gap: float

    @classmethod
    def of(
        cls, direction: Floats, offset: Floats, network: ShallowReLU, data: Dataset, margin: float
    ) -> Surroundings | None:
        """Those of networks direction + offset * e; None where they are too many."""
        found = _zeros_within(direction, offset, network, data, margin, _REACH)
        if not found:
            return None
        zeros = [one for one, _ in found if one is not None]
        kinked = min((away for one, away in found if one is None), default=math.inf)
        return cls(zeros, margin, min(_REACH, kinked / margin - 1))

    def margin_at(self, theta: Floats, network: ShallowReLU) -> float:
        """The margin of a network like `network` at theta (m, k); NaN where it may be another zero
        that is nearest: one of these has met a kink, or come half way to the others."""
        bends, nearest = network.negative_slope < 1, math.inf
        for one in self.zeros:
            away, foot = one.foot(theta)
            gains = np.where(theta @ foot > 0, 1.0, network.negative_slope)
            if bends and not np.array_equal(gains, one.gains):
                return math.nan
            nearest = min(nearest, away)
        return nearest if abs(nearest / self.margin - 1) <= self.gap / 2 else math.nan


def _zeros_within(
    direction: Floats,
    offset: Floats,
    network: ShallowReLU,
    data: Dataset,
    margin: float,
    reach: float,
) -> list[tuple[SmoothZero | None, float]] | None:
    """All zeros of the limit that are as near as its margin, or `reach` of it farther, and how far
    they are: None for one on a kink, which the nearest of its cell often is.  None where there are
    too many, or rounding hides how far they are."""
    if not 0 < margin < math.inf:
        return None
    tied = _TIED + _ROUNDED * (float(np.abs(data.inputs).max()) / margin + 1) * data.d
    if tied > _KNOWN:
        return None
    near = nearest_zeros(network.with_parameters(direction), data, margin * (1 + reach + tied))
    found = list[tuple[SmoothZero | None, float]]()
    moved = np.where(direction.any(axis=1, keepdims=True), direction, offset)
    bends = (network.negative_slope < 1) & (network.output_weights != 0) & moved.any(axis=1)
    with np.errstate(all="ignore"):  # a distance that leaves float64 is none
        for i, zero in near or []:
            input_, place = network.points(np.array([data.inputs[i], zero]))
            heights, rounded = moved @ place, _ROUNDED * (np.abs(moved) @ np.abs(place))
            across = _OFF * margin * lengths(moved[:, : data.d])
            gains = np.where(heights > 0, 1.0, network.negative_slope)
            outer = data.labels[i] * network.output_weights
            one = SmoothZero.of(outer, gains, input_, direction, data.d)
            away = float(lengths(zero - data.inputs[i]))
            smooth = not (bends & (np.abs(heights) <= across + rounded)).any()
            smooth &= abs(one.height / float(lengths(one.slope)) - away) <= 2 * tied * margin
            found.append((one if smooth else None, away))
    return found or None
