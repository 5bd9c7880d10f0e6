"""The first screen's answer: made of verdicts and numbers, and another one where these differ."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import samples.report as sample
from latephase.experiments import BEYOND, CLAIMS
from latephase.experiments.bench.base import Bench
from latephase.experiments.bench.finding import Figure, Finding, Panel, Series, Support
from latephase.experiments.paper import he_initialisation
from latephase.report.story import BOTH, HE, RATE, compared, effects, told

EXAMINED = {claim.key: claim for claim in (*CLAIMS, *BEYOND)}


def finding(verdict: Support, **more: Any) -> Finding:
    """A finding that says nothing else."""
    return Finding(verdict, "All 5 of 5 do. And more.", "5 runs", [], {}, **more)


def he() -> Finding:
    """Three panels, the last with a median of 0.0123 at 10^20."""
    x = np.array([0.0, 20.0, 1000.0])
    panels = [Panel([Series("line", x, x)], "t", "y") for _ in range(2)]
    median = Series("line", x, [0.1, 0.0123, 0.0001], "median")
    panels.append(Panel([Series("line", x, x), median], "log10 t", "deficit"))
    return finding(Support.SUPPORTED, figures=[Figure("he_margin", "", panels)])


def answer(**verdicts: Support) -> str:
    """The answer of findings with these verdicts."""
    found = {key: finding(verdict) for key, verdict in verdicts.items()} | {HE: he()}
    return told([(EXAMINED[key], one) for key, one in found.items()]).answer


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (
            {RATE: Support.SUPPORTED, BOTH: Support.SUPPORTED},
            "Yes, but only like 1/ln t: after 10^20 steps the median He network still lacks 1.2 % "
            "of the largest margin. With both layers trained it is slower still, like "
            "1/sqrt(ln t).",
        ),
        (
            {RATE: Support.SUPPORTED},
            "Yes, but only like 1/ln t: after 10^20 steps the median He network still lacks 1.2 % "
            "of the largest margin. All 5 of 5 do.",
        ),
        ({RATE: Support.SUPPORTED, BOTH: Support.UNDECIDED}, "All 5 of 5 do."),
        ({RATE: Support.NOT_SUPPORTED}, "Not as stated"),
        ({RATE: Support.UNDECIDED}, "These runs do not decide it."),
    ],
)
def test_the_answer_is_that_of_the_verdicts(verdicts: dict[str, Support], said: str):
    """Ground truth: written by hand."""
    assert said in answer(**verdicts)
    assert ("sqrt" in answer(**verdicts)) == (verdicts.get(BOTH) is Support.SUPPORTED)


def test_the_number_is_that_of_real_runs():
    """Ground truth: the median deficit at 10^20 of the claim's own networks, by `ensemble`."""
    bench = Bench(trials=200)
    claim = he_initialisation.CLAIM
    done = claim.examine(bench)
    runs = bench.ensemble("he_normal", at=he_initialisation.TIMES)
    trained = runs.regime.values == "specialised"
    at = list(runs.time.values.astype(str)).index("1e20")
    lacking = 100 * float(np.median(runs.margin_deficit.values[trained, at]))
    story = told([(EXAMINED[RATE], finding(Support.SUPPORTED)), (claim, done)])
    assert f"still lacks {lacking:.2g} %" in story.answer
    assert story.figure is not None
    assert [panel.title for panel in story.figure.panels] == ["to step 10^20", "to step 10^1000"]


def test_without_trained_runs_there_is_no_number():
    """Ground truth: a median of no runs."""
    empty = replace(he(), figures=[Figure("he_margin", "", [Panel([], "log10 t", "deficit")])])
    found = [(EXAMINED[RATE], finding(Support.SUPPORTED)), (EXAMINED[HE], empty)]
    assert told(found).answer.startswith("Yes, but only like 1/ln t. ")


def test_other_claims_tell_their_own_story():
    """Ground truth: the made-up claims, and a lead that goes before all."""
    alone = told(sample.findings()[:1])
    assert alone.question == "The law of the late phase"
    assert alone.answer == sample.findings()[0][1].summary
    assert told(sample.findings(), "It is so.").answer == "It is so."


def test_a_comparison_shows_one_method_of_each_kind():
    """Ground truth: the made-up comparison: of two with a clock of their own the lower one."""
    claim, done, _ = sample.comparison()
    assert effects(done) == {
        "the slow rate": ["gd"],
        "own clock, same C": ["loss_scaled", "normalized_gd"],
        "removes the null part": ["fixed_radius"],
    }
    (panel,) = compared(claim, done).figure.panels
    assert [one.label for one in panel.series] == ["gd", "loss_scaled", "fixed_radius"]
