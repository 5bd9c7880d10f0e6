"""The checker's hold of a single slide: against the run itself, and what breaks it."""

from __future__ import annotations

from fractions import Fraction

import pytest

from latephase.certificates.check.enclosures import EXACT
from latephase.certificates.check.form import Body
from latephase.certificates.check.pairs.hold import HeldKink
from latephase.certificates.check.pairs.path import FollowedPath, StatedProblem
from latephase.certificates.check.verify import verify
from latephase.core.balls import arb, precision
from samples.certificates import certificate, exact, number, signed

SLIDES = ["single slide", "single slide, mirrored", "far slide"]
NUMBERS = ["sigma", "theta", "top", "up", "low", "up_y", "low_y"]


def followed(run: str, monkeypatch: pytest.MonkeyPatch) -> tuple[FollowedPath, Body, HeldKink]:
    """The checker's own run up to `base`, its claim, and its hold from there on; those that are
    made later are asked nothing."""
    body = certificate(run)
    with precision(EXACT):
        problem = StatedProblem(body["problem"])
    path, claim = FollowedPath(problem, body["path"]), body["claims"][2]
    held = HeldKink(path, claim)
    monkeypatch.setattr(HeldKink, "_induction", lambda self, n: None)
    return path, claim, held


@pytest.mark.parametrize("run", SLIDES)
def test_the_hold_holds_the_run(run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ground truth: 3000 further steps of the same run, one by one, in balls of 512 bits."""
    with precision(512):
        walk, claim, held = followed(run, monkeypatch)
        n, before = held.sigma, held
        _, down, slack = held._growth()
        for _ in range(3000):
            walk._step()
            now = HeldKink(walk, claim)
            assert 1 - down / n <= now.s - before.s <= 1 + slack / n
            n, before = n + 1, now
            assert held.theta * n <= now.s <= held.top * n
            assert -held.low <= n * now.r <= held.up
            assert -held.low_y <= n * now.y <= held.up_y


@pytest.mark.parametrize("run", SLIDES)
def test_what_is_said_of_a_step_is_so(run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ground truth: the formulas of the page for g, y and r, against a step of the run."""
    with precision(512):
        walk, claim, held = followed(run, monkeypatch)
        before = held
        for _ in range(200):
            walk._step()
            now = HeldKink(walk, claim)
            on = before.r > 0
            e1 = (before.r if on else arb(0)) + before.v * before.y
            e2 = -before.rho * before.r - before.w * before.y
            one, two = e1.exp() / before.s, e2.exp() / before.s
            assert (now.m - before.m).overlaps(before.w * one + before.v * two)
            assert (now.y - before.y).overlaps(before.lam * (two - one))
            fall = (1 + before.q1) * one if on else arb(0)
            assert (now.r - before.r).overlaps(before.q1 * two - fall)
            kept = [2 * x.a12 - (x.rho - 1) * x.m + x.turn * x.y for x in (before, now)]
            assert kept[0].overlaps(kept[1])
            assert all(x.rad() < 1e-30 for x in (now.m, now.y, now.r, *kept))
            before = now


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("run", SLIDES)
def test_every_number_of_the_hold_counts(run: str, name: str) -> None:
    """Ground truth: the conditions of docs/certificates.md: none leaves a number free."""
    why = set()
    for value in {"theta": ("0.9999", "1"), "top": ("1.0001", "1")}.get(name, ("1/8", "8")):
        body = certificate(run)
        claim = body["claims"][2]
        at = Fraction(value) * (1 if name in ("theta", "top") else exact(claim[name]))
        claim[name] = number(Fraction(float(at)))
        why |= {x.partition(": ")[2] for x in verify(signed(body)).faults if "hold" in x}
    assert why, name


@pytest.mark.parametrize(
    ("name", "factor", "why"),
    [
        ("sigma", "1.01", "s leaves theta N and top N"),
        ("top", "0.98", "s leaves theta N and top N"),
        ("up", "0.9", "it may jump too far"),
        ("low", "0.9", "it may jump too far"),
        ("up_y", "0.9", "the margins may part"),
        ("low_y", "0.9", "the margins may part"),
        ("low_y", "40", "the kink may not fall back"),
        ("low", "-1", "a band is negative"),
        ("sigma", "1/64", "the kink may not fall back"),
    ],
)
def test_what_breaks_a_hold(name: str, factor: str, why: str) -> None:
    """Ground truth: by hand: the bounds of the page are tight within a tenth on (1, 2)."""
    body = certificate("single slide")
    claim = body["claims"][2]
    claim[name] = number(Fraction(float(exact(claim[name]) * Fraction(factor))))
    assert f"claim 3 (hold): {why}" in verify(signed(body)).faults


def test_a_hold_on_other_points_is_refused() -> None:
    """Ground truth: k12 < min(k11, k22) on (0.5, -0.8), so that both kinks are held there."""
    body, other = certificate("double slide"), certificate("single slide")
    body["claims"][2] = other["claims"][2]
    body["claims"][1].update(regime="single_slide", argument="kink held")
    body["claims"][1]["statement"] = "the run stays single_slide for ever: kink held"
    body["reason"] = "kink held"
    for claim in body["claims"][3:]:
        claim["rests_on"] = ["hold" if x == "sandwich" else x for x in claim["rests_on"]]
    faults = verify(signed(body)).faults
    assert "claim 3 (hold): no neuron serves both points for ever" in faults


def test_a_margin_that_is_not_optimal_is_not_called_so() -> None:
    """Ground truth: theory.md, section 3: k12 = 11 > 7 k11 on (0.5, 20): the deficit tends to
    9.75 - 2 * 19.5/(11/1.25 - 3), for neuron 1 turns off there."""
    body = certificate("far slide")
    late = next(c["deficit"] for c in body["claims"] if c.get("t") == "1e1000")
    limit = Fraction(39, 4) - 39 / (Fraction(44, 5) - 3)
    assert abs(exact(late["lower"]) - limit) < Fraction(1, 1000)
    constant = next(c for c in body["claims"] if c["kind"] == "constant")
    assert constant["optimal"] is False
    constant["optimal"] = True
    assert verify(signed(body)).faults[-1] == "claim 4 (constant): optimal is the opposite"
