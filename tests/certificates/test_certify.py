"""`certify`: verdicts, claims, what is undecided and why, what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

import latephase as lp
from latephase.certificates.file.record import record
from latephase.certificates.prove.proof import CERTIFICATE_CLAIMS

PM1 = lp.Dataset([1, -1], [1, -1])
GD = lp.GradientDescent(0.1)
TRAINED = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
ONE_DEAD = lp.ShallowReLU([0.7, 0.4], [0.1, 0.2])
DEAD = lp.ShallowReLU([0.1, 0.1], [-1, -1])
SERVED = lp.ShallowReLU([0.1, 0.3], [0.2, 0.1])


@pytest.mark.parametrize(
    ("network", "points", "true"),
    [
        (TRAINED, [1, -1], {"settled", "trained", "optimal_margin", "slow", "specialised"}),
        (TRAINED, [3, -1], {"settled", "trained", "specialised"}),
        (TRAINED, [0.5, -0.5], {"settled", "trained", "optimal_margin", "double_slide"}),
        (TRAINED, [0.5, -0.8], {"settled", "trained", "optimal_margin", "slow", "double_slide"}),
        (SERVED, [0.5, 3], {"settled", "trained", "optimal_margin", "slow", "single_slide"}),
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
    "an input at 0": (SERVED, [0, 2], GD, "step budget"),
    "points too close": (SERVED, [2, 2.01], lp.GradientDescent(0.01), "so close"),
    "flow beyond balls": (lp.ShallowReLU([-1e30, 1], [0, 0]), [2, -1], lp.GradientFlow(), "range"),
    "beyond balls": (lp.ShallowReLU([-1e30, 1], [0, 0]), [1, -1], GD, "range of balls"),
    "too long": (lp.ShallowReLU([-1e5, -2e5], [1, 1]), [1, -1], GD, "e^10000"),
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_undecided_says_why_and_claims_nothing(name):
    """Ground truth: what docs/certificates.md says has no proof."""
    network, points, method, words = UNDECIDED[name]
    found = lp.certify(network, lp.Dataset(points, [1, -1]), method, max_steps=3000)
    assert found.verdict is lp.Verdict.UNDECIDED, found
    assert words in found.reason
    assert (found.regime, found.entry_step, found.constant, found.rate) == (None,) * 4
    with pytest.raises(lp.InputError, match="certificate with a proof"):
        found.deficit("1e6")
    body = record(found)
    assert (body["claims"], body["path"], body["bits"]) == ([], [], None)


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


def test_precisions_that_make_no_sense_are_refused():
    """Ground truth: the bounds that the schema of the files puts on `bits`."""
    for options in ({"bits": 8}, {"bits": 256, "max_bits": 128}):
        with pytest.raises(lp.InputError, match="bits"):
            lp.certify(TRAINED, PM1, GD, **options)


def test_save_writes_what_verify_reads(tmp_path):
    """Ground truth: the checker, on the name of the file as text."""
    lp.certify(TRAINED, PM1, GD).save(tmp_path / "run.cert.json")
    assert lp.verify(str(tmp_path / "run.cert.json")).valid
    assert repr(lp.certify(TRAINED, PM1, GD)).startswith(
        "<Certificate: settled: PROVED, specialised"
    )


@pytest.mark.parametrize("t", ["1e1000000000000", "-1", "abc", 0.5, "10**10**10", 1e400, True])
def test_bad_times_are_refused(t):
    """Ground truth: the rules for times of the public contract."""
    with pytest.raises(lp.InputError):
        lp.certify(TRAINED, PM1, GD).deficit(t)


@pytest.mark.parametrize(
    ("network", "data", "method"),
    [
        (lp.ShallowReLU([1, 2, 3], [0, 0, 0], [1, -1, 1]), PM1, lp.GradientFlow()),
        (TRAINED, lp.Dataset([1, -1, 2], [1, -1, 1]), lp.GradientFlow()),
        (TRAINED, lp.Dataset([1, -1, 2], [1, -1, 1]), lp.HeavyBall(0.1)),
        (TRAINED, lp.Dataset([[1, 0], [0, 1]], [1, -1]), GD),
        (TRAINED, PM1, "gd"),
        (PM1, TRAINED, GD),
    ],
)
def test_other_problems_are_refused(network, data, method):
    """Ground truth: the scope in docs/certificates.md."""
    with pytest.raises(lp.InputError):
        lp.certify(network, data, method)
