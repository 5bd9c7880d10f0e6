"""What is shown as a command and as Python."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from helpers import relative_error
from latephase.explore.answered.compute import follow
from latephase.explore.asked.commands import as_command, as_python
from latephase.explore.asked.presets import PRESETS
from latephase.explore.asked.state import State, drawn

STATES = {one.name: one.state for one in PRESETS}
STATES["drawn, logistic, leaky"] = drawn(
    State(init="standard_normal", seed=3, loss="logistic", slope=0.25), width=3
)
STATES["no biases"] = State(biases=(), time="1e20")
STATES["no biases, drawn"] = drawn(State(init="he_normal", seed=2, biases=()), width=3)
STATES["negative first"] = State(weights=((-0.7,), (0.4,)), output_weights=(-1.0, 2.0), method="gf")


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
def test_the_command_gives_what_is_shown(state: State, latephase: Any):
    """Ground truth: `latephase run --json` of the very line, at the start, now and at the end."""
    words = shlex.split(as_command(state))
    found = latephase(*words[1:], "--json")
    assert found.code == 0, found.err
    told = json.loads(found.out)
    shown = follow(state)
    assert told["outcome"] == shown.run.outcome.name
    at = {one["t"]: one["robustness_margin"] for one in told["samples"]}
    for k in (0, shown.position(state.at), len(shown.times) - 1):
        margin = at[shown.times[k].text]
        # What steps and follows in turn, slides too, is cut at the samples: these differ.
        exact = state.d == 1 and state.problem.has_closed_form and state.inputs == ((1.0,), (-1.0,))
        assert relative_error(shown.margin[k], margin) <= (1e-12 if exact else 1e-7)


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
def test_the_script_gives_what_is_shown(
    state: State, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Ground truth: the script, run."""
    monkeypatch.chdir(tmp_path)
    exec(as_python(state), {})
    margin = float(capsys.readouterr().out.split()[0])
    shown = follow(state)
    assert relative_error(margin, shown.margin[shown.position(state.at)]) <= 1e-7
    assert (tmp_path / "boundary.svg").exists()
