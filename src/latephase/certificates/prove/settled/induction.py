"""The induction that keeps a settled network in its pattern for ever.

The inequalities are those of docs/certificates-general.md, "absorbed", by their numbers there.
"""

from __future__ import annotations

from latephase.core.balls import arb

from .strip import Bands, Strip
from .tail import Geometry, Held, Settled, dot
from .trial import Bounds, Trial
from .walk import GeneralWalk


def settled(walk: GeneralWalk, geometry: Geometry) -> Settled | None:
    """The induction from where a walk stands; None if it does not hold from there."""
    margins = walk.margins
    strip = Strip(geometry.gradients, walk.system, walk.slid)
    across = [
        x - dot(share, walk.slid)
        for x, share in zip(walk.products, geometry.gradients.shares, strict=True)
    ]
    held = _held(walk, geometry, strip, across)
    if held is None:
        return None
    here = walk.system, walk.signs, geometry, walk.time, walk.since
    return Settled(*here, walk.parameters, margins, across, strip, held)


def _held(walk: GeneralWalk, geometry: Geometry, strip: Strip, across: list[arb]) -> Held | None:
    zero, none = arb(0), [arb(0)] * walk.system.n
    if not geometry.limit.support:  # nothing moves
        return Held(arb(1), zero, none, zero, zero, zero, none, [], Bands([], []))
    trial = Trial(walk.system, geometry, strip, across)
    found = trial.found()
    if found is None:
        return None
    bounds, (power, tail) = found
    if not _kept(walk, geometry, trial, bounds):
        return None
    spread, filled = list(none), list(none)
    for k, most, least in zip(geometry.limit.rest, bounds.spill, trial.filled(bounds), strict=True):
        spread[k], filled[k] = most, least
    numbers = trial.sigma, bounds.sup, spread, trial.slowest, power, tail
    return Held(*numbers, filled, trial.offset, bounds.bands)


def _kept(walk: GeneralWalk, geometry: Geometry, trial: Trial, bounds: Bounds) -> bool:
    """4.: no sign changes, but those of kinks."""
    seen, flat = geometry.heights, [a for row in walk.preactivations for a in row]
    signs = [s for row in walk.signs for s in row]
    sliding = {j * walk.system.n + p for j, p in walk.kinks}
    for r, (a, s) in enumerate(zip(flat, signs, strict=True)):
        kappas = seen.kappas[r]
        if r in sliding or not (any(geometry.products[r]) or any(kappas)):
            continue
        y = 1 if s else -1
        x = y * (a - dot(kappas, walk.slid) - dot(seen.weights[r], trial.offset))
        x = x - seen.lengths[r] * bounds.sup
        across = seen.across[r] if seen.across else []
        for q, most in zip(across, bounds.spill, strict=True):
            if y * q < 0:
                x = x + arb(y * q) * most
        turned = [y * kappa for kappa in kappas]
        x = x + trial.strip.spread(bounds.bands, turned, 1 / trial.sigma)[0]
        if not (x > 0 if s else x >= 0):
            return False
    return True
