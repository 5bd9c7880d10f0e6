"""The checker on certificates of both layers: what it accepts, and what it finds."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import random
import time
from collections import Counter
from fractions import Fraction
from importlib.resources import files

import jsonschema
import pytest

import latephase as lp
from helpers import message_is_one_line, shares
from latephase.certificates import certify
from latephase.certificates.check import form as check_form
from latephase.certificates.check.claims import Wrong
from latephase.certificates.check.enclosures import EXACT
from latephase.certificates.check.layers.claims import LayersCheck
from latephase.certificates.check.layers.late import Layers
from latephase.certificates.check.layers.path import LayeredPath, LayeredProblem
from latephase.certificates.check.verify import NotACertificate, verify
from latephase.certificates.file.numbers import at_least, at_most
from latephase.certificates.file.record import record
from latephase.certificates.prove.layered.system import LayeredSystem
from latephase.certificates.prove.layered.walk import LayeredWalk
from latephase.core.balls import arb, bits, precision
from samples.certificates import LAYERED, certificate, exact, layered, number, signed
from samples.mutations import STILL_TRUE, accepted, mutations, passed

OF = functools.cache(layered)
SPECIALISED = [name for name in LAYERED if not name.endswith("dead")]
GROWTH, CONSTANT, RATE, LATE_RATE, DEFICIT = range(2, 7)  # places of the claims


def followed(body):
    """The checker's run and its bounds, at 192 bits (call it at that precision)."""
    with precision(EXACT):
        problem = LayeredProblem(body["problem"])
    path = LayeredPath(problem, body["path"])
    return path, Layers(path, body["claims"][GROWTH])


def faults(body) -> tuple[str, ...]:
    return verify(signed(body)).faults


@pytest.mark.parametrize("run", LAYERED)
def test_every_kind_of_run_is_derived_again(run):
    """Ground truth: a second implementation, in `certify`, from the same specification."""
    body = layered(run)
    report = verify(json.dumps(body))
    assert report.faults == ()
    assert report.valid
    assert report.claims == len(body["claims"]) > 0
    assert report.verdict == "PROVED"


@pytest.mark.parametrize("size", [64, 192, 1024])
@pytest.mark.parametrize("run", ["frozen", "unequal", "crossed apart", "both dead"])
def test_at_any_precision(run, size):
    """Ground truth: the same implementation at other precisions."""
    before = bits()
    assert verify(layered(run, bits=size)).faults == ()
    assert bits() == before


@pytest.mark.parametrize("claim", ["settled", "trained", "optimal_margin", "slow", "one_dead"])
def test_the_verdict_follows_from_the_claims(claim):
    """Ground truth: docs/certificates.md, "Verdicts" and "Both layers"."""
    expected = {
        "frozen": {"settled", "trained", "optimal_margin", "slow"},
        "sinking": {"settled", "trained"},
        "one dead": {"settled", "one_dead"},
    }
    for run, proved in expected.items():
        body = layered(run, claim=claim)
        report = verify(body)
        assert report.faults == ()
        assert report.verdict == ("PROVED" if claim in proved else "REFUTED"), run
        other = {"PROVED": "REFUTED", "REFUTED": "PROVED"}[report.verdict]
        assert not verify(signed({**body, "verdict": other})).valid


@pytest.mark.parametrize("run", ["frozen", "unequal", "crossed"])
def test_the_sandwich_holds_the_run(run):
    """Ground truth: 2,000 further steps of the same run, one by one, in balls."""
    body = layered(run)
    with precision(192):
        path, late = followed(body)
        for n in range(1, 2001):
            path._step()
            if n in (1, 2, 10, 100, 700, 2000):
                for point, margin in enumerate(late.margins):
                    served = path.served(point)
                    q = served.own * served.w
                    d = (served.own * served.own - margin.k * served.w * served.w) / (2 * margin.c)
                    low, high = margin.least(arb(n)), margin.most(arb(n))
                    assert low <= q <= high, (n, point)
                    assert high - low < 0.05
                    assert abs(d) <= abs(margin.d)
                    assert abs(d) >= abs(margin.d) * margin.kept


