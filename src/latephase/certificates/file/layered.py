"""The claims of a certificate of both layers, and its problem."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any

from latephase.certificates.prove.layered.rate import CLOCK, layered_rate
from latephase.certificates.prove.layered.system import LayeredSystem
from latephase.certificates.prove.layered.tail import LateLayers
from latephase.certificates.prove.layered.walk import LayeredArrival
from latephase.certificates.prove.proof import Proof
from latephase.certificates.prove.tails.rate import constant
from latephase.certificates.prove.walk.step import BOTH
from latephase.certificates.verdict import Undecided
from latephase.core import LogTime
from latephase.core.balls import arb, exact, plus_minus
from latephase.problem import ShallowReLU

from .numbers import at_least, at_most, interval, rational, text

LAYERED_FORMAT = "latephase certificate 2"
_TIMES = ("1e6", "1e100", "1e1000")
Body = dict[str, Any]


def layered_problem(system: LayeredSystem, network: ShallowReLU) -> Body:
    """What the problem of such a file has besides, or otherwise than, that of fixed outputs."""
    return {
        "output_weights": [rational(Fraction(float(v))) for v in network.output_weights],
        "trained": "both layers",
        "loss": "logistic" if system.logistic else "exponential",
    }


def layered_claims(system: LayeredSystem, proof: Proof) -> Iterator[Body]:
    """The claims in the order in which each rests on those before it."""
    arrival, tail = proof.arrival, proof.tail
    assert isinstance(arrival, LayeredArrival)
    state = arrival.state
    yield {
        "kind": "entry",
        "rests_on": [],
        "statement": "the run is in its regime from step `entry` on, and here at step `base`",
        "entry": text(proof.entry),
        "base": text(state.time),
        "preactivations": [[interval(a) for a in row] for row in state.a],
        "output_weights": [interval(v) for v in state.v],
        "pattern": "".join(str(int(state.active[j][i])) for j in BOTH for i in BOTH),
    }
    yield {
        "kind": "absorbed",
        "rests_on": ["entry"],
        "statement": f"the run stays {proof.regime.name} for ever: {proof.reason}",
        "regime": proof.regime.name,
        "argument": proof.reason,
    }
    if isinstance(tail, LateLayers):
        yield from _law(system, proof, tail)
        return
    yield {
        "kind": "no_margin",
        "rests_on": ["entry", "absorbed"],
        "statement": "from step `since` on one point is not on its side: the margin is 0",
        "since": text(proof.entry),
    }


def _law(system: LayeredSystem, proof: Proof, tail: LateLayers) -> Iterator[Body]:
    growths = tail.growths
    yield {
        "kind": "growth",
        "rests_on": ["entry", "absorbed"],
        "statement": "2 tau (n + slow (q - q_b)) <= F(q) at n = t - base and "
        "F(q) <= 2 tau (n + fast (q - q_b)), for all t >= base",
        "margins": [interval(growth.start) for growth in growths],
        "imbalances": [interval(growth.lean) for growth in growths],
        "kept": [at_most(growth.kept) for growth in growths],
        "slow": [at_most(growth.slow) for growth in growths],
        "fast": [at_least(growth.fast) for growth in growths],
    }
    yield {
        "kind": "constant",
        "rests_on": ["growth"],
        "statement": "x*(t) - limit ~ constant / sqrt(ln t)",
        "limit": interval(exact(system.limit_boundary)),
        "optimal": system.limit_boundary == system.midpoint,
        "constant": interval(constant(tail)),
    }
    # From the earliest time found, and from 10^1000, where the bounds are closer.
    assert proof.rate is not None
    rates, late_enough = [proof.rate], LogTime.parse("1e1000").log
    if proof.rate.log_from < late_enough:
        with suppress(Undecided):
            rates.append(layered_rate(tail, late_enough))
    for found in rates:
        yield {
            "kind": "rate",
            "rests_on": ["growth", "constant"],
            "statement": f"lower <= |x*(t) - limit| * ({CLOCK}) <= upper whenever ln t >= log_from",
            "clock": CLOCK,
            "log_from": rational(Fraction(found.log_from)),
            "lower": at_most(found.lower),
            "upper": at_least(found.upper),
        }
    for name in _TIMES:
        value = LogTime.parse(name).value
        assert value is not None
        yield {
            "kind": "deficit",
            "rests_on": ["growth"],
            "statement": f"the margin deficit at t = {name}",
            "t": name,
            "deficit": interval(_roomy(tail.deficit(exact(value))).nonnegative_part()),
        }


def _roomy(ball: arb) -> arb:
    """A ball of twice the radius: whoever encloses the same sandwich otherwise is still inside."""
    return ball + plus_minus(ball.rad())
