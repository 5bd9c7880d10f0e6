"""Certificates that were changed, by accident and on purpose, and files that are none."""

from __future__ import annotations

import functools
import itertools
import json
import random
import time
from fractions import Fraction

import pytest

import latephase as lp
from helpers import message_is_one_line, shares
from latephase.certificates.check.verify import NotACertificate, verify
from samples.certificates import RUNS, certificate, exact, number, signed
from samples.mutations import STILL_TRUE, accepted, mutations, passed

BANDS = "up", "low", "up_y", "low_y"
NUMBERS = "weights", "biases", "inputs"
OF, NAMES = functools.cache(certificate), sorted(RUNS)


@pytest.mark.parametrize("part", shares(4))
def test_a_change_is_found_by_the_digest(part: int) -> None:
    """Ground truth: SHA-256: no two of these contents have the same digest."""
    seen = 0
    for name, _, changed, what in itertools.islice(mutations(1400, 1, OF, NAMES), part, None, 4):
        assert not accepted(changed), (name, what)
        seen += 1
    assert seen > 300


@pytest.mark.campaign
def test_a_change_with_a_new_digest_is_found_by_the_mathematics() -> None:
    """Ground truth: what the unchanged one proves; a change passes only if it is still true."""
    single = [name for name in NAMES if "single" in name or "far" in name]
    ending = [name for name in NAMES if "half" in name or "falling" in name]
    three = (
        mutations(1400, seed, OF, names) for seed, names in enumerate((NAMES, single, ending), 2)
    )
    seen, reasons = passed(itertools.chain(*three), still_true)
    assert seen > 3600
    assert sum(reasons.values()) < seen / 8, reasons


def still_true(body, changed, what) -> str:
    """Why a changed certificate that passes is right; "" if there is no reason."""
    if what[0] == "claims":
        return true_claim(body, changed, what)
    if what == ("problem", "step_size"):
        unmoved = not body["path"] and body["problem"]["method"] == "gradient_descent"
        return "a step size where nothing moves" if unmoved else ""
    if what[:2] in (("problem", "weights"), ("problem", "biases")) and body["claims"]:
        return "a run so near that the chatter of slides hides it" if inside(changed) else ""
    if what[0] == "path" and "after" in what:
        now, before = (exact(functools.reduce(lambda x, k: x[k], what, b)) for b in (changed, body))
        close = abs(now - before) < abs(before) / 2**60  # that far is rounded outward
        wider = close or (now < before) == (what[-1] == "lower")
        return "another interval around what ends a mode" if wider else ""
    if what[0] == "path" and what[-1] == "by":
        return "the same steps, walked in another way"
    if what[0] == "path" and what[-1] in ("sigma", "theta", "top", "top_2", *BANDS):
        return "other constants whose induction holds"
    return STILL_TRUE.get(what, "")


def proved(body) -> lp.Certificate:
    """The proof of the problem in a file."""
    problem = body["problem"]
    weights, biases, inputs = ([float(exact(x)) for x in problem[n]] for n in NUMBERS)
    step, net = problem["step_size"], lp.ShallowReLU(weights, biases, problem["output_weights"])
    method = lp.GradientDescent(float(exact(step))) if step else lp.GradientFlow()
    return lp.certify(net, lp.Dataset(inputs, problem["labels"]), method)


def inside(changed) -> bool:
    """Whether a certificate of the changed problem itself agrees on where the run is."""
    entry = changed["claims"][0]
    rows = proved(changed).preactivations(int(entry["base"]))
    pairs = zip(rows, entry["preactivations"], strict=True)
    ends = [pair for got, claimed in pairs for pair in zip(got, claimed, strict=True)]
    return all(
        exact(x["lower"]) <= Fraction(high) and Fraction(low) <= exact(x["upper"])
        for (low, high), x in ends
    )


def holds_then(body, claim) -> bool:
    """Whether what is proved of the run where a rate begins, on the clock ln t, is within it."""
    log, found = exact(claim["log_from"]), proved(body)
    ends = found.boundary(lp.LogTime.from_log(float(log), flow=found.system.step is None))
    limit = found.system.limit_boundary
    sizes = [abs(Fraction(end) - limit) * log for end in ends]
    return exact(claim["lower"]) <= min(sizes) and max(sizes) <= exact(claim["upper"])


def true_claim(body, changed, path) -> str:
    """Why a claim with one number changed is right."""
    claim, last = body["claims"][path[1]], path[-1]
    now, before = (functools.reduce(lambda x, key: x[key], path, b) for b in (changed, body))
    if last in ("terms", "level"):  # of 24 terms and 25 the phases differ by 1e-30
        return "more terms or a higher level, whose remainder is smaller" if now > before else ""
    if not isinstance(before, dict):
        return ""
    later = exact(now) > exact(before)
    if last == "log_from" and exact(claim["upper"]) == 0:
        return "x* is its limit at all times"
    if claim["kind"] in ("sandwich", "hold"):
        return "other constants whose induction holds"
    # The file has rounded away up to 2^-30, the radius of a ball.
    close = abs(exact(now) - exact(before)) < abs(exact(before)) / 2**30
    if last == "log_from" and not later and claim["clock"] == "ln t":
        then = changed["claims"][path[1]]
        return "a bound that holds from then on, too" if holds_then(body, then) else ""
    if last in ("log_from", "remainder"):
        return "a bound from later on, or a larger remainder" if later or close else ""
    if claim["kind"] == "rate":
        return "a bound that holds" if close or later == (last == "upper") else ""
    around = functools.reduce(lambda x, key: x[key], path[:-1], body)
    other = exact(around["upper" if last == "lower" else "lower"])
    inside = exact(now) <= other if last == "lower" else exact(now) >= other
    return "another end, on the same side of the value" if inside else ""


