"""A network among points, in float64 with bounds of its errors: what needs no closer look."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from latephase.core.arrays import Floats
from latephase.margin.accurate_sums import is_tame
from latephase.margin.exact.integers import ExactNetwork
from latephase.problem.activation import activated

from .local import DUAL, Local, norms, steepest

PLANE = 2  # features, with which every margin is exact for any width
_ROUNDING = 2.3e-16
_TINY = 1e-290  # a sum below may have lost terms to underflow
_BEYOND = 1 + 1e-9  # a step past a zero, where N must have changed sign
_PARTNERS = 8  # nearest points of the other label towards which a first zero is looked for
_SECTORS = 16  # of the disc; a multiple of 8, so that axes and diagonals are between them


class Scene:
    """A network among points, in float64 with bounds of the rounding errors.

    heights (n, m): pre-activations;  outputs (n,): y N, each known to within noise (n,);
    tame: whether float64 is wide enough for all of it, so that other bounds hold
    """

    def __init__(
        self,
        w: Floats,
        b: Floats,
        outer: Floats,
        x: Floats,
        y: Floats,
        p: float,
        negative_slope: float = 0.0,
    ) -> None:
        self.w, self.b, self.outer, self.x, self.y, self.p = w, b, outer, x, y, p
        self.leak, self.bends = negative_slope, (1 - negative_slope) * outer
        self.tame = all(map(is_tame, (w, b, outer, x)))
        self.heights = x @ w.T + b
        self.sizes = np.abs(x) @ np.abs(w).T + np.abs(b)
        self.noise = _ROUNDING * (sum(w.shape) + 8) * (self.sizes @ np.abs(outer)) + _TINY
        self.outputs = y * (activated(self.heights, negative_slope) @ outer)

    @property
    def in_plane(self) -> bool:
        """Whether inputs have two features."""
        return self.x.shape[1] == PLANE

    @cached_property
    def exact(self) -> ExactNetwork:
        """The network in integers."""
        return ExactNetwork(self.w, self.b, self.outer, self.leak)

    @cached_property
    def lengths(self) -> Floats:
        """Dual norms (m,) of the weights: pre-activations over them are distances to kinks."""
        return norms(self.w, DUAL[self.p])

    @cached_property
    def falls(self) -> Floats:
        """How much a kink bends N down (m, 2) at points of label 1, and of label -1."""
        return np.stack([np.maximum(-self.bends, 0.0), np.maximum(self.bends, 0.0)], axis=1)

    @cached_property
    def slopes(self) -> Floats:
        """Gradients (n, d) of y N at the points."""
        gains = np.where(self.heights > 0, 1.0, self.leak)
        return np.asarray((gains * self.outer * self.y[:, None]) @ self.w)

    def is_right(self) -> bool:
        """Whether y N > 0 at every point, decided exactly."""
        doubtful = np.flatnonzero(~(np.abs(self.outputs) > self.noise))
        if (np.delete(self.outputs, doubtful) <= 0).any():
            return False
        return all(self.y[i] * self.exact.value(self.x[i]) > 0 for i in doubtful)

    def lower_bounds(self, reach: float) -> Floats:
        """Lower bounds (n,) of y N within `reach` of each point: with the slope that N has there,
        and a fall beyond each kink that bends it down."""
        beyond = np.maximum(reach * self.lengths - np.abs(self.heights), 0.0) @ self.falls
        bends = np.where(self.y > 0, beyond[:, 0], beyond[:, 1])
        slopes = steepest(self.slopes, self.p)[1]
        return self.outputs - 2 * self.noise - (reach * slopes + bends) * (1 + 1e-12)

    def sector_bounds(self, some: NDArray[np.intp], reach: float) -> Floats:
        """Better lower bounds for some points (k,) of the plane: the least over sectors of a disc.

        In each of them only the kinks that it meets count, as far as they reach into it.
        """
        half = math.pi / _SECTORS
        angles: Floats = np.arange(_SECTORS) * np.float64(2 * half)
        edges, centre = _turned(angles), _turned(angles + half)
        lengths = norms(edges, self.p)  # on an arc they are least at an end, as no axis is inside
        radius = reach / np.minimum(lengths, np.roll(lengths, -1)) * (1 + 1e-12)
        up, down = _outward(centre, self.w, half), _outward(centre, -self.w, half)
        slopes = _outward(centre, -self.slopes[some], half).T
        ahead = np.where((self.heights[some] > 0)[:, None], down, up)
        beyond = np.maximum(radius[:, None] * ahead - np.abs(self.heights[some])[:, None], 0.0)
        bends = np.where((self.y[some] > 0)[:, None], *np.moveaxis(beyond @ self.falls, -1, 0))
        fall = (radius * slopes + bends).max(axis=1) * (1 + 1e-12)
        return np.asarray(self.outputs[some] - 2 * self.noise[some] - fall)

    def local(self, i: int, reach: float) -> Local:
        """y N around point i from the rounded heights, with what that may change."""
        unit, heights = reach / self.outputs[i], self.heights[i]
        kinks, near = Local.kinks(
            self.w, self.lengths, self.bends * self.y[i], heights, reach, unit, heights > 0
        )
        blurs = _ROUNDING * 8 * self.sizes[i, near] / self.lengths[near] / reach
        return Local(
            self.slopes[i] * unit,
            *kinks,
            p=self.p,
            error=float(4 * self.noise[i] / self.outputs[i]),
            blur=1e-14 + float(blurs.max(initial=0.0)),
        )

    def safe_distance(self, i: int) -> float:
        """The distance that the steepest slope anywhere leaves."""
        if not self.tame:
            return 0.0
        steepest_slope = float(np.abs(self.outer) @ self.lengths) * (1 + 1e-12)
        certain = float(self.outputs[i] - self.noise[i])
        return max(0.0, certain / steepest_slope) if steepest_slope > 0 else 0.0

    def ways(self, i: int, up: Floats) -> Floats:
        """Ways (k, d) of p-norm 1 to look for a zero: down the slope, to points of other label."""
        ways = -up[None]
        if not self.in_plane:
            apart = self.x[self.y != self.y[i]] - self.x[i]
            length = norms(apart, self.p)
            nearest = np.argsort(length)[:_PARTNERS]
            ways = np.vstack([ways, apart[nearest] / length[nearest, None]])
        return ways

    def all_ways(self) -> Floats:
        """Along and against the axes and the weights (2 (d + m), d)."""
        some = self.w[self.lengths > 0]
        rows = np.vstack([np.eye(self.w.shape[1]), some / norms(some, self.p)[:, None]])
        return np.vstack([rows, -rows])

    def first_zero(self, i: int, ways: Floats) -> float:
        """A distance at which y N <= 0 for certain, on one of the ways (k, d) of p-norm 1."""
        height, outer, rates = self.heights[i], self.outer * self.y[i], ways @ self.w.T
        breaks = -height / rates
        last = np.max(breaks, axis=1, where=np.isfinite(breaks), initial=0.0)[:, None]
        breaks = np.sort(np.where((breaks > 0) & (breaks < last), breaks, last), axis=1)
        at = np.concatenate([np.zeros((len(ways), 1)), breaks], axis=1)
        values = activated(height + at[..., None] * rates[:, None, :], self.leak) @ outer
        k, ends = np.arange(len(ways)), np.maximum((values <= 0).argmax(axis=1), 1)
        left, right = values[k, ends - 1], values[k, ends]
        share = np.where(left > right, left / (left - right), np.inf)
        between = at[k, ends - 1] + (at[k, ends] - at[k, ends - 1]) * share
        far = last[:, 0] - values[:, -1] / np.minimum(activated(rates, self.leak) @ outer, 0.0)
        place = np.where((values <= 0).any(axis=1), between, far) * _BEYOND
        terms = height + place[:, None] * rates
        noise = self.noise[i] + _ROUNDING * (len(height) + 8) * (np.abs(terms) @ np.abs(outer))
        certain = (activated(terms, self.leak) @ outer < -noise) & (place > 0)
        return float(place[certain].min(initial=math.inf))


def _turned(angles: Floats) -> Floats:
    """Unit vectors (k, 2) at angles (k,)."""
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _outward(centre: Floats, vectors: Floats, half: float) -> Floats:
    """max(0, vector . u) (k, m) over unit vectors u within `half` of centres (k, 2)."""
    along = centre @ vectors.T
    across = np.abs(centre @ np.array([[0.0, 1.0], [-1.0, 0.0]]) @ vectors.T)
    turned = along * math.cos(half) + across * math.sin(half)
    inside = across <= along * math.tan(half)
    return np.maximum(np.where(inside, np.hypot(along, across), turned), 0.0)
