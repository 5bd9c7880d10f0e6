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
from latephase.margin import nearest_zeros
from latephase.problem import Dataset, ShallowReLU

_OFF = 1e-7  # of the margin: a zero that is off a kink
_TIED = (
    1e-8  # of the margin: distances that are equal, in all runs: they differ from ln t = 10^8 on
)
_ROUNDED = 2.0**-46  # of inputs: distances that may be equal, too
_KNOWN = 1e-3  # of the margin: a distance that is known


@dataclass(frozen=True)
class SmoothZero:
    """A zero nearest to an input: what the neurons give to y N around it, weighted (m,), and the
    input, point (k,), with a 1 where there are biases."""

    weighted: Floats
    point: Floats
    d: int

    def series(self, direction: Floats, offset: Floats) -> Floats:
        """Its distance along direction + offset * e: the terms (3,) of order 0, 1 and 2 in e."""
        unit = self._steepest(direction)
        height, slope = self._line(direction / unit)
        rise, turn = self._line(offset / unit)
        square = slope @ slope
        first = -(slope @ turn) / square
        second = 1.5 * first**2 - turn @ turn / (2 * square)
        terms = height, rise + height * first, height * second + rise * first
        return np.array(terms) / math.sqrt(square)

    def parts(self, direction: Floats, offset: Floats) -> Floats:
        """What the offset of each neuron (m,) has in the term of order 1, which is their sum."""
        unit = self._steepest(direction)
        height, slope = self._line(direction / unit)
        square = slope @ slope
        rises = offset @ self.point - height / square * (offset[:, : self.d] @ slope)
        return np.asarray(self.weighted * (rises / unit) / math.sqrt(square))

    def terms(self, direction: Floats, offset: Floats) -> float:
        """The sizes of all that the term of order 1 is summed from, which bound its rounding."""
        unit = self._steepest(direction)
        height, slope = self._line(direction / unit)
        square, moved = slope @ slope, np.abs(offset / unit)
        most = moved @ np.abs(self.point) + height / square * (moved[:, : self.d] @ np.abs(slope))
        return float(np.abs(self.weighted) @ most / math.sqrt(square))

    def _steepest(self, theta: Floats) -> float:
        """The largest entry of the slope of N, in whose units squares stay within float64."""
        return float(np.abs(self._line(theta)[1]).max()) or 1.0

    def _line(self, theta: Floats) -> tuple[float, Floats]:
        """y N at the input, were it what it is at the zero, and its slope (d,)."""
        return float(self.weighted @ theta @ self.point), self.weighted @ theta[:, : self.d]


def smooth_zeros(
    direction: Floats, offset: Floats, network: ShallowReLU, data: Dataset, margin: float
) -> list[SmoothZero] | None:
    """All zeros of the limit that are as near as its margin; None where one lies on a kink.

    direction, offset (m, k): of networks direction + offset * e of the kind of `network`.
    """
    if not 0 < margin < math.inf:
        return None
    tied = _TIED + _ROUNDED * (float(np.abs(data.inputs).max()) / margin + 1) * data.d
    near = nearest_zeros(network.with_parameters(direction), data, margin * (1 + tied))
    if not near or tied > _KNOWN:
        return None
    found = []
    moved = np.where(direction.any(axis=1, keepdims=True), direction, offset)
    bends = (network.negative_slope < 1) & (network.output_weights != 0) & moved.any(axis=1)
    with np.errstate(all="ignore"):  # a distance that leaves float64 is none
        for i, zero in near:
            input_, place = network.points(np.array([data.inputs[i], zero]))
            heights, rounded = moved @ place, _ROUNDED * (np.abs(moved) @ np.abs(place))
            across = _OFF * margin * np.linalg.norm(moved[:, : data.d], axis=1)
            if (bends & (np.abs(heights) <= across + rounded)).any():
                return None
            gains = np.where(heights > 0, 1.0, network.negative_slope)
            weighted = data.labels[i] * network.output_weights * gains
            one = SmoothZero(weighted, input_, data.d)
            if not abs(one.series(direction, offset)[0] - margin) <= 2 * tied * margin:
                return None
            found.append(one)
    return found
