"""The checker accepts what is right, whatever wrote it, and agrees with published values."""

from __future__ import annotations

import copy
import json
import pickle
import random
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

import latephase as lp
from helpers import message_is_one_line
from latephase.certificates.check import form as check_form
from latephase.certificates.check.claims import Wrong
from latephase.certificates.check.enclosures import EXACT
from latephase.certificates.check.pairs import late as check_late
from latephase.certificates.check.pairs import orbit as check_orbit
from latephase.certificates.check.pairs.late import Slide
from latephase.certificates.check.pairs.path import FollowedPath, StatedProblem
from latephase.certificates.check.verify import NotACertificate, verify
from latephase.certificates.file.numbers import rational
from latephase.certificates.file.record import record
from latephase.core.balls import arb, bounds, precision
from samples.certificates import RUNS, certificate, exact, misled, number, signed

CLAIMS = ("settled", "trained", "optimal_margin", "slow", "specialised", "one_dead")
CLAIMS += ("double_slide", "single_slide")


@pytest.mark.parametrize("run", RUNS)
def test_every_kind_of_run_is_derived_again(run: str) -> None:
    """Ground truth: a second implementation, in `certify`, from the same specification."""
    body = certificate(run)
    report = verify(json.dumps(body))
    assert report.faults == ()
    assert report.valid
    assert report.claims == len(body["claims"]) > 0
    assert report.verdict == "PROVED"


@pytest.mark.parametrize("bits", [64, 192, 1024])
@pytest.mark.parametrize(
    "run", ["specialised", "double slide", "single slide", "metastable", "flow"]
)
def test_at_any_precision(run: str, bits: int) -> None:
    """Ground truth: the same implementation at other precisions, orbits and levels."""
    assert verify(certificate(run, bits=bits)).faults == ()


