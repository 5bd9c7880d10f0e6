"""The checker's slides that end: against the run itself, and what breaks them."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest

from latephase.certificates.check.enclosures import EXACT
from latephase.certificates.check.pairs.hold import HeldKink
from latephase.certificates.check.pairs.path import FollowedPath, StatedProblem
from latephase.certificates.check.pairs.slides import HalfSlide, _reversed
from latephase.certificates.check.verify import NotACertificate, verify
from latephase.core.balls import arb, precision
from samples.certificates import certificate, exact, number, signed

SLIDES = ["half slide", "half slide, mirrored", "falling hold"]
HALF, HOLD = ("sigma", "theta", "top", "top_2", "up", "low"), ("sigma", "theta", "top", "up")


@pytest.mark.parametrize("run", SLIDES)
def test_a_slide_has_the_run_inside(run: str) -> None:
    """Ground truth: 3000 steps of the same run, one by one, in balls of 2048 bits."""
    body = certificate(run)
    leg = body["path"][-1]
    with precision(EXACT):
        problem = StatedProblem(body["problem"])
    with precision(2048):
        walk = FollowedPath(problem, body["path"])  # up to the slide
        by_half = leg["by"] == "half"
        slide = HalfSlide(walk, leg) if by_half else HeldKink(walk, leg, leg["kink"])
        narrow = 0
        for n in range(1, 3001):
            walk._step()
            found = slide.after(arb(n))
            a = found if by_half else found[-1]
            a = _reversed(a) if leg["kink"] == "12" else a
            assert all(x.contains(y) for x, y in zip(a, walk.a))
            narrow += all(x.rad() < 0.1 for x in a)
        assert narrow > 2900


@pytest.mark.parametrize("run", SLIDES)
def test_every_number_of_a_slide_counts(run: str) -> None:
    """Ground truth: the conditions of docs/certificates.md: none leaves a number free."""
    for name in HOLD if run == "falling hold" else HALF:
        why = set()
        for factor in ("1/8", "8"):
            body = certificate(run)
            leg = body["path"][-1]
            leg[name] = number(Fraction(float(exact(leg[name]) * Fraction(factor))))
            why |= set(verify(signed(body)).faults)
        assert why, name


@pytest.mark.parametrize(
    ("run", "name", "factor", "why"),
    [
        ("half slide", "sigma", "1.01", "the kink is too far"),
        ("half slide", "sigma", "0.9", "the kink may jump too far"),
        ("half slide", "theta", "1.01", "s leaves theta N and top N"),
        ("half slide", "top", "0.99", "s leaves theta N and top N"),
        ("half slide", "top_2", "0.99", "s leaves theta N and top N"),
        ("half slide", "top", "1/2", "the form"),
        ("half slide", "up", "1.01", "the kink may jump too far"),
        ("half slide", "low", "0.99", "the kink may jump too far"),
        ("half slide", "low", "99", "the kink is too slow"),
        ("half slide", "up", "-1", "the form"),
        ("falling hold", "low", "0.99", "it may jump too far"),
        ("falling hold", "up_y", "0.99", "the margins may part"),
        ("falling hold", "up_y", "1.01", "a12 may turn off"),
        ("falling hold", "low_y", "4", "the kink may not fall back"),
    ],
)
def test_what_breaks_a_slide(run: str, name: str, factor: str, why: str) -> None:
    """Ground truth: by hand: the constants are tight within a few percent."""
    body = certificate(run)
    leg = body["path"][-1]
    leg[name] = number(Fraction(float(exact(leg[name]) * Fraction(factor))))
    assert verify(signed(body)).faults == (f"path and claims: {why}",)


@pytest.mark.parametrize("run", SLIDES)
def test_a_slide_that_goes_on_too_long(run: str) -> None:
    """Ground truth: the other pre-activation comes to its kink within the last ten thousandth."""
    body = certificate(run)
    leg = body["path"][-1]
    leg["steps"] = str(int(leg["steps"]) * 10001 // 10000 + 200)
    (fault,) = verify(signed(body)).faults
    assert fault == f"path and claims: a12 may turn {'on' if leg['by'] == 'half' else 'off'}"


@pytest.mark.parametrize("run", SLIDES)
def test_the_other_kink_is_not_the_one_that_is_held(run: str) -> None:
    """Ground truth: the run: the other pre-activation is far from its kink."""
    body = certificate(run)
    leg = body["path"][-1]
    leg["kink"] = "12" if leg["kink"] == "21" else "21"
    assert not verify(signed(body)).valid


def test_a_slide_is_the_last_leg_and_leaves_no_pattern() -> None:
    """Ground truth: docs/certificates.md, "entry"."""
    body = certificate("half slide")
    assert "pattern" not in body["claims"][0]
    body["claims"][0]["pattern"] = "1001"
    assert verify(signed(body)).faults == ("claim 1 (entry): the pattern is another",)
    body = certificate("half slide")
    body["path"].append({"by": "steps", "steps": "1"})
    assert verify(signed(body)).faults == ("path and claims: a slide is not the last leg",)
    body = certificate("half slide")
    del body["path"][-1]["kink"]
    with pytest.raises(NotACertificate):
        verify(signed(body))


def test_a_slide_needs_points_that_are_coupled() -> None:
    """Ground truth: theory.md, section 2: with k12 <= 0 nothing lifts a kink."""
    body, other = certificate("specialised"), certificate("half slide")
    body["path"] = [other["path"][-1]]
    assert verify(signed(body)).faults == ("path and claims: a slide where x1 x2 <= -1",)


def test_a_file_of_before_is_as_valid_as_it_was() -> None:
    """Ground truth: docs/certificates.md: without top_b it is top, as older files have it."""
    body = certificate("even slide")
    claim = body["claims"][2]
    claim["top"] = max(claim["top"], claim.pop("top_b"), key=exact)
    assert verify(signed(body)).faults == ()


@pytest.mark.parametrize("exponent", [3 * 10**18, 10**6, -(10**6), -3 * 10**18])
def test_hostile_constants_are_refused_in_bounded_time(exponent: int) -> None:
    """Ground truth: a clock; exponents up to the limits of docs/certificates.md."""
    start = time.process_time()
    for run, names in (("half slide", HALF), ("falling hold", HOLD)):
        for name in names:
            body = certificate(run)
            huge = {"mantissa": "1", "exponent": str(exponent), "decimal": "1"}
            body["path"][-1][name] = huge
            assert any("path and claims" in fault for fault in verify(signed(body)).faults)
    assert time.process_time() - start < 60
