"""Certificates: verdicts, claims, what is undecided and why, folders of them."""

from __future__ import annotations

import errno
import json
import os
from decimal import Decimal
from fractions import Fraction

import jsonschema
import pytest

import latephase as lp
from latephase.certificates import ensemble as many
from latephase.certificates.file.decimals import outward
from latephase.certificates.file.record import digest, record, save, schema
from latephase.certificates.prove.proof import CERTIFICATE_CLAIMS
from latephase.certificates.prove.walk.step import positive
from latephase.certificates.reasons import REASONS
from latephase.certificates.verdict import Undecided
from latephase.core.balls import exact, plus_minus, precision
from latephase.store.directory import partial_of, read_marker

PM1 = lp.Dataset([1, -1], [1, -1])
GD = lp.GradientDescent(0.1)
TRAINED = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
ONE_DEAD = lp.ShallowReLU([0.7, 0.4], [0.1, 0.2])
DEAD = lp.ShallowReLU([0.1, 0.1], [-1, -1])


@pytest.mark.parametrize(
    ("network", "points", "true"),
    [
        (TRAINED, [1, -1], {"settled", "trained", "optimal_margin", "slow", "specialised"}),
        (TRAINED, [3, -1], {"settled", "trained", "specialised"}),
        (TRAINED, [0.5, -0.5], {"settled", "trained", "optimal_margin", "double_slide"}),
        (TRAINED, [0.5, -0.8], {"settled", "trained", "optimal_margin", "slow", "double_slide"}),
        (ONE_DEAD, [1, -1], {"settled", "one_dead"}),
        (DEAD, [1, -1], {"settled", "both_dead"}),
    ],
)
def test_every_claim_is_proved_or_refuted(network, points, true):
    """Ground truth: theory.md, sections 2 and 3: which regimes and limits these runs have."""
    data = lp.Dataset(points, [1, -1])
    for claim in CERTIFICATE_CLAIMS:
        found = lp.certify(network, data, GD, claim=claim)
        expected = lp.Verdict.PROVED if claim in true else lp.Verdict.REFUTED
        assert found.verdict is expected, claim