@pytest.mark.parametrize("name", ["kept", "slow", "fast"])
@pytest.mark.parametrize("point", [0, 1])
def test_every_number_of_the_growth_counts(name, point):
    """Ground truth: docs/certificates.md: bounds, none stronger than proved, none much weaker."""
    stronger = -1 if name == "fast" else 1
    for sign in (1, -1):
        body = layered("frozen")
        value = exact(body["claims"][GROWTH][name][point])
        changed = value + stronger * sign * Fraction(1, 2**18)
        body["claims"][GROWTH][name][point] = number(changed)
        assert f"claim 3 (growth): {name} is another" in faults(body), sign
    body["claims"][GROWTH][name][point] = number(value - stronger * Fraction(1, 2**60))
    assert faults(body) == ()  # a little weaker is still true


def test_a_rate_says_no_more_than_is_proved():
    """Ground truth: the checker's own bounds of the rate, and docs/certificates.md."""
    for place, (end, side) in itertools.product((RATE, LATE_RATE), (("lower", 1), ("upper", -1))):
        body = layered("frozen")
        claim, weaker = body["claims"][place], copy.deepcopy(body)
        width = exact(claim["upper"]) - exact(claim["lower"])
        claim[end] = number(exact(claim[end]) + side * width / 16)
        assert any(f"the {end} bound is" in line for line in faults(body)), (place, end)
        there = weaker["claims"][place]
        there[end] = number(exact(there[end]) - side * width / 16)
        assert faults(weaker) == ()
    for change, words in (
        ({"lower": number(Fraction(0))}, "says nothing of the exponent"),
        ({"lower": number(Fraction(-1))}, "says nothing of the exponent"),
        ({"log_from": number(Fraction(3))}, "log_from is too early"),
        ({"log_from": number(Fraction(-3))}, "log_from is too early"),
        ({"log_from": number(Fraction(2) ** 4000)}, "log_from is beyond"),
    ):
        body = layered("frozen")
        body["claims"][RATE].update(change)
        assert any(words in line for line in faults(body)), change


def test_intervals_must_be_narrow():
    """Ground truth: the value is inside, but the interval a hundred times as wide as it must be."""
    body = layered("unequal")
    for place, name in ((CONSTANT, "constant"), (DEFICIT, "deficit"), (DEFICIT + 2, "deficit")):
        changed = copy.deepcopy(body)
        interval = changed["claims"][place][name]
        lower, upper = exact(interval["lower"]), exact(interval["upper"])
        wider = max((upper - lower) * 100, abs(upper) / 2**45 if name == "constant" else 0)
        interval["upper"] = number(upper + wider)
        assert any("much wider" in line for line in faults(changed)), (place, name)


def test_order_of_points_and_neurons_does_not_matter():
    """Ground truth: the canonical order of docs/certificates.md."""
    body = layered("unequal")
    for names in (("inputs", "labels"), ("weights", "biases", "output_weights")):
        turned = copy.deepcopy(body)
        for name in names:
            turned["problem"][name].reverse()
        assert faults(turned) == ()


def test_no_proof_where_both_points_pull_at_everything():
    """Ground truth: k12 > 0 has no argument, whatever a file claims."""
    body = layered("frozen")
    body["problem"]["inputs"] = [number(Fraction(1, 2)), number(Fraction(-1, 2))]
    assert any("argument does not give" in line for line in faults(body))


def test_no_rate_before_the_boundary_is_between_the_kinks():
    """Ground truth: with wrong sides near -40, a11 a22 > a12 a21 only long after step 1000."""
    net = lp.ShallowReLU([20.5, -20], [-19.7, -19.3], train_output=True)
    found = certify(net, lp.Dataset([1, -1], [1, -1]), lp.GradientDescent(0.1))
    assert found.rate[2].log > 100
    body = json.loads(json.dumps(record(found)))
    assert verify(body).valid
    rate = body["claims"][RATE]
    rate.update(log_from=number(Fraction(7)), lower=number(Fraction(1, 2**99)))
    rate["upper"] = number(Fraction(2) ** 99)
    assert faults(body) == ("claim 5 (rate): x* is not defined from log_from on",)


