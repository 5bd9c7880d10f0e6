"""A decoupled phase: where it begins, which scalar maps run in it, and what ends it.

Valid while the activation pattern stands and is decoupled (k12 = 0, or no neuron is active on both
points); ends at the first step at which a pre-activation changes sign, found by inverting the
Fatou coordinate; exact up to rounding.  The same code follows a slide that keeps kinks at zero,
where the scalar maps hold up to the amplitude of the chatter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import ACTIVE, INACTIVE, SLIDING

from .fatou import Orbits, first_passage, increments, orbits
from .response import Response
from .state import PairState
from .task import PairTask

_LATE = 1e-12  # of the rise along a slide that ends beyond 1e308
_STEEPEST = 1 - 2.0**-10  # share of what is between the margins that a step takes, at most


@dataclass(frozen=True)
class Phase:
    """A decoupled phase of the rows that share one pattern.

    orbits: the scalar maps of the points whose loss still acts;
    n, log_n (R,): steps until the phase ends, inf if never;
    crossing (2, 2, R): the pre-activations that change sign then.
    """

    response: Response
    state: PairState
    orbits: dict[int, Orbits]
    n: Floats
    log_n: Floats
    crossing: Bools

    def __getitem__(self, rows: Bools | Ints) -> Phase:
        tracks = {p: track[rows] for p, track in self.orbits.items()}
        n, log_n, crossing = self.n[rows], self.log_n[rows], self.crossing[..., rows]
        return Phase(self.response, self.state[rows], tracks, n, log_n, crossing)

    @property
    def coupled(self) -> bool:
        """Whether its margins rise alike, and hold one another where they do not."""
        return bool(self.response.both) and not self.response.decoupled

    @property
    def levels(self) -> dict[int, Floats]:
        """ln s of each scalar map at the start, (R,)."""
        return {p: track.x - track.base for p, track in self.orbits.items()}

    @classmethod
    def joined(cls, parts: list[Phase]) -> Phase:
        """Phases of one response, one after the other."""
        state = PairState.joined([one.state for one in parts])
        tracks = {p: Orbits.joined([one.orbits[p] for one in parts]) for p in parts[0].orbits}
        n, log_n, crossing = (
            np.concatenate([getattr(one, name) for one in parts], axis=-1)
            for name in ("n", "log_n", "crossing")
        )
        return cls(parts[0].response, state, tracks, n, log_n, crossing)


def phase_from(task: PairTask, state: PairState, code: int) -> Phase:
    """The phase that begins at `state`, whose trials all have the pattern `code`."""
    reply = task.response(code)
    rows = state.time.size
    tracks = {}
    for p, level in enumerate(reply.levels(state.preactivations)):
        if reply.rates[p] > 0:
            log_c = np.full(rows, task.method.log_step + np.log(reply.rates[p]))
            tracks[p] = orbits(level, log_c, discrete=task.method.discrete)
    n, log_n = np.full(rows, np.inf), np.full(rows, np.inf)
    ahead = rises(reply, state.preactivations)
    for p in tracks:
        nearest = ahead[:, :, p].min(axis=(0, 1))
        finite = np.flatnonzero(np.isfinite(nearest))
        steps = first_passage(tracks[p][finite], nearest[finite])
        sooner = steps[1] < log_n[finite]
        n[finite[sooner]], log_n[finite[sooner]] = steps[0][sooner], steps[1][sooner]
    crossing = _crossings(tracks, ahead, n, log_n, _LATE if reply.sliding else 0.0)
    if reply.sliding:
        released, kinks = _release(reply, tracks)
        first = released < n
        n, log_n = np.where(first, released, n), np.where(first, np.log(released), log_n)
        crossing = np.where(first, kinks, crossing)
    return Phase(reply, state, tracks, n, log_n, crossing)


def ends_within(task: PairTask, a: Floats, code: int, steps: int) -> Bools:
    """Where the phase that begins at pre-activations a (2, 2, R) surely takes fewer steps: each
    takes s on by one at least. What is left of those that do is next to nothing."""
    reply, soon = task.response(code), np.zeros(a.shape[-1], bool)
    ahead = rises(reply, a)
    for p, level in enumerate(reply.levels(a)):
        if reply.rates[p] > 0:
            s = np.exp(level - (task.method.log_step + np.log(reply.rates[p])))
            soon |= s * np.expm1(ahead[:, :, p].min(axis=(0, 1))) < steps - 2
    return soon


def rises(reply: Response, a: Floats) -> Floats:
    """By how much margin p must rise until pre-activation (j, i) changes sign, (2, 2, p, R)."""
    ahead = np.full((2, 2, 2, a.shape[-1]), np.inf)
    slopes = reply.slopes
    for j, i, p in np.argwhere(slopes != 0):
        falls = reply.status[j, i] == ACTIVE and slopes[j, i, p] < 0
        climbs = reply.status[j, i] == INACTIVE and slopes[j, i, p] > 0
        if falls or climbs:
            ahead[j, i, p] = np.abs(a[j, i]) / abs(slopes[j, i, p])
    return ahead


def _release(reply: Response, tracks: dict[int, Orbits]) -> tuple[Floats, Bools]:
    """Steps until a sliding kink is let go, and which: its multiplier reaches 1."""
    rows = next(iter(tracks.values())).x.size
    n, which = np.full(rows, np.inf), np.zeros((2, 2, rows), bool)
    if len(tracks) < 2:
        return n, which
    with np.errstate(over="ignore", invalid="ignore"):
        s = {p: np.exp(track.x - track.base) for p, track in tracks.items()}
        for j, i in np.argwhere(reply.status == SLIDING):
            slack = reply.slack(j, i)
            if slack >= 0:
                continue
            pull = reply.geometry.k12 * reply.rates[i]
            steps = (s[1 - i] * (pull + slack) - pull * s[i]) / -slack
            steps = np.maximum(np.ceil(steps), 1.0)  # at once where it is past already
            which[:, :, steps < n] = False
            which[j, i] = steps < n
            n = np.minimum(steps, n)
    return n, which


def _crossings(
    tracks: dict[int, Orbits], ahead: Floats, n: Floats, log_n: Floats, late: float
) -> Bools:
    """Which pre-activations have changed sign when the phase ends, (2, 2, R).

    late: relative slack where only the logarithm of the time is known; where it is 0, another
    phase follows until the sign has changed.
    """
    crossed = np.zeros((2, 2, n.size), bool)
    for p, track in tracks.items():
        reached = increments(track, n[:, None], log_n[:, None])[:, 0]
        nearest = ahead[:, :, p].min(axis=(0, 1))
        slack = np.where(np.isfinite(n), 4 * np.finfo(float).eps, late)
        due = np.isfinite(log_n) & np.isfinite(nearest) & (reached * (1 + slack) >= nearest)
        crossed |= (ahead[:, :, p] <= nearest) & due
    return crossed


def close_up(phase: Phase, rises: dict[int, Floats]) -> tuple[dict[int, Floats], Floats]:
    """Rises (R, S) of the margins of a coupled phase, each taken by itself so far, as they hold one
    another; and ln of the share that is left of what was between them, (R, S).

    The shift of time that both make stays.  Source: docs/theory.md, "Sliding".
    """
    low, high = phase.levels[0], phase.levels[1]
    log_left = _log_left(phase.response.closing, low, rises[0])
    closed = (high - low)[:, None] * np.expm1(log_left) - (rises[1] - rises[0])
    share = phase.response.rates / phase.response.rates.sum()
    return {0: rises[0] - share[0] * closed, 1: rises[1] + share[1] * closed}, log_left


def _log_left(closing: float, level: Floats, rise: Floats) -> Floats:
    """ln of what is left, (R, S), of a difference of margins after rises (R, S) from the level ln s
    (R,): each step, which takes s on by one, leaves 1 - closing / s of it.

    Sums over s as integrals and half of their ends.  Rigour: estimated.
    """
    first = np.minimum(closing * np.exp(-level), _STEEPEST)[:, None]
    last = first * np.exp(-rise)
    begun, ended = np.log1p(-first), np.log1p(-last)
    inner = _per_share(ended, last) - _per_share(begun, first)
    return np.asarray(closing * (inner - rise - (ended - begun)) - (ended - begun) / 2)


def _per_share(log: Floats, share: Floats) -> Floats:
    """ln(1 - share) / share, its limit where the share vanishes."""
    return np.where(share < 1e-8, -1 - share / 2, log / np.maximum(share, 1e-8))
