"""Certificates that are changed, by accident and on purpose: how."""

from __future__ import annotations

import copy
import json
import random
import re
from collections import Counter
from fractions import Fraction

from helpers import message_is_one_line
from latephase.certificates.check.verify import NotACertificate, verify
from samples.certificates import exact, number, signed

STILL_TRUE = {
    ("bits",): "other bits, at which all is decided too",
    ("claim",): "another claim with the same verdict",
    ("swapped", "rate"): "the order of two bounds",
    ("swapped", "rate-rate"): "the order of two bounds",
    ("swapped", "deficit-deficit"): "the order of two times",
    ("doubled", "rate"): "a bound that is said twice",
    ("dropped", "rate"): "one of two bounds",
}
"""Changes after which a certificate of any kind is as right as before, and why."""

ENUMS = {
    "verdict": ["PROVED", "REFUTED", "UNDECIDED"],
    "claim": ["settled", "trained", "slow", "specialised", "double_slide", "one_dead", "both_dead"],
    "regime": [
        *("specialised", "double_slide", "single_slide", "one_dead", "both_dead"),
        *("settled", "idle"),
    ],
    "argument": [
        "nothing moves",
        "wrong sides frozen",
        "wrong sides sink",
        "kicked back",
        "kinks held",
        "kink held",
        "closed form",
        "margins grow",
        "kinks attract",
    ],
    "pattern": ["1001", "1000", "0001", "0000", "1011", "1101", "1ss1", "11s1", "1s11", "1s00"],
    "ends": ["a11", "a12", "a21", "a22", "nothing"],
    "clock": ["ln t", "t ln t", "t"],
    "t": ["1e6", "1e100", "1e1000"],
    "zero": [True, False],
    "optimal": [True, False],
    "terms": [0, 8, 23, 25, 64],
    "level": [0, 1, 19, 21, 50, 1000],
    "method": ["gradient_descent", "gradient_flow"],
    "loss": ["exponential", "logistic"],
    "trained": ["both layers", "the hidden layer"],
    "by": ["steps", "orbit", "half", "hold", "mode"],
    "kink": ["12", "21"],
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
    if name in ENUMS:
        change_enum(body, rng, ("problem", name))
    elif name == "step_size":
        problem[name] = number(Fraction(1, 16)) if rng.random() < 0.8 else None
    elif problem[name] is None:
        problem[name] = [number(Fraction(0)) for _ in problem["weights"]]
    elif name == "labels" or problem[name] in ([1, -1], [-1, 1]):  # signs
        problem[name] = rng.choice([[-x for x in problem[name]], [1, 1], [-1, -1]])
    else:
        inside = [(p, x) for p, x in below(problem[name]) if is_number(x)]
        path, x = rng.choice(inside or [((), problem[name])])
        put(problem, (name, *path), number(exact(x) + Fraction(rng.choice([-1, 1]), 2**20)))
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
    """Whether it is a number as certificates have them, which a change before may have spoilt."""
    parts = [x.get(part) for part in ("mantissa", "exponent")] if isinstance(x, dict) else []
    return bool(parts) and all(re.fullmatch(r"-?[0-9]{1,4000}", str(part)) for part in parts)


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


def mutations(count: int, seed: int, of, names):
    """(name of the run, the certificate, the changed one, what was changed).

    of(name): the certificate.
    """
    rng = random.Random(seed)
    for i in range(count):
        name = names[i % len(names)]
        body = of(name)
        changed = copy.deepcopy(body)
        what = CHANGES[i // len(names) % len(CHANGES)](changed, rng)
        if changed != body:
            yield name, body, changed, what


def passed(drawn, still_true) -> tuple[int, Counter[str]]:
    """How many changes there are, and how many of them pass with a new digest, by the reason why
    they may: each has one, or is wrong."""
    seen, reasons = 0, Counter()
    for name, body, changed, what in drawn:
        seen += 1
        if accepted(signed(changed)):
            why = still_true(body, changed, what)
            assert why, (name, what)
            reasons[why] += 1
    return seen, reasons
