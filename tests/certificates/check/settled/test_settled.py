"""The checker on certificates of networks that have settled: what it accepts, and what it finds."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import operator
import random
import time
from collections import Counter
from fractions import Fraction
from importlib.resources import files

import jsonschema
import pytest

import latephase as lp
from helpers import shares
from latephase.certificates import certify
from latephase.certificates.check import form as check_form
from latephase.certificates.check.verify import NotACertificate, verify
from latephase.certificates.file.record import record
from references.problems import problems
from samples.certificates import KICKED, SETTLED, SLIDES, exact, number, settled, signed
from samples.mutations import STILL_TRUE, accepted, mutations, passed

OF = functools.cache(settled)
SLOWER = {"a point at rest", "a plane", *SLIDES}
QUICK = [run for run in SETTLED if run not in SLOWER]  # of few steps
SLIDING = ["a leaky slide", "slides and a rest"]  # of some hundred steps
ZERO = number(Fraction(0))
ENTRY, LIMIT, ABSORBED, VALUES = range(4)  # places of the claims


def faults(body) -> tuple[str, ...]:
    return verify(signed(body)).faults


def fresh(run: str):
    return copy.deepcopy(OF(run))


@pytest.mark.parametrize("run", [*SETTLED, *KICKED])
def test_every_kind_of_run_is_derived_again(run):
    """Ground truth: a second implementation, in `certify`, from the same specification."""
    report = verify(json.dumps(OF(run)))
    assert report.faults == ()
    assert report.valid
    assert report.claims == len(OF(run)["claims"]) > 0
    assert report.verdict == "PROVED"


@pytest.mark.parametrize("size", [64, 192, 1024])
@pytest.mark.parametrize("run", ["three neurons", "logistic", "idle", "nothing moves"])
def test_at_any_precision(run, size):
    """Ground truth: the same implementation at other precisions."""
    assert verify(settled(run, bits=size)).faults == ()


@pytest.mark.parametrize("claim", ["settled", "trained", "slow"])
def test_the_verdict_follows_from_the_claims(claim):
    """Ground truth: docs/certificates-general.md, "Verdicts"."""
    proved = {"three neurons": {"settled", "trained", "slow"}, "idle": {"settled"}}
    for run, claims in proved.items():
        body = settled(run, claim)
        report = verify(body)
        assert report.faults == ()
        assert report.verdict == ("PROVED" if claim in claims else "REFUTED"), run
        other = {"PROVED": "REFUTED", "REFUTED": "PROVED"}[report.verdict]
        assert not verify(signed({**body, "verdict": other})).valid


@pytest.mark.parametrize("part", shares(4))
def test_random_networks_are_derived_again(part):
    """Ground truth: a second implementation; networks of eight strata, both losses, any size."""
    verdicts: Counter[str] = Counter()
    for p in problems()[part::4]:
        if set(p.labels) != {-1.0, 1.0}:
            continue
        net = lp.ShallowReLU(p.weights, p.biases, p.output_weights, negative_slope=p.slope)
        data, method = lp.Dataset(p.inputs, p.labels), lp.GradientDescent(p.step_size)
        found = certify(net, data, method, loss=p.loss, max_steps=400, max_bits=256)
        assert verify(json.dumps(record(found))).faults == (), p.name
        verdicts[found.verdict.name] += 1
    assert verdicts["PROVED"] >= 5


# Inputs, weights, biases, output weights, slope, step size: of points whose nearest zeros are known
# badly at 10^6, or are many, or may be another's in all balls at once; or of which C is 0.
OPEN = {
    "wide": ([[2, .2], [-1.2, -.8]], [[-.1, .4], [-.1, 1.1]], [-.4, -.1], [-1, -1], .1, .01),
    "many feet": ([[1.6, -.3], [-.4, -1.2]], [[-1, -.3], [.6, 1]], [-.9, .7], [-1, 1], .9, .001),
    "far kinks": ([[.8, 1], [-1.3, .8]], [[1.9, -.8], [1.4, 1]], [.1, -.5], [1, 1], .1, .001),
    "no constant": (
        [-0.3, 0.3], [0.6, -0.7, 0.2, -0.4], [1.5, -0.5, 0.1, -1.5], [-1, -1, 1, 1], 0, 0.03,
    ),
    "parameters around 0": (
        [[-.6, 1.1], [.1, -1.2]], [[-.7, .7], [-.1, .2], [-1.7, -.1]], [-.4, -.4, 1.8],
        [-1, -1, 1], .9, .1,
    ),
    "another foot": (
        [[-.4, .8], [.4, -.2]], [[-.7, 3.3], [-.2, 1.4]], [-1.1, -.7], [-1, 1], .5, .03
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OPEN)
def test_what_is_known_badly_is_enclosed_alike(name):
    """Ground truth: a second implementation; margins that are enclosed are not given up."""
    inputs, weights, biases, outputs, slope, step = OPEN[name]
    net = lp.ShallowReLU(weights, biases, outputs, negative_slope=slope)
    found = certify(net, lp.Dataset(inputs, [1, -1]), lp.GradientDescent(step), max_steps=15_000)
    body = record(found)
    assert verify(json.dumps(body)).faults == ()
    values = [claim for claim in body["claims"] if claim["kind"] == "values"]
    assert all(exact(claim["normalised_margin"]["lower"]) > 0 for claim in values)
    if name != "parameters around 0":
        assert all(exact(claim["robustness_margin"]["lower"]) > 0 for claim in values)
    if name == "no constant":  # may be off by what cancels, and by no more
        constant = next(claim for claim in body["claims"] if claim["kind"] == "constant")
        constant["margin_constant"] = {
            "lower": number(Fraction(-1, 2**30)), "upper": number(Fraction(1, 2**30))
        }  # fmt: skip
        assert any("much wider" in line for line in faults(body))


FORGED = {
    "a certificate of pairs": lambda b: b.update(format="latephase certificate 1"),
    "of both layers": lambda b: b.update(format="latephase certificate 2"),
    "another loss": lambda b: b["problem"].update(loss="logistic"),
    "a hinge": lambda b: b["problem"].update(loss="hinge"),
    "a flow": lambda b: b["problem"].update(method="gradient_flow"),
    "another slope": lambda b: b["problem"].update(negative_slope=number(Fraction(1, 4))),
    "a slope above 1": lambda b: b["problem"].update(negative_slope=number(Fraction(2))),
    "no biases": lambda b: b["problem"].update(biases=None),
    "a bias too few": lambda b: b["problem"]["biases"].pop(),
    "a neuron too few": lambda b: b["problem"]["weights"].pop(),
    "a row too long": lambda b: b["problem"]["inputs"][0].append(number(Fraction(1))),
    "no output weight": lambda b: b["problem"]["output_weights"].pop(),
    "labels of one class": lambda b: b["problem"].update(labels=[1, 1]),
    "a step below 0": lambda b: b["problem"].update(step_size=number(Fraction(-1, 8))),
    "an orbit": lambda b: b["path"][0].update(by="orbit"),
    "two legs": lambda b: b["path"].append({"by": "steps", "steps": "1"}),
    "no step": lambda b: b["path"].clear(),
    "one step less": lambda b: b["path"][0].update(steps=str(int(b["path"][0]["steps"]) - 1)),
    "a late entry": lambda b: b["claims"][ENTRY].update(entry="1"),
    "another pattern": lambda b: b["claims"][ENTRY].update(pattern=["10", "01", "01"]),
    "a smaller support": lambda b: b["claims"][LIMIT].update(support=[0]),
    "no support": lambda b: b["claims"][LIMIT].update(support=[]),
    "a support twice": lambda b: b["claims"][LIMIT].update(support=[0, 1, 1]),
    "a point that is not there": lambda b: b["claims"][LIMIT].update(support=[0, 1, 2]),
    "another regime": lambda b: b["claims"][ABSORBED].update(regime="idle"),
    "another argument": lambda b: b["claims"][ABSORBED].update(argument="nothing moves"),
    "another reason": lambda b: b.update(reason="nothing moves"),
    "other words": lambda b: b["claims"][ABSORBED].update(statement="the margin is optimal"),
    "a spill off the rest": lambda b: b["claims"][ABSORBED]["spill"].__setitem__(
        0, number(Fraction(1))
    ),
    "values of another time": lambda b: b["claims"][VALUES].update(t="1e100"),
    "no values": lambda b: b["claims"].pop(VALUES),
    "no constant": lambda b: b["claims"].pop(6),
    "no limit": lambda b: b["claims"].pop(LIMIT),
    "a limit without a constant": lambda b: b["claims"][6].update(margin_constant=None),
    "it rests on too little": lambda b: b["claims"][ABSORBED].update(rests_on=["entry"]),
    "bits null": lambda b: b.update(bits=None),
    "undecided": lambda b: b.update(verdict="UNDECIDED"),
    "refuted": lambda b: b.update(verdict="REFUTED"),
    "margins exchanged": lambda b: b["claims"][VALUES]["margins"].reverse(),
    "neurons exchanged": lambda b: b["claims"][ENTRY]["parameters"].reverse(),
    "multipliers too few": lambda b: b["claims"][LIMIT]["multipliers"].pop(),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_files_with_new_digests_are_found(name):
    """Ground truth: each says something that is not so, or has another form."""
    body = fresh("leaky" if name == "another slope" else "three neurons")
    FORGED[name](body)
    assert not accepted(signed(body))


def _bands(body, up: Fraction, low: Fraction) -> None:
    claim = body["claims"][ABSORBED]
    claim["up"] = [number(exact(x) * up) for x in claim["up"]]
    claim["low"] = [number(exact(x) * low) for x in claim["low"]]


def _pattern(body, neuron: int, row: str) -> None:
    body["claims"][ENTRY]["pattern"][neuron] = row


LESS, MORE, SAME = Fraction(3, 4), Fraction(16), Fraction(1)
FORGED_SLIDES = {  # pattern 1s1, 000, 1s1, 110
    "a kink that is active": lambda b: _pattern(b, 0, "111"),
    "a kink that is not": lambda b: _pattern(b, 0, "101"),
    "a third kink": lambda b: _pattern(b, 3, "s10"),
    "all are kinks": lambda b: b["claims"][ENTRY].update(pattern=["sss"] * 4),
    "a row too short": lambda b: _pattern(b, 0, "1s"),
    "a neuron too few": lambda b: b["claims"][ENTRY]["pattern"].pop(),
    "a late entry": lambda b: b["claims"][ENTRY].update(entry="900"),
    "no bands": lambda b: (b["claims"][ABSORBED].pop("up"), b["claims"][ABSORBED].pop("low")),
    "bands above alone": lambda b: b["claims"][ABSORBED].pop("low"),
    "a band too few": lambda b: b["claims"][ABSORBED]["up"].pop(),
    "no width": lambda b: _bands(b, Fraction(0), Fraction(0)),
    "too narrow above": lambda b: _bands(b, LESS, SAME),
    "too narrow below": lambda b: _bands(b, SAME, LESS),
    "too wide above": lambda b: _bands(b, MORE, SAME),
    "too wide below": lambda b: _bands(b, SAME, MORE),
    "upside down": lambda b: _bands(b, -SAME, -SAME),
    "exchanged": lambda b: b["claims"][ABSORBED].update(
        up=b["claims"][ABSORBED]["low"], low=b["claims"][ABSORBED]["up"]
    ),
}


@pytest.mark.parametrize("name", FORGED_SLIDES)
def test_forged_slides_are_found(name):
    """Ground truth: the run has these two kinks, and its strip is as wide as it must be."""
    body = fresh("slides and a rest")
    FORGED_SLIDES[name](body)
    assert not accepted(signed(body))


FORGED_KICKS = {  # pattern 100, 000, 000, 0s1 or the like: one kink
    "no kink": lambda b: _replaced(b, "s", "0"),
    "active": lambda b: _replaced(b, "s", "1"),
    "no width": lambda b: _bands(b, Fraction(0), Fraction(0)),
    "too narrow above": lambda b: _bands(b, LESS, SAME),
    "too narrow below": lambda b: _bands(b, SAME, Fraction(63, 64)),
    "too wide above": lambda b: _bands(b, MORE, SAME),
    "too wide below": lambda b: _bands(b, SAME, MORE),
    "upside down": lambda b: _bands(b, -SAME, -SAME),
    "too near": lambda b: _both(b, Fraction(7, 8), "sup", "tail"),
    "too far": lambda b: _both(b, MORE, "sup", "tail"),
    "a tail beyond": lambda b: _both(b, Fraction(2), "tail"),
    "a tail that is none": lambda b: _both(b, Fraction(1, 2), "tail"),
    "a decay": lambda b: b["claims"][ABSORBED].update(power=number(Fraction(1, 16))),
    "a growth": lambda b: b["claims"][ABSORBED].update(power=number(Fraction(-1, 16))),
    "slower": lambda b: _both(b, Fraction(2), "slowest"),
    "later": lambda b: _both(b, Fraction(4), "sigma"),
    "earlier": lambda b: _both(b, Fraction(1, 4), "sigma"),
    "it settles": lambda b: b["claims"][ABSORBED].update(regime="settled"),
    "it is trained": lambda b: b.update(claim="trained"),
    "a leak": lambda b: b["problem"].update(negative_slope=number(Fraction(1, 2**40))),
    "the idle point": lambda b: b["claims"][LIMIT].update(support=[0, 1, 2]),
    "a margin": lambda b: b["claims"][VALUES].update(
        robustness_margin=b["claims"][LIMIT]["multipliers"][0]
    ),
}


def _both(body, factor: Fraction, *names: str) -> None:
    claim = body["claims"][ABSORBED]
    claim.update({name: number(exact(claim[name]) * factor) for name in names})


def _replaced(body, one: str, other: str) -> None:
    claim = body["claims"][ENTRY]
    claim["pattern"] = [row.replace(one, other) for row in claim["pattern"]]


@pytest.mark.parametrize("run", KICKED)
@pytest.mark.parametrize("name", FORGED_KICKS)
def test_forged_kicks_are_found(name, run):
    """Ground truth: each says something that is not so, or that its numbers do not carry."""
    body = fresh(run)
    FORGED_KICKS[name](body)
    assert not accepted(signed(body))


def test_bands_of_no_kinks_are_refused():
    """Ground truth: there is nothing that they might bound."""
    body = fresh("three neurons")
    body["claims"][ABSORBED].update(up=[number(Fraction(1))], low=[number(Fraction(1))])
    assert any("as many bands as kinks" in line for line in faults(body))


@pytest.mark.parametrize("name", ["sup", "power", "tail", "slowest", "sigma"])
def test_every_number_of_the_induction_counts(name):
    """Ground truth: docs/certificates-general.md: each inequality fails if its number is wrong."""
    for factor in (Fraction(1, 2), Fraction(4)):
        body = fresh("three neurons")
        claim = body["claims"][ABSORBED]
        claim[name] = number(exact(claim[name]) * factor)
        found = faults(body)
        weaker = factor > 1 if name in ("sup", "tail") else factor < 1
        if not weaker or name == "sigma":
            assert any("does not hold" in line for line in found), (name, factor)


def test_a_spill_must_be_large_enough():
    """Ground truth: inequality 2."""
    body = fresh("a point at rest")
    spill = body["claims"][ABSORBED]["spill"]
    rest = next(i for i, x in enumerate(spill) if x["mantissa"] != "0")
    spill[rest] = number(exact(spill[rest]) * Fraction(15, 16))
    assert any("2. does not hold" in line for line in faults(body))


@pytest.mark.parametrize("far", [10.0, 3000.0, 1e5])
def test_spills_of_very_different_sizes_are_all_read(far):
    """Ground truth: a second implementation; spills of sizes e^-1 and e^-10000 have no exact sum
    in balls of some bits."""
    data = lp.Dataset([[1.0, 0.0], [2.0, 0.0], [3.0, 0.1], [-1.0, 0.0]], [1, 1, 1, -1])
    net = lp.ShallowReLU([[1.0, far], [-1.0, 0.0]], None, [1.0, -1.0])
    body = record(lp.certify(net, data, lp.GradientDescent(0.1)))
    assert faults(body) == ()
    body["claims"][ABSORBED]["spill"][0] = number(Fraction(1, 2**200))  # of the support
    assert any("a spill off the rest" in line for line in faults(body))


def test_intervals_must_hold_and_be_narrow():
    """Ground truth: the value is inside, but the interval a hundred times as wide as it must be."""
    for place, name in ((VALUES, "normalised_margin"), (VALUES, "robustness_margin")):
        for end, side, words in (("upper", 1, "much wider"), ("upper", -1, "not in the interval")):
            body = fresh("three neurons")
            interval = body["claims"][place][name]
            width = exact(interval["upper"]) - exact(interval["lower"])
            interval[end] = number(
                exact(interval[end]) + side * width * (100 if side > 0 else 1) / 2
            )
            found = faults(body)
            assert any(words in line or "no foot" in line for line in found), (name, end, side)


def test_a_rate_says_no_more_than_is_proved():
    """Ground truth: the checker's own bounds of the rate."""
    place = next(i for i, c in enumerate(OF("three neurons")["claims"]) if c["kind"] == "rate")
    for end, side in (("lower", 1), ("upper", -1)):
        body = fresh("three neurons")
        claim = body["claims"][place]
        width = exact(claim["upper"]) - exact(claim["lower"])
        claim[end] = number(exact(claim[end]) + side * width / 16)
        assert any(f"the {end} bound is" in line for line in faults(body)), end
        claim[end] = number(exact(claim[end]) - side * width / 8)
        assert faults(body) == ()
    for early in (Fraction(-3), Fraction(0), Fraction(1), Fraction(2) ** 4000):
        body = fresh("three neurons")
        body["claims"][place].update(log_from=number(early))
        assert any("log_from is too" in line for line in faults(body)), early