@pytest.mark.parametrize("run", ["specialised", "double slide"])
def test_truncated_files(run: str) -> None:
    """Ground truth: a JSON object that ends early is none."""
    text = json.dumps(certificate(run))
    for end in range(0, len(text), 97):
        with pytest.raises(NotACertificate):
            verify(text[:end])
        with pytest.raises(NotACertificate):
            verify(text[:end].encode())


def test_random_bytes() -> None:
    """Ground truth: bytes that are no JSON, and bytes changed inside a certificate."""
    rng, data = random.Random(3), json.dumps(certificate("specialised")).encode()
    for size in (0, 1, 10, 1000):
        with pytest.raises(NotACertificate):
            verify(rng.randbytes(size))
    for _ in range(300):
        i = rng.randrange(len(data))
        other = rng.choice([x for x in range(256) if x != data[i]])
        assert not accepted(data[:i] + bytes([other]) + data[i + 1 :])


def with_text(old: str, new: str) -> str:
    text = json.dumps(certificate("specialised"))
    assert old in text
    return text.replace(old, new, 1)


HOSTILE = {
    "another format": lambda: with_text("latephase certificate 1", "latephase certificate 2"),
    "a huge mantissa": lambda: with_text('"3152519739159347"', '"' + "7" * 10**6 + '"'),
    "a huge integer": lambda: with_text('"bits": 128', '"bits": ' + "7" * 10**6),
    "a huge exponent": lambda: with_text('"-52"', '"' + "9" * 30 + '"'),
    "a longer exponent": lambda: with_text('"-52"', '"' + "9" * 31 + '"'),
    "NaN": lambda: with_text('"bits": 128', '"bits": NaN'),
    "infinity": lambda: with_text('"bits": 128', '"bits": -Infinity'),
    "a float": lambda: with_text('"bits": 128', '"bits": 128.0'),
    "a key twice": lambda: with_text('"bits": 128', '"bits": 128, "bits": 128'),
    "one level too deep": lambda: with_text('"bits": 128', '"bits": [128]'),
    "deeply nested": lambda: "[" * 10**6 + "]" * 10**6,
    "deep inside": lambda: with_text('"bits": 128', '"bits": ' + "[" * 10**5 + "]" * 10**5),
    "too long": lambda: json.dumps(certificate("specialised")) + " " * (4 << 20),
    "too many steps": lambda: with_text('"steps": "11"', '"steps": "200001"'),
    "endless steps": lambda: with_text('"steps": "11"', '"steps": "' + "9" * 12000 + '"'),
    "steps at many bits": lambda: with_text('"bits": 128', '"bits": 65536').replace(
        '"11"', '"9999"'
    ),
    "a line end in a number": lambda: with_text('"11"', '"11\\n"'),
    "lone surrogate": lambda: with_text('"bits": 128', '"\\ud800": 128'),
    "nothing": lambda: "",
    "another object": lambda: "{}",
    "an array": lambda: "[]",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_at_once(name: str) -> None:
    """Ground truth: docs/certificates.md and its schema; no such file is a certificate."""
    text, start = HOSTILE[name](), time.process_time()
    for source in (text, text.encode()):
        with pytest.raises(NotACertificate) as caught:
            verify(source)
        assert message_is_one_line(caught.value)
        assert len(str(caught.value)) < 400
    assert time.process_time() - start < 5


def test_objects_that_are_no_json() -> None:
    """Ground truth: Python objects that JSON cannot hold, and an object that holds itself."""
    loop: dict = {}
    loop["loop"] = loop
    for source in (loop, {1: {2, 3}}, {"bits": float("nan")}, None, 3, object()):
        with pytest.raises(NotACertificate):
            verify(source)


def test_no_file(tmp_path) -> None:
    """Ground truth: a path where nothing is, and a folder."""
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(NotACertificate):
            verify(path)


def test_costly_claims_end_in_bounded_time() -> None:
    """Ground truth: a clock; the numbers are the largest that the format and its limits allow."""
    body = certificate("metastable")
    body["path"][0]["steps"] = "9" * 12000
    faults, start = verify(signed(body)).faults, time.process_time()
    body = certificate("specialised")
    body["bits"] = 65536
    body["claims"][2].update(terms=64, level=1000)
    body["claims"][4]["log_from"] = number(Fraction(2) ** 4000)
    assert faults
    assert verify(signed(body)).faults
    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    "change",
    [(9007199254740993, 0), (1, -1075), (1, 1024), (3, 1023)],
)
def test_problem_numbers_are_doubles(change) -> None:
    """Ground truth: the range of float64: 53 bits, from 2^-1074 to below 2^1024."""
    body = certificate("specialised")
    body["problem"]["weights"][0] = number(change[0] * Fraction(2) ** change[1])
    (fault,) = verify(signed(body)).faults
    assert "is not a double" in fault


def test_numbers_have_one_form() -> None:
    """Ground truth: docs/certificates.md: an odd mantissa, and 17 digits rounded half to even."""
    for change in (
        {"mantissa": "2", "exponent": "-1", "decimal": "1"},
        {"mantissa": "1", "exponent": "0", "decimal": "1.0"},
        {"mantissa": "1", "exponent": "0", "decimal": "1E+0"},
        {"mantissa": "0", "exponent": "1", "decimal": "0"},
        {"mantissa": "1", "exponent": "0", "decimal": "nan"},
    ):
        body = certificate("specialised")
        body["problem"]["inputs"][0] = change
        assert any("canonical" in fault for fault in verify(signed(body)).faults), change
