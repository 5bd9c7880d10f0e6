"""What is done on the page, as changes of its state."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import refusal
from latephase.core import InputError
from latephase.explore.asked.changes import CHANGES, changed
from latephase.explore.asked.presets import PRESETS
from latephase.explore.asked.state import State, drawn
from latephase.explore.asked.stops import stops

pytestmark = pytest.mark.quick


def test_a_preset_and_back():
    """Ground truth: the presets."""
    state = changed(State(), {"preset": 1})
    assert state == PRESETS[1].state
    assert changed(state, {"preset": 0}) == State()


def test_points_and_neurons_come_and_go():
    """Ground truth: counts; the last point of a class stays."""
    state = changed(State(), {"add_point": 1})
    assert (state.n, len(state.labels)) == (3, 3)
    assert changed(state, {"remove_point": 2}) == State()
    assert "a point of each label" in refusal(changed, State(), {"remove_point": 0})
    wider = changed(State(), {"add_neuron": 1})
    assert (wider.m, len(wider.biases), len(wider.output_weights)) == (3, 3, 3)
    assert changed(wider, {"remove_neuron": 2}) == State()


def test_more_than_the_page_takes_is_refused():
    """Ground truth: its limits."""
    state = State()
    for _ in range(10):
        state = changed(state, {"add_point": 1})
    for _ in range(14):
        state = changed(state, {"add_neuron": 1})
    assert (state.n, state.m) == (12, 16)
    assert "at most 12 points" in refusal(changed, state, {"add_point": 1})
    assert "at most 16 neurons" in refusal(changed, state, {"add_neuron": 1})


def test_biases_go_and_come_back():
    """Ground truth: 0 where they are given, the initializer where they are drawn."""
    bare = changed(State(), {"bias": False})
    assert (bare.biases, bare.network.biases, "b1" in bare.names()) == ((), None, False)
    assert changed(bare, {"bias": True}).biases == (0.0, 0.0)
    assert changed(changed(bare, {"add_neuron": 1}), {"remove_neuron": 2}) == bare
    made = drawn(State(init="uniform", seed=4))
    assert changed(changed(made, {"bias": False}), {"bias": True}) == made


def test_both_classes_stay_when_a_label_is_flipped():
    """Ground truth: the other point takes the other label."""
    assert changed(State(), {"flip": 0}).labels == (-1, 1)


def test_a_network_is_drawn():
    """Ground truth: `drawn`."""
    state = changed(State(), {"drawn": {"init": "uniform", "seed": 4}})
    assert state == drawn(replace(State(), init="uniform", seed=4))
    for seed in (-1, 0.5, "a", 2**60):
        assert "seed" in refusal(changed, State(), {"drawn": {"init": "uniform", "seed": seed}})


def test_flow_time_goes_over_to_the_next_number_of_updates():
    """Ground truth: times of gradient descent are whole."""
    flow = replace(State(), method="gf", time="0.5")
    assert changed(flow, {"method": "gd"}).at >= flow.at
    assert changed(flow, {"method": "gd"}).time == "1"
    assert changed(State(), {"method": "gf"}).time == "1e100"


def test_the_slider_has_the_ends_of_time():
    """Ground truth: 0 and 10^1000; what is beyond the slider stays at its end."""
    last = len(stops(False)) - 1
    assert changed(State(), {"stop": 0}).time == "0"
    assert changed(State(), {"stop": last + 9}).time == "1e1000"


def test_to_the_plane_and_back():
    """Ground truth: the first numbers are kept."""
    state = changed(State(), {"dimension": 2})
    assert state.d == state.problem.data.d == 2
    assert replace(changed(state, {"dimension": 1}), map_x="w1", map_y="w2") == State()


@pytest.mark.parametrize(
    "message",
    [{"nothing": 1}, {"values": {"q1": 1}}, {"values": {"w1": "a"}}, {"step_size": None}],
    ids=str,
)
def test_what_no_page_sends_is_told(message: dict):
    """Ground truth: one line."""
    refusal(changed, State(), message)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
TOLD = (InputError, ValueError, TypeError, KeyError, IndexError, OverflowError)


@given(st.sampled_from(sorted(CHANGES)), JSON)
def test_nonsense_ends_in_an_error_that_a_session_tells(name: str, value: object):
    """Ground truth: what `Session.heard` catches; or a state that is a state."""
    try:
        state = changed(State(), {name: value})
    except TOLD:
        return
    assert state.problem is not None
