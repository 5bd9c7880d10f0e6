"""The state of the page: its numbers, their names, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helpers import refusal
from latephase.core import InputError
from latephase.explore.asked.state import State, checked, drawn

pytestmark = pytest.mark.quick


def test_axes_of_the_map_that_are_gone_are_replaced():
    """Ground truth: the names that there are."""
    state = checked(replace(State(), map_x="w9", map_y="w1"))
    assert {state.map_x, state.map_y} == {"w1", "w2"}


def test_names_and_values_agree(plane: State):
    """Ground truth: the numbers as they stand in the state."""
    names = plane.names()
    assert names[:3] == ["x1.1", "x1.2", "x2.1"]
    assert [plane.value(name) for name in ("x2.1", "w3.2", "b2")] == [-0.5, -0.3, 0.2]
    moved = plane.with_values({"x2.1": 3.0, "b2": 4.0})
    assert (moved.value("x2.1"), moved.value("b2")) == (3.0, 4.0)
    rest = [name for name in names if name not in ("x2.1", "b2")]
    assert [moved.value(name) for name in rest] == [plane.value(name) for name in rest]


def test_a_network_that_is_changed_is_not_the_drawn_one_any_more():
    """Ground truth: inputs are no part of what is drawn."""
    state = drawn(State(init="he_normal"))
    assert state.with_values({"x1": 2.0}).init == "he_normal"
    assert state.with_values({"w1": 2.0}).init == ""


def test_too_many_are_refused():
    """Ground truth: the limits that the page states."""
    rows = tuple((float(k),) for k in range(17))
    with pytest.raises(InputError):
        checked(replace(State(), weights=rows))
    assert "1 to 12 points" in refusal(checked, replace(State(), inputs=rows))
