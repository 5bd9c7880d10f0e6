"""Gradient flow for x1 x2 = -1 in closed form: the two points decouple.  And specialised flows.

At point p let r be the pre-activation of the neuron that serves it and w that of the other.  Both
active: r + w is conserved and e^(r - w) grows at the rate 2 k_pp, until w lands on 0, exactly, at
t = (e^(r+w) - e^(r-w)) / (2 k_pp).  r alone: e^r grows at the rate k_pp.  w alone: e^-w grows at
the rate k_pp until w lands on 0.  After the landing e^r = k_pp t + e^r(0) cosh(max(w(0), 0)).
Source: docs/theory.md, "The law of the late phase".
"""

from __future__ import annotations

from fractions import Fraction

from latephase.certificates.prove.flow.passage import FlowArrival
from latephase.certificates.prove.system import System
from latephase.certificates.prove.walk.fatou import FatouSeries, Orbit
from latephase.certificates.prove.walk.phases import FORESEEN
from latephase.certificates.prove.walk.step import BOTH, Balls, WalkState
from latephase.certificates.verdict import Undecided, Unprovable
from latephase.core import Regime
from latephase.core.balls import arb, exact, whole_part

from .orbits import LateOrbits

_SERIES = FatouSeries(0, 0, flow=True)


def regime(system: System) -> Regime:
    """How the flow ends: neuron j survives iff it is active on its own point at the start."""
    alive = sum(system.start[j][j] > 0 for j in BOTH)
    return (Regime.both_dead, Regime.one_dead, Regime.specialised)[alive]


def entry(system: System) -> arb:
    """The time at which the last wrong side has landed."""
    times = [_landing(system, p) for p in BOTH]
    return times[0].max(times[1])


def entry_step(system: System) -> int:
    """A whole time by which the last wrong side has landed: the first one, up to rounding.

    Raises Unprovable beyond e^FORESEEN.
    """
    last = entry(system)
    whole = whole_part(-last.upper()) if last.is_finite() and last < exact(FORESEEN).exp() else None
    if whole is None:
        raise Unprovable(f"a wrong side lands later than e^{FORESEEN}")
    return -whole


def _landing(system: System, p: int) -> arb:
    right, wrong = exact(system.start[p][p]), exact(system.start[1 - p][p])
    k = exact((system.k11, system.k22)[p])
    if system.start[1 - p][p] <= 0:
        return arb(0)
    if system.start[p][p] <= 0:
        return (1 - (-wrong).exp()) / k
    return ((right + wrong).exp() - (right - wrong).exp()) / (2 * k)


def tail(system: System) -> LateOrbits:
    """The two orbits of a specialised flow, from the last landing on."""
    (_, a12), (a21, _) = system.start
    gap, zero = system.x1 - system.x2, Fraction(0)
    nulls = -system.k11 * min(a12, zero) / gap, system.k22 * min(a21, zero) / gap
    return LateOrbits(
        system,
        orbits=(_orbit(system, 0), _orbit(system, 1)),
        exact_nulls=nulls,
        nulls=(exact(nulls[0]), exact(nulls[1])),
        since=entry_step(system),
    )


def arrived_tail(system: System, arrival: FlowArrival) -> LateOrbits:
    """The two orbits of a flow that is specialised in its last mode."""
    last, base = arrival.last, arrival.base
    a11, a12, a21, a22 = last.state
    levels = a11.exp() / exact(system.k11), a22.exp() / exact(system.k22)
    first, second = (
        Orbit(_SERIES, exact(k).log(), level - last.begin)
        for k, level in zip((system.k11, system.k22), levels, strict=True)
    )
    active = (True, False), (False, True)
    state = WalkState(((a11, a12), (a21, a22)), active, arrival.nulls, base)
    return LateOrbits.of(system, state, (first, second))


def _orbit(system: System, p: int) -> Orbit:
    right, wrong = exact(system.start[p][p]), exact(max(system.start[1 - p][p], Fraction(0)))
    k = exact((system.k11, system.k22)[p])
    return Orbit(_SERIES, k.log(), right.exp() * wrong.cosh() / k)


def preactivations(system: System, t: arb) -> Balls:
    """a_ji at flow time t.  Raises Undecided within rounding of a landing."""
    first, second = _point(system, 0, t), _point(system, 1, t)
    return (first[0], second[1]), (first[1], second[0])


def _point(system: System, p: int, t: arb) -> tuple[arb, arb]:
    """Right and wrong side of point p at time t."""
    right, wrong = exact(system.start[p][p]), exact(system.start[1 - p][p])
    serves, spoils = system.start[p][p] > 0, system.start[1 - p][p] > 0
    k, landing = exact((system.k11, system.k22)[p]), _landing(system, p)
    if spoils and not (t < landing or t >= landing):
        raise Undecided("whether a wrong side has landed")
    if spoils and t < landing:
        if not serves:
            return right, -((-wrong).exp() + k * t).log()
        apart = ((right - wrong).exp() + 2 * k * t).log()
        return (right + wrong + apart) / 2, (right + wrong - apart) / 2
    wrong = arb(0) if spoils else wrong
    return (_orbit(system, p).value(t) if serves else right), wrong
