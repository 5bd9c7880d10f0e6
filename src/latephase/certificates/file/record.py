"""The certificate file: a JSON object from which everything can be derived again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from fractions import Fraction
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from latephase.certificates.prove import trace
from latephase.certificates.prove.flow.passage import FlowArrival
from latephase.certificates.prove.layered.system import LayeredSystem
from latephase.certificates.prove.layered.tail import LateLayers
from latephase.certificates.prove.layered.walk import LayeredArrival
from latephase.certificates.prove.proof import Proof
from latephase.certificates.prove.settled.proof import GeneralProof
from latephase.certificates.prove.settled.system import GeneralSystem
from latephase.certificates.prove.system import System
from latephase.certificates.prove.tails import flow
from latephase.certificates.prove.tails.approach import LateApproach
from latephase.certificates.prove.tails.orbits import LateOrbits
from latephase.certificates.prove.tails.rate import Tail, constant, rate
from latephase.certificates.prove.tails.single import LateHold
from latephase.certificates.prove.tails.slide import LateSlide
from latephase.certificates.prove.walk.arrival import Arrival, Leg
from latephase.certificates.prove.walk.hold import Hold
from latephase.certificates.prove.walk.step import BOTH, Balls
from latephase.certificates.verdict import Undecided, Verdict
from latephase.core import LogTime
from latephase.core.balls import exact, precision
from latephase.core.errors import InputError
from latephase.core.foreign import json_object
from latephase.problem import Dataset, ShallowReLU
from latephase.store.output import Output

from .layered import LAYERED_FORMAT, layered_claims, layered_problem
from .numbers import at_least, at_most, interval, rational, text
from .settled import SETTLED_FORMAT, settled_claims, settled_problem

FORMAT = "latephase certificate 1"
MOST_BYTES = 1 << 20  # of a certificate, as its checker has it
TIMES = ("1e6", "1e100", "1e1000")
Body = dict[str, Any]


class Certified(Protocol):
    """What a file is written from: a question about a run, and what is proved of it."""

    @property
    def network(self) -> ShallowReLU: ...
    @property
    def data(self) -> Dataset: ...
    @property
    def system(self) -> System | GeneralSystem: ...
    @property
    def claim(self) -> str: ...
    @property
    def verdict(self) -> Verdict: ...
    @property
    def reason(self) -> str: ...
    @property
    def proof(self) -> Proof | GeneralProof | None: ...


def record(certificate: Certified) -> Body:
    """The JSON object of a certificate (docs/certificates.md); `schema.json` states its form."""
    system, proof = certificate.system, certificate.proof
    body: Body = {
        "format": _format(system),
        "versions": _versions(),
        "problem": _problem(certificate.network, certificate.data, system),
        "claim": certificate.claim,
        "verdict": certificate.verdict.name,
        "reason": certificate.reason,
        "bits": proof.bits if proof else None,
        "path": [],
        "claims": [],
    }
    if proof is not None:
        with precision(proof.bits):
            body["path"] = list(_path(proof))
            body["claims"] = list(_claims_of(system, proof))
    return {**body, "digest": digest(body)}


@cache
def _versions() -> dict[str, str]:
    """Asked once: to look one up reads and parses a file, which takes as long as a proof."""
    return {name: version(name) for name in ("latephase", "python-flint")}


def _problem(network: ShallowReLU, data: Dataset, system: System | GeneralSystem) -> Body:
    if isinstance(system, GeneralSystem):
        return settled_problem(system, network, data)
    outer: Body = {"output_weights": [int(v) for v in network.output_weights]}
    return {
        "inputs": [_float(x) for x in data.inputs[:, 0]],
        "labels": [int(y) for y in data.labels],
        "weights": [_float(w) for w in network.weights[:, 0]],
        "biases": [_float(b) for b in network.biases_or_zeros],
        **(layered_problem(system, network) if isinstance(system, LayeredSystem) else outer),
        "method": "gradient_flow" if system.step is None else "gradient_descent",
        "step_size": None if system.step is None else rational(system.step),
    }


def _path(proof: Proof | GeneralProof) -> Iterator[Body]:
    """The path to where the tail starts."""
    if isinstance(proof, GeneralProof):
        if proof.settled.base:
            yield {"by": "steps", "steps": text(proof.settled.base)}
    elif isinstance(proof.arrival, FlowArrival):
        for leg in proof.arrival.legs:
            yield {"by": "mode", "ends": leg.ends, "after": interval(leg.after)}
    elif proof.arrival is not None:
        yield from (_leg(leg) for leg in proof.arrival.legs if leg.steps)


def _claims_of(system: System | GeneralSystem, proof: Proof | GeneralProof) -> Iterator[Body]:
    if isinstance(proof, GeneralProof):
        return settled_claims(proof)
    assert isinstance(system, System)
    if isinstance(system, LayeredSystem):
        return layered_claims(system, proof)
    return _claims(system, proof)


def _format(system: System | GeneralSystem) -> str:
    if isinstance(system, GeneralSystem):
        return SETTLED_FORMAT
    return LAYERED_FORMAT if isinstance(system, LayeredSystem) else FORMAT


def save(certificate: Certified, path: object, *, force: bool = False) -> Path:
    """Write the certificate to a file: complete or not at all.

    path: of the file, or what `claimed` gave.  Raises InputError where the file cannot be written,
    and where one stands that is no certificate (unless `force`).
    """
    text = json.dumps(record(certificate), indent=1) + "\n"
    with nullcontext(path) if isinstance(path, Output) else claimed(path, force=force) as output:
        return output.write(text.encode())


def claimed(path: object, *, force: bool = False) -> Output:
    """The place of a certificate, claimed before it is made.  Raises InputError as `save` does."""
    what = "an output that is new, or a certificate"
    return Output(path, folder=False, force=force, ours=_is_certificate, what=what)


def _is_certificate(file: Path) -> bool:
    """Whether a file is a certificate as it was written."""
    try:
        body = json_object(file, "certificate", MOST_BYTES)
    except InputError:
        return False
    known = (FORMAT, LAYERED_FORMAT, SETTLED_FORMAT)
    return body.get("format") in known and body.get("digest") == digest(body)


def digest(body: Body) -> str:
    """SHA-256 of the object without its digest, with sorted keys and no spaces: finds edits."""
    kept = {key: value for key, value in body.items() if key != "digest"}
    canonical = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _float(x: Any) -> Body:
    return rational(Fraction(float(x)))


def _leg(leg: Leg) -> Body:
    """A leg of the path; of a slide also whose kink is held, and the constants that hold it."""
    plain: Body = {"by": leg.by, "steps": text(leg.steps)}
    if leg.slide is None:
        return plain
    kink = "12" if leg.slide.shape.flipped else "21"
    return {**plain, "kink": kink, **_constants(leg.slide.constants)}


def _constants(of: object) -> Body:
    """The exact numbers of an induction."""
    return {name: rational(x) for name, x in vars(of).items() if isinstance(x, Fraction)}


def _claim(kind: str, rests_on: str, statement: str, **facts: Any) -> Body:
    return {"kind": kind, "rests_on": rests_on.split(), "statement": statement, **facts}


def _claims(system: System, proof: Proof) -> Iterator[Body]:
    """The claims in the order in which each rests on those before it."""
    regime, reason, tail = proof.regime.name, proof.reason, proof.tail
    yield _entry(system, proof)
    statement = f"the run stays {regime} for ever: {reason}"
    yield _claim("absorbed", "entry", statement, regime=regime, argument=reason)
    assert not isinstance(tail, LateLayers)
    assert not isinstance(proof.arrival, LayeredArrival)
    if tail is None:
        statement = "from step `since` on one point is not on its side: the margin is 0"
        yield _claim("no_margin", "entry absorbed", statement, since=text(proof.entry))
        return
    if isinstance(tail, LateOrbits):
        series = tail.orbits[0].series
        yield _claim(
            "orbits",
            "entry absorbed",
            "|Phi(s_p(t)) - phase_p - t| <= remainder for all t >= base",
            terms=series.terms,
            level=series.level,
            remainder=at_least(series.remainder()),
            phases=[interval(orbit.phase) for orbit in tail.orbits],
        )
    elif isinstance(tail, LateApproach):
        statement = "X G(w)/p = t + phase and w X^(a/p) = drift for all t >= base"
        constants = {"phase": interval(tail.phase), "drift": interval(tail.drift)}
        yield _claim("approach", "entry absorbed", statement, **constants)
    elif isinstance(proof.arrival, Arrival) and proof.arrival.slide is not None:
        slide = proof.arrival.slide
        single = isinstance(slide, Hold)
        kind, kinks = ("hold", "one kink is") if single else ("sandwich", "both kinks are")
        statement = f"{kinks} held for ever, between multiples of 1/(sigma + t - base)"
        yield _claim(kind, "entry", statement, **_constants(slide))
    yield from _law(system, proof, tail)


def _entry(system: System, proof: Proof) -> Body:
    entry: Body | str
    if proof.arrival is None:
        statement = "gradient flow from the start; the last wrong side lands at the time `entry`"
        balls: Balls = tuple(tuple(exact(a) for a in row) for row in system.start)  # type: ignore
        entry, base, pattern = interval(flow.entry(system)), 0, {}
    elif isinstance(proof.arrival, FlowArrival):
        statement = "gradient flow: from the time `entry` on in its last mode, and here then"
        last = proof.arrival.last
        a11, a12, a21, a22 = last.state
        balls, entry, base = ((a11, a12), (a21, a22)), interval(last.begin), proof.entry
        pattern = {"pattern": last.mode.signs}
    else:
        statement = "the run is in its regime from step `entry` on, and here at step `base`"
        assert isinstance(proof.arrival, Arrival)
        state, slides = proof.arrival.state, proof.arrival.legs[-1].slide
        balls, entry, base = state.a, text(proof.entry), state.time
        signs = "".join(str(int(state.active[j][i])) for j in BOTH for i in BOTH)
        pattern = {} if slides else {"pattern": signs}
    sides = [[interval(a) for a in row] for row in balls]
    return _claim(
        "entry", "", statement, entry=entry, base=text(base), preactivations=sides, **pattern
    )


def _law(system: System, proof: Proof, tail: Tail) -> Iterator[Body]:
    assert proof.rate is not None
    late = {
        LateOrbits: "orbits",
        LateSlide: "sandwich",
        LateHold: "hold",
        LateApproach: "approach",
    }[type(tail)]
    yield _claim(
        "constant",
        late,
        "x*(t) - limit ~ constant / ln t",
        limit=interval(exact(system.limit_boundary)),
        optimal=proof.optimal(system),
        constant=interval(constant(tail)),
        zero=tail.lean is None,
    )
    # From the earliest time found, and from 10^1000, where the constants are tight.
    rates, late_enough = [proof.rate], LogTime.parse("1e1000").log
    if proof.rate.log_from < late_enough:
        with suppress(Undecided):
            rates.append(rate(tail, late_enough))
    for found in rates:
        bounds = f"lower <= |x*(t) - limit| * ({found.clock}) <= upper"
        yield _claim(
            "rate",
            f"{late} constant",
            f"{bounds} whenever ln t >= log_from",
            clock=found.clock,
            log_from=_float(found.log_from),
            lower=at_most(found.lower),
            upper=at_least(found.upper),
        )
    for name in TIMES:
        time = LogTime.parse(name)
        if time.value is not None and time.value >= tail.since:
            deficit = interval(trace.deficit(system, proof, time).nonnegative_part())
            statement = f"the margin deficit at t = {name}"
            yield _claim("deficit", late, statement, t=name, deficit=deficit)
