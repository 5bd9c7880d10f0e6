"""Boxes of pairs of neurons: bounds of their pre-activations, and of two combinations of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints

from .enclosed import down, times, up
from .points import Repelling

RIGHT1, WRONG1, FREE1, NULL1, RIGHT2, WRONG2, FREE2, NULL2 = range(8)
SIDES = (RIGHT1, WRONG1, RIGHT2, WRONG2)


@dataclass(frozen=True)
class Boxes:
    """n boxes of networks, (8, n) each; empty where lower > upper.

    Rows: of neuron 1, then 2, the right and the wrong pre-activation, and two combinations of them,
    free = right + kappa / k_wrong wrong, which the wrong point does not move, and
    null = wrong + kappa / k_right right, which the right point does not move.
    """

    lower: Floats
    upper: Floats

    @staticmethod
    def empty(n: int) -> Boxes:
        """n empty boxes."""
        return Boxes(np.full((8, n), np.inf), np.full((8, n), -np.inf))

    @property
    def reached(self) -> Bools:
        """Which are not empty, (n,)."""
        return np.asarray((self.lower <= self.upper).all(axis=0))

    def at(self, places: Ints | Bools) -> Boxes:
        """The boxes at those places."""
        return Boxes(self.lower[:, places], self.upper[:, places])

    def take_in(self, places: Ints, others: Boxes) -> None:
        """Widen the boxes at those places so that they hold the others, too."""
        self.lower[:, places] = np.minimum(self.lower[:, places], others.lower)
        self.upper[:, places] = np.maximum(self.upper[:, places], others.upper)


def contract(points: Repelling, lower: Floats, upper: Floats) -> None:
    """Use the two relations between the four rows of each neuron, in place."""
    for right, wrong, free, null, to_free, to_null in (
        (RIGHT1, WRONG1, FREE1, NULL1, points.tilt2, points.tilt1),
        (RIGHT2, WRONG2, FREE2, NULL2, points.tilt1, points.tilt2),
    ):
        for total, one, other, slope in (
            (free, right, wrong, to_free),
            (null, wrong, right, to_null),
        ):
            part = times((lower[other], upper[other]), slope)
            with np.errstate(invalid="ignore"):  # infinite ends say nothing
                lower[total] = np.fmax(lower[total], down(lower[one] + part[0]))
                upper[total] = np.fmin(upper[total], up(upper[one] + part[1]))
                lower[one] = np.fmax(lower[one], down(lower[total] - part[1]))
                upper[one] = np.fmin(upper[one], up(upper[total] - part[0]))
