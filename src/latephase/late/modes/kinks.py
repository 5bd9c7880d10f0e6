"""Which points share a kink: those on one line through the origin, which networks without biases
pass together.

A neuron without bias that is active on z is inactive on -z, and on the line (d = 1) all of its
kinks are at w = 0. On such a kink a neuron feels what all of its points pull: it is on the side of
the first one with the share mu of the time, and on the side of those that lie opposite with 1 - mu.
With a bias input every point has a kink of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import ACTIVE, INACTIVE, Statuses

_PARALLEL = 2.0**-48  # of two directions, a difference that is rounding


@dataclass(frozen=True)
class Kinks:
    """Points by the kinks that they have in common.

    first (n,): the first point with the same kink;  ratio (n,): of a point to that;  lies (n,):
    whether it has a kink at all, that is, does not lie at the origin.
    """

    first: Ints
    ratio: Floats
    lies: Bools

    @classmethod
    def of(cls, points: Floats, biased: bool) -> Kinks:
        """Those of points (n, k)."""
        n = len(points)
        first, ratio, lies = np.arange(n), np.ones(n), np.asarray(points.any(axis=1))
        if biased:
            return cls(first, ratio, lies)
        largest = np.abs(points).argmax(axis=1)
        heights = points[np.arange(n), largest]
        units = points / np.where(lies, heights, 1.0)[:, None]
        for i in np.flatnonzero(lies):
            earlier = np.flatnonzero(lies[:i] & (first[:i] == np.arange(i)))
            apart = [np.abs(units[earlier] - way * units[i]).max(axis=1) for way in (1, -1)]
            parallel = earlier[np.minimum(*apart) <= _PARALLEL]
            if parallel.size:
                first[i], place = parallel[0], largest[parallel[0]]
                ratio[i] = points[i, place] / points[first[i], place]
        return cls(first, ratio, lies)

    @cached_property
    def leads(self) -> Bools:
        """Points (n,) that are the first with their kink."""
        return self.lies & (self.first == np.arange(len(self.first)))

    @cached_property
    def shared(self) -> bool:
        """Whether any two points share a kink."""
        return bool((self.first != np.arange(len(self.first))).any())

    def members(self, leads: Ints) -> Bools:
        """Which points (s, n) have the kinks of some first points (s,)."""
        return np.asarray((self.first == leads[:, None]) & self.lies)

    def proportional(self, live: Ints, both_sides: bool) -> tuple[Ints, Floats]:
        """For each of some points (l,) the place among them of the first one whose gradient is
        proportional to its own, and its ratio to that: one on its side of a kink, or on both where
        the two sides are alike."""
        place, ratio = np.arange(len(live)), np.ones(len(live))
        if len(live):
            first, ways = self.first[live], self.ratio[live]
            same = first == first[:, None]
            same &= (ways * ways[:, None] > 0) | both_sides
            place = np.where(self.lies[live], same.argmax(axis=1), place)
            ratio = np.where(self.lies[live], ways / ways[place], 1.0)
        return place, ratio

    def complete(self, pairs: Bools) -> Bools:
        """Pairs (m, n) with all that share their kinks."""
        if not self.shared:
            return pairs
        led = np.zeros_like(pairs)
        np.logical_or.at(led.T, self.first, pairs.T)
        return np.asarray(led[:, self.first])

    def totals(self, pulls: Floats) -> Floats:
        """What points add to their pull (n,) on the active side of their kink, at the first point
        of each, (n,)."""
        if not self.shared:
            return pulls
        return np.asarray(np.bincount(self.first, pulls * np.abs(self.ratio), len(pulls)), float)

    def turned(self, status: Statuses, j: int, i: int, side: int) -> Statuses:
        """Statuses (m, n) with neuron j on a side of the kink that first point i leads."""
        shared, found = self.first == i, status.copy()
        found[j] = np.where(shared, self.alike(np.where(shared, side, status[j])), status[j])
        return found

    def alike(self, status: Statuses) -> Statuses:
        """Statuses (..., n), each the one that the first point of its kink gives it."""
        if not self.shared:
            return status
        led = status[..., self.first]
        turned = np.where(led == ACTIVE, INACTIVE, np.where(led == INACTIVE, ACTIVE, led))
        return np.where(self.ratio < 0, turned, led)
