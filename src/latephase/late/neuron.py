"""One neuron of a mode: which points it serves, on whose kinks it slides, and what follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .response import ACTIVE, SLIDING

Array = NDArray[np.float64]
DEPENDENT = 1e-9  # a direction that a projection shortens to this share is nothing but rounding


@dataclass(frozen=True)
class Neuron:
    """A neuron's share of a mode.

    kinks (d + 1, rank): orthonormal, spans the points on whose kinks it slides;
    gradients (d + 1, n): of the margins by its parameters, off the kinks;
    slides (k,): points whose multipliers may reach an end;
    multipliers (k, n): maps pulls l (n,) to multiplier times pull.
    """

    kinks: Array
    gradients: Array
    slides: NDArray[np.int64]
    multipliers: Array

    @classmethod
    def of(
        cls,
        points: Array,
        signs: Array,
        status: NDArray[np.int64],
        held: NDArray[np.bool_],
    ) -> Neuron:
        """The neuron with signs v_j y_i (n,) and statuses (n,); points (n, d + 1), held (n,).

        A neuron that serves held points is at rest on its kinks: its multipliers have settled.
        """
        serving = signs * (status == ACTIVE)
        gradients = serving * points.T
        slides = np.flatnonzero(status == SLIDING)
        if slides.size == 0:
            return cls(np.zeros((points.shape[1], 0)), gradients, slides, np.zeros((0, len(held))))
        kinks, inverse = _span(points[slides].T)
        multipliers = -(inverse @ gradients) / signs[slides, None]
        gradients = gradients - kinks @ (kinks.T @ gradients)
        if (serving[held] != 0).any():
            slides, multipliers = slides[:0], multipliers[:0]
        return cls(kinks, gradients, slides, multipliers)


def _span(columns: Array) -> tuple[Array, Array]:
    """An orthonormal basis of the span of columns (k, c), and their pseudo-inverse (c, k)."""
    left, values, right = np.linalg.svd(columns, full_matrices=False)
    some = values > DEPENDENT * values.max(initial=0.0)
    basis = left[:, some]
    return basis, (right[some].T / values[some]) @ basis.T


def orthonormal(columns: Array) -> Array:
    """An orthonormal basis of the span of columns (k, c), (k, rank)."""
    return _span(columns)[0]
