"""Gradients of the margins in a mode, neuron by neuron, and their Gram matrix.

Each mode differs from the one before it in one neuron, as a rule: what the others bring is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import SLIDING, Statuses, gains

from .frame import Frame
from .kinks import Kinks
from .linear_algebra import complement


@dataclass(frozen=True)
class Neuron:
    """The share in a mode of a neuron that slides.

    off (k, k - rank): orthonormal, spans what is left beside the points on whose kinks it slides;
    gradients (k, n): of the margins by its parameters, off the kinks;
    slides (s,): points, the first of their kinks, whose multipliers may reach an end;
    needs, rooms (s, n): map pulls l (n,) to multiplier times room, and to the room: what the kink
    adds to the pull, on its active side, beyond that on the other.
    """

    off: Floats
    gradients: Floats
    slides: Ints
    needs: Floats
    rooms: Floats

    @classmethod
    def of(
        cls,
        frame: Frame,
        signs: Floats,
        status: Statuses,
        resting: Bools,
        slope: float,
        kinks: Kinks,
    ) -> Neuron:
        """The neuron with signs v_j y_i (n,) and statuses (n,) on the points of a frame, of which
        some are `resting` (n,).

        A neuron that serves resting points rests on its kinks: its multipliers have settled.
        """
        serving = signs * gains(status, slope)
        gradients = serving * frame.points.T
        slides = np.flatnonzero((status == SLIDING) & kinks.leads)
        if slides.size == 0:
            none = np.zeros((0, len(resting)))
            return cls(np.eye(len(gradients)), gradients, slides, none, none)
        off, inverse = complement(frame.points[slides].T, frame.scale)
        # The points of a kink pull with their gains, each on the side on which it is then.
        shares = kinks.members(slides) * signs / signs[slides, None]
        sides = shares * kinks.ratio * np.where(kinks.ratio > 0, slope, 1.0)
        rooms = (1 - slope) * shares * np.abs(kinks.ratio)
        needs = -(inverse @ gradients) / signs[slides, None] - sides
        # What is left may be 1e-14 of a gradient (x = 2021, 2020): it is not found by subtraction.
        gradients = off @ (off.T @ gradients)
        if (serving[resting] != 0).any():
            slides, needs, rooms = slides[:0], needs[:0], rooms[:0]
        return cls(off, gradients, slides, needs, rooms)

    @cached_property
    def largest(self) -> float:
        """The largest entry of its gradients."""
        return float(np.abs(self.gradients).max())

    @cached_property
    def moved(self) -> Bools:
        """Points (n,) that move it."""
        return np.asarray(self.gradients.any(axis=0))


@dataclass(frozen=True)
class Gradients:
    """Gradients of the margins of n points with some statuses (m, n) and points at rest (n,).

    serving (m, n): gains times v_j y_i;  neurons: those that slide, in order;  moves (m, n): which
    points move which neurons;  sides (m, n): of which side of their kinks pairs have to be kept
    watch, +1 and -1, 0 of those that have none, slide, or belong to a neuron that nothing moves;
    sizes (m,): their largest entries;  gram (n, n): their inner products, None where nobody keeps
    it.
    """

    status: Statuses
    resting: Bools
    serving: Floats
    neurons: dict[int, Neuron]
    moves: Bools
    sides: Floats
    sizes: Floats
    gram: Floats | None


def dense(serving: Floats, points: Floats, neurons: dict[int, Neuron]) -> Floats:
    """The gradients themselves, (n, m, k)."""
    found = serving.T[:, :, None] * points[:, None, :]
    for j, one in neurons.items():
        found[:, j] = one.gradients.T
    return found


@dataclass(frozen=True)
class Teams:
    """Neurons of one status each, whose gradients are one another's multiples: they move alike.

    A team is carried as one neuron, as strong as all of them. Differences of its neurons are then
    no directions, in which gradients would have nothing but rounding: that moved points at rest by
    1e-16 in a unit of time, for ever.

    leads (g,): the strongest neuron of each;  share (m, g): of its team's motion, orthonormal;
    strength (g,): the team's gradients by those of its lead, 0 where nothing moves it.
    """

    leads: Ints
    share: Floats
    strength: Floats

    @classmethod
    def of(cls, status: Statuses, output_weights: Floats) -> Teams:
        """The teams of statuses (m, n); a neuron that slides is alone."""
        count = len(status)
        alone = np.where((status == SLIDING).any(axis=1), np.arange(1, count + 1), 0)
        # By np.unique it takes three times as long.
        rows = list(map(tuple, np.column_stack([status, alone]).tolist()))
        places = {row: g for g, row in enumerate(sorted(set(rows)))}
        team = [places[row] for row in rows]
        weights = np.zeros((count, len(places)))
        weights[np.arange(count), team] = output_weights
        leads, sizes = np.abs(weights).argmax(axis=0), np.abs(weights).max(axis=0)
        units = weights / np.where(sizes > 0, sizes, 1.0)  # squares of 1e-200 are 0
        norms = np.linalg.norm(units, axis=0)
        share = units / np.where(norms > 0, norms, 1.0)
        own = share[leads, np.arange(len(leads))]
        return cls(leads, share, np.where(own == 0, 0.0, 1 / np.where(own == 0, 1.0, own)))

    def gradients(self, g: Floats) -> Floats:
        """Those of teams (n, g k), of gradients g (n, m, k)."""
        n, _, k = g.shape
        return np.asarray(
            (g[:, self.leads] * self.strength[:, None]).reshape(n, len(self.leads) * k)
        )

    def scale(self, scale: Floats) -> Floats:
        """Sizes (g k,) of the coordinates of teams, of those of neurons (m k,)."""
        own = scale.reshape(len(self.share), -1)[self.leads]
        strength = np.where(self.strength == 0, 1.0, np.abs(self.strength))
        return np.asarray((own * strength[:, None]).ravel())

    def spread(self, ways: Floats) -> Floats:
        """Ways (r, m k) of neurons, of those of teams (r, g k)."""
        (m, g), (r, size) = self.share.shape, ways.shape
        of_teams = ways.reshape(r, g, size // g)
        return np.einsum("mg,rgk->rmk", self.share, of_teams).reshape(r, size // g * m)


class GramSum:
    """The sum over m neurons of matrices (n, n), a change of one of which takes log2(m) additions
    and no subtraction: a tree of sums."""

    MOST = 10_000_000  # numbers in it, beyond which it is too large to be kept

    def __init__(self, m: int, n: int) -> None:
        depth = (m - 1).bit_length()
        self._levels = [np.zeros((1 << (depth - level), n, n)) for level in range(depth + 1)]

    @classmethod
    def fits(cls, m: int, n: int) -> bool:
        """Whether it is small enough."""
        return 4 * m * n * n <= cls.MOST

    def put(self, j: int, share: Floats) -> None:
        """Set the matrix of neuron j."""
        self._levels[0][j] = share
        for below, above in pairwise(self._levels):
            j //= 2
            np.add(below[2 * j], below[2 * j + 1], out=above[j])

    @property
    def total(self) -> Floats:
        """A copy of the sum."""
        return self._levels[-1][0].copy()
