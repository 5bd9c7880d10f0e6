"""Certificates that were changed, by accident and on purpose, and files that are none."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import random
import time
from collections import Counter
from fractions import Fraction

import pytest

from helpers import message_is_one_line, shares
from latephase.certificates.check.verify import NotACertificate, verify
from samples.certificates import RUNS, certificate, exact, number, signed

ENUMS = {
    "verdict": ["PROVED", "REFUTED", "UNDECIDED"],
    "claim": ["settled", "trained", "slow", "specialised", "double_slide", "one_dead", "both_dead"],
    "regime": ["specialised", "double_slide", "one_dead", "both_dead"],
    "argument": [
        "nothing moves",
        "wrong sides frozen",
        "wrong sides sink",
        "kicked back",
        "kinks held",
        "closed form",
    ],
    "pattern": ["1001", "1000", "0001", "0000", "1011", "1101"],
    "clock": ["ln t", "t ln t", "t"],
    "t": ["1e6", "1e100", "1e1000"],
    "zero": [True, False],
    "optimal": [True, False],
    "terms": [0, 8, 23, 25, 64],
    "level": [0, 1, 19, 21, 50, 1000],
    "method": ["gradient_descent", "gradient_flow"],
    "by": ["steps", "orbit"],
    "bits": [64, 127, 129, 192, 256],
}
WHOLE = ("entry", "base", "since", "steps")


def accepted(body) -> bool:
    """Whether the checker takes it; a refusal must be told in one line."""
    try:
        return verify(body if isinstance(body, bytes) else json.dumps(body)).valid
    except NotACertificate as error:
        return not message_is_one_line(error)


def below(x, path=()):
    """Every (path, value) below x."""
    inner = x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ()
    for key, value in inner:
        yield (*path, key), value
        yield from below(value, (*path, key))


def put(body, path, value) -> None:
    for key in path[:-1]:
        body = body[key]
    body[path[-1]] = value


def other_digit(text: str, rng: random.Random) -> str:
    i = rng.choice([i for i, c in enumerate(text) if c.isdigit()])
    return text[:i] + rng.choice([d for d in "0123456789" if d != text[i]]) + text[i + 1 :]


def change_digit(body, rng):
    """One digit of one number, in one of its three strings."""
    path, x = rng.choice([(p, x) for p, x in below(body) if is_number(x)])
    name = rng.choice(["mantissa", "exponent", "decimal"])
    put(body, (*path, name), other_digit(x[name], rng))
    return path


def change_number(body, rng):
    """One number, in all of its three strings, by a digit of its mantissa or by its exponent."""
    numbers = [(p, x) for p, x in below(body) if is_number(x)]  # an exploded run has 2^10^8
    path, x = rng.choice([(p, x) for p, x in numbers if abs(int(x["exponent"])) < 10**5])
    digits = other_digit(x["mantissa"], rng) if rng.random() < 0.8 else x["mantissa"]
    shift = 0 if digits != x["mantissa"] else rng.choice([-3, -1, 1, 3])
    value = int(digits) * Fraction(2) ** (int(x["exponent"]) + shift)
    put(body, path, number(value if value or x["mantissa"] != "0" else Fraction(1)))
    return path


def change_problem(body, rng):
    """One field of the problem: a number, the signs, the method."""
    problem = body["problem"]
    name = rng.choice(sorted(problem))
    if name in ("labels", "output_weights"):
        problem[name] = rng.choice([[-x for x in problem[name]], [1, 1], [-1, -1]])
    elif name == "method":
        change_enum(body, rng, ("problem", "method"))
    elif name == "step_size":
        problem[name] = number(Fraction(1, 16)) if rng.random() < 0.8 else None
    else:
        i = rng.randrange(2)
        problem[name][i] = number(exact(problem[name][i]) + Fraction(rng.choice([-1, 1]), 2**20))
    return "problem", name


def change_enum(body, rng, path=None):
    """A word, a sign or a small integer: verdict, claim, regime, argument, pattern, ..."""
    found = [(p, x) for p, x in below(body) if p[-1] in ENUMS and not isinstance(x, list)]
    found = [(p, x) for p, x in found if path in (None, p)]
    path, x = rng.choice(found)
    put(body, path, rng.choice([y for y in ENUMS[path[-1]] if y != x]))
    return path


def change_whole(body, rng):
    """A digit of a number of steps."""
    found = [(p, x) for p, x in below(body) if p[-1] in WHOLE and isinstance(x, str)]
    path, x = rng.choice(found)
    put(body, path, other_digit(x, rng))
    return path


def change_claims(body, rng):
    """A claim that is dropped, doubled, or exchanged with another."""
    claims, i = body["claims"], rng.randrange(len(body["claims"]))
    what = rng.choice(["dropped", "doubled", "swapped"])
    name = claims[i]["kind"]
    if what == "dropped":
        del claims[i]
    elif what == "doubled":
        claims.insert(rng.randrange(i, len(claims) + 1), copy.deepcopy(claims[i]))
    else:
        j = rng.randrange(len(claims))
        claims[i], claims[j] = claims[j], claims[i]
        name = "-".join(sorted([name, claims[i]["kind"]]))
    return what, name


def change_path(body, rng):
    """A leg that is dropped, doubled, or added."""
    path = body["path"]
    if path and rng.random() < 0.6:
        i = rng.randrange(len(path))
        path[i : i + 1] = rng.choice([[], [path[i], path[i]]])
    else:
        leg = {"by": rng.choice(["steps", "orbit"]), "steps": rng.choice(["0", "1", "7"])}
        path.insert(rng.randint(0, len(path)), leg)
    return ("path",)


def is_number(x) -> bool:
    return isinstance(x, dict) and "mantissa" in x


CHANGES = (
    change_digit,
    change_number,
    change_number,
    change_problem,
    change_enum,
    change_enum,
    change_whole,
    change_claims,
    change_path,
)


def mutations(count: int, seed: int):
    """(name of the run, the certificate, the changed one, what was changed)."""
    rng, names = random.Random(seed), sorted(RUNS)
    of = functools.cache(certificate)
    for i in range(count):
        name = names[i % len(names)]
        body = of(name)
        changed = copy.deepcopy(body)
        what = CHANGES[i // len(names) % len(CHANGES)](changed, rng)
        if changed != body:
            yield name, body, changed, what


@pytest.mark.parametrize("part", shares(4))
def test_a_change_is_found_by_the_digest(part: int) -> None:
    """Ground truth: SHA-256: no two of these contents have the same digest."""
    seen = 0
    for name, _, changed, what in itertools.islice(mutations(1400, seed=1), part, None, 4):
        assert not accepted(changed), (name, what)
        seen += 1
    assert seen > 300


@pytest.mark.campaign
def test_a_change_with_a_new_digest_is_found_by_the_mathematics() -> None:
    """Ground truth: what the unchanged one proves; a change passes only if it is still true."""
    passed: Counter[str] = Counter()
    seen = 0
    for name, body, changed, what in mutations(1400, seed=2):
        seen += 1
        if accepted(signed(changed)):
            why = still_true(body, changed, what)
            assert why, (name, what)
            passed[why] += 1
    assert seen > 1200
    assert sum(passed.values()) < seen / 8, passed


def still_true(body, changed, what) -> str:
    """Why a changed certificate that passes is right; "" if there is no reason."""
    if what[0] == "claims":
        return true_claim(body, changed, what)
    if what == ("problem", "step_size"):
        unmoved = not body["path"] and body["problem"]["method"] == "gradient_descent"
        return "a step size where nothing moves" if unmoved else ""
    if what[0] == "path" and what[-1] == "by":
        return "the same steps, walked in another way"
    return {
        ("bits",): "other bits, at which all is decided too",
        ("claim",): "another claim with the same verdict",
        ("swapped", "rate"): "the order of two bounds",
        ("swapped", "rate-rate"): "the order of two bounds",
        ("swapped", "deficit-deficit"): "the order of two times",
        ("doubled", "rate"): "a bound that is said twice",
        ("dropped", "rate"): "one of two bounds",
    }.get(what, "")


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
    if claim["kind"] == "sandwich":
        return "another sandwich whose induction holds"
    if last in ("log_from", "remainder"):
        return "a bound from later on, or a larger remainder" if later else ""
    if claim["kind"] == "rate":  # the file has rounded away up to 2^-30, the radius of a ball
        close = abs(exact(now) - exact(before)) < abs(exact(before)) / 2**30
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
    text, start = HOSTILE[name](), time.perf_counter()
    for source in (text, text.encode()):
        with pytest.raises(NotACertificate) as caught:
            verify(source)
        assert message_is_one_line(caught.value)
        assert len(str(caught.value)) < 400
    assert time.perf_counter() - start < 5


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
    faults, start = verify(signed(body)).faults, time.perf_counter()
    body = certificate("specialised")
    body["bits"] = 65536
    body["claims"][2].update(terms=64, level=1000)
    body["claims"][4]["log_from"] = number(Fraction(2) ** 4000)
    assert faults
    assert verify(signed(body)).faults
    assert time.perf_counter() - start < 10


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
