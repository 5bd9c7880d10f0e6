"""The times that the slider stops at."""

from __future__ import annotations

import pytest

from latephase.explore.asked.state import State
from latephase.explore.asked.stops import stop_of, stops


@pytest.mark.quick
def test_the_stop_of_a_time_is_the_one_before_it():
    """Ground truth: the stops."""
    assert stop_of(State(time="0")) == 0
    assert stop_of(State(time="1e1000")) == len(stops(False)) - 1
    k = stop_of(State(time="123456789"))
    assert stops(False)[k] <= State(time="123456789").at < stops(False)[k + 1]
