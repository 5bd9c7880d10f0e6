"""What a proved run is like at any time: before the tail by walking again, after it by the tail."""

from __future__ import annotations

from dataclasses import replace

from latephase.certificates.prove.flow.passage import FlowArrival
from latephase.certificates.prove.layered.system import LayeredSystem
from latephase.certificates.prove.layered.tail import LateLayers
from latephase.certificates.prove.layered.trace import LayeredRun
from latephase.certificates.prove.layered.walk import LayeredArrival
from latephase.certificates.prove.tails import flow, margins
from latephase.certificates.prove.walk import phases
from latephase.certificates.prove.walk.arrival import MAX_STEPS, Leg, Walk
from latephase.certificates.prove.walk.step import Balls
from latephase.core import InputError, LogTime, Words
from latephase.core.balls import arb, exact, plus_minus

from .proof import Proof
from .system import System


def deficit(system: System, proof: Proof, time: LogTime) -> arb:
    """The margin deficit."""
    if layers := _layers(system, proof):
        return layers.deficit(time, _ball(time))
    optimal = abs(exact(system.half_gap))
    if not _late(proof, time):
        found = margins.deficit(system, preactivations(system, proof, time))
    elif proof.tail is None:
        return optimal
    else:
        found = proof.tail.deficit(_ball(time))
    return found if found.is_finite() else arb(0).union(optimal)


def boundary(system: System, proof: Proof, time: LogTime) -> arb | None:
    """x*, None unless both neurons are proved to be active there."""
    if layers := _layers(system, proof):
        return layers.boundary(time, _ball(time))
    a = preactivations(system, proof, time)
    if margins.crosses(a) is not True:
        return None
    if proof.tail is not None and _late(proof, time):
        return exact(system.limit_boundary) + proof.tail.gap(_ball(time))
    return exact(system.midpoint) + margins.off_midpoint(system, a)


def preactivations(system: System, proof: Proof, time: LogTime) -> Balls:
    """a_ji.  Raises InputError where a run with one dead neuron is followed step by step only."""
    if layers := _layers(system, proof):
        return layers.state(time, _ball(time))[0]
    t, steps = _ball(time), time.value
    if proof.tail is not None and _late(proof, time):
        return proof.tail.at(t)
    arrival = proof.arrival
    assert not isinstance(arrival, LayeredArrival)
    if arrival is None:
        return flow.preactivations(system, t)
    if isinstance(arrival, FlowArrival):
        a11, a12, a21, a22 = arrival.at(t)
        return (a11, a12), (a21, a22)
    # Before the arrival along its legs, after it by the orbits that it found.
    if steps is not None and steps < arrival.state.time:
        return _walked(system, arrival.legs, int(steps))
    if arrival.reason != "kicked back":
        return phases.moved(system, arrival.state, system.gram(), arrival.orbits, t)
    # The survivor of a dead neuron has no orbit: it goes on step by step.
    if steps is None or steps > MAX_STEPS:
        raise InputError(
            f"a time up to {MAX_STEPS:,} for the survivor of a dead neuron where x1 x2 > -1",
            Words(time.text),
            "ask for an earlier one; its margin is 0",
        )
    further = Leg("steps", int(steps) - arrival.state.time)
    return _walked(system, (*arrival.legs, further), int(steps))


def output_weights(system: System, proof: Proof, time: LogTime) -> tuple[arb, arb]:
    """v_j, neurons in canonical order: 1 and -1 where they are fixed."""
    layers = _layers(system, proof)
    return layers.state(time, _ball(time))[1] if layers else (arb(1), arb(-1))


def _layers(system: System, proof: Proof) -> LayeredRun | None:
    """The run where both layers are trained, else None."""
    if not isinstance(system, LayeredSystem) or not isinstance(proof.arrival, LayeredArrival):
        return None
    tail = proof.tail if isinstance(proof.tail, LateLayers) else None
    return LayeredRun(system, proof.arrival, tail)


def _walked(system: System, legs: tuple[Leg, ...], steps: int) -> Balls:
    """The pre-activations after that many steps along the legs."""
    walk = Walk(system, steps)
    for leg in legs:
        walk.follow(replace(leg, steps=min(leg.steps, steps - walk.state.time)))
    return walk.state.a


def _late(proof: Proof, time: LogTime) -> bool:
    """Whether the time lies where the tail (or the zero margin) holds."""
    since = proof.tail.since if proof.tail else proof.entry
    return bool(_ball(time) >= exact(since)) if time.value is None else time.value >= since


def _ball(time: LogTime) -> arb:
    """t; beyond 10^10000, where only ln t is known, to the last bit, a ball around it."""
    if time.value is not None:
        return exact(time.value)
    return (exact(time.log) * (1 + plus_minus(exact(2.0**-52)))).exp()
