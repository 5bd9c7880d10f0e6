"""Whether a mode lasts for ever, and the multipliers of its slides.

In the limit every pre-activation is slope * ln t + constant, so an active pair needs slope > 0 (or
0 and a positive constant) and an inactive one slope < 0 (or 0 and a constant <= 0).  A kink is held
as long as its multiplier, the share of time that it counts as active, stays within [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.late.modes.dynamics import lengths
from latephase.late.pattern import ACTIVE, INACTIVE, SLIDING

from .direction import TIGHT, Direction
from .exact import Vector, dot, rational, rounded, shares
from .gradients import LinearMode

Pair = tuple[int, int]  # neuron, point


@dataclass(frozen=True)
class Settlement:
    """Whether a mode lasts.  reason: "" if so, else which neuron leaves it at which point.

    slide_multipliers: for each sliding pair the share of steps on which it counts as active, put
    within [0, 1];
    marginal: some slide is held by a multiplier of exactly 0 or 1, and may be let go later.
    """

    settled: bool
    reason: str
    slide_multipliers: Mapping[Pair, float]
    marginal: bool


def settled(
    mode: LinearMode, direction: Direction, offset: Floats, log_weights: Floats
) -> Settlement:
    """Whether the mode with this direction and offset (m, d + 1) is never left.

    log_weights (n,): -<g_i, offset>, so that l_i ~ exp(log_weights_i) t^-margin_i.  Rigour: exact
    up to rounding: slopes and multipliers within 1e-9 of a bound count as being on it.
    """
    slopes = _slopes(mode, direction)
    constants = offset @ mode.points.T
    slack = TIGHT * np.outer(lengths(offset), lengths(mode.points))
    falls = (mode.pattern == ACTIVE) & ((slopes < 0) | ((slopes == 0) & (constants <= -slack)))
    rises = (mode.pattern == INACTIVE) & ((slopes > 0) | ((slopes == 0) & (constants > slack)))
    held: dict[Pair, float] = {}
    marginal = False
    for j in np.flatnonzero((mode.pattern == SLIDING).any(axis=1)):
        found, on_bound = _shares(mode, int(j), direction, log_weights)
        held.update(found)
        marginal |= on_bound
    reason = _offender(mode, falls, rises, held)
    tidy = {p: min(max(share, 0.0), 1.0) for p, share in held.items()}
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
        if not -TIGHT <= share <= 1 + TIGHT or mode.signs[j, i] > 0:
            return f"neuron {j} cannot slide at point {i}: its multiplier is {share:.6g}"
    return ""


def _shares(
    mode: LinearMode, j: int, direction: Direction, log_weights: Floats
) -> tuple[dict[Pair, float], bool]:
    """Multipliers of the slides of neuron j: what holds the kinks, as a share of what could.

    And whether one is on its bound.  A share that tends to 0 because its own loss is the slower one
    is not: it stays positive.

    Only the slowest losses among the points on which j is active lift it in the end; a kink at a
    point whose loss falls faster than those cannot be held by it.
    """
    margins = direction.margins
    kinks, active = (np.flatnonzero(mode.pattern[j] == s) for s in (SLIDING, ACTIVE))
    if len(active) == 0:
        return {(j, int(i)): 0.0 for i in kinks}, False
    exactly = _exact_shares(mode, j, direction)
    if exactly is not None:
        found = {(j, int(i)): float(x) for i, x in zip(kinks, exactly, strict=True)}
        return found, any(x in (0, 1) for x in exactly)
    pace = margins[active].min()
    lead = active[margins[active] <= pace + TIGHT]
    top = log_weights[lead].max()
    pulls = mode.signs[j][:, None] * mode.points
    force = np.exp(log_weights[lead] - top) @ pulls[lead]
    needed = np.linalg.lstsq(pulls[kinks].T, -force, rcond=None)[0]
    needed = np.where(np.abs(needed) <= TIGHT * np.abs(needed).max(initial=1.0), 0.0, needed)
    lasting = [
        _share(x, float(margins[i] - pace), float(log_weights[i] - top))
        for i, x in zip(kinks, needed, strict=True)
    ]
    same_pace = np.abs(margins[kinks] - pace) <= TIGHT
    on_bound = [
        abs(s * (1 - s)) <= TIGHT for s, same in zip(lasting, same_pace, strict=True) if same
    ]
    return {(j, int(i)): share for i, share in zip(kinks, lasting, strict=True)}, any(on_bound)


def _exact_shares(mode: LinearMode, j: int, direction: Direction) -> Vector | None:
    """`_shares` in rational arithmetic, where all points that neuron j feels keep pace with 1/t."""
    felt = mode.pattern[j] != INACTIVE
    if direction.exact is None or not direction.support[felt].all():
        return None
    multipliers = direction.exact.multipliers
    kinks, active = (np.flatnonzero(mode.pattern[j] == s) for s in (SLIDING, ACTIVE))
    pulls = mode.signs[j][:, None] * mode.points
    kinks_alone = [multipliers[i] for i in kinks]
    return shares(pulls[kinks], pulls[active], kinks_alone, [multipliers[i] for i in active])


def _share(needed: float, slower: float, log_room: float) -> float:
    """needed / room, where the room at t is exp(log_room) t^-slower, as t tends to infinity."""
    if needed == 0 or abs(slower) <= TIGHT:
        return float(needed * np.exp(min(-log_room, 700.0)))
    if needed < 0:
        return -np.inf
    return np.inf if slower > 0 else 0.0