def test_no_constant_where_it_is_zero():
    """Ground truth: mirrored neurons, whose boundary is at rest."""
    net = lp.ShallowReLU([0.5, -0.5], [0.25, 0.25], train_output=True)
    data, method = lp.Dataset([1, -1], [1, -1]), lp.GradientDescent(0.1)
    problem = record(certify(net, data, method))["problem"]
    with precision(128):
        system = LayeredSystem.of_layers(net, data, method, "exponential")
        arrival = LayeredWalk(system, 2000).arrive()
        claim = {
            "kept": [at_most(g.kept) for g in arrival.growths],
            "slow": [at_most(g.slow) for g in arrival.growths],
            "fast": [at_least(g.fast) for g in arrival.growths],
        }
    with precision(EXACT):
        problem = LayeredProblem(problem)
    with precision(192):
        path = LayeredPath(problem, [{"steps": str(arrival.state.time)}])
        check = LayersCheck(path, {"bits": 128})
        check.late = Layers(path, claim)
        with pytest.raises(Wrong, match="sign of the constant"):
            check.constant({"optimal": True})


FORGED = {
    "a certificate of fixed output weights": lambda b: b.update(format="latephase certificate 1"),
    "another format": lambda b: b.update(format="latephase certificate 3"),
    "a hidden layer alone": lambda b: b["problem"].update(trained="the hidden layer"),
    "no loss": lambda b: b["problem"].pop("loss"),
    "another loss": lambda b: b["problem"].update(loss="logistic"),
    "a hinge": lambda b: b["problem"].update(loss="hinge"),
    "signs as output weights": lambda b: b["problem"].update(output_weights=[1, -1]),
    "other output weights": lambda b: b["problem"].update(
        output_weights=[number(Fraction(2)), number(Fraction(-1))]
    ),
    "no double": lambda b: b["problem"]["output_weights"].insert(
        0, b["problem"]["output_weights"].pop(0) and number(Fraction(2**60 + 1))
    ),
    "a flow": lambda b: b["problem"].update(method="gradient_flow", step_size=None),
    "a step of a flow": lambda b: b["problem"].update(method="gradient_flow"),
    "labels twice": lambda b: b["problem"].update(labels=[1, 1]),
    "a point twice": lambda b: b["problem"].update(inputs=[number(Fraction(1))] * 2),
    "a step below 0": lambda b: b["problem"].update(step_size=number(Fraction(-1, 8))),
    "an orbit": lambda b: b["path"][0].update(by="orbit"),
    "two legs": lambda b: b["path"].append({"by": "steps", "steps": "1"}),
    "no step": lambda b: b["path"].clear(),
    "one step less": lambda b: b["path"][0].update(steps=str(int(b["path"][0]["steps"]) - 1)),
    "a late entry": lambda b: b["claims"][0].update(entry="1"),
    "another regime": lambda b: b["claims"][1].update(regime="one_dead"),
    "another argument": lambda b: b["claims"][1].update(argument="wrong sides sink"),
    "another reason": lambda b: b.update(reason="wrong sides sink"),
    "other words": lambda b: b["claims"][1].update(statement="the margin is optimal"),
    "another law": lambda b: b["claims"][3].update(statement="x*(t) - limit ~ constant / ln t"),
    "another clock": lambda b: b["claims"][4].update(clock="ln t"),
    "not optimal": lambda b: b["claims"][3].update(optimal=False),
    "a deficit of another time": lambda b: b["claims"][6].update(t="1e100"),
    "no deficit": lambda b: b["claims"].pop(),
    "no rate": lambda b: b["claims"].__delitem__(slice(4, 6)),
    "no constant": lambda b: b["claims"].pop(3),
    "no growth": lambda b: b["claims"].pop(2),
    "it rests on too little": lambda b: b["claims"][4].update(rests_on=["growth"]),
    "bits null": lambda b: b.update(bits=None),
    "undecided": lambda b: b.update(verdict="UNDECIDED"),
    "refuted": lambda b: b.update(verdict="REFUTED"),
    "margins exchanged": lambda b: b["claims"][2]["margins"].reverse(),
    "imbalances exchanged": lambda b: b["claims"][2]["imbalances"].reverse(),
    "sides exchanged": lambda b: b["claims"][0]["preactivations"].reverse(),
    "outputs exchanged": lambda b: b["claims"][0]["output_weights"].reverse(),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_files_with_new_digests_are_found(name):
    """Ground truth: each says something that is not so, or has another form."""
    body = layered("frozen")
    FORGED[name](body)
    assert not accepted(signed(body))


@pytest.mark.parametrize("run", ["one dead", "both dead"])
def test_dead_regimes_cannot_be_exchanged(run):
    """Ground truth: the pattern at the base."""
    body = layered(run)
    for regime, argument in itertools.product(
        ("one_dead", "both_dead"), ("nothing moves", "wrong sides frozen", "wrong sides sink")
    ):
        changed = copy.deepcopy(body)
        claim = changed["claims"][1]
        if (claim["regime"], claim["argument"]) == (regime, argument):
            continue
        words = f"the run stays {regime} for ever: {argument}"
        claim.update(regime=regime, argument=argument, statement=words)
        changed["reason"] = argument
        assert not accepted(signed(changed)), (regime, argument)


def test_a_growth_from_too_early_is_refused():
    """Ground truth: docs/certificates.md: q_b > 2 and h < 1/2 are asked for."""
    body = layered("frozen")
    with precision(192):
        with precision(EXACT):
            problem = LayeredProblem(body["problem"])
        for steps, why in (("1", "too small"), ("3", "too small|too fast")):
            with pytest.raises(Wrong, match=why):
                Layers(LayeredPath(problem, [{"steps": steps}]), body["claims"][GROWTH])


def test_hostile_files_end_in_bounded_time():
    """Ground truth: a clock; the numbers are the largest that the format and its limits allow."""
    start = time.process_time()
    body = layered("frozen")
    body["bits"] = 16384
    assert accepted(signed(body))  # what is known to 128 bits is so at any precision
    body = layered("frozen")
    body["path"][0]["steps"] = "9" * 12000
    assert not accepted(signed(body))
    body = layered("frozen")
    for name, value in itertools.product(("weights", "output_weights"), (2**1000, -(2**1000))):
        changed = copy.deepcopy(body)
        changed["problem"][name][0] = number(Fraction(value))
        assert not accepted(signed(changed))
    assert time.process_time() - start < 60


def test_form_agrees_with_jsonschema():
    """Ground truth: jsonschema, on certificates with one place replaced by something else."""
    schema = json.loads(files("latephase.certificates").joinpath("schema-layers.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    rng, seen = random.Random(6), {True: 0, False: 0}
    others = [None, True, 0, 1, -1, [], {}, "", "0", "-3", "1e6", "entry", [1, -1], "x" * 70]
    for run in ("frozen", "one dead"):
        body = OF(run)
        for _ in range(150):
            changed = copy.deepcopy(body)
            place, key = rng.choice(
                [(p, k) for p, k in places(changed) if (p, k) != (changed, "format")]
            )
            if rng.random() < 0.2 and isinstance(place, dict):
                del place[key]
            else:
                place[key] = copy.deepcopy(rng.choice(others))
            ours = check_form._fits(*check_form._parsed(json.dumps(changed)))
            assert ours == validator.is_valid(changed), (key, changed)
            seen[ours] += 1
    assert min(seen.values()) > 5


def places(x):
    """Every (object, key) and (array, index) below x, but the format of the whole."""
    inner = x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ()
    for key, value in inner:
        if key != "format":
            yield x, key
        yield from places(value)


def test_refusals_are_one_line():
    """Ground truth: the rule of ARCHITECTURE.md for bad input."""
    for body in ({**OF("frozen"), "path": 3}, {"format": "latephase certificate 2"}):
        with pytest.raises(NotACertificate) as caught:
            verify(body)
        assert message_is_one_line(caught.value)


def test_both_formats_stand_side_by_side():
    """Ground truth: a file of fixed output weights is what it was."""
    assert certificate("specialised")["format"] == "latephase certificate 1"
    assert layered("frozen")["format"] == "latephase certificate 2"
    assert verify(certificate("specialised")).valid


def test_saved_and_verified(tmp_path):
    """Ground truth: the checker, on a file; and a certificate may take the place of another."""
    net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2], train_output=True)
    data, path = lp.Dataset([1, -1], [1, -1]), tmp_path / "run.cert.json"
    for loss in ("exponential", "logistic"):
        found = lp.certify(net, data, lp.GradientDescent(0.1), loss=loss)
        found.save(path)
        assert lp.verify(path).valid
    assert "sqrt(ln t)" in "".join(found.lines())


@pytest.mark.parametrize("part", shares(10))
def test_a_change_is_found_by_the_digest(part):
    """Ground truth: SHA-256: no two of these contents have the same digest."""
    seen = 0
    drawn = mutations(1500, 3, OF, SPECIALISED)
    for name, _, changed, what in itertools.islice(drawn, part, None, 10):
        seen += 1
        try:
            lines = check_form.faults(*check_form.read(json.dumps(changed)))
        except NotACertificate as error:
            lines = [str(error)]
        assert lines, (name, what)
    assert seen > 120


@pytest.mark.parametrize("part", shares(20))
def test_a_change_with_a_new_digest_is_found_by_the_mathematics(part):
    """Ground truth: what the unchanged one proves; a change passes only if it is still true."""
    drawn = mutations(1500, 4, OF, list(LAYERED))
    seen, reasons = passed(itertools.islice(drawn, part, None, 20), still_true)
    assert seen > 55
    assert sum(reasons.values()) < seen / 5, reasons


def still_true(body, changed, what) -> str:
    """Why a changed certificate that passes is right; "" if there is no reason."""
    if what[0] == "claims":
        return true_claim(body, changed, what)
    if what in (("problem", "step_size"), ("problem", "loss")):
        return "" if body["path"] else "nothing moves"
    return STILL_TRUE.get(what, "")


def true_claim(body, changed, path) -> str:
    """Why a claim with one number changed is right."""
    claim, last = body["claims"][path[1]], path[-1]
    now, before = (functools.reduce(lambda x, key: x[key], path, b) for b in (changed, body))
    if not isinstance(before, dict):
        return ""
    later = exact(now) > exact(before)
    if path[2] in ("kept", "slow", "fast"):
        return "a weaker bound" if later == (path[2] == "fast") else ""
    if last == "log_from":
        near = abs(exact(now) - exact(before)) < exact(before) / 50  # of which the room is enough
        return "a bound from later on, or hardly earlier" if later or near else ""
    if claim["kind"] == "rate":  # the file has rounded away 2^-8 of the width
        width = exact(claim["upper"]) - exact(claim["lower"])
        close = abs(exact(now) - exact(before)) < width / 2**7
        return "a bound that holds" if close or later == (last == "upper") else ""
    around = functools.reduce(lambda x, key: x[key], path[:-1], body)
    ends = exact(around["lower"]), exact(around["upper"])
    if claim["kind"] == "deficit":  # of twice the radius that is proved
        inner = sum(ends) / 2
        inside = exact(now) <= inner if last == "lower" else exact(now) >= inner
        return "another end, on the same side of the value" if inside else ""
    other = ends[last == "lower"]
    inside = exact(now) <= other if last == "lower" else exact(now) >= other
    return "another end, on the same side of the value" if inside else ""


def test_random_networks_are_derived_again():
    """Ground truth: a second implementation; 60 networks of any output weights and both losses."""
    rng, verdicts = random.Random(7), Counter()
    for _ in range(60):
        w, b, v = ([rng.gauss(0, 1) for _ in range(2)] for _ in range(3))
        inputs = rng.choice([(1, -1), (3, -1), (2, -0.5), (-1, 2)])
        net = lp.ShallowReLU(w, b, v, train_output=True)
        loss, step = rng.choice(["exponential", "logistic"]), 10 ** rng.uniform(-1.5, 0)
        found = certify(
            net, lp.Dataset(inputs, [1, -1]), lp.GradientDescent(step), loss=loss, max_steps=3000
        )
        assert verify(json.dumps(record(found))).faults == (), found
        verdicts[found.verdict.name] += 1
    assert verdicts["PROVED"] >= 20