def test_hostile_files_end_in_bounded_time():
    """Ground truth: a clock; the numbers are the largest that the format and its limits allow."""
    start = time.process_time()
    body = fresh("three neurons")
    body["path"][0]["steps"] = "9" * 12000
    assert not accepted(signed(body))
    for name, value in itertools.product(("weights", "inputs"), (2**1000, -(2**1000))):
        changed = fresh("three neurons")
        changed["problem"][name][0][0] = number(Fraction(value))
        assert not accepted(signed(changed))
    # As many neurons and points as there may be, and nothing else right.
    body = fresh("three neurons")
    problem = body["problem"]
    rng = random.Random(3)
    problem["inputs"] = [
        [number(Fraction(rng.randrange(-99, 99), 8)) for _ in range(8)] for _ in range(32)
    ]
    problem["weights"] = [
        [number(Fraction(rng.randrange(-99, 99), 8)) for _ in range(8)] for _ in range(32)
    ]
    problem["labels"] = [(-1) ** i for i in range(32)]
    problem["biases"] = problem["output_weights"] = [number(Fraction(1))] * 32
    body["path"][0]["steps"] = "8000"
    assert not accepted(signed(body))
    body["path"][0]["steps"] = "200"
    assert not accepted(signed(body))
    assert time.process_time() - start < 60


