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


@dataclass(frozen=True)
class SmoothZero:
    """A zero nearest to an input, in a unit of N in which the largest entry of its slope is 1.

    weighted (m,): what the neurons give to y N around it;  point (k,): the input, with a 1 where
    there are biases;  height: y N there, were it affine all the way;  slope (d,): of y N.
    """

    weighted: Floats
    point: Floats
    height: float
    slope: Floats

    @classmethod
    def of(cls, weighted: Floats, point: Floats, direction: Floats, d: int) -> SmoothZero:
        """That of networks near direction (m, k), in any unit; NaN where N has no slope."""
        weighted = weighted / np.abs(weighted @ direction[:, :d]).max()
        way = weighted @ direction
        return cls(weighted, point, float(way @ point), way[:d])

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
    if not 0 < margin < math.inf:
        return None
    tied = _TIED + _ROUNDED * (float(np.abs(data.inputs).max()) / margin + 1) * data.d
    if tied > _KNOWN:
        return None
    near = nearest_zeros(network.with_parameters(direction), data, margin * (1 + tied))
    if not near:
        return None
    found = []
    moved = np.where(direction.any(axis=1, keepdims=True), direction, offset)
    bends = (network.negative_slope < 1) & (network.output_weights != 0) & moved.any(axis=1)
    with np.errstate(all="ignore"):  # a distance that leaves float64 is none
        for i, zero in near:
            input_, place = network.points(np.array([data.inputs[i], zero]))
            heights, rounded = moved @ place, _ROUNDED * (np.abs(moved) @ np.abs(place))
            across = _OFF * margin * lengths(moved[:, : data.d])
            if (bends & (np.abs(heights) <= across + rounded)).any():
                return None
            gains = np.where(heights > 0, 1.0, network.negative_slope)
            weighted = data.labels[i] * network.output_weights * gains
            one = SmoothZero.of(weighted, input_, direction, data.d)
            if not abs(one.series(offset)[0] - margin) <= 2 * tied * margin:
                return None
            found.append(one)
    return found
