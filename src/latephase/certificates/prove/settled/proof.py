"""From an exact network to a proof that it has settled: the search for a step and a precision."""

from __future__ import annotations

from dataclasses import dataclass

from latephase.certificates.verdict import Undecided, Unprovable
from latephase.core.balls import arb, precision

from .feet import BallNetwork, margin
from .gradients import Gradients
from .induction import settled
from .law import MarginLaw, margin_law, margin_rate
from .limit import limit
from .strip import Strip
from .system import GeneralSystem
from .tail import Geometry, Range, Settled
from .walk import GeneralWalk, Progress

GENERAL_CLAIMS = ("settled", "trained", "slow")
_FIRST, _LONGER = 64, 1.3  # steps in one pattern before it is tried, and again
_RATES = (2.302585092994046 * 6, 2.302585092994046 * 30, 2.302585092994046 * 100)  # ln t
_CHEAP = 10_000  # steps for bounds that are narrower than they must be
_MOST_WORK = 1 << 27  # steps times bits times eights of pre-activations: what a checker takes
_LATE = 2.302585092994046 * 1000


@dataclass(frozen=True)
class ProvedMarginRate:
    """lower <= (limit - margin(t)) ln t <= upper for all ln t >= log_from."""

    log_from: float
    lower: arb
    upper: arb


@dataclass(frozen=True)
class GeneralProof:
    """At a working precision of `bits`: what holds from `settled.base` on, and the law."""

    bits: int
    settled: Settled
    law: MarginLaw | None

    @property
    def trained(self) -> bool:
        return not self.settled.limit.idle

    @property
    def argument(self) -> str:
        return "margins grow" if self.settled.limit.support else "nothing moves"

    def shows(self, claim: str) -> bool | None:
        """Whether a claim is true; None where that is not decided."""
        if claim == "settled" or not self.trained:
            return claim == "settled"
        if claim == "trained":
            return True
        return True if self.law and not self.law.constant.contains(0) else None

    def rates(self) -> list[ProvedMarginRate]:
        """From the earliest time found, and from 10^1000."""
        if self.law is None or not self.trained:
            return []
        found: list[ProvedMarginRate] = []
        for log_from in (*_RATES, _LATE):
            if found and log_from != _LATE:
                continue
            bounds = margin_rate(self.settled, log_from)
            if bounds is not None:
                found.append(ProvedMarginRate(log_from, *bounds))
        return found

    def robustness_margin(self, when: Range) -> arb | None:
        """In a stretch of time; None where it is not enclosed."""
        if not self.trained:
            return arb(0)
        system, rows = self.settled.system, self.settled.parameters_in(when)
        outputs = [arb(v) for v in system.outputs]
        network = BallNetwork(rows, outputs, arb(system.slope), system.biased)
        return margin(network, system.inputs, system.labels)


def prove_settled(
    system: GeneralSystem, bits: int, max_bits: int, max_steps: int, progress: Progress | None
) -> GeneralProof:
    """The proof at the lowest precision that decides everything.  Raises Undecided, Unprovable."""
    while True:
        try:
            with precision(bits):
                steps = min(max_steps, _MOST_WORK // (bits * -(-system.m * system.n // 8)))
                found = _settled(GeneralWalk(system, steps, progress))
                return GeneralProof(bits, found, margin_law(found))
        except Undecided as question:
            more = 2 * bits
            if more > max_bits:
                raise Undecided(f"{question} is not decided at {bits} bits") from None
        bits = more


def _settled(walk: GeneralWalk) -> Settled:
    """Walk until the induction holds, and on while its bounds are wide and steps are cheap."""
    attempt, best, end = _FIRST, None, 0
    begun, geometry, why = -1, None, ""
    try:
        while best is None or not (best.narrow or walk.time >= end):
            walk.advance(max(1, attempt - (walk.time - walk.begun)))
            if walk.time - walk.begun < attempt or walk.let_go():  # another pattern
                attempt = _FIRST
                continue
            attempt = int(attempt * _LONGER) + 1
            if begun != walk.begun:
                begun = walk.begun
                geometry, why = _leads(walk)
            best = best or (settled(walk, geometry) if geometry else None)
            if best is not None:
                end = end or min(walk.max_steps, max(_CHEAP, 4 * walk.time))
                assert geometry is not None
                best = settled(walk, geometry) or best
    except (Unprovable, Undecided) as stop:
        if best is None:
            raise type(stop)(f"{stop}{why and '; in its last pattern: '}{why}") from None
    return best


def _leads(walk: GeneralWalk) -> tuple[Geometry | None, str]:
    """Where the present pattern leads, or None; and why it has not been proved to stay."""
    try:
        gradients = Gradients.of(walk.system, walk.signs, walk.kinks)
        here = Geometry.of(walk.system, limit(walk.system, gradients))
    except Unprovable as reason:
        return None, str(reason)
    if here.opposed(walk.signs):
        return None, "a pre-activation goes to its kink, slowly"
    strip, pulls = Strip(gradients, walk.system, walk.slid), map(arb, here.limit.multipliers)
    if any(not (m.fall[0] > 0 and m.rise[0] > 0) for m in strip.moves([(x, x) for x in pulls])):
        return None, "kinks slide that are not held one by one"
    return here, "it settles too slowly for the bounds to close"
