"""Whether a mode lasts for ever, and the multipliers of its slides.

In the limit every pre-activation is slope * ln t + constant, so an active pair needs slope > 0 (or
0 and a positive constant) and an inactive one slope < 0 (or 0 and a constant <= 0).  A kink is held
as long as its multiplier, the share of time that it counts as active, stays within [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.modes.dynamics import lengths
from latephase.late.pattern import ACTIVE, INACTIVE, SLIDING

from .direction import TIGHT, Direction
from .exact import dot, fraction, needed, rational, rounded
from .gradients import LinearMode

Pair = tuple[int, int]  # neuron, point


@dataclass(frozen=True)
class Settlement:
    """Whether a mode lasts.  reason: "" if so, else which neuron leaves it at which point.

    slide_multipliers: for each sliding pair the share of its point's pull that it feels, put within
    [s, 1], s the negative slope: of a ReLU the share of steps on which it counts as active;
    marginal: some slide is held by a multiplier on its bound, and may be let go later.
    """

    settled: bool
    reason: str
    slide_multipliers: Mapping[Pair, float]
    marginal: bool


def settled(
    mode: LinearMode, direction: Direction, offset: Floats, log_weights: Floats
) -> Settlement:
    """Whether the mode with this direction and offset (m, k) is never left.

    log_weights (n,): -<g_i, offset>, so that l_i ~ exp(log_weights_i) t^-margin_i.  Rigour: exact
    up to rounding: slopes and multipliers within 1e-9 of a bound count as being on it.
    """
    slopes = _slopes(mode, direction)
    constants = offset @ mode.points.T
    slack = TIGHT * np.outer(lengths(offset), lengths(mode.points))
    bends = mode.slope < 1  # the linear model has no kinks to meet
    falls = (
        bends & (mode.pattern == ACTIVE) & ((slopes < 0) | ((slopes == 0) & (constants <= -slack)))
    )
    rises = (
        bends & (mode.pattern == INACTIVE) & ((slopes > 0) | ((slopes == 0) & (constants > slack)))
    )
    held: dict[Pair, float] = {}
    marginal = False
    for j in np.flatnonzero((mode.pattern == SLIDING).any(axis=1)):
        found, on_bound = _shares(mode, int(j), direction, log_weights)
        held.update(found)
        marginal |= on_bound
    reason = _offender(mode, falls, rises, held)
    tidy = {p: min(max(share, mode.slope), 1.0) for p, share in held.items()}
    return Settlement(not reason, reason, tidy, marginal)


def _slopes(mode: LinearMode, direction: Direction) -> Floats:
    """Pre-activations (m, n) of the direction, with rounding noise put to 0."""
    if direction.exact is not None:
        theta, width = direction.exact.theta, mode.points.shape[1]
        neurons = [theta[k : k + width] for k in range(0, len(theta), width)]
        points = rational(mode.points)
        return np.array([rounded([dot(row, point) for point in points]) for row in neurons])
    slopes = direction.theta @ mode.points.T
    moved = np.einsum("k,kjc->jc", direction.multipliers, np.abs(mode.gradients))
    return np.where(np.abs(slopes) <= TIGHT * moved @ np.abs(mode.points.T), 0.0, slopes)


def _offender(mode: LinearMode, falls: Bools, rises: Bools, held: Mapping[Pair, float]) -> str:
    """Which neuron leaves the mode at which point; "" if none does."""
    for wrong, words in ((falls, "is active but falls"), (rises, "is inactive but rises")):
        if wrong.any():
            j, i = (int(k) for k in np.argwhere(wrong)[0])
            return f"neuron {j} {words} at point {i}"
    for (j, i), share in held.items():
        repels = mode.signs[j, i] > 0 and not mode.kinks.shared
        if not mode.slope - TIGHT <= share <= 1 + TIGHT or repels:
            return f"neuron {j} cannot slide at point {i}: its multiplier is {share:.6g}"
    return ""


def _shares(
    mode: LinearMode, j: int, direction: Direction, log_weights: Floats
) -> tuple[dict[Pair, float], bool]:
    """Multipliers of the slides of neuron j: what holds the kinks, as a share of what could.

    And whether one is on its bound.  A share that tends to its bound because its own loss is the
    slower one is not: it stays inside.

    Only the slowest losses among the points that neuron j serves lift it in the end; a kink at
    points whose losses fall faster than those cannot be held by them.
    """
    exactly = _exact_shares(mode, j, direction)
    if exactly is not None:
        return exactly
    margins, pulls = direction.margins, mode.signs[j][:, None] * mode.points
    leads = np.flatnonzero((mode.pattern[j] == SLIDING) & mode.kinks.leads)
    serving = np.flatnonzero(mode.gains[j])
    pace = margins[serving].min(initial=np.inf)
    lead = serving[margins[serving] <= pace + TIGHT]
    top = log_weights[lead].max(initial=-np.inf)
    found, on_bound = dict[Pair, float](), False
    need = np.zeros(len(leads))
    if lead.size:
        weights = np.exp(log_weights[lead] - top) * mode.gains[j, lead]
        need = np.linalg.lstsq(pulls[leads].T, -(weights @ pulls[lead]), rcond=None)[0]
        need = np.where(np.abs(need) <= TIGHT * np.abs(need).max(initial=1.0), 0.0, need)
    for i, x in zip(leads.tolist(), need, strict=True):
        shared = np.flatnonzero(mode.kinks.members(np.array([i]))[0])
        slowest = shared[margins[shared] <= margins[shared].min() + TIGHT]
        highest = log_weights[slowest].max()
        own = np.exp(log_weights[slowest] - highest)
        base, room = (float(own @ part) for part in _base_and_room(mode, j, i, slowest))
        slower = float(margins[slowest].min() - pace)
        repels = mode.kinks.shared and (room == 0 or (room > 0) == (mode.signs[j, i] > 0))
        share = np.nan if repels else _share(float(x), base, room, slower, float(highest - top))
        on_bound |= abs(slower) <= TIGHT and abs(share * (1 - share)) <= TIGHT
        found |= _by_pair(mode, j, shared, share)
    return found, on_bound


def _base_and_room(mode: LinearMode, j: int, i: int, points: Ints) -> tuple[Floats, Floats]:
    """What points (p,) on the kink of point i pull neuron j with on its inactive side, and how much
    more on the active one, in units of the pull of point i."""
    signs, ratio = mode.signs[j, points] / mode.signs[j, i], mode.kinks.ratio[points]
    base = signs * ratio * np.where(ratio > 0, mode.slope, 1.0)
    return base, (1 - mode.slope) * signs * np.abs(ratio)


def _by_pair(mode: LinearMode, j: int, points: Ints, share: float) -> dict[Pair, float]:
    """The multiplier of each point (p,) of one kink that is on its active side for this share."""
    ahead = mode.kinks.ratio[points] > 0
    shares = np.where(ahead, share, 1 - share)
    shares = mode.slope + (1 - mode.slope) * shares
    return {(j, int(i)): float(x) for i, x in zip(points, shares, strict=True)}


def _exact_shares(
    mode: LinearMode, j: int, direction: Direction
) -> tuple[dict[Pair, float], bool] | None:
    """`_shares` in rational arithmetic, where all points that neuron j feels keep pace with 1/t."""
    slides, slope = mode.pattern[j] == SLIDING, fraction(mode.slope)
    if direction.exact is None or not direction.support[slides | (mode.gains[j] > 0)].all():
        return None
    multipliers, pulls = direction.exact.multipliers, mode.signs[j][:, None] * mode.points
    leads, serving = np.flatnonzero(slides & mode.kinks.leads), np.flatnonzero(mode.gains[j])
    felt = [multipliers[i] * fraction(mode.gains[j, i]) for i in serving]
    need = needed(pulls[leads], pulls[serving], felt)
    if need is None:
        return None
    found, on_bound = dict[Pair, float](), False
    for i, x in zip(leads, need, strict=True):
        shared = np.flatnonzero(mode.kinks.members(np.array([i]))[0])
        base = room = fraction(0.0)
        for k in shared:
            ratio = _ratio(mode.points[k], mode.points[i])
            part = multipliers[k] * _ratio(mode.signs[j, [k]], mode.signs[j, [i]])
            base += part * ratio * (slope if ratio > 0 else 1)
            room += part * abs(ratio) * (1 - slope)
        if room == 0 or (mode.kinks.shared and (room > 0) == (mode.signs[j, i] > 0)):
            return None
        share = (x - base) / room
        on_bound |= share in (0, 1) and serving.size > 0
        found |= _by_pair(mode, j, shared, float(rounded([share])[0]))
    return found, on_bound


def _ratio(point: Floats, first: Floats) -> Any:
    """A point on one line with another one, in units of that."""
    place = int(np.argmax(np.abs(first)))
    return fraction(point[place]) / fraction(first[place])


def _share(need: float, base: float, room: float, slower: float, log_room: float) -> float:
    """(need - base) / room, where base and room at t are times exp(log_room) t^-slower, as t tends
    to infinity."""
    if abs(slower) <= TIGHT:
        return float((need * np.exp(min(-log_room, 700.0)) - base) / room)
    if slower < 0 and (base or need >= 0):
        return 0.0 - base / room
    return -np.inf if need < 0 else (np.inf if need > 0 else 0.0 - base / room)
