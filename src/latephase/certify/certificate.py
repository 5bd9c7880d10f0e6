"""`certify`: what can be proved about a run, from its exact start to all later times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property

from latephase.core import InputError, LogTime, Regime, Words
from latephase.core.balls import arb, exact, precision
from latephase.problem import Dataset, ShallowReLU

from . import flow, margins
from .claims import CLAIMS
from .decimals import Bounds, outward
from .dynamics import State
from .late_orbits import LateOrbits
from .late_slide import LateSlide
from .law import Rate, Tail, constant, rate
from .path import MAX_STEPS, Arrival, Walk
from .system import Method, System
from .verdict import Undecided, Unprovable, Verdict

BITS, MAX_BITS = 128, 16384
_ACCURACY = 48  # bits of the constant, below which more precision is tried


@dataclass(frozen=True)
class Proof:
    """What was proved about a run, at a working precision of `bits`.

    entry: the first step in the regime (flow: the first whole time);  arrival: the state from
    which the tail starts (None for a flow);  tail: what holds from then on (None where L does
    not tend to 0: the margin is 0 then);  rates: from the earliest time found, and later ones.
    """

    bits: int
    regime: Regime
    reason: str
    entry: int
    arrival: Arrival | None
    tail: Tail | None
    rate: Rate | None


@dataclass(frozen=True)
class Certificate:
    """What is proved about one run; see `latephase.certify`.

    verdict: PROVED, REFUTED or UNDECIDED;  reason: why, in words;  claim: what was asked.
    """

    network: ShallowReLU
    data: Dataset
    method: Method
    claim: str
    verdict: Verdict
    reason: str
    proof: Proof | None

    @property
    def regime(self) -> Regime | None:
        """The regime that the run is proved to end in."""
        return self.proof.regime if self.proof else None

    @property
    def entry_step(self) -> int | None:
        """The first step in that regime (slides: from which it is proved); an exact integer.

        Gradient flow: the first whole time after the entry.
        """
        return self.proof.entry if self.proof else None

    @cached_property
    def constant(self) -> Bounds | None:
        """(lower, upper) of the constant C of the law; (0, 0) where it is exactly zero.

        None without a law.  Decimals rounded outward, in input units.
        """
        if self.proof is None or self.proof.tail is None:
            return None
        with precision(self.proof.bits):
            return outward(constant(self.proof.tail))

    @property
    def limit_boundary(self) -> Bounds | None:
        """(lower, upper) of the limit of x*, None without a law."""
        if self.proof is None or self.proof.tail is None:
            return None
        with precision(self.proof.bits):
            return outward(exact(self.system.limit_boundary))

    @property
    def rate(self) -> tuple[Decimal, Decimal, LogTime, str] | None:
        """(lower, upper, since, clock): lower <= |x*(t) - limit| * clock(t) <= upper for all
        t >= since, where clock is "ln t", or "t ln t" or "t" where C = 0.  None without a law."""
        if self.proof is None or self.proof.rate is None:
            return None
        found = self.proof.rate
        since = LogTime.from_log(found.log_from * (1 + 2**-50), flow=self._flow)
        return outward(found.lower)[0], outward(found.upper)[1], since, found.clock

    def deficit(self, t: object) -> Bounds:
        """(lower, upper) of the margin deficit at time t, as in `simulate`'s `at`; any t >= 0.

        Decimals rounded outward, in input units.  Rigour: proved.  Raises InputError for times
        that cannot be read, and where nothing is proved about the run.
        """
        time = LogTime.parse(t, flow=self._flow, name="t")
        if self.proof is None:
            raise InputError("a certificate with a proof", Words(self.reason), "see its verdict")
        with precision(self.proof.bits):
            return outward(deficit_at(self.system, self.proof, time).nonnegative_part())

    @property
    def _flow(self) -> bool:
        return self.system.step is None

    @cached_property
    def system(self) -> System:
        """The problem as exact rational numbers, in canonical order."""
        return System.of(self.network, self.data, self.method)


def certify(
    network: ShallowReLU,
    data: Dataset,
    method: Method,
    *,
    claim: str = "settled",
    bits: int = BITS,
    max_bits: int = MAX_BITS,
    max_steps: int = MAX_STEPS,
) -> Certificate:
    """Prove, in ball arithmetic, how a run of two neurons on two points ends and how fast.

    The verdict is PROVED if every sign up to the entry into the regime is decided, the regime is
    proved never to be left, and (where the loss tends to 0) the constant of the law is enclosed
    and proved to be non-zero or exactly zero; UNDECIDED with the reason otherwise.  `claim`: one
    of `claims.CLAIMS`; a claim whose opposite is proved is REFUTED.  The precision starts at `bits`
    and doubles up to `max_bits` where a sign is open; `max_steps`: ordinary steps.
    Inputs, parameters and step size are the exact doubles given; output weights +1, -1.
    Raises InputError for other networks, data and methods.  Independent of `simulate`.
    Source: docs/certificates.md.
    """
    if claim not in CLAIMS:
        raise InputError("a claim", claim, f"use one of {', '.join(CLAIMS)}")
    system = System.of(network, data, method)
    verdict, reason, proof = Verdict.PROVED, "", None
    try:
        proof = prove(system, bits, max_bits, max_steps)
        verdict, reason = CLAIMS[claim](system, proof.regime, proof.tail), proof.reason
    except (Undecided, Unprovable) as open_question:
        verdict, reason = Verdict.UNDECIDED, str(open_question)
    return Certificate(network, data, method, claim, verdict, reason, proof)


def prove(system: System, bits: int, max_bits: int, max_steps: int) -> Proof:
    """The proof at the lowest precision that decides everything."""
    while True:
        try:
            with precision(bits):
                return _prove(system, bits, max_steps)
        except Undecided as question:
            more = max(2 * bits, question.bits)
            if more > max_bits:
                raise Undecided(f"{question} is not decided at {bits} bits") from None
        bits = more


def _prove(system: System, bits: int, max_steps: int) -> Proof:
    if system.step is None:
        return _prove_flow(system, bits)
    arrival = Walk(system, max_steps).arrive()
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


def deficit_at(system: System, proof: Proof, time: LogTime) -> arb:
    """The margin deficit at any time, at the precision in force."""
    log_t = exact(time.log) if time.value != 0 else arb("-inf")
    t = log_t.exp() if time.value is None else exact(time.value)
    since = proof.tail.since if proof.tail else proof.entry
    if time.value is None or time.value >= since:
        if proof.tail is None:
            return abs(exact(system.half_gap))
        return proof.tail.deficit(t, log_t)
    if proof.arrival is None:
        return margins.deficit(system, flow.preactivations(system, t))
    return margins.deficit(system, _walk_to(system, proof.arrival, int(time.value)).a)


def _walk_to(system: System, arrival: Arrival, steps: int) -> State:
    """The state after that many steps, along the legs of the arrival."""
    walk = Walk(system)
    for leg in arrival.legs:
        walk.follow(replace(leg, steps=min(leg.steps, steps - walk.state.time)))
    return walk.state
