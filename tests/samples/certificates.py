"""Certificates to check, and what is done to them: shared by the tests of the checker."""

from __future__ import annotations

import hashlib
import json
from decimal import Context
from fractions import Fraction
from typing import Any

import latephase as lp
from latephase.certificates import certify
from latephase.certificates.file.record import record

Body = dict[str, Any]

# name: inputs, weights, biases, step size (None: gradient flow)
RUNS: dict[str, tuple[tuple, tuple, tuple, float | None]] = {
    "specialised": ((1, -1), (0.7, -0.4), (0.1, 0.2), 0.1),
    "sinking": ((3, -1), (0.7, -0.4), (0.1, 0.2), 0.1),
    "unequal": ((2, -0.5), (0.7, -0.4), (0.1, 0.2), 0.5),
    "crossed": ((1, -1), (0.7, 0.4), (0.9, 0.8), 0.1),
    "tiny steps": ((1, -1), (0.7, -0.4), (0.9, 0.8), 1e-3),
    "large steps": ((2, -0.5), (0.7, -0.4), (0.9, 0.8), 2.0),
    "double slide": ((0.5, -0.8), (0.7, -0.4), (0.1, 0.2), 0.1),
    "even slide": ((0.5, -0.5), (0.7, -0.4), (0.1, 0.2), 0.5),
    "kicked": ((0.5, -0.8), (0.7, 0.4), (0.1, 0.2), 0.1),
    "both dead": ((1, -1), (0.1, 0.2), (-1, -1), 0.1),
    "one dead": ((1, -1), (0.7, 0.4), (0.1, 0.2), 0.1),
    "exploded": ((1, 3), (3, -3.5), (25, 25.5), 0.1),
    "mirror": ((1, -1), (0.5, -0.5), (0.2, 0.2), 0.1),
    "mirror apart": ((5, -5), (0.5, -0.5), (0.0, 0.0), 0.5),
    "zero biases": ((1, -1), (0.7, -0.4), (0.0, 0.0), 0.1),
    "exact constant": ((5, -5), (1.25, -0.5), (0.0, 0.0), 0.1),
    "metastable": ((1, -1), (3, -3.5), (25, 25.5), 0.1),
    "flow": ((1, -1), (0.7, -0.4), (0.1, 0.2), None),
    "flow unequal": ((2, -0.5), (0.7, -0.4), (0.9, 0.8), None),
    "flow landing": ((1, -1), (0.7, 0.4), (-0.1, 0.9), None),
    "flow dead": ((1, -1), (-0.7, 0.4), (0.1, 0.2), None),
}


def certificate(run: str, claim: str = "settled", **options: Any) -> Body:
    """The certificate of one of the RUNS, as a JSON object."""
    inputs, weights, biases, step = RUNS[run]
    data = lp.Dataset([[float(x)] for x in inputs], [1, -1])
    net = lp.ShallowReLU([[float(w)] for w in weights], [float(b) for b in biases], [1, -1])
    method = lp.GradientFlow() if step is None else lp.GradientDescent(step)
    return json.loads(json.dumps(record(certify(net, data, method, claim=claim, **options))))


def signed(body: Body) -> Body:
    """The same with the digest that the format asks for."""
    rest = {key: value for key, value in body.items() if key != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return {**rest, "digest": hashlib.sha256(text.encode("ascii")).hexdigest()}


def exact(number: Body) -> Fraction:
    return Fraction(int(number["mantissa"])) * Fraction(2) ** int(number["exponent"])


def number(value: Fraction) -> Body:
    """The canonical form of a dyadic number."""
    if value == 0:
        return {"mantissa": "0", "exponent": "0", "decimal": "0"}
    mantissa, exponent = value.numerator, 1 - value.denominator.bit_length()
    while mantissa % 2 == 0:
        mantissa, exponent = mantissa // 2, exponent + 1
    decimal = Context(prec=17).divide(value.numerator, value.denominator)
    return {"mantissa": str(mantissa), "exponent": str(exponent), "decimal": str(decimal)}
