"""The state of the page as the query of its address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latephase.explore.asked.address import from_query, to_query
from latephase.explore.asked.presets import PRESETS
from latephase.explore.asked.state import State, checked, drawn
from latephase.problem import initializers

pytestmark = pytest.mark.quick

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@st.composite
def states(draw: st.DrawFn) -> State:
    """Any state that a page can have."""
    d, m = draw(st.integers(1, 2)), draw(st.integers(1, 16))
    row = st.tuples(*[NUMBERS] * d)
    inputs = draw(st.lists(row, min_size=2, max_size=12, unique=True))
    signs = draw(st.lists(st.sampled_from([1, -1]), min_size=len(inputs), max_size=len(inputs)))
    signs[:2] = [1, -1]
    weights = draw(st.lists(row, min_size=m, max_size=m))
    biases, outer = (draw(st.lists(NUMBERS, min_size=m, max_size=m)) for _ in range(2))
    return State(
        tuple(inputs),
        tuple(signs),
        tuple(weights),
        tuple(biases) if draw(st.booleans()) else (),
        tuple(outer),
        train_output=draw(st.booleans()),
        slope=draw(st.floats(0, 1)),
        method=draw(st.sampled_from(["gd", "gf"])),
        step_size=draw(st.floats(1e-9, 1e9)),
        loss=draw(st.sampled_from(["exponential", "logistic"])),
        time=draw(st.sampled_from(["0", "17", "1e6", "1e1000"])),
        beside=draw(st.booleans()),
    )


@given(states())
def test_an_address_reads_back_as_its_state(state: State):
    """Ground truth: the state itself, all bits of its numbers."""
    state = checked(state)
    found, wrong = from_query(to_query(state))
    assert wrong == ""
    assert found == state


def test_a_drawn_network_is_named_in_the_address():
    """Ground truth: the initializer."""
    state = drawn(State(init="he_normal", seed=7), width=3)
    weights, biases = initializers.he_normal(trials=1, seed=7, width=3)
    assert state.weights == tuple(map(tuple, weights[0].tolist()))
    assert state.biases == tuple(biases[0].tolist())
    query = to_query(state)
    assert "w=" not in query
    assert from_query(query) == (state, "")
    bare = drawn(State(init="he_normal", seed=7, biases=()), width=3)
    assert (bare.weights, bare.biases) == (state.weights, ())
    assert from_query(to_query(bare)) == (bare, "")


def test_the_usual_state_has_no_query():
    """Ground truth: a page that is opened without one."""
    assert to_query(State()) == ""
    assert from_query("") == from_query("?") == (State(), "")


MALFORMED = {
    "text for a number": "w=1,a",
    "a missing number": "w=1,",
    "nan": "w=nan,1",
    "inf": "b=inf,1",
    "no time": "t=never",
    "a time beyond the horizon": "t=1e1001",
    "half a step": "t=0.5",
    "step size 0": "eta=0",
    "a negative step size": "eta=-1",
    "one label": "x=1,2&y=1,1",
    "another label": "y=1,0",
    "half a label": "y=1,0.5",
    "fewer labels": "x=1,2,3&y=1,-1",
    "one input twice": "x=1,1",
    "ragged rows": "x=1,2;3&y=1,-1",
    "other features": "x=1,2;3,4&y=1,-1",
    "too many points": "x=" + ",".join(map(str, range(13))),
    "too many neurons": "w=" + ",".join(["1"] * 17) + "&b=" + ",".join(["1"] * 17),
    "too many that are drawn": "init=he_normal&m=17",
    "fewer biases": "w=1,2,3&b=1,2",
    "an initializer of nobody": "init=mine",
    "a seed below 0": "init=he_normal&seed=-1",
    "a seed of many digits": "init=he_normal&seed=" + "9" * 30,
    "another method": "method=adam",
    "another loss": "loss=hinge",
    "another colour": "colour=red",
    "another slope": "slope=2",
    "huge numbers": "w=1e300,1",
    "an unknown key": "z=1",
    "an endless address": "w=" + "1" * 7000,
    "script": "w=<script>alert(1)</script>",
    "other digits": "seed=٣&init=he_normal",
}


@pytest.mark.parametrize("query", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_address_is_told_in_one_line(query: str):
    """Ground truth: the usual state, and "expected, got; do"."""
    found, wrong = from_query(query)
    assert found == State()
    assert wrong.startswith("expected ")
    assert ", got " in wrong
    assert "\n" not in wrong


@given(st.text(max_size=80))
def test_any_text_at_all_is_a_state(text: str):
    """Ground truth: no exception but those that are told."""
    found, _ = from_query(text)
    assert checked(found) == found


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_preset_is_a_state(preset):
    """Ground truth: the check that every change goes through."""
    assert checked(preset.state) == preset.state
    assert from_query(to_query(preset.state)) == (preset.state, "")
