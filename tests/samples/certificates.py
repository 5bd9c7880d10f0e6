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
from latephase.certificates.prove.walk.sandwich import Sandwich

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
    "single slide": ((1, 2), (0.1, 0.3), (0.2, 0.1), 0.1),
    "single slide, mirrored": ((3, 0.2), (0.1, 0.3), (0.2, 0.1), 0.1),
    "far slide": ((0.5, 20), (0.1, 0.3), (0.2, 0.1), 0.01),
    "half slide": ((-0.85, 1.05), (-1.5, -0.7), (0.0, 1.2), 0.1),
    "half slide, mirrored": ((0.97, -0.86), (0.5, -0.8), (0.8, -0.1), 0.1),
    "falling hold": ((0.16, -0.49), (-1.3, -0.2), (1.4, 0.5), 0.1),
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
    "flow sinking": ((3, -1), (0.7, -0.4), (0.9, 0.8), None),
    "flow revived": ((1.7, -5.0), (-1.3, -1.7), (0.9, 0.7), None),
    "flow coupled": ((1.2, -4.9), (1.5, 0.0), (-0.5, 0.7), None),
    "flow resonant": ((2, -2), (0.9, 0.4), (0.9, 1.1), None),
    "flow released": ((0.3, 3.4), (0.2, -0.1), (0.4, 1.0), None),
    "flow from 0": ((0.0, 1.9), (-0.1, -0.1), (0.2, 0.8), None),
    "flow dying": ((-1.8, -1.7), (0.7, -2.3), (-0.1, -2.3), None),
    "flow double slide": ((0.5, -0.8), (0.7, -0.4), (0.1, 0.2), None),
    "flow even slide": ((0.5, -0.5), (0.7, -0.4), (0.1, 0.2), None),
    "flow mirror": ((0.5, -0.5), (0.5, -0.5), (0.2, 0.2), None),
    "flow single slide": ((1, 3), (-0.5, 0.7), (2.0, 0.1), None),
    "flow wide slide": ((1, 20), (-0.5, 0.7), (2.0, 0.1), None),
    "flow survivor": ((0.5, -0.8), (0.7, 0.4), (0.1, 0.2), None),
    "flow both dead": ((2, 1), (0.1, 0.2), (-1, -1), None),
}


def certificate(run: str, claim: str = "settled", **options: Any) -> Body:
    """The certificate of one of the RUNS, as a JSON object."""
    inputs, weights, biases, step = RUNS[run]
    data = lp.Dataset([[float(x)] for x in inputs], [1, -1])
    net = lp.ShallowReLU([[float(w)] for w in weights], [float(b) for b in biases], [1, -1])
    method = lp.GradientFlow() if step is None else lp.GradientDescent(step)
    return json.loads(json.dumps(record(certify(net, data, method, claim=claim, **options))))


# Both layers trained.  name: inputs, weights, biases, output weights, step size, loss
LAYERED: dict[str, tuple[tuple, tuple, tuple, tuple, float, str]] = {
    "frozen": ((1, -1), (0.7, -0.4), (0.1, 0.2), (1, -1), 0.1, "exponential"),
    "frozen, logistic": ((1, -1), (0.7, -0.4), (0.1, 0.2), (0.8, -0.5), 0.1, "logistic"),
    "sinking": ((3, -1), (0.7, -0.4), (0.1, 0.2), (1, -1), 0.1, "exponential"),
    "unequal": ((2, -0.5), (0.7, -0.4), (0.1, 0.2), (0.3, -1.5), 0.25, "logistic"),
    "crossed": ((1, -1), (0.7, -0.4), (0.9, 0.7), (1, -1), 0.1, "exponential"),
    "crossed apart": ((3, -1), (0.7, -0.4), (0.9, 0.7), (1, -1), 0.05, "logistic"),
    "turned": ((1, -1), (-0.7, 0.4), (0.1, 0.2), (-0.1, 0.1), 0.1, "exponential"),
    "wrong signs": ((1, -1), (-0.7, 0.4), (0.3, 0.2), (0.1, -0.1), 0.1, "exponential"),
    "one dead": ((1, -1), (0.7, 0.4), (0.1, 0.2), (1, -1), 0.1, "exponential"),
    "both dead": ((1, -1), (0.1, 0.2), (-1, -1), (1, -1), 0.1, "logistic"),
}


