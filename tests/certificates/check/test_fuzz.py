"""Files of anybody: any JSON, any bytes, and any change of certificates of every kind."""

from __future__ import annotations

import copy
import functools
import json
import resource
import time
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import latephase as lp
from helpers import message_is_one_line
from latephase.certificates.check.verify import ARITHMETICS, NotACertificate, Uncheckable, verify
from latephase.certificates.file.record import record
from samples.certificates import LAYERED, RUNS, certificate, exact, layered, number, settled, signed
from samples.mutations import below, is_number

SECONDS, MEMORY = 20, 1 << 19  # of a file: processor time (a path of 2^27 steps times bits), KiB
NAMES = "inputs", "weights", "biases"
QUICK = ["three neurons", "leaky", "idle", "nothing moves", "a kick"]
KINDS = {"pair": (certificate, RUNS), "layers": (layered, LAYERED), "settled": (settled, QUICK)}
FUZZ = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# Numbers of a file that are hostile: as large, as small or as long as the form allows, or more.
LONG = {"<long>": "9" * 4000, "<longer>": "9" * 13_000}  # by short names, for what is reported
WORDS = ["0", "-1", "1e6", *LONG, "-" + "7" * 300, "3000000000000000000", "", "١", "specialised"]
WORDS += ["PROVED", "gradient_flow", "kicked back", "latephase certificate 3", "1001"]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
LEAVES |= st.sampled_from(WORDS)
NUMBERS = st.fixed_dictionaries(
    {name: st.sampled_from(WORDS) | st.from_regex(r"-?[1-9][0-9]{0,25}", fullmatch=True)
     for name in ("mantissa", "exponent", "decimal")}
)  # fmt: skip
HOW = "other", "number", "gone", "twice", "moved", "digit", *["near", "far"] * 3
VALUES = st.recursive(
    LEAVES | NUMBERS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=20,
)


@functools.cache
def whole(kind: str, run: str) -> str:
    made, _ = KINDS[kind]
    return json.dumps(made(run))


def text(value: object) -> str:
    """As JSON, with what is long in full."""
    found = json.dumps(value)
    for name, full in LONG.items():
        found = found.replace(name, full)
    return found


def told(source: object, arithmetic: str = "balls") -> bool:
    """Whether a checker says that it is valid; whatever it is, it is told soon, in one line, and in
    little memory.  Anything else that is raised fails the test."""
    begun, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        report = verify(source, arithmetic=arithmetic)
        assert report.valid == (not report.faults)
        assert all("\n" not in line and len(line) < 500 for line in report.faults)
        valid = report.valid
    except (NotACertificate, Uncheckable) as error:
        valid = not message_is_one_line(error)
        assert not valid
    assert time.process_time() - begun < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY
    return valid


@FUZZ
@given(VALUES, st.sampled_from(ARITHMETICS))
def test_any_json_is_no_certificate(value: object, arithmetic: str) -> None:
    """Ground truth: no certificate is this small."""
    assert not told(text(value), arithmetic)


@FUZZ
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda x: "{" + x))
def test_any_bytes_are_no_certificate(source: bytes | str) -> None:
    """Ground truth: no certificate is this short."""
    assert not told(source)


@pytest.mark.parametrize("kind", KINDS)
@FUZZ
@given(st.data())
def test_a_changed_file_ends_in_a_line_or_is_true(kind: str, data) -> None:
    """Ground truth: SHA-256: without a new digest every change is found.  With one it is told in
    one line why it does not hold, or it says what the changed problem is proved anew to do."""
    ends_in_a_line_or_is_true(kind, data)


@pytest.mark.campaign
@pytest.mark.parametrize("kind", KINDS)
@settings(FUZZ, max_examples=300)
@given(st.data())
def test_many_changed_files_end_in_a_line_or_are_true(kind: str, data) -> None:
    """Ground truth: the same."""
    ends_in_a_line_or_is_true(kind, data)