def kinked(sizes: tuple[int, int]):
    """A file of 16 kinks, on eight points of two neurons each, of 32 neurons on 32 points: numbers
    of these binary exponents, and nothing else right."""
    rng, body = random.Random(5), fresh("slides and a rest")

    def numbers(rows: int, columns: int) -> list[list[Fraction]]:
        power = [Fraction(2) ** rng.randint(*sizes) for _ in range(rows * columns)]
        row = [Fraction(rng.getrandbits(52) - 2**51, 2**51) * p for p in power]
        return [row[i * columns : (i + 1) * columns] for i in range(rows)]

    x, w = numbers(32, 8), numbers(32, 8)
    signs = ["".join("01"[sum(map(operator.mul, a, b)) > 0] for b in x) for a in w]
    for j in (0, 1):  # of output weights +1 and -1, on points of label -1 and +1
        signs[j] = "".join(s if (i + j) % 2 == 0 or i > 15 else "s" for i, s in enumerate(signs[j]))
    body["problem"].update(
        inputs=[[number(a) for a in row] for row in x],
        weights=[[number(a) for a in row] for row in w],
        biases=None,
        labels=[(-1) ** i for i in range(32)],
        output_weights=[number(Fraction((-1) ** j)) for j in range(32)],
    )
    body["path"].clear()
    body["claims"][ENTRY].update(base="0", entry="0", pattern=signs)
    body["claims"][LIMIT]["support"] = list(range(32))
    body["claims"][ABSORBED].update(up=[number(Fraction(1))] * 16, low=[number(Fraction(1))] * 16)
    return body


