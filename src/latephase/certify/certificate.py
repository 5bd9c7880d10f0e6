"""`certify`: what can be proved about a run, from its exact start to all later times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeVar

from latephase.core import InputError, LogTime, Regime, Words
from latephase.core.balls import exact, precision
from latephase.problem import Dataset, ShallowReLU

from . import trace
from .claims import CLAIMS
from .decimals import Bounds, outward
from .law import constant
from .path import MAX_STEPS
from .proof import Proof, prove
from .system import Method, System
from .verdict import Undecided, Unprovable, Verdict

T = TypeVar("T")
BITS, MAX_BITS = 128, 16384


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
        return self._enclosed(lambda *at: outward(trace.deficit(*at).nonnegative_part()), t)

    def boundary(self, t: object) -> Bounds | None:
        """(lower, upper) of x* at time t; None unless both neurons are proved to be active there.

        As `deficit`.
        """

        def ends(system: System, proof: Proof, time: LogTime) -> Bounds | None:
            ball = trace.boundary(system, proof, time)
            return None if ball is None else outward(ball)

        return self._enclosed(ends, t)

    def preactivations(self, t: object) -> tuple[tuple[Bounds, Bounds], tuple[Bounds, Bounds]]:
        """(lower, upper) of a_ji at time t in canonical order: neuron of output weight +1 first,
        point labelled +1 first.  As `deficit`; raises InputError late in a run with one dead neuron
        for x1 x2 > -1, where the survivor is followed step by step only."""

        def ends(*at: Any) -> tuple[tuple[Bounds, Bounds], tuple[Bounds, Bounds]]:
            (a11, a12), (a21, a22) = trace.preactivations(*at)
            return (outward(a11), outward(a12)), (outward(a21), outward(a22))

        return self._enclosed(ends, t)

    def _enclosed(self, ends: Callable[[System, Proof, LogTime], T], t: object) -> T:
        """Ends of an enclosure at time t, at the precision of the proof."""
        time = LogTime.parse(t, flow=self._flow, name="t")
        if self.proof is None:
            raise InputError("a certificate with a proof", Words(self.reason), "see its verdict")
        with precision(self.proof.bits):
            return ends(self.system, self.proof, time)

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