def layered(run: str, claim: str = "settled", **options: Any) -> Body:
    """The certificate of one of the LAYERED runs, as a JSON object."""
    inputs, weights, biases, outputs, step, loss = LAYERED[run]
    net = lp.ShallowReLU(weights, biases, outputs, train_output=True)
    data, method = lp.Dataset(inputs, [1, -1]), lp.GradientDescent(step)
    return json.loads(
        json.dumps(record(certify(net, data, method, loss=loss, claim=claim, **options)))
    )


# Any network.  name: inputs, labels, weights, biases, output weights, step size, further settings
SETTLED: dict[str, tuple[list, list, list, list | None, list, float, dict[str, Any]]] = {
    "three neurons": ([1, -1], [1, -1], [0.7, -0.4, 0.3], [0.1, 0.2, 0.1], [1, -1, 1], 0.1, {}),
    "logistic": (
        [1, -1], [1, -1], [0.7, -0.4, 0.3], [0.1, 0.2, 0.1], [1, -1, 1], 0.1, {"loss": "logistic"}
    ),
    "leaky": (
        [1, -1], [1, -1], [0.7, -0.4, 0.3], [0.1, 0.2, 0.1], [1, -1, 1], 0.1,
        {"negative_slope": 0.125}
    ),
    "no biases": ([1, -1], [1, -1], [0.7, -0.4, 0.3], None, [1, -1, 1], 0.1, {}),
    "a point at rest": (
        [1, -2, -3], [1, -1, -1], [0.7, -0.4, 0.3], [0.1, 0.2, 0.1], [1, -1, 1], 0.1, {}
    ),
    "a plane": (
        [[1, 0.25], [-2, 0.5], [-1.5, 2]], [1, -1, -1], [[0.7, 0.2], [-0.4, 0.3], [0.5, 0.1]],
        [0.1, 0.2, -0.3], [1, -1, 1], 0.1, {}
    ),
    "idle": ([1, -1], [1, -1], [0.7, 0.4], [-0.1, 0.2], [2, 1], 0.1, {}),
    "nothing moves": ([1, -1], [1, -1], [0.1, 0.2], [-1, -1], [2, -1], 0.1, {}),
    "a leaky slide": (
        [-1.125, -0.375], [1, -1], [1.875, 0.25, 0.5], [-1.0, -0.5, -1.25], [1, -1, 1], 0.125,
        {"negative_slope": 0.125}
    ),
    "a slide without biases": (
        [[0.25, 0], [1.5, 1.875], [-0.375, -0.625]], [1, -1, 1], [[0.375, -1.875], [0.625, 0.375]],
        None, [1, -1], 0.125, {}
    ),
    "slides and a rest": (
        [-0.125, -1.125, 1.75], [1, -1, 1], [0.0, 0.375, -1.0, -0.5], [0.5, -0.875, 0.25, 0.5],
        [1, -1, 1, -1], 0.125, {}
    ),
    "logistic slides": (
        [0.25, -2.25], [1, -1], [-0.125, 0.875, 0.5, -0.875], [-1.125, 0.875, 0.75, -0.125],
        [1, -1, 1, -1], 0.125, {"loss": "logistic"}
    ),
    "two slides of one neuron": (
        [[0.5, -1.125], [0.625, 0], [-1.125, 0.375]], [1, -1, 1], [[-1.5, -0.5], [-0.25, 0.875]],
        [-0.125, 0.0], [1, -1], 0.125, {"negative_slope": 0.125, "loss": "logistic"}
    ),
}  # fmt: skip
SLIDES = {  # how many kinks of the SETTLED slide
    "a leaky slide": 1, "a slide without biases": 1, "slides and a rest": 2, "logistic slides": 2,
    "two slides of one neuron": 3,
}  # fmt: skip


