"""The file of a network that has settled: its problem and its claims."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from latephase.certificates.prove.settled.proof import GeneralProof
from latephase.certificates.prove.settled.system import GeneralSystem
from latephase.certificates.prove.settled.tail import Settled
from latephase.core import LogTime
from latephase.core.balls import Rational, arb, exact, plus_minus
from latephase.problem import Dataset, ShallowReLU

from .numbers import at_least, at_most, interval, rational, text

SETTLED_FORMAT = "latephase certificate 3"
_NUMBERS = ("sigma", "sup", "slowest", "power", "tail")
_TIMES = ("1e6", "1e100", "1e1000")
Body = dict[str, Any]


def settled_problem(system: GeneralSystem, network: ShallowReLU, data: Dataset) -> Body:
    """All of the problem."""
    biases = None if network.biases is None else [_double(b) for b in network.biases]
    return {
        "inputs": [[_double(x) for x in row] for row in data.inputs],
        "labels": [int(y) for y in data.labels],
        "weights": [[_double(w) for w in row] for row in network.weights],
        "biases": biases,
        "output_weights": [_double(v) for v in network.output_weights],
        "negative_slope": _double(network.negative_slope),
        "loss": "logistic" if system.logistic else "exponential",
        "method": "gradient_descent",
        "step_size": rational(Fraction(int(system.step.p), int(system.step.q))),
    }


def settled_claims(proof: GeneralProof) -> Iterator[Body]:
    """The claims in the order in which each rests on those before it."""
    settled, limit = proof.settled, proof.settled.limit
    yield {
        "kind": "entry",
        "rests_on": [],
        "statement": "the pattern is this one from step `entry` on, and this is the run at `base`",
        "entry": text(settled.since),
        "base": text(settled.base),
        "pattern": ["".join("01s"[x] for x in row) for row in settled.pattern],
        "parameters": [[interval(x) for x in row] for row in settled.parameters],
        "margins": [interval(u) for u in settled.margins],
    }
    yield {
        "kind": "limit",
        "rests_on": ["entry"],
        "statement": "the shortest parameters of this pattern with margins >= 1, a KKT point",
        "support": limit.support,
        "multipliers": [interval(_ball(x)) for x in limit.multipliers],
        "margins": [interval(_ball(x)) for x in limit.margins],
        "normalised_margin": interval(arb(0) if limit.idle else 1 / settled.length),
    }
    regime = "settled" if proof.trained else "idle"
    yield {
        "kind": "absorbed",
        "rests_on": ["entry", "limit"],
        "statement": f"the run stays {regime} for ever: {proof.argument}",
        "regime": regime,
        "argument": proof.argument,
        **{name: at_most(getattr(settled.held, name)) for name in _NUMBERS},
        "spill": [at_most(x) for x in settled.held.spill],
        **{name: [at_most(x) for x in band] for name, band in _bands(settled)},
    }
    for name in _TIMES:
        value = LogTime.parse(name).value
        assert value is not None
        if value < settled.base:
            continue
        when = settled.at(exact(value))
        nearest = proof.robustness_margin(when)
        yield {
            "kind": "values",
            "rests_on": ["limit", "absorbed"],
            "statement": f"margins at t = {name}",
            "t": name,
            "margins": [interval(_roomy(u)) for u in settled.margins_in(when)],
            "normalised_margin": interval(_roomy(settled.normalised_margin(when))),
            "robustness_margin": None if nearest is None else interval(_roomy(nearest)),
        }
    law = proof.law
    yield {
        "kind": "constant",
        "rests_on": ["limit", "absorbed"],
        "statement": "limit_margin - margin(t) ~ margin_constant / ln t",
        "limit_margin": None if law is None else interval(_roomy(law.limit)),
        "margin_constant": None if law is None else interval(_roomy(law.constant)),
    }
    for rate in proof.rates():
        spare = plus_minus((rate.upper - rate.lower) / 2**20)
        yield {
            "kind": "rate",
            "rests_on": ["absorbed", "constant"],
            "statement": "lower <= (limit_margin - margin(t)) ln t <= upper when ln t >= log_from",
            "log_from": rational(Fraction(rate.log_from)),
            "lower": at_most(rate.lower + spare),
            "upper": at_least(rate.upper + spare),
        }


def _bands(settled: Settled) -> list[tuple[str, list[arb]]]:
    return [(name, getattr(settled.held.bands, name)) for name in ("up", "low") if settled.kinks]


def _roomy(ball: arb) -> arb:
    """A little wider: whoever encloses the same otherwise is still inside."""
    return ball + plus_minus(ball.rad() / 2**10)


def _ball(x: Rational) -> arb:
    return arb(x)


def _double(x: Any) -> Body:
    return rational(Fraction(float(x)))
