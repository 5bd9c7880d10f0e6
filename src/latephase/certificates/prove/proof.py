"""From an exact system to a proof: at the lowest precision that decides everything."""

from __future__ import annotations

from dataclasses import dataclass

from latephase.certificates.prove.flow.passage import FlowArrival, FlowWalk
from latephase.certificates.prove.layered.rate import layered_rate
from latephase.certificates.prove.layered.system import LayeredSystem
from latephase.certificates.prove.layered.tail import LateLayers
from latephase.certificates.prove.layered.walk import LayeredArrival, LayeredWalk
from latephase.certificates.prove.tails import flow
from latephase.certificates.prove.tails.approach import LateApproach
from latephase.certificates.prove.tails.orbits import LateOrbits
from latephase.certificates.prove.tails.rate import ProvedRate, Tail, rate
from latephase.certificates.prove.tails.single import LateHold
from latephase.certificates.prove.tails.slide import LateSlide
from latephase.certificates.prove.walk.arrival import Arrival, Progress, Walk
from latephase.certificates.prove.walk.hold import Hold
from latephase.certificates.verdict import Undecided, Unprovable
from latephase.core import Regime
from latephase.core.balls import exact, precision

from .system import System

CERTIFICATE_CLAIMS = ("settled", "trained", "optimal_margin", "slow", *(r.name for r in Regime))
_ACCURACY = 48  # bits of the constant, below which more precision is tried
_MOST_WORK = 1 << 27  # steps of a path times bits: what a checker takes
_LONG = 1024  # bits from which on they grow by halves: a run of 70,000 steps has 1900 at most
_MODE, _LEG = 10_000, 100  # steps that a mode of a flow, an orbit or a slide costs it


@dataclass(frozen=True)
class Proof:
    """What was proved about a run, at a working precision of `bits`.

    entry: the first step in the regime (flow: the first whole time);  arrival: the state from
    which the tail starts (None for a flow with x1 x2 = -1);  tail: what holds from then on (None
    where L does not tend to 0: the margin is 0 then);  rate: from the earliest time found.
    """

    bits: int
    regime: Regime
    reason: str
    entry: int
    arrival: Arrival | LayeredArrival | FlowArrival | None
    tail: Tail | LateLayers | None
    rate: ProvedRate | None

    def optimal(self, system: System) -> bool:
        """Whether the margin tends to the largest possible one."""
        if isinstance(self.tail, LateApproach):
            return self.tail.optimal
        return self.tail is not None and system.optimal

    def shows(self, claim: str, system: System) -> bool:
        """Whether one of the CERTIFICATE_CLAIMS is true; else its opposite is proved."""
        trained = self.tail is not None
        optimal = self.optimal(system)
        truths = {
            "settled": True,  # it ends in a regime that is never left
            "trained": trained,  # the loss tends to 0
            "optimal_margin": optimal,  # the margin tends to the largest possible one
            # as 1/ln t; with both layers trained, as 1/sqrt(ln t)
            "slow": optimal and self.tail is not None and self.tail.lean is not None,
        }
        return truths.get(claim, self.regime.name == claim)


def prove(
    system: System, bits: int, max_bits: int, max_steps: int, progress: Progress | None
) -> Proof:
    """The proof at the lowest precision that decides everything, as far as a checker will go."""
    while True:
        try:
            with precision(bits):
                return _checkable(
                    _prove(system, bits, min(max_steps, _MOST_WORK // bits), progress)
                )
        except Undecided as question:
            more = max(2 * bits if bits < _LONG else bits + bits // 2, question.bits)
            if more > max_bits or question.steps * more > _MOST_WORK:
                raise Undecided(f"{question} is not decided at {bits} bits") from None
        bits = more


def _checkable(proof: Proof) -> Proof:
    """The proof.  Raises Unprovable on a path that a checker would not follow."""
    if isinstance(proof.arrival, FlowArrival):
        steps = _MODE * len(proof.arrival.legs)
    else:
        legs = proof.arrival.legs if isinstance(proof.arrival, Arrival) else ()
        steps = sum(leg.steps if leg.by == "steps" else _LEG for leg in legs)
    if steps * proof.bits > _MOST_WORK:
        raise Unprovable(f"a path that takes too long to be checked at {proof.bits:,} bits")
    return proof


def proved_rate(tail: Tail | LateLayers, log_from: float | None = None) -> ProvedRate:
    """The rate of a law from a time on, by default from the earliest found.  Raises Undecided."""
    return layered_rate(tail, log_from) if isinstance(tail, LateLayers) else rate(tail, log_from)


def _prove_layers(
    system: LayeredSystem, bits: int, max_steps: int, progress: Progress | None
) -> Proof:
    """The same where both layers are trained."""
    if system.step is None:
        raise Unprovable("gradient flow of both layers: no proof is known")
    arrival = LayeredWalk(system, max_steps, progress).arrive()
    tail = LateLayers.of(system, arrival) if arrival.growths else None
    if tail is not None and tail.lean.rel_accuracy_bits() < _ACCURACY:
        raise Undecided("whether the constant of the law is zero")
    found = layered_rate(tail) if tail else None
    return Proof(bits, arrival.regime, arrival.reason, arrival.entry, arrival, tail, found)


def _prove(system: System, bits: int, max_steps: int, progress: Progress | None) -> Proof:
    if isinstance(system, LayeredSystem):
        return _prove_layers(system, bits, max_steps, progress)
    # Up to where the whole future is known: a flow's with x1 x2 = -1 is from its start.
    arrival: Arrival | FlowArrival | None = None
    tail: Tail | None = None
    if system.step is not None:
        walk = Walk(system, max_steps, progress)
        arrival = walk.arrive()
        regime, reason, entry = arrival.regime, arrival.reason, arrival.entry
        if regime is Regime.specialised:
            tail = LateOrbits.of(system, arrival.state, (arrival.orbits[0], arrival.orbits[1]))
        elif isinstance(arrival.slide, Hold):
            tail = LateHold.of(walk.shapes[system.k12 >= system.k22], arrival.state, arrival.slide)
        elif arrival.slide is not None:
            tail = LateSlide.of(system, arrival.state, arrival.slide, exact(system.step))
    elif system.k12 == 0:
        regime, reason = flow.regime(system), "closed form"
        tail = flow.tail(system) if regime is Regime.specialised else None
        entry = flow.entry_step(system)
    else:
        arrival = FlowWalk(system).arrive()
        regime, reason, entry = arrival.regime, arrival.reason, arrival.base
        tail = _flow_tail(system, arrival)
    # The rate, once the constant is known to be exactly zero or clearly not.
    lean = tail.lean if tail else None
    if lean is not None and lean.rel_accuracy_bits() < _ACCURACY:
        raise Undecided("whether the constant of the law is zero")
    return Proof(bits, regime, reason, entry, arrival, tail, rate(tail) if tail else None)


def _flow_tail(system: System, arrival: FlowArrival) -> Tail | None:
    if arrival.regime is Regime.specialised:
        return flow.arrived_tail(system, arrival)
    slides = arrival.regime in (Regime.double_slide, Regime.single_slide)
    return LateApproach.of(system, arrival) if slides else None
