"""Distances to the zero sets of many networks on the same points of the plane, at once.

What `plane` does for one point of one network is done here for all that matter of them, in float64
with the same bounds of errors: kink lines in a disc, N at their crossings and at the ends of their
chords, and where the slope of each cell leads to. Three looks: from as far as a zero may be, for
one; from just beyond that, for its digits; from just before it, that nothing is nearer. What is in
doubt in any of them is answered by nobody here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.margin.accurate_sums import is_tame
from latephase.problem.activation import activated

_ROUNDING = 2.3e-16
_TINY = 1e-290  # a sum below may have lost terms to underflow
_SLACK = 1e-12  # of the distance found: N > 0 in the disc of so much less, not so at so much more
_MOST_SLACK = 10 * _SLACK
_BLURRED = 1e-4  # of the disc: a crossing that is less sure
_AROUND = 1 + 1e-9  # of the distance found: the disc in which it is found again
_AT_ONCE = 2_000_000  # places on kink lines that are looked at together


def margins_in_plane(
    w: Floats, b: Floats, outer: Floats, x: Floats, y: Floats, optimum: float, leak: float
) -> tuple[Floats, Bools]:
    """Robustness margins (S,) in the 2-norm of networks w (S, m, 2), b, outer (S, m) on points
    x (n, 2) with labels y (n,), and which are certain; the others are nothing.

    optimum: the margin that none exceeds.  Rigour: exact to about 1e-12 relative.
    """
    crowd = _Crowd.of(w, b, outer, x, y, leak)
    tame = [is_tame(part, axis=tuple(range(1, part.ndim))) for part in (w, b, outer)]
    wrong = (crowd.outputs < -crowd.noise).any(axis=1)
    right = (crowd.outputs > crowd.noise).all(axis=1)
    certain = np.logical_and.reduce([*tame, right]) & is_tame(x) & is_tame(np.array([optimum]))

    found = np.where(certain, optimum * (1 + 1e-14), np.inf)
    for around in (1.0, _AROUND):
        reach, found = found * around, np.full(len(w), np.inf)
        for s, view in _views(crowd, certain, reach):
            np.minimum.at(found, s, reach[s] * view.nearest())
        certain &= found < reach
    loose = np.zeros(len(w))
    for s, view in _views(crowd, certain, found):
        np.maximum.at(loose, s, view.slack)
    certain &= loose < _MOST_SLACK
    for s, view in _views(crowd, certain, found * (1 - loose)):
        np.logical_and.at(certain, s, view.is_free())
    return np.where(wrong, 0.0, np.minimum(found, optimum)), certain | (
        wrong & np.all(tame, axis=0)
    )


@dataclass(frozen=True)
class _Crowd:
    """Networks among points.

    heights (S, n, m): pre-activations, from terms of so many `sizes`;  outputs (S, n): y N, each
    known to within noise (S, n);  slopes (S, n, 2) of y N;  bends (S, m): of N at kinks;  lengths
    (S, m) of the weights.
    """

    w: Floats
    y: Floats
    heights: Floats
    sizes: Floats
    outputs: Floats
    noise: Floats
    slopes: Floats
    bends: Floats
    lengths: Floats

    @classmethod
    def of(cls, w: Floats, b: Floats, outer: Floats, x: Floats, y: Floats, leak: float) -> _Crowd:
        """Networks on points x (n, 2) with labels y (n,)."""
        heights = x @ w.swapaxes(1, 2) + b[:, None]
        sizes = np.abs(x) @ np.abs(w).swapaxes(1, 2) + np.abs(b)[:, None]
        noise = _ROUNDING * (sum(w.shape[1:]) + 8)
        gains = np.where(heights > 0, 1.0, leak) * outer[:, None]
        return cls(
            w=w,
            y=y,
            heights=heights,
            sizes=sizes,
            outputs=y * (activated(heights, leak) @ outer[..., None])[..., 0],
            noise=noise * (sizes @ np.abs(outer)[..., None])[..., 0] + _TINY,
            slopes=y[:, None] * (gains @ w),
            bends=(1 - leak) * outer,
            lengths=np.hypot(w[..., 0], w[..., 1]),
        )

    def lower_bounds(self, reach: Floats) -> Floats:
        """Lower bounds (S, n) of y N within `reach` (S,) of each point: with the slope that N has
        there, and a fall beyond each kink that bends it down."""
        beyond = np.maximum((reach[:, None] * self.lengths)[:, None] - np.abs(self.heights), 0.0)
        falls = np.maximum(-self.y[:, None] * self.bends[:, None], 0.0)
        steep = np.hypot(self.slopes[..., 0], self.slopes[..., 1])
        fall = reach[:, None] * steep + (beyond * falls).sum(axis=2)
        return self.outputs - 2 * self.noise - fall * (1 + 1e-12)


def _views(crowd: _Crowd, some: Bools, reach: Floats) -> Iterator[tuple[Ints, _View]]:
    """What there is within `reach` (S,) of the points that may have a zero there, of `some` (S,)
    networks: which networks (B,), and the views."""
    with np.errstate(all="ignore"):  # of the networks that are not asked about
        open_ = ~(crowd.lower_bounds(reach) > 0) & some[:, None]
        pairs = np.argwhere(open_)
        m = crowd.bends.shape[1]
        size = max(_AT_ONCE // (m * (m + 1)), 1)
        for first in range(0, len(pairs), size):
            s, i = pairs[first : first + size].T
            yield s, _View.of(crowd, s, i, reach[s])


@dataclass(frozen=True)
class _View:
    """B networks as they look from a point each, in units of the output there and of a reach:

        f(u) = 1 + slope u + sum_j gains_j max(0, normals_j u - heights_j)

    slope (B, 2), normals (B, k, 2), heights, gains (B, k), of which `near` (B, k) are kinks;  error
    (B,) of f beside the rounding, blur (B,) of the place of a kink.
    """

    slope: Floats
    normals: Floats
    heights: Floats
    gains: Floats
    near: Bools
    error: Floats
    blur: Floats

    @classmethod
    def of(cls, crowd: _Crowd, s: Ints, i: Ints, reach: Floats) -> _View:
        """The views from points i (B,) of networks s (B,), of reaches (B,)."""
        unit, heights, lengths = reach / crowd.outputs[s, i], crowd.heights[s, i], crowd.lengths[s]
        away, bends = np.abs(heights) / lengths / reach[:, None], crowd.bends[s] * crowd.y[i, None]
        near = (away < 1.0) & (bends != 0) & (lengths > 0)
        most = max(int(near.sum(axis=1).max(initial=0)), 1)
        first = np.argsort(~near, axis=1, kind="stable")[:, :most]
        near, away, lengths, heights, bends, sizes = (
            np.take_along_axis(part, first, axis=1)
            for part in (near, away, lengths, heights, bends, crowd.sizes[s, i])
        )
        blurs = np.where(near, _ROUNDING * 8 * sizes / lengths / reach[:, None], 0.0)
        side = np.where(near, np.where(heights > 0, -1.0, 1.0) / lengths, 0.0)
        return cls(
            slope=crowd.slopes[s, i] * unit[:, None],
            normals=side[..., None] * np.take_along_axis(crowd.w[s], first[..., None], axis=1),
            heights=np.where(near, away, 1.0),
            gains=np.where(near, bends * lengths * unit[:, None], 0.0),
            near=near,
            error=4 * crowd.noise[s, i] / crowd.outputs[s, i],
            blur=1e-14 + blurs.max(axis=1),
        )

    @property
    def fall(self) -> Floats:
        """A bound (B,) of how steep f is."""
        return np.asarray(np.abs(self.slope).sum(axis=1) + np.abs(self.gains).sum(axis=1))

    @property
    def noise(self) -> Floats:
        """More than the error (B,) of f in the unit disc."""
        size = 1.0 + np.abs(self.slope).sum(axis=1) + 2 * np.abs(self.gains).sum(axis=1)
        return np.asarray(size * _ROUNDING * (12 + self.gains.shape[1]) + self.error)

    @property
    def slack(self) -> Floats:
        """The share (B,) of a distance that float64 may leave in doubt."""
        return _SLACK + 4 * self.noise

    def values(self, at: Ints, u: Floats) -> Floats:
        """f at points u (z, 2), each of the view `at` (z,)."""
        found = 1.0 + (u * self.slope[at]).sum(axis=1)
        for j in range(self.gains.shape[1]):
            beyond = (u * self.normals[at, j]).sum(axis=1) - self.heights[at, j]
            found += self.gains[at, j] * np.maximum(beyond, 0.0)
        return found

    def nearest(self) -> Floats:
        """Distances (B,) to a zero with f <= 0 for certain just behind it, the nearest that is
        found, or inf: ends of its segments on kink lines, and feet of perpendiculars."""
        lines = _Lines.of(self)
        cells = _Cells.of(self, lines)
        found, behind = np.full(len(self.slope), np.inf), 1 + self.slack
        left, right = lines.values[..., :-1], lines.values[..., 1:]
        at = np.nonzero((left > 0) != (right > 0))
        share = (left[at] / (left[at] - right[at]))[:, None]
        ends = lines.points[..., :-1, :][at] * (1 - share) + lines.points[..., 1:, :][at] * share
        steep = np.hypot(cells.slopes[..., 0], cells.slopes[..., 1])
        away = cells.values / steep
        below = np.nonzero(cells.real & (away > 0) & (away < 1.0))
        feet = -(away[below] / steep[below])[:, None] * cells.slopes[below]
        zeros, of = np.vstack([ends, feet]), np.concatenate([at[0], below[0]])
        certain = self.values(of, zeros * behind[of, None]) < -self.noise[of]
        np.minimum.at(found, of[certain], np.hypot(*zeros[certain].T))
        return np.where(found < 1.0, found, np.inf)

    def is_free(self) -> Bools:
        """Whether (B,) f > 0 in the whole unit disc; False where float64 cannot tell."""
        lines = _Lines.of(self)
        cells = _Cells.of(self, lines)
        free = lines.sure & (lines.values > lines.blurs).all(axis=(1, 2)) & cells.sure
        steep = np.hypot(cells.slopes[..., 0], cells.slopes[..., 1])
        low = np.nonzero(cells.real & ~(cells.values - steep > 2 * self.noise[:, None]))
        ways = cells.slopes[low] / np.where(steep[low] > 0, steep[low], 1.0)[:, None]
        np.logical_and.at(free, low[0], self.values(low[0], -ways) > self.noise[low[0]])
        return free


@dataclass(frozen=True)
class _Lines:
    """The kink lines of B views in the unit disc.

    points (B, k, c, 2): the ends of each and where others cross it, in order, at which f is
    `values` to within `blurs` (B, k, c);  pieces (B, k, c - 1): which ones between them are there
    for certain;  sure (B,): whether no crossing is too blurred. A line with fewer crossings than
    another has its end repeated; one that is no kink is nowhere.
    """

    points: Floats
    values: Floats
    blurs: Floats
    pieces: Bools
    sure: Bools

    @classmethod
    def of(cls, view: _View) -> _Lines:
        """Those of views."""
        normals, heights, near = view.normals, view.heights[..., None], view.near
        half = np.where(near, np.sqrt(np.maximum(1.0 - view.heights**2, 0.0)), 0.0)[..., None]
        along = np.stack([-normals[..., 1], normals[..., 0]], axis=-1)
        sine, cosine = along @ normals.swapaxes(1, 2), normals @ normals.swapaxes(1, 2)
        offset, blur = view.heights[:, None] - heights * cosine, 2 * view.blur[:, None, None]
        here = np.abs(offset) < half * np.abs(sine) + blur
        here &= near[:, None] & near[..., None] & ~np.eye(near.shape[1], dtype=bool)
        blurs = np.where(here, blur / np.abs(sine), 0.0)
        places = np.where(here, offset / sine, np.inf)
        order = np.argsort(places, axis=2)[..., : int(here.sum(axis=2).max(initial=0))]
        inside = np.clip(np.take_along_axis(places, order, axis=2), -half, half)
        places = np.concatenate([-half, inside, half], axis=2)
        edge = np.zeros_like(half)
        sure = np.asarray((blurs < _BLURRED).all(axis=(1, 2)))
        blurs = np.concatenate([edge, np.take_along_axis(blurs, order, axis=2), edge], axis=2)
        points = (heights * normals)[:, :, None] + places[..., None] * along[:, :, None]
        at = np.repeat(np.arange(len(near)), places[0].size)
        return cls(
            points=points,
            values=view.values(at, points.reshape(-1, 2)).reshape(places.shape),
            blurs=view.noise[:, None, None]
            + (4 + near.shape[1]) * view.fall[:, None, None] * blurs,
            pieces=(np.diff(places, axis=2) > blurs[..., 1:] + blurs[..., :-1]) & near[..., None],
            sure=sure,
        )


@dataclass(frozen=True)
class _Cells:
    """The affine functions of the cells that unit discs meet, values + slopes u: the cell of the
    point itself and those on both sides of each piece of a kink line.

    values (B, c), slopes (B, c, 2), of cells that are `real` (B, c);  sure (B,): whether it is
    certain which kinks lie before each of them.
    """

    values: Floats
    slopes: Floats
    real: Bools
    sure: Bools

    @classmethod
    def of(cls, view: _View, lines: _Lines) -> _Cells:
        """Those of views."""
        middle = (lines.points[..., 1:, :] + lines.points[..., :-1, :]) / 2
        values, slopes = np.ones(middle.shape[:-1]), np.zeros(middle.shape)
        slopes += view.slope[:, None, None]
        sure, k = lines.sure.copy(), view.near.shape[1]
        for j in range(k):
            normal, height = view.normals[:, j, None, None], view.heights[:, j, None, None]
            beyond = (middle * normal).sum(axis=-1) - height
            asked = lines.pieces & view.near[:, j, None, None]
            asked[:, j] = False  # its own line
            sure &= ~(asked & (np.abs(beyond) < view.blur[:, None, None])).any(axis=(1, 2))
            gains = np.where(asked & (beyond > 0), view.gains[:, j, None, None], 0.0)
            values -= gains * height
            slopes += gains[..., None] * normal
        gains = view.gains[..., None]
        across = values - gains * view.heights[..., None]
        over = slopes + gains[..., None] * view.normals[:, :, None]
        size, pieces = len(sure), lines.pieces.reshape(len(sure), -1)
        own = np.ones((size, 1))
        both = [v.reshape(size, -1) for v in (values, across)]
        ways = [v.reshape(size, -1, 2) for v in (slopes, over)]
        return cls(
            values=np.hstack([own, *both]),
            slopes=np.hstack([view.slope[:, None], *ways]),
            real=np.hstack([own > 0, pieces, pieces]),
            sure=sure,
        )