@pytest.mark.parametrize("step", [1e-3, 1e-2, 0.1, 0.5, 1.0, 2.0])
def test_at_any_step_size(step: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ground truth: the second implementation."""
    for run in ("specialised", "sinking", "crossed", "double slide", "kicked", "zero biases"):
        monkeypatch.setitem(RUNS, "here", (*RUNS[run][:3], step))
        assert verify(certificate("here")).faults == (), run


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_verdict_follows_from_the_claims(claim: str) -> None:
    """Ground truth: the section "Verdicts" of docs/certificates.md."""
    expected = {
        "specialised": {"settled", "trained", "optimal_margin", "slow", "specialised"},
        "sinking": {"settled", "trained", "specialised"},
        "mirror": {"settled", "trained", "optimal_margin", "specialised"},
        "double slide": {"settled", "trained", "optimal_margin", "slow", "double_slide"},
        "single slide": {"settled", "trained", "optimal_margin", "slow", "single_slide"},
        "far slide": {"settled", "trained", "single_slide"},
        "one dead": {"settled", "one_dead"},
    }
    for run, proved in expected.items():
        report = verify(certificate(run, claim=claim))
        assert report.faults == ()
        assert report.verdict == ("PROVED" if claim in proved else "REFUTED"), run


def test_undecided_claims_nothing() -> None:
    """Ground truth: docs/certificates.md: where it is UNDECIDED, `claims` and `path` are empty."""
    body = certificate("metastable", max_bits=64, bits=64, max_steps=3)
    body = {**body, "verdict": "UNDECIDED", "claims": [], "path": []}
    assert verify(signed(body)).valid
    assert not verify(signed({**body, "verdict": "PROVED"})).valid
    assert not verify(signed({**body, "path": [{"by": "steps", "steps": "1"}]})).valid


def test_order_of_points_and_neurons_does_not_matter() -> None:
    """Ground truth: the canonical order of docs/certificates.md."""
    body = certificate("unequal")
    for names in (("inputs", "labels"), ("weights", "biases", "output_weights")):
        turned = copy.deepcopy(body)
        for name in names:
            turned["problem"][name].reverse()
        assert verify(signed(turned)).faults == ()


def test_text_bytes_path_and_object_are_the_same(tmp_path: Path) -> None:
    """Ground truth: one certificate in four wrappings."""
    body = certificate("specialised")
    text = json.dumps(body, indent=1)
    (tmp_path / "run.json").write_text(text)
    reports = [verify(x) for x in (body, text, text.encode(), tmp_path / "run.json")]
    assert reports[0].valid
    assert reports == [reports[0]] * 4


def test_interval_must_be_narrow() -> None:
    """Ground truth: the value is inside, but 2^30 times the width that 80 bits leave is wide."""
    for kind in ("constant", "deficit", "phases", "preactivations"):
        body = certificate("sinking")
        claim = next(c for c in body["claims"] if kind in c)
        interval = claim[kind] if "lower" in claim[kind] else claim[kind][0]
        interval = interval if "lower" in interval else interval[0]
        upper = exact(interval["upper"])
        interval["upper"] = number(upper + abs(upper) / 2**50)
        assert not verify(signed(body)).valid, kind
        interval["upper"] = number(upper + abs(number_near(upper)) / 2**70)
        assert verify(signed(body)).faults == (), kind


def number_near(x: Fraction) -> Fraction:
    return Fraction(float(x))


def test_a_bound_of_the_wrong_sign_is_refused() -> None:
    """Ground truth: |x*(t) - limit| t ln t is not below 0, whatever a formula gives early on."""
    body = certificate("flow landing")
    rate = next(c for c in body["claims"] if c["kind"] == "rate")
    rate["upper"] = number(Fraction(-7))
    assert [x[:7] for x in verify(signed(body)).faults] == ["claim 5"]


def test_coefficients_of_the_fatou_coordinate() -> None:
    """Ground truth: 1/6, 1/16, 19/540, 1/48, 41/4200 of docs/theory.md, section 4."""
    published = [Fraction(*x) for x in ((1, 6), (1, 16), (19, 540), (1, 48), (41, 4200))]
    for value, found in zip(published, check_orbit._coefficients(256)):
        lower, upper = bounds(found)
        assert lower <= value <= upper
        assert upper - lower < Fraction(2) ** -240


def test_remainder_of_the_fatou_coordinate() -> None:
    """Ground truth: 7.8e-15 for K = 8 and S0 = 20, docs/theory.md, section 4."""
    assert 7.7e-15 < float(check_orbit.remainder(8, 20)) < 7.85e-15
    for terms, level in ((8, 1), (64, 2), (0, 0)):
        with pytest.raises(Wrong):
            check_orbit.remainder(terms, level)


@pytest.mark.parametrize("u", [-4.0, 0.0, 3.0, 9.0])
def test_orbit_is_so_many_steps(u: float) -> None:
    """Ground truth: 2000 steps, one by one, in balls."""
    with precision(256):
        c, stepped = arb(0.25), arb(u)
        for _ in range(2000):
            stepped += c * (-stepped).exp()
        at_once = check_orbit.later(arb(u), c, 2000)
        assert at_once.overlaps(stepped)
        assert (at_once - stepped).abs_upper() < 1e-60


@pytest.mark.parametrize(("steps", "why"), [(707, "ends before"), (709, "goes on after")])
def test_an_orbit_ends_where_a_sign_changes(steps: int, why: str) -> None:
    """Ground truth: docs/certificates.md, on a leg that is one step too short or too long."""
    body = certificate("tiny steps")
    orbit = body["path"][0]
    assert orbit["by"] == "orbit"
    orbit["steps"] = str(int(orbit["steps"]) + steps - 708)
    (fault,) = verify(signed(body)).faults
    assert f"an orbit {why}" in fault


def test_sandwich_holds_the_run() -> None:
    """Ground truth: 3000 further steps of the same run, one by one, in balls."""
    body = certificate("double slide")
    with precision(EXACT):
        problem = StatedProblem(body["problem"])
    with precision(128):
        walk = FollowedPath(problem, body["path"])
        slide = check_late.Slide(walk, body["claims"][2])
        n, before = slide.sigma, slide.s
        for _ in range(3000):
            walk._step()
            after = s_of(walk, slide)
            for old, new, down, extra in zip(before, after, slide.down, slide.extra):
                assert 1 - down / n <= new - old <= 1 + extra / n
            n, before = n + 1, after
            assert all(slide.theta * n <= x <= top * n for x, top in zip(after, slide.tops))
            assert -slide.low_p <= n * walk.a[1] <= slide.up_p
            assert -slide.low_r <= n * walk.a[2] <= slide.up_r
            assert -slide.down[0] <= n * drift(walk, slide)[0] <= slide.up[0]
            assert -slide.down[1] <= n * drift(walk, slide)[1] <= slide.up[1]


def s_of(walk, slide):
    """s_A and s_B."""
    a11, a12, a21, a22 = walk.a
    grown = a11 - slide.r2 * a12, a22 - slide.r1 * a21
    return [x.exp() / y for x, y in zip(grown, slide.scale)]


def drift(walk, slide):
    """dA and dB."""
    _, a12, a21, _ = walk.a
    zero = arb(0)
    return (
        (a21 if a21 > 0 else zero) - slide.r2 * a12,
        (a12 if a12 > 0 else zero) - slide.r1 * a21,
    )


@pytest.mark.parametrize("run", ["double slide", "even slide"])
@pytest.mark.parametrize("name", ["sigma", "theta", "top", "up_p", "low_p", "up_r", "low_r"])
def test_every_number_of_the_sandwich_counts(name: str, run: str) -> None:
    """Ground truth: the conditions of docs/certificates.md: none leaves a number free."""
    why = set()
    for value in {"theta": ("0.9999", "1"), "top": ("1.0001", "1")}.get(name, ("1/8", "8")):
        body = certificate(run)
        claim = body["claims"][2]
        at = Fraction(value) * (1 if name in ("theta", "top") else exact(claim[name]))
        claim[name] = number(Fraction(float(at)))
        why |= {x.partition(": ")[2] for x in verify(signed(body)).faults if "sandwich" in x}
    assert why, name


def test_a_sandwich_that_s_leaves() -> None:
    """Ground truth: theta close to 1 leaves s_A no room below, top close to 1 none above."""
    for name, value in (("theta", "0.9999"), ("top", "1.0001")):
        body = certificate("double slide")
        body["claims"][2][name] = number(Fraction(float(value)))
        assert "claim 3 (sandwich): s leaves theta N and top N" in verify(signed(body)).faults


def test_a_sandwich_that_a_wrong_side_leaves() -> None:
    """Ground truth: a bound that the next step passes, though a12 is inside it now."""
    body = certificate("double slide")
    claim, a12 = body["claims"][2], exact(body["claims"][0]["preactivations"][0][1]["lower"])
    claim["low_p"] = number(Fraction(float(-a12 * exact(claim["sigma"]) * 2)))
    fault = "claim 3 (sandwich): a wrong side may jump beyond its bound"
    assert fault in verify(signed(body)).faults


@pytest.mark.parametrize(
    ("low", "here", "up", "why"),
    [
        (1.0, 0.0, 1.0, None),
        (1.0, 0.1, 1.0, "is beyond"),
        (1.0, 0.0, 0.05, "may jump"),
        (0.5, 0.0, 1.0, "may jump"),
        (1.0, 0.0, 14.0, "is too slow"),
        (3.0, 0.0, 1.0, "is too slow"),
    ],
)
def test_a_wrong_side_is_kept(low: float, here: float, up: float, why: str | None) -> None:
    """Ground truth: by hand: it falls by 0.8 and rises by 0.2, both over N, and sigma is 10."""
    slide = object.__new__(check_late.Slide)
    slide.sigma = arb(10)
    numbers = (arb(low), arb(here), arb(up)), arb(1), arb(1), (arb(1), arb(1)), (arb(0.2), arb(0.2))
    if why is None:
        slide._kink(*numbers)
    else:
        with pytest.raises(Wrong, match=why):
            slide._kink(*numbers)


def test_a_kick_that_is_too_strong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ground truth: a step of 5 lifts w by up to 3 and may then turn the living neuron off."""
    monkeypatch.setitem(RUNS, "weak", ((0.5, -0.8), (0.7, 0.4), (0.0, -1.0), 0.01))
    body = certificate("weak")
    assert body["reason"] == "kicked back"
    assert verify(body).valid
    body["problem"]["step_size"] = number(Fraction(5))
    (fault,) = verify(signed(body)).faults
    assert fault == "claim 2 (absorbed): the argument does not give this regime"


def test_no_rate_before_the_boundary_is_between_the_kinks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ground truth: with a12, a21 near -49, a11 a22 > a12 a21 only long after step 1000."""
    monkeypatch.setitem(RUNS, "apart", ((1, -1), (25, -24), (-24, -23.5), 0.1))
    body = certificate("apart")
    assert verify(body).valid
    rate = body["claims"][4]
    rate.update(log_from=number(Fraction(7)), lower=number(Fraction(0)))
    rate["upper"] = number(Fraction(2) ** 99)
    (fault,) = verify(signed(body)).faults
    assert fault == "claim 5 (rate): x* is not defined from log_from on"


def test_claims_rest_on_earlier_ones() -> None:
    """Ground truth: docs/certificates.md: each claim rests on earlier ones."""
    body = certificate("specialised")
    body["claims"][4]["rests_on"] = ["sandwich", "constant"]
    assert verify(signed(body)).faults == (
        "claim 5 (rate): it rests on what is not claimed before",
    )


def test_words_say_no_more_than_numbers() -> None:
    """Ground truth: docs/certificates.md: statements are fixed, and the reason is the argument."""
    schema = json.loads(files("latephase.certificates").joinpath("schema.json").read_text())
    honest = certificate("sinking", claim="optimal_margin")
    assert (honest["verdict"], verify(honest).faults) == ("REFUTED", ())
    for i, claim in enumerate(honest["claims"]):
        body = copy.deepcopy(honest)
        body["claims"][i]["statement"] = "the margin tends to the largest possible one"
        body["claims"][i]["statement"] += claim["statement"][-30:]
        assert not accepted(signed(body))
        body = copy.deepcopy(honest)
        body["claims"][i]["rests_on"] = [*claim["rests_on"], "entry"][1:]
        assert body["claims"][i]["rests_on"] == claim["rests_on"] or not accepted(signed(body))
    for run in "sinking", "flow", "flow revived":
        fixed = schema["$defs"]["claim"]["oneOf"][0]["properties"]["statement"]["enum"]
        taken = []
        for words in fixed:
            body = certificate(run)
            body["claims"][0]["statement"] = words
            taken.append(accepted(signed(body)))
        assert taken.count(True) == 1, run
    body = {**honest, "reason": "x1 x2 = -1: the margin tends to the optimal one"}
    assert not accepted(signed(body))
    body = copy.deepcopy(honest)
    body["claims"][1]["statement"] = "the run stays one_dead for ever: wrong sides sink"
    assert not accepted(signed(body))


def accepted(body: dict) -> bool:
    """Whether the checker takes it for a valid certificate."""
    try:
        return verify(body).valid
    except NotACertificate:
        return False


def test_precision_is_restored() -> None:
    """Ground truth: the precision before."""
    from latephase.core.balls import bits

    before = bits()
    verify(certificate("specialised"))
    assert bits() == before


def test_form_agrees_with_jsonschema() -> None:
    """Ground truth: jsonschema, on certificates with one place replaced by something else."""
    schema = json.loads(files("latephase.certificates").joinpath("schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    rng, seen = random.Random(5), {True: 0, False: 0}
    others = [
        None,
        True,
        0,
        1,
        -1,
        21,
        [],
        {},
        "",
        "0",
        "-3",
        "1e6",
        "t",
        "entry",
        [1, -1],
        "x" * 70,
    ]
    for run in ("specialised", "double slide", "single slide", "flow landing", "one dead"):
        body = certificate(run)
        for _ in range(150):
            changed = copy.deepcopy(body)
            place, key = rng.choice(list(places(changed)))
            if rng.random() < 0.2 and isinstance(place, dict):
                del place[key]
            else:
                place[key] = copy.deepcopy(rng.choice(others))
            ours = check_form._fits(*check_form._parsed(json.dumps(changed)))
            assert ours == validator.is_valid(changed), (key, changed)
            seen[ours] += 1
    assert min(seen.values()) > 10


def places(x: object):
    """Every (object, key) and (array, index) below x."""
    inner = x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ()
    for key, value in inner:
        yield x, key
        yield from places(value)


def test_refusal_is_one_line_and_can_be_pickled() -> None:
    """Ground truth: the rule of ARCHITECTURE.md for bad input."""
    with pytest.raises(NotACertificate) as caught:
        verify("{}")
    assert message_is_one_line(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_the_checker_refuses_a_sandwich_around_a_misclassified_point():
    """Ground truth: as above; the checker's own conditions."""
    net, data, method, constants = misled()
    problem = record(lp.certify(net, data, method, max_steps=0))["problem"]
    names = ("sigma", "theta", "top", "up_p", "low_p", "up_r", "low_r")
    claim = {name: rational(getattr(constants, name)) for name in names}
    with precision(EXACT):
        exactly = StatedProblem(problem)
    with precision(192), pytest.raises(Wrong, match="not be on its side"):
        Slide(FollowedPath(exactly, []), claim)


def test_bounds_that_are_exact_numbers_are_verified_too():
    """Ground truth: equal orbits on x = +-2, where the bound of the rate is exactly 5."""
    net = lp.ShallowReLU([-2, 4], [2, -2], [-1, 1])
    found = lp.certify(net, lp.Dataset([2, -2], [1, -1]), lp.GradientDescent(0.125))
    assert lp.verify(record(found)).valid
