"""One neuron of a mode: which points it serves, on whose kinks it slides, and what follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import ACTIVE, SLIDING, Statuses

from .frame import Frame
from .linear_algebra import complement


@dataclass(frozen=True)
class Neuron:
    """A neuron's share of a mode.

    off (k, k - rank): orthonormal, spans what is left beside the points on whose kinks it slides;
    gradients (k, n): of the margins by its parameters, off the kinks;
    slides (s,): points whose multipliers may reach an end;
    multipliers (s, n): maps pulls l (n,) to multiplier times pull.
    """

    off: Floats
    gradients: Floats
    slides: Ints
    multipliers: Floats

    @classmethod
    def of(cls, frame: Frame, signs: Floats, status: Statuses, resting: Bools) -> Neuron:
        """The neuron with signs v_j y_i (n,) and statuses (n,) on the points of a frame, of which
        some are `resting` (n,).

        A neuron that serves resting points rests on its kinks: its multipliers have settled.
        """
        serving = signs * (status == ACTIVE)
        gradients = serving * frame.points.T
        slides = np.flatnonzero(status == SLIDING)
        if slides.size == 0:
            return cls(np.eye(len(gradients)), gradients, slides, np.zeros((0, len(resting))))
        off, inverse = complement(frame.points[slides].T, frame.scale)
        multipliers = -(inverse @ gradients) / signs[slides, None]
        # What is left may be 1e-14 of a gradient (x = 2021, 2020): it is not found by subtraction.
        gradients = off @ (off.T @ gradients)
        if (serving[resting] != 0).any():
            slides, multipliers = slides[:0], multipliers[:0]
        return cls(off, gradients, slides, multipliers)
