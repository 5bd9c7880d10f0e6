"""What the commands advise is true of the run that they advise on."""

from __future__ import annotations

import json
import math

import pytest

from latephase.cli import hints
from latephase.core import Outcome

LINE = "--inputs 1,-1 --labels 1,-1"
GD, GF = "--step-size 0.1", "--method gf"
STARTS = {
    "both dead": (f"{LINE} {GD} --weights 0.1,0.1 --biases -1,-1", hints.DEAD),
    "both dead, flow": (f"{LINE} {GF} --weights 0.1,0.1 --biases -1,-1", hints.DEAD),
    "one dead": (f"{LINE} {GD} --weights 0.7,0.1 --biases 0.1,-1", hints.NEVER_FITTED),
    "one dead, flow": (f"{LINE} {GF} --weights 0.7,0.1 --biases 0.1,-1", hints.NEVER_FITTED),
    "one dead, both right of 0": (
        f"--inputs 2,1 --labels 1,-1 {GD} --weights 0.7,-0.1 --biases 0.1,-1",
        hints.NEVER_FITTED,
    ),
    "one dead, logistic": (
        f"{LINE} {GD} --loss logistic --weights 0.7,0.1 --biases 0.1,-1",
        hints.NEVER_FITTED,
    ),
    "one sign": (
        f"{LINE} {GD} --weights 0.7,-0.4 --biases 0.1,0.2 --output-weights 1,1",
        hints.NEVER_FITTED,
    ),
    "fitted": (f"{LINE} {GD} --weights 0.7,-0.4 --biases 0.1,0.2", "latephase predict"),
    "fitted, logistic": (
        f"{LINE} {GD} --loss logistic --weights 0.7,-0.4 --biases 0.1,0.2",
        "latephase predict",
    ),
}


@pytest.mark.parametrize(("flags", "hint"), STARTS.values(), ids=STARTS.keys())
def test_the_hint_of_a_run_is_true(latephase, flags, hint):
    """Ground truth: weights and losses of the run's own samples at 10^5 and 10^100."""
    words = ["run", *flags.split(), "--until", "1e100", "--at", "1e5,1e100"]
    assert hint in latephase(*words).out.splitlines()[-1]
    early, late = json.loads(latephase(*words, "--json").out)["samples"]
    moved = early["weights"] != late["weights"]
    assert moved == (hint != hints.DEAD)
    fitted = late["log_loss"] < math.log(0.5)  # a sum: each point has less than ln 2, or 1
    assert fitted == (hint not in (hints.DEAD, hints.NEVER_FITTED))


def test_every_outcome_has_a_hint_that_fits_the_method():
    """Ground truth: gradient flow has no step size and takes no steps that could be raised."""
    for outcome in (Outcome.budget_exhausted, Outcome.overflowed):
        assert "--step-size" in hints.what_blocks(outcome, None, True)
        assert "step" not in hints.what_blocks(outcome, None, False)
    told = [hints.what_blocks(outcome, None, True) for outcome in Outcome]
    assert [o.name for o, text in zip(Outcome, told) if not text] == ["settled", "transient"]


def test_a_certificate_of_another_claim_is_kept_by_the_command_that_is_shown(latephase, problem):
    """Ground truth: the claim that was asked for."""
    shown = latephase("certify", *problem, "--claim", "slow").out.splitlines()[-1]
    assert shown.split("keep it: latephase ")[1].split()[-4:-2] == ["--claim", "slow"]