@pytest.mark.parametrize(("power", "refused"), [(0, False), (30, False), (900, True)])
def test_many_kinks_end_in_bounded_time(power, refused):
    """Ground truth: a clock; exact fractions of numbers of very different sizes grow too long."""
    start = time.process_time()
    found = faults(kinked((-power, power)))
    assert ("exact fractions are too long" in "".join(found)) == refused
    assert any(line.startswith("claim 2 (limit)") for line in found)
    assert time.process_time() - start < 20


def test_form_agrees_with_jsonschema():
    """Ground truth: jsonschema, on certificates with one place replaced by something else."""
    schema = json.loads(files("latephase.certificates").joinpath("schema-settled.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    rng, seen = random.Random(6), {True: 0, False: 0}
    others = [None, True, 0, 1, -1, [], {}, "", "0", "-3", "1e6", "entry", [1, -1], "x" * 70]
    for i in range(400):
        body = fresh(QUICK[i % len(QUICK)])
        _replace(body, rng, rng.choice(others))
        valid = validator.is_valid(body)
        seen[valid] += 1
        assert _is_read(body) == valid
    assert min(seen.values()) > 5


def _is_read(body) -> bool:
    try:
        check_form.read(json.dumps(body))
    except NotACertificate:
        return False
    return True


def _replace(body, rng, other) -> None:
    """Something below the object becomes something else."""
    while True:
        keys = list(body) if isinstance(body, dict) else range(len(body))
        key = rng.choice(list(keys))
        if not isinstance(body[key], dict | list) or not body[key] or rng.random() < 0.2:
            body[key] = other
            return
        body = body[key]


@pytest.mark.parametrize("part", shares(4, sample=(1,)))
def test_a_change_with_a_new_digest_is_found_by_the_mathematics(part):
    """Ground truth: what the unchanged one proves; a change passes only if it is still true."""
    seen, reasons = passed(
        itertools.islice(mutations(1600, 2, OF, QUICK), part, None, 4), still_true
    )
    assert seen > 250
    assert sum(reasons.values()) < seen / 5, reasons


@pytest.mark.parametrize("part", shares(12, sample=(1,)))
def test_a_change_of_slides_is_found_by_the_mathematics(part):
    """Ground truth: as above, of runs with kinks."""
    seen, reasons = passed(
        itertools.islice(mutations(1200, 3, OF, SLIDING), part, None, 12), still_true
    )
    assert seen > 60
    assert sum(reasons.values()) < seen / 5, reasons


@pytest.mark.parametrize("part", shares(4, sample=(1,)))
def test_a_change_of_kicks_is_found_by_the_mathematics(part):
    """Ground truth: as above, of runs with kinks that are kicked."""
    drawn = mutations(1600, 4, OF, list(KICKED))
    seen, reasons = passed(itertools.islice(drawn, part, None, 4), still_true)
    assert seen > 250
    assert sum(reasons.values()) < seen / 5, reasons


def still_true(body, changed, what) -> str:
    """Why a changed certificate that passes is right; "" if there is no reason."""
    if what[0] == "problem":
        return true_problem(body, changed)
    if what == ("dropped", "rate") or what[0] in ("swapped", "doubled"):
        return STILL_TRUE.get(what, "the order of times" if what[1] == "values-values" else "")
    if what[0] != "claims":
        return STILL_TRUE.get(what, "")
    claim, last = body["claims"][what[1]], what[-1]
    now, before = (functools.reduce(lambda x, key: x[key], what, b) for b in (changed, body))
    if not isinstance(before, dict):
        return ""
    if claim["kind"] == "absorbed":
        return "other numbers with which the induction holds"
    if claim["kind"] == "rate":
        if last == "log_from":
            return "a bound from later on" if exact(now) > exact(before) else "close"
        close = abs(exact(now) - exact(before)) < abs(exact(before)) / 2**18
        return (
            "a bound that holds"
            if close or (exact(now) > exact(before)) == (last == "upper")
            else ""
        )
    around = functools.reduce(lambda x, key: x[key], what[:-1], body)
    ends = exact(around["lower"]), exact(around["upper"])
    inner = sum(ends) / 2
    inside = exact(now) <= inner if last == "lower" else exact(now) >= inner
    return "another end, on the same side of the value" if inside else ""


def true_problem(body, changed) -> str:
    """Why a certificate of a changed problem is right."""
    if all(set(row) == {"0"} for row in body["claims"][ENTRY]["pattern"]):
        return "a problem in which nothing moves, either"
    if not exact(body["problem"]["negative_slope"]):
        dead = [j for j, row in enumerate(body["claims"][ENTRY]["pattern"]) if set(row) == {"0"}]
        weights = [list(b["problem"]["output_weights"]) for b in (body, changed)]
        others = ([v for j, v in enumerate(w) if j not in dead] for w in weights)
        if weights[0] != weights[1] and operator.eq(*others):
            return "an output weight of a neuron that no point moves, and that is near none"
    idle = [i for i, u in enumerate(body["claims"][LIMIT]["margins"]) if u["upper"] == ZERO]
    one, other = (copy.deepcopy(b["problem"]) for b in (body, changed))
    for problem in (one, other):
        problem["inputs"] = [x for i, x in enumerate(problem["inputs"]) if i not in idle]
    return "a point that moves nothing, elsewhere" if one == other else ""