def ends_in_a_line_or_is_true(kind: str, data) -> None:
    body = json.loads(whole(kind, data.draw(st.sampled_from(sorted(KINDS[kind][1])))))
    changed = copy.deepcopy(body)
    for _ in range(data.draw(st.integers(1, 3))):
        change(changed, data)
    if changed == body:
        return
    assert not told(text(changed))
    for arithmetic in ARITHMETICS:
        if told(text(signed(json.loads(text(changed)))), arithmetic):
            assert same_answer(changed)


def change(body: dict, data) -> None:
    """A value somewhere that becomes another, goes, comes twice, or comes from elsewhere."""
    places = [path for path, _ in below(body) if path]
    path = data.draw(st.sampled_from(places))
    *outer, last = path
    inside = functools.reduce(lambda x, key: x[key], outer, body)
    how = data.draw(st.sampled_from(HOW))
    if how == "gone":
        del inside[last]
    elif how == "twice" and isinstance(inside, list):
        inside.insert(last, copy.deepcopy(inside[last]))
    elif how == "moved":
        there = functools.reduce(lambda x, key: x[key], data.draw(st.sampled_from(places)), body)
        inside[last] = copy.deepcopy(there)
    elif how in ("near", "far") and is_number(inside[last]):
        inside[last] = close(inside[last], how == "near", data)
    elif how == "number" and is_number(inside[last]):
        inside[last] = data.draw(NUMBERS)
    elif how == "digit" and isinstance(inside[last], str) and inside[last].isdigit():
        inside[last] = inside[last][:-1] + data.draw(st.sampled_from("0123456789"))
    else:
        inside[last] = data.draw(VALUES)


def close(x: dict, near: bool, data) -> dict:
    """Another number, in canonical form: near by, or of another size or sign."""
    if abs(int(x["exponent"])) > 5000:
        return number(Fraction(1))
    size = Fraction(2) ** data.draw(st.integers(-130, -40) if near else st.integers(-3, 3))
    by = size * data.draw(st.sampled_from([-1, 1]))
    return number(exact(x) * (1 + by) if near and exact(x) else exact(x) * by + by * (not near))


def same_answer(body: dict) -> bool:
    """Whether the problem of a file, proved anew, has the verdict, the end and the values in it."""
    again = json.loads(json.dumps(record(proved(body))))
    if (again["verdict"], again["claims"] == []) != (body["verdict"], body["claims"] == []):
        return False
    claims = {(c["kind"], c.get("t")): c for c in again["claims"]}
    return all(
        agree(claim[name], claims[claim["kind"], claim.get("t")].get(name))
        for claim in body["claims"]
        for name in ("regime", "optimal", "zero", "constant", "margin_constant", "deficit", "limit")
        if name in claim and (claim["kind"], claim.get("t")) in claims
    )


def agree(one, other) -> bool:
    """Whether two intervals have a point in common, or two words are the same."""
    if not isinstance(one, dict):
        return one == other
    return exact(one["lower"]) <= exact(other["upper"]) and (
        exact(other["lower"]) <= exact(one["upper"])
    )


def proved(body: dict) -> lp.Certificate | lp.GeneralCertificate:
    """The proof of the problem and of the question in a file."""
    problem = body["problem"]

    def doubles(x):
        return [doubles(y) for y in x] if isinstance(x, list) else float(exact(x))

    given = {name: problem[name] and doubles(problem[name]) for name in NAMES}
    outer = problem["output_weights"]
    outer = doubles(outer) if isinstance(outer[0], dict) else outer
    slope = doubles(problem["negative_slope"]) if "negative_slope" in problem else 0.0
    net = lp.ShallowReLU(
        given["weights"],
        given["biases"],
        outer,
        train_output="trained" in problem,
        negative_slope=slope,
    )
    step = problem["step_size"]
    method = lp.GradientDescent(doubles(step)) if step else lp.GradientFlow()
    loss, bits = problem.get("loss", "exponential"), body["bits"] or 128
    data = lp.Dataset(given["inputs"], problem["labels"])
    return lp.certify(net, data, method, loss=loss, claim=body["claim"], bits=bits)
