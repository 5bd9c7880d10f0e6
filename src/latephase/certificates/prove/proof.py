"""From an exact system to a proof: at the lowest precision that decides everything."""

from __future__ import annotations

from dataclasses import dataclass

from latephase.certificates.prove.tails import flow
from latephase.certificates.prove.tails.orbits import LateOrbits
from latephase.certificates.prove.tails.rate import ProvedRate, Tail, rate
from latephase.certificates.prove.tails.slide import LateSlide
from latephase.certificates.prove.walk.arrival import Arrival, Progress, Walk
from latephase.certificates.verdict import Undecided
from latephase.core import Regime
from latephase.core.balls import exact, precision

from .system import System

CERTIFICATE_CLAIMS = ("settled", "trained", "optimal_margin", "slow", *(r.name for r in Regime))
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
    rate: ProvedRate | None

    def shows(self, claim: str, system: System) -> bool:
        """Whether one of the CERTIFICATE_CLAIMS is true; else its opposite is proved."""
        trained = self.tail is not None
        optimal = trained and system.limit_boundary == system.midpoint
        truths = {
            "settled": True,  # it ends in a regime that is never left
            "trained": trained,  # the loss tends to 0
            "optimal_margin": optimal,  # the margin tends to the largest possible one
            "slow": optimal and self.tail is not None and self.tail.lean is not None,  # as 1/ln t
        }
        return truths.get(claim, self.regime.name == claim)


def prove(
    system: System, bits: int, max_bits: int, max_steps: int, progress: Progress | None
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
    # Up to where the whole future is known: a flow's is from its start, in closed form.
    arrival: Arrival | None = None
    tail: Tail | None = None
    if system.step is None:
        regime, reason = flow.regime(system), "closed form"
        tail = flow.tail(system) if regime is Regime.specialised else None
        entry = flow.entry_step(system)
    else:
        arrival = Walk(system, max_steps, progress).arrive()
        regime, reason, entry = arrival.regime, arrival.reason, arrival.entry
        if regime is Regime.specialised:
            tail = LateOrbits.of(system, arrival.state, (arrival.orbits[0], arrival.orbits[1]))
        elif arrival.slide is not None:
            tail = LateSlide.of(system, arrival.state, arrival.slide, exact(system.step))
    # The rate, once the constant is known to be exactly zero or clearly not.
    lean = tail.lean if tail else None
    if lean is not None and lean.rel_accuracy_bits() < _ACCURACY:
        raise Undecided("whether the constant of the law is zero")
    return Proof(bits, regime, reason, entry, arrival, tail, rate(tail) if tail else None)