UNDECIDED = {
    "single slide": (TRAINED, [1, 3], GD, "no proof"),
    "flow elsewhere": (TRAINED, [2, -1], lp.GradientFlow(), "closed form"),
    "beyond balls": (lp.ShallowReLU([-1e30, 1], [0, 0]), [1, -1], GD, "range of balls"),
    "too long": (lp.ShallowReLU([-1e5, -2e5], [1, 1]), [1, -1], GD, "e^10000"),
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_undecided_says_why_and_claims_nothing(name):
    """Ground truth: what docs/certificates.md says has no proof."""
    network, points, method, words = UNDECIDED[name]
    if name == "single slide":
        network = lp.ShallowReLU([-0.7, 0.4], [0.9, 1.2])
    found = lp.certify(network, lp.Dataset(points, [1, -1]), method)
    assert found.verdict is lp.Verdict.UNDECIDED, found
    assert words in found.reason
    assert (found.regime, found.entry_step, found.constant, found.rate) == (None,) * 4
    with pytest.raises(lp.InputError, match="certificate with a proof"):
        found.deficit("1e6")
    body = record(found)
    assert (body["claims"], body["path"], body["bits"]) == ([], [], None)


def test_the_step_budget_is_a_reason():
    """Ground truth: a run that needs more than the steps allowed."""
    found = lp.certify(lp.ShallowReLU([0.3, -0.2], [1, 0.9]), PM1, GD, max_steps=3)
    assert found.verdict is lp.Verdict.UNDECIDED
    assert "step budget" in found.reason


def test_precision_escalates_and_gives_up():
    """Ground truth: a phase of e^50 steps, whose last step 64 bits cannot tell."""
    network = lp.ShallowReLU([3.0, -3.5], [25, 25.5])
    assert lp.certify(network, PM1, GD, bits=64).proof.bits > 64
    given_up = lp.certify(network, PM1, GD, bits=64, max_bits=64)
    assert "is not decided at 64 bits" in given_up.reason


def test_a_verdict_is_no_bool():
    """Ground truth: three values do not fit into two."""
    with pytest.raises(TypeError, match="three values"):
        bool(lp.Verdict.UNDECIDED)
    assert str(lp.Verdict.PROVED) == "PROVED"


def test_constant_of_zero_biases_is_the_difference_of_the_weights():
    """Ground truth: theory.md, section 3: C = (|w1| - |w2|)/2, exact rationals."""
    found = lp.certify(lp.ShallowReLU([0.75, -0.5], [0, 0]), PM1, GD)
    assert found.constant == (Decimal("0.125"), Decimal("0.125"))
    assert found.deficit(0) == (Decimal(0), Decimal(0))


def test_labels_neurons_and_signs_may_come_in_any_order():
    """Ground truth: the same problem, written in canonical order and mirrored."""
    straight = lp.certify(TRAINED, PM1, GD)
    swapped = lp.certify(
        lp.ShallowReLU([-0.4, 0.7], [0.2, 0.1], [-1, 1]), lp.Dataset([-1, 1], [-1, 1]), GD
    )
    mirrored = lp.certify(lp.ShallowReLU([-0.7, 0.4], [0.1, 0.2]), lp.Dataset([-1, 1], [1, -1]), GD)
    for other in (swapped, mirrored):
        assert other.deficit("1e50") == straight.deficit("1e50")
    assert swapped.constant == straight.constant
    assert mirrored.constant == tuple(end.copy_negate() for end in reversed(straight.constant))


def test_rate_from_a_time_is_tighter_the_later_it_is():
    """Ground truth: the limit |C| = 0.2 of |x*| ln t, which all bounds enclose."""
    found, width = lp.certify(TRAINED, PM1, GD), Decimal(1)
    for t in ("1e3", "1e100", "1e1000", "1e20000"):
        lower, upper, since, clock = found.rate_from(t)
        assert (since.text, clock) == (t, "ln t")
        assert lower < Decimal("0.2") < upper
        assert upper - lower < width / 2
        width = upper - lower
    with pytest.raises(lp.InputError, match="later"):
        found.rate_from(2)


def test_precisions_that_make_no_sense_are_refused():
    """Ground truth: the bounds that the schema of the files puts on `bits`."""
    for options in ({"bits": 8}, {"bits": 256, "max_bits": 128}):
        with pytest.raises(lp.InputError, match="bits"):
            lp.certify(TRAINED, PM1, GD, **options)


def test_save_writes_what_verify_reads(tmp_path):
    """Ground truth: the checker, on the name of the file as text."""
    lp.certify(TRAINED, PM1, GD).save(tmp_path / "run.cert.json")
    assert lp.verify(str(tmp_path / "run.cert.json")).valid
    assert repr(lp.certify(TRAINED, PM1, GD)).startswith("Certificate(settled: PROVED, specialised")


@pytest.mark.parametrize("t", ["1e1000000000000", "-1", "abc", 0.5, "10**10**10", 1e400, True])
def test_bad_times_are_refused(t):
    """Ground truth: the rules for times of the public contract."""
    with pytest.raises(lp.InputError):
        lp.certify(TRAINED, PM1, GD).deficit(t)


@pytest.mark.parametrize(
    ("network", "data", "method"),
    [
        (lp.ShallowReLU([1, 2, 3], [0, 0, 0], [1, -1, 1]), PM1, GD),
        (TRAINED, lp.Dataset([1, -1, 2], [1, -1, 1]), GD),
        (TRAINED, lp.Dataset([[1, 0], [0, 1]], [1, -1]), GD),
        (TRAINED, PM1, "gd"),
        (PM1, TRAINED, GD),
    ],
)
def test_other_problems_are_refused(network, data, method):
    """Ground truth: the scope in docs/certificates.md."""
    with pytest.raises(lp.InputError):
        lp.certify(network, data, method)


def test_decimals_are_rounded_outward():
    """Ground truth: 1/3 and 2^-100000 in exact arithmetic."""
    with precision(200):
        lower, upper = outward(exact(1) / 3, digits=5)
        assert (lower, upper) == (Decimal("0.33333"), Decimal("0.33334"))
        lower, upper = outward(exact(2) ** -100000, digits=5)
    assert (str(lower), str(upper)) == ("1.0009E-30103", "1.0010E-30103")
    ends = outward((-(exact(2) ** 100)).exp(), digits=5)
    assert ends[0] == 0 < ends[1]
    ends = outward(-(exact(2) ** 100).exp(), digits=5)
    assert ends[0] == Decimal("-Infinity") < ends[1] < 0


RECORDED = {
    "trained": (TRAINED, [1, -1], GD),
    "slide": (TRAINED, [0.5, -0.8], GD),
    "kicked": (ONE_DEAD, [0.5, -0.5], GD),
    "dead": (DEAD, [1, -1], GD),
    "sinking": (TRAINED, [3, -1], GD),
    "flow": (TRAINED, [1, -1], lp.GradientFlow()),
    "undecided": (TRAINED, [2, -1], lp.GradientFlow()),
}


@pytest.mark.parametrize("name", RECORDED)
def test_files_meet_the_schema(name):
    """Ground truth: jsonschema's validator for draft 2020-12, and the schema's own meta-schema."""
    jsonschema.Draft202012Validator.check_schema(schema())
    network, points, method = RECORDED[name]
    body = record(lp.certify(network, lp.Dataset(points, [1, -1]), method))
    jsonschema.validate(body, schema(), jsonschema.Draft202012Validator)
    assert body["digest"] == digest(json.loads(json.dumps(body)))


def test_every_argument_is_explained_and_allowed():
    """Ground truth: the arguments that the schema lists, and those that runs give."""
    kinds = schema()["$defs"]["claim"]["oneOf"]
    absorbed = next(k for k in kinds if k["properties"]["kind"]["const"] == "absorbed")
    assert set(absorbed["properties"]["argument"]["enum"]) == set(REASONS)
    given = {
        lp.certify(network, lp.Dataset(points, [1, -1]), method).reason
        for network, points, method in RECORDED.values()
    }
    assert given >= set(REASONS)


def test_files_are_replaced_only_if_they_are_certificates(tmp_path):
    """Ground truth: what stands in the folder afterwards."""
    found, place = lp.certify(TRAINED, PM1, GD), tmp_path / "run.cert.json"
    save(found, place)
    save(found, place)
    assert json.loads(place.read_text())["verdict"] == "PROVED"
    place.write_text("my notes")
    with pytest.raises(lp.InputError, match="something else"):
        save(found, place)
    assert place.read_text() == "my notes"
    save(found, place, force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["run.cert.json"]


@pytest.fixture
def full_disk(monkeypatch):
    """A disk with no room for a complete file."""

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_no_half_certificate(tmp_path):
    """Ground truth: the folder, which stays empty; one line says why."""
    with pytest.raises(lp.InputError, match="No space left"):
        save(lp.certify(TRAINED, PM1, GD), tmp_path / "run.cert.json")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_what_is_done(tmp_path, monkeypatch):
    """Ground truth: the finished part, with which the folder is resumed to the same end."""
    replace = os.replace

    def fail_at_the_second_part(source, target):
        if str(target).endswith("-00001.jsonl"):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    settings, out = {"trials": 300, "seed": 1}, tmp_path / "certs"
    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", fail_at_the_second_part)
        with pytest.raises(lp.LatephaseError, match="No space left"):
            many.certify_ensemble("he_normal", PM1, GD, **settings, out=out)
    assert not out.exists()
    assert many.FOLDER.file(partial_of(out), 0).exists()
    rows = many.certify_ensemble("he_normal", PM1, GD, **settings, out=out, resume=True)
    assert len(rows) == 300
    assert not list(out.glob("*.draft"))


def test_an_ensemble_certifies_the_networks_of_ensemble():
    """Ground truth: certify on each of the initializer's own draws."""
    rows = many.certify_ensemble("standard_normal", PM1, GD, trials=300, seed=3)
    weights, biases = lp.initializers.standard_normal(trials=300, seed=3)
    assert len(rows) == 300
    for i in (0, 5, 255, 256, 299):
        alone = many.counted(lp.certify(lp.ShallowReLU(weights[i], biases[i]), PM1, GD))
        assert alone[:3] == rows[i][:3]
        assert str(alone[3:]) == str(rows[i][3:])


def test_an_interrupted_folder_ends_the_same(tmp_path):
    """Ground truth: the bytes of a folder that was not interrupted."""
    settings = {"trials": 600, "seed": 1}

    class Stop(Exception):
        pass

    def stop(done, total):
        raise Stop

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    rows = many.certify_ensemble("he_normal", PM1, GD, **settings, out=whole)
    with pytest.raises(Stop):
        many.certify_ensemble("he_normal", PM1, GD, **settings, out=broken, progress=stop)
    assert read_marker(partial_of(broken))["finished_trials"] == many.PART
    assert not broken.exists()
    with pytest.raises(lp.InputError, match="seed"):
        many.certify_ensemble("he_normal", PM1, GD, trials=600, seed=2, out=broken, resume=True)
    again = many.certify_ensemble("he_normal", PM1, GD, **settings, out=broken, resume=True)
    assert [row[:3] for row in again] == [row[:3] for row in rows]
    files = sorted(p.relative_to(whole) for p in whole.rglob("*") if p.is_file())
    assert len(files) == 5
    for name in files:
        assert (whole / name).read_bytes() == (broken / name).read_bytes()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    """Ground truth: the file in it."""
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "thesis.tex").write_text("mine")
    with pytest.raises(lp.InputError):
        many.certify_ensemble("he_normal", PM1, GD, trials=5, seed=0, out=tmp_path / "certs")
    assert (tmp_path / "certs" / "thesis.tex").read_text() == "mine"


def test_processes_change_nothing():
    """Ground truth: the rows of one process."""
    settings = {"trials": 300, "seed": 0}
    one = many.certify_ensemble("he_normal", PM1, GD, **settings)
    two = many.certify_ensemble("he_normal", PM1, GD, **settings, processes=2)
    assert str(one) == str(two)


def test_a_sign_that_is_open_is_never_taken_for_closed():
    """Ground truth: a ball around 0 has both signs in it."""
    with pytest.raises(Undecided, match="sign"):
        positive(plus_minus(exact(1e-30)))
    assert positive(exact(1e-300)) is True
    assert positive(exact(0)) is False


def test_a_kick_that_kills_is_not_survived():
    """Ground truth: by hand: the first kick lifts w to 1.4, the next step takes 6 off a = 2.4."""
    data = lp.Dataset([0.5, -0.5], [1, -1])
    network = lp.ShallowReLU([0.051, 0.1], [0.0245, -1.0])
    found = lp.certify(network, data, lp.GradientDescent(2.0))
    assert found.regime is lp.Regime.both_dead
    assert found.entry_step == 2


def test_times_that_only_logarithms_hold_are_enclosed():
    """Ground truth: the law itself, x* = C/(ln t + beta), whose remainder is below 10^-19990."""
    found = lp.certify(lp.ShallowReLU([0.75, -0.5], [0, 0]), PM1, GD)
    lower, upper = found.deficit("1e20000")
    with precision(256):
        log_t = 20000 * exact(10).log()
        law = exact(0.125) / (log_t + exact(2 * 0.1).log() + exact(0.625))  # p2 = -1/2, q1 = -3/4
        assert exact(Fraction(lower)) <= law
        assert law <= exact(Fraction(upper))
    assert (upper - lower) / lower < Decimal("1e-14")
