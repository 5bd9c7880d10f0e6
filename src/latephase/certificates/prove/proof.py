"""From an exact system to a proof: at the lowest precision that decides everything."""

from __future__ import annotations

from dataclasses import dataclass

from latephase.certificates.verdict import Undecided
from latephase.core import Regime
from latephase.core.balls import exact, precision

from .law import Rate, Tail, rate
from .orbits import flow
from .orbits.late_orbits import LateOrbits
from .orbits.late_slide import LateSlide
from .orbits.system import System
from .path import Arrival, Progress, Walk

_ACCURACY = 48  # bits of the constant, below which more precision is tried


@dataclass(frozen=True)
class Proof:
    """What was proved about a run, at a working precision of `bits`.

    entry: the first step in the regime (flow: the first whole time);  arrival: the state from
    which the tail starts (None for a flow);  tail: what holds from then on (None where L does
    not tend to 0: the margin is 0 then);  rate: from the earliest time found.
    """

    bits: int
    regime: Regime
    reason: str
    entry: int
    arrival: Arrival | None
    tail: Tail | None
    rate: Rate | None


def prove(
    system: System, bits: int, max_bits: int, max_steps: int, progress: Progress | None = None
) -> Proof:
    """The proof at the lowest precision that decides everything."""
    while True:
        try:
            with precision(bits):
                return _prove(system, bits, max_steps, progress)
        except Undecided as question:
            more = max(2 * bits, question.bits)
            if more > max_bits:
                raise Undecided(f"{question} is not decided at {bits} bits") from None
        bits = more


def _prove(system: System, bits: int, max_steps: int, progress: Progress | None) -> Proof:
    if system.step is None:
        return _prove_flow(system, bits)
    arrival = Walk(system, max_steps, progress).arrive()
    tail = _tail(system, arrival)
    return Proof(bits, arrival.regime, arrival.reason, arrival.entry, arrival, tail, _rate(tail))


def _prove_flow(system: System, bits: int) -> Proof:
    flow.check(system)
    regime = flow.regime(system)
    tail = flow.tail(system) if regime is Regime.specialised else None
    entry = flow.entry_step(system)
    return Proof(bits, regime, "closed form", entry, None, tail, _rate(tail))


def _tail(system: System, arrival: Arrival) -> Tail | None:
    if arrival.regime is Regime.specialised:
        orbits = arrival.orbits[0], arrival.orbits[1]
        return LateOrbits.of(system, arrival.state, orbits)
    if arrival.slide is not None and system.step is not None:
        return LateSlide.of(system, arrival.state, arrival.slide, exact(system.step))
    return None


def _rate(tail: Tail | None) -> Rate | None:
    """The rate, once the constant is known to be exactly zero or clearly not."""
    if tail is None:
        return None
    if tail.lean is not None and tail.lean.rel_accuracy_bits() < _ACCURACY:
        raise Undecided("whether the constant of the law is zero")
    return rate(tail)
