"""The distance from a point of the plane to the zero set of N, in the disc where that must be.

In each cell of the kink lines N is affine, so the zero set is made of segments that end on kink
lines: the nearest zero is one of these ends, or the foot of the perpendicular (in the norm asked
for) on the line through one.  And a disc is free of zeros if N > 0 at the crossings of kink
lines in it, at the ends of their chords, and where the slope of each cell leads to.  All of this
is evaluated in float64 with bounds of its errors.  In doubt, of which nearly parallel kinks are
full, there is no answer here, and the walk over cells gives it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.margin.accurate_sums import is_tame
from latephase.margin.exact.integers import ExactNetwork

from .local import DUAL, Local, norms, steepest

_ROUNDS = 5  # of looking again
_SLACK = 1e-12  # of the distance found: N > 0 in the disc of so much less, not so at so much more


def plane_distance(
    network: ExactNetwork, x: Floats, y: float, reach: float, p: float
) -> tuple[float, bool]:
    """Distance from x (2,), where y N > 0, to the zero set in the norm p; `reach` if that is less.

    reach: a distance within which a zero is known, or asked for.  False: float64 cannot tell, and
    this is an upper bound only.  Rigour: exact to about 1e-12 relative; as a rule to a few ulp.
    """
    found, certain = 1.0, False
    if is_tame(np.array([reach])):
        for around in (_around, _merged):  # the second one takes longer, and knows twins
            local = None if certain else around(network, x, y, reach, p)
            if local is not None:
                found, certain = _searched(local, found)
    return found * reach, certain


def _searched(local: Local, found: float) -> tuple[float, bool]:
    """The distance to the nearest zero if that is less than `found`, and whether it is certain."""
    reach = 1.0
    for _ in range(_ROUNDS):
        sketch, slack = _Sketch.of(local), _SLACK + 4 * local.noise
        if sketch is None:
            break
        nearest = _nearest(sketch, 1 + slack)
        if slack < 10 * _SLACK and is_free(local.within(nearest * (1 - slack))):
            return nearest * reach, True
        found = min(found, nearest * (1 + slack) * reach)
        if not nearest < 0.5:
            break
        # A zero far within the reach, at 1e-12 of it say, has lost its digits: look from nearer.
        local, reach = local.within(found / reach), found
    return found, False


def _merged(network: ExactNetwork, x: Floats, y: float, reach: float, p: float) -> Local | None:
    """The network around x, with kinks that coincide made one."""
    local = Local.of(network.seen_from(x, y).within(reach, p), reach, p)
    parts = (local.slope, local.normals, local.heights, local.gains)
    return local if all(map(is_tame, parts)) else None


def _around(network: ExactNetwork, x: Floats, y: float, reach: float, p: float) -> Local | None:
    """The network around x from its exact heights, if float64 is wide enough for all of it."""
    if not all(map(is_tame, (*network.floats, x))):
        return None
    weights, _, outer = network.floats
    a, power = network.heights(x)
    active = (a > 0).astype(bool)
    gains, more = network.gains(active) * int(y), network.slope_power
    value, slope = sum(gains * a), gains @ network.weights
    unit, square = 1 << (network.power + power), 1 << (2 * network.power + more)
    output = value / (unit << (network.power + more))
    heights, lengths = np.array([h / unit for h in a]), norms(weights, DUAL[p])
    bends = (1 - network.leak) * outer * y
    kinks, near = Local.kinks(weights, lengths, bends, heights, reach, reach / output, active)
    return Local(
        np.array([s / square for s in slope]) * reach / output,
        *kinks,
        p=p,
        active=active[near],
        quiet=not network.leak and not (active & (outer != 0) & ~near).any(),
    )


@dataclass(frozen=True)
class _Sketch:
    """What decides whether f > 0 in the unit disc: points (z, 2) on the kink lines, at which f is
    `values` to within `blurs` (both (z,)), in order along each line; and the cells' affine
    functions, values[c] + slopes[c] u, each cell that the disc meets among them.
    """

    local: Local
    points: Floats
    values: Floats
    blurs: Floats
    cell_values: Floats
    cell_slopes: Floats

    @classmethod
    def of(cls, local: Local) -> _Sketch | None:
        """None if a crossing is too blurred, or a side is not certain.

        Where crossings on a line cannot be told apart, a cell that has no longer piece of any line
        is as small as the blur, and f in it is what it is at the crossings.
        """
        lengths = np.linalg.norm(local.normals, axis=1)
        normals, heights = local.normals / lengths[:, None], local.heights / lengths
        origin, along = heights[:, None] * normals, normals @ np.array([[0.0, 1.0], [-1.0, 0.0]])
        chords = _chords(origin, along, local.p)
        placed = _places(normals, heights, along, *chords, 2 * local.blur)
        if placed is None:
            return None
        places, blurs = placed
        points = origin[:, None] + places[..., None] * along[:, None]
        fall = np.abs(local.slope).sum() + np.abs(local.gains).sum()
        unsure = blurs[:, 1:] + blurs[:, :-1]
        pieces = np.diff(places, axis=1) > unsure
        crossed = _crossed(local, points, pieces, bool((unsure[~pieces] > 0).any()))
        if crossed is None:
            return None
        gains = crossed * local.gains
        return cls(
            local=local,
            points=points,
            values=local.values(points),
            blurs=local.noise + (4 + len(heights)) * fall * blurs,
            cell_values=1.0 - gains @ local.heights,
            cell_slopes=local.slope + gains @ local.normals,
        )


def _chords(origin: Floats, along: Floats, p: float) -> tuple[Floats, Floats]:
    """Ends (k,) of the lines origin + place * along (k, 2) in the unit disc of the norm p."""
    if p == 2:
        half = np.sqrt(np.maximum(1.0 - (origin**2).sum(axis=1), 0.0))
        return -half, half
    axes = np.eye(2) if p == math.inf else np.array([[1.0, 1.0], [1.0, -1.0]])
    middle, rate = origin @ axes, along @ axes
    first, second = (-1.0 - middle) / rate, (1.0 - middle) / rate
    level = rate == 0
    low = np.where(level, -np.inf, np.minimum(first, second)).max(axis=1)
    high = np.where(level, np.inf, np.maximum(first, second)).min(axis=1)
    return low, np.maximum(low, high)


def _places(
    normals: Floats, heights: Floats, along: Floats, low: Floats, high: Floats, blur: float
) -> tuple[Floats, Floats] | None:
    """Places (k, c + 2) on each line, ascending: its ends and crossings, and how sure they are.

    A line with fewer crossings in the disc than another has its end repeated.
    """
    low, high = low[:, None], high[:, None]
    sine, offset = along @ normals.T, heights - heights[:, None] * (normals @ normals.T)
    ends = low * sine, high * sine
    here = (offset > np.minimum(*ends) - blur) & (offset < np.maximum(*ends) + blur)
    np.fill_diagonal(here, False)
    blurs = np.where(here, blur / np.abs(sine), 0.0)
    if not (blurs < 1e-4).all():
        return None
    places = np.where(here, offset / sine, np.inf)
    order = np.argsort(places, axis=1)[:, : here.sum(axis=1).max(initial=0)]
    blurs = np.take_along_axis(blurs, order, 1)
    clipped = np.clip(np.take_along_axis(places, order, 1), low, high)
    edge = np.zeros_like(low)
    return np.hstack([low, clipped, high]), np.hstack([edge, blurs, edge])


def _crossed(local: Local, points: Floats, pieces: Bools, blurred: bool) -> Floats | None:
    """Which kinks are crossed in the cells (c, k) that the disc meets, as 0 and 1.

    The cell of the point itself, and those beyond a piece of a kink line: all others have one.
    Where some piece is too short to be seen (three kinks through one point, which a network in its
    late phase has, bound wedges that only a piece of 1e-12 leads to), also those before a piece.
    """
    middle = (points[:, 1:] + points[:, :-1])[pieces] / 2
    beyond = middle @ local.normals.T - local.heights
    line = pieces.nonzero()[0]
    beyond[np.arange(len(line)), line] = 1.0
    if (np.abs(beyond) < local.blur).any():
        return None
    cells = np.vstack([np.zeros((1, len(local.heights))), beyond > 0])
    if blurred:
        beyond[np.arange(len(line)), line] = -1.0
        cells = np.vstack([cells, beyond > 0])
    return cells


def _nearest(sketch: _Sketch, beyond: float) -> float:
    """Distance to the nearest zero with N <= 0 for certain at `beyond` times that, or 1."""
    local = sketch.local
    left, right = sketch.values[:, :-1], sketch.values[:, 1:]
    some = (left > 0) != (right > 0)
    share = (left / (left - right))[some, None]
    ends = sketch.points[:, :-1][some] * (1 - share) + sketch.points[:, 1:][some] * share
    ways, lengths = steepest(sketch.cell_slopes, local.p)
    away = sketch.cell_values / lengths
    below = (away > 0) & (away < 1.0)
    zeros = np.vstack([ends, -away[below, None] * ways[below]])
    distances = np.concatenate([norms(ends, local.p), away[below]])
    behind = zeros * beyond
    certain = (local.values(behind) < -local.noise) | local.is_dead(behind)
    return float(distances[certain].min(initial=1.0))


def is_free(local: Local) -> bool:
    """Whether f > 0 in the whole unit disc; False where float64 cannot tell."""
    sketch = _Sketch.of(local)
    if sketch is None or not (sketch.values > sketch.blurs).all():
        return False
    ways, lengths = steepest(sketch.cell_slopes, local.p)
    low = ~(sketch.cell_values - lengths > 2 * local.noise)
    return bool((local.values(-ways[low]) > local.noise).all())
