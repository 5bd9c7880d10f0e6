"""One neuron of a mode: which points it serves, on whose kinks it slides, and what follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import ACTIVE, SLIDING

from .frame import Frame

DEPENDENT = 1e-9  # a direction that a projection shortens to this share is nothing but rounding


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
    def of(
        cls,
        frame: Frame,
        signs: Floats,
        status: Ints,
        held: Bools,
    ) -> Neuron:
        """The neuron with signs v_j y_i (n,) and statuses (n,) on the points of a frame, held (n,).

        A neuron that serves held points is at rest on its kinks: its multipliers have settled.
        """
        serving = signs * (status == ACTIVE)
        gradients = serving * frame.points.T
        slides = np.flatnonzero(status == SLIDING)
        if slides.size == 0:
            return cls(np.eye(len(gradients)), gradients, slides, np.zeros((0, len(held))))
        off, inverse = complement(frame.points[slides].T, frame.scale)
        multipliers = -(inverse @ gradients) / signs[slides, None]
        # What is left may be 1e-14 of a gradient (x = 2021, 2020): it is not found by subtraction.
        gradients = off @ (off.T @ gradients)
        if (serving[held] != 0).any():
            slides, multipliers = slides[:0], multipliers[:0]
        return cls(off, gradients, slides, multipliers)


def complement(columns: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """An orthonormal basis (k, k - rank) of what is orthogonal to columns (k, c), and the
    pseudo-inverse (c, k) of these.

    scale (k,): sizes of the rows, against which the rank is decided. The basis is accurate row by
    row, however different these sizes: Householder's reflections of sorted rows and columns.
    """
    from scipy.linalg import qr

    order = np.argsort(-scale, kind="stable")
    q, r, places = qr(columns[order], pivoting=True)
    values = np.linalg.svd(columns / scale[:, None], compute_uv=False)
    rank = int((values > DEPENDENT * values.max(initial=0.0)).sum())
    top = r[:rank]
    sizes = np.abs(top).max(axis=1, initial=0.0)[:, None]
    inverse = np.empty((columns.shape[1], len(columns)))
    inverse[places] = (np.linalg.pinv(top / sizes) / sizes.T) @ q[:, :rank].T
    back = np.argsort(order)
    return q[back][:, rank:], inverse[:, back]
