"""Decoupled phases in balls: how the pre-activations follow the margins, and what ends the phase.

While no neuron is active on both points (or k12 = 0) each margin u_p obeys a scalar map of its
own, u <- u + c exp(-u), and every pre-activation is affine in one of the two margins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from latephase.certificates.prove.system import System
from latephase.certificates.verdict import Undecided, Unprovable
from latephase.core.balls import arb, whole_part

from .fatou import FatouSeries, Orbit
from .step import BOTH, Active, Balls, WalkState, margin, moving

FORESEEN = 10_000  # ln of a number of steps beyond which no end of a phase is looked for
WORTHWHILE = 32  # a shorter phase is stepped through


@dataclass(frozen=True)
class Motion:
    """Pre-activation (neuron, point) moves by slope * (rise of margin p)."""

    neuron: int
    point: int
    p: int
    slope: arb


def decoupled(system: System, active: Active) -> bool:
    """Whether the margins obey scalar maps of their own."""
    return system.k12 == 0 or not (all(active[0]) or all(active[1]))


def motions(system: System, active: Active, gram: Balls) -> Iterator[Motion]:
    """How everything that moves does so, in a decoupled pattern."""
    for j in BOTH:
        for p in BOTH:
            if active[j][p]:
                rate = gram[p][p] * moving(active, p)
                for i in BOTH if system.k12 else (p,):
                    slope = gram[p][i] / rate
                    yield Motion(j, i, p, slope if j == p else -slope)


def exits(system: System, active: Active, gram: Balls) -> list[Motion]:
    """The motions that will end the phase; if there are none, it lasts for ever.

    Such a motion goes towards its kink: active and falling, or inactive and rising.
    """
    return [
        m
        for m in motions(system, active, gram)
        if (m.slope < 0 if active[m.neuron][m.point] else m.slope > 0)
    ]


def is_far(state: WalkState, gram: Balls, pulls: list[arb | None], ends: list[Motion]) -> bool:
    """Whether the phase lasts long: as the losses only fall, no end is nearer than at this pace."""
    for m in ends:
        pull = pulls[m.p]
        assert pull is not None  # what moves is moved by an active neuron
        pace = pull * gram[m.p][m.p] * moving(state.active, m.p) * abs(m.slope)
        if not abs(state.a[m.neuron][m.point]) > WORTHWHILE * pace:
            return False
    return True


def orbits(
    state: WalkState, gram: Balls, step: arb, series: FatouSeries, pulls: list[arb | None]
) -> tuple[dict[int, arb], dict[int, Orbit]] | None:
    """Levels s_p = exp(u_p) / c_p now, and orbits, of the moving margins.

    None where one is too low for the series.
    """
    levels: dict[int, arb] = {}
    tracks: dict[int, Orbit] = {}
    for p, pull in enumerate(pulls):
        if pull is None:
            continue
        levels[p] = s = 1 / (pull * gram[p][p] * moving(state.active, p))
        if not s > series.level:
            return None
        log_c = (step * gram[p][p] * moving(state.active, p)).log()
        tracks[p] = Orbit(series, log_c, series.phi(s) - state.time)
    return levels, tracks


def length(
    state: WalkState, ends: list[Motion], tracks: dict[int, Orbit], s: dict[int, arb]
) -> int:
    """Steps until the first sign changes, for the levels s now.

    Raises Undecided where two ends or steps are too close, Unprovable beyond e^FORESEEN steps.

    The phase ends at the first n with rise_n >= needed; that n is the next integer above
    Phi(level needed) - Phi(level now), decided only if the ball lies between two integers.
    """
    steps = []
    for m in ends:
        needed = margin(state, m.p) + abs(state.a[m.neuron][m.point]) / abs(m.slope)
        track = tracks[m.p]
        log_s = needed - track.log_c
        if log_s > FORESEEN:
            # At least (s_end - s)/2 steps, since Phi' >= 1/2, and s_end - s = s expm1(rise).
            rise = needed - margin(state, m.p)
            if not (rise > FORESEEN or (s[m.p] / 2).log() + rise.expm1().log() > FORESEEN):
                raise Unprovable(f"a phase ends soon, but from a level beyond e^{FORESEEN}")
            continue
        end = track.series.phi(log_s.exp()) - track.phase - state.time
        whole = whole_part(end + arb(0, track.series.remainder()))
        if whole is None:
            raise Undecided(
                "the step at which a long phase ends", int(float(log_s.upper()) * 1.5) + 128
            )
        steps.append(whole + 1)
    if not steps:
        raise Unprovable(f"a phase outlasts e^{FORESEEN} steps; what follows is not decided")
    return min(steps)


def moved(system: System, state: WalkState, gram: Balls, tracks: dict[int, Orbit], t: arb) -> Balls:
    """Pre-activations at time t of the phase that holds in the state."""
    rises = {p: track.value(t) - margin(state, p) for p, track in tracks.items()}
    a = [list(row) for row in state.a]
    for m in motions(system, state.active, gram):
        a[m.neuron][m.point] = state.a[m.neuron][m.point] + m.slope * rises[m.p]
    return (a[0][0], a[0][1]), (a[1][0], a[1][1])