# Networks of which an idle point kicks neurons for ever, as SETTLED.
KICKED: dict[str, tuple[list, list, list, list | None, list, float, dict[str, Any]]] = {
    "a kick": (
        [0.625, 0.125, -1.375], [1, -1, 1], [2.0, -0.875, 0.25, -1.375],
        [-0.75, 0.125, -1.125, 0.125], [1, -1, 1, -1], 0.125, {}
    ),
    "two are kicked": (
        [-0.375, 0.875], [1, -1], [1.875, 1.0, -2.0, -1.25, 0.375],
        [-1.0, -1.0, 1.125, 0.125, 1.0], [1, -1, 1, -1, 1], 0.125, {"loss": "logistic"}
    ),
    "a kick and a rest": (
        [0.125, -0.75, 1.625, -1.25], [1, -1, 1, -1], [-0.125, 0.375, -0.25],
        [-0.625, 0.25, 0.75], [1, -1, 1], 0.125, {"loss": "logistic"}
    ),
    "a kick in a plane": (
        [[1.5, -1.375], [-0.375, 2.125], [-0.875, 0]], [1, -1, 1],
        [[0.875, -1.625], [-1.125, 0.5], [1.125, 0.875]], [0.75, 0.0, -0.75], [1, -1, 1], 0.125, {}
    ),
}  # fmt: skip


def described(run: str) -> tuple[list, list, list, list | None, list, float, dict[str, Any]]:
    """One of the SETTLED runs, or of the KICKED ones."""
    return KICKED.get(run) or SETTLED[run]


def general(run: str, claim: str = "settled", **options: Any) -> Any:
    """The certificate of one of the SETTLED or KICKED runs."""
    inputs, labels, weights, biases, outputs, step, more = described(run)
    slope, loss = more.get("negative_slope", 0.0), more.get("loss", "exponential")
    net = lp.ShallowReLU(weights, biases, outputs, negative_slope=slope)
    data, method = lp.Dataset(inputs, labels), lp.GradientDescent(step)
    return certify(net, data, method, loss=loss, claim=claim, **options)


def settled(run: str, claim: str = "settled", **options: Any) -> Body:
    """The same as a JSON object."""
    return json.loads(json.dumps(record(general(run, claim, **options))))


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


def with_preactivations(a11: float, a12: float, a21: float, a22: float) -> lp.ShallowReLU:
    """The network with these pre-activations on x = +-1."""
    weights = [(a11 - a12) / 2, (a21 - a22) / 2]
    return lp.ShallowReLU(weights, [(a11 + a12) / 2, (a21 + a22) / 2])


def misled() -> tuple[lp.ShallowReLU, lp.Dataset, lp.GradientDescent, Sandwich]:
    """Kinks held by bands so wide that a21 > a11: x1 is misclassified, the deficit the optimum."""
    x1, x2, ratio = 1.0, -0.999, (1 - 0.999) / 2
    a11, a12, a21, a22 = 0.15, 1e-12, 0.5, 0.15 + ratio * 0.5
    w1, w2 = (a11 - a12) / (x1 - x2), (a21 - a22) / (x1 - x2)
    net = lp.ShallowReLU([w1, w2], [a11 - w1 * x1, a21 - w2 * x1])
    # All conditions hold but those on the right sides: they were forgotten once.
    bands = (0.0008264243225779928, 1.0017287554198377, 290894539.23598737, 1.6525749426883107)
    constants = Sandwich(0, *map(Fraction, (581207870.6013734, 0.999, 1.83, 1.83, *bands)))
    return net, lp.Dataset([x1, x2], [1, -1]), lp.GradientDescent(1e-9), constants
