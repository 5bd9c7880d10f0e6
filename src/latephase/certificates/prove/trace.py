"""What a proved run is like at any time: before the tail by walking again, after it by the tail."""

from __future__ import annotations

from dataclasses import replace

from latephase.certificates.prove.tails import flow, margins
from latephase.certificates.prove.tails.orbits import LateOrbits
from latephase.certificates.prove.tails.slide import LateSlide
from latephase.certificates.prove.walk import phases
from latephase.certificates.prove.walk.step import Balls, State
from latephase.certificates.prove.walk.walk import MAX_STEPS, Arrival, Leg, Walk
from latephase.core import InputError, LogTime, Words
from latephase.core.balls import arb, exact, plus_minus

from .proof import Proof
from .system import System


def deficit(system: System, proof: Proof, time: LogTime) -> arb:
    """The margin deficit."""
    optimal = abs(exact(system.half_gap))
    if proof.tail is None and _late(proof, time):
        return optimal
    if proof.tail is not None and _late(proof, time):
        found = proof.tail.deficit(_ball(time))
    else:
        found = margins.deficit(system, preactivations(system, proof, time))
    return found if found.is_finite() else arb(0).union(optimal)


def boundary(system: System, proof: Proof, time: LogTime) -> arb | None:
    """x*, None unless both neurons are proved to be active there."""
    a = preactivations(system, proof, time)
    if margins.crosses(a) is not True:
        return None
    if proof.tail is not None and _late(proof, time):
        return exact(system.limit_boundary) + proof.tail.gap(_ball(time))
    return exact(system.midpoint) + margins.off_midpoint(system, a)


def preactivations(system: System, proof: Proof, time: LogTime) -> Balls:
    """a_ji.  Raises InputError where a run with one dead neuron is followed step by step only."""
    t = _ball(time)
    arrival, tail = proof.arrival, proof.tail
    if isinstance(tail, LateOrbits | LateSlide) and _late(proof, time):
        return tail.at(t)
    if arrival is None:
        return flow.preactivations(system, t)
    if time.value is not None and time.value < arrival.state.time:
        return _walk(system, arrival, int(time.value)).a
    if arrival.reason == "kicked back":
        return _on_foot(system, arrival, time).a
    return phases.moved(system, arrival.state, system.gram(), arrival.orbits, t)


def _late(proof: Proof, time: LogTime) -> bool:
    """Whether the time lies where the tail (or the zero margin) holds."""
    since = proof.tail.since if proof.tail else proof.entry
    return bool(_ball(time) >= exact(since)) if time.value is None else time.value >= since


def _ball(time: LogTime) -> arb:
    """t; beyond 10^10000, where only ln t is known, to the last bit, a ball around it."""
    if time.value is not None:
        return exact(time.value)
    return (exact(time.log) * (1 + plus_minus(exact(2.0**-52)))).exp()


def _walk(system: System, arrival: Arrival, steps: int) -> State:
    """The state after that many steps, along the legs of the arrival."""
    walk = Walk(system, steps)
    for leg in arrival.legs:
        walk.follow(replace(leg, steps=min(leg.steps, steps - walk.state.time)))
    return walk.state


def _on_foot(system: System, arrival: Arrival, time: LogTime) -> State:
    if time.value is None or time.value > MAX_STEPS:
        raise InputError(
            f"a time up to {MAX_STEPS:,} for the survivor of a dead neuron where x1 x2 > -1",
            Words(time.text),
            "ask for an earlier one; its margin is 0",
        )
    further = Leg("steps", int(time.value) - arrival.state.time)
    return _walk(system, replace(arrival, legs=(*arrival.legs, further)), int(time.value))
