"""What follows from a state: the run, at all times of the slider."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

import latephase as lp
from helpers import refusal, relative_error
from latephase.explore.answered import compute
from latephase.explore.answered.compute import Stopped, beside, follow, other, watch
from latephase.explore.asked.state import State
from latephase.explore.asked.stops import stops


def test_a_run_is_that_of_simulate():
    """Ground truth: `lp.simulate` at the time that is looked at, and at the ends."""
    state = State(time="12345")
    found = follow(state)
    run = lp.simulate(
        state.network, state.data, lp.GradientDescent(0.1), at=["0", "12345", "1e1000"]
    )
    rows = [0, found.position(state.at), len(found.times) - 1]
    assert relative_error(found.margin[rows], run.trajectory.robustness_margin.values) <= 1e-13
    assert found.run.law == run.law
    assert found.limit is not None


def test_a_time_off_the_slider_is_followed_exactly():
    """Ground truth: the time itself among the samples."""
    state = State(time="98765432123456789")
    found = follow(state)
    assert found.times[found.position(state.at)] == state.at
    assert state.at not in stops(False)


def test_scrubbing_computes_nothing_anew():
    """Ground truth: the same record, for every stop and for what is only looked at."""
    found = follow(State())
    assert follow(State(time=stops(False)[50].text, colour="entry", beside=True)) is found
    assert follow(State(step_size=0.2)) is not found


def test_what_nobody_wants_any_more_stops():
    """Ground truth: the exception of the callback, out of `simulate`."""
    state = State(step_size=0.123, inputs=((0.5,), (-0.4,)))
    with pytest.raises(Stopped):
        follow(state, lambda: False)
    assert follow(state).run.outcome is lp.Outcome.settled


def test_what_takes_too_long_is_told(monkeypatch: pytest.MonkeyPatch):
    """Ground truth: a clock that has gone on, in one line that offers the command."""
    monkeypatch.setattr(compute, "MOST_SECONDS", -1.0)
    told = refusal(follow, State(step_size=0.321, inputs=((0.5,), (-0.4,))))
    assert "copy it as a command" in told


def test_a_callback_lets_what_is_wanted_go_on():
    """Ground truth: nothing raised."""
    watch(lambda: True, 60.0)(1, 2)


def test_the_other_method_is_shown_at_the_same_flow_time():
    """Ground truth: margins of gradient flow at t = step size * number of updates."""
    state = State(step_size=0.1)
    found, flow = follow(state), follow(other(state))
    panel = beside(found.over_time[0], state, flow)
    line = panel.series[-1]
    assert line.label == "gradient flow"
    run = lp.simulate(state.network, state.data, lp.GradientFlow(), at=["1000"])
    near = np.interp(4.0, line.x, line.y)
    assert relative_error(near, run.trajectory.robustness_margin.values[0]) <= 1e-3


def test_the_time_of_the_other_method_is_the_same_flow_time():
    """Ground truth: flow time = step size * number of updates, and the ends of time."""
    state = State(step_size=0.25, time="1000")
    assert relative_error(other(state).at.log, state.at.log + np.log(0.25)) <= 1e-12
    assert other(State(time="0")).time == "0"
    flow = State(method="gf", step_size=0.25, time="1e1000")
    assert other(flow).at == flow.at  # 4e1000 updates are beyond the horizon


def test_a_network_without_a_limit_says_why():
    """Ground truth: two neurons that are dead from the start."""
    found = follow(State(weights=((0.1,), (0.1,)), biases=(-1.0, -1.0)))
    assert found.limit is None
    assert found.no_limit.startswith("expected ")
    assert found.margin[0] == 0.0


def test_the_plane_is_followed(plane: State):
    """Ground truth: `lp.simulate`."""
    found = follow(replace(plane, time="1000"))
    run = lp.simulate(plane.network, plane.data, lp.GradientFlow(), at=["1000"])
    k = found.position(replace(plane, time="1000").at)
    assert relative_error(found.margin[k], run.trajectory.robustness_margin.values[0]) <= 1e-6


def test_threads_do_not_disturb_each_other():
    """Ground truth: the same runs one after the other."""
    states = [State(step_size=0.05 + 0.01 * k) for k in range(6)]
    found: dict[int, float] = {}

    def work(k: int) -> None:
        found[k] = float(follow(states[k]).margin[-1])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(states))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    compute._kept.clear()
    assert found == {k: float(follow(state).margin[-1]) for k, state in enumerate(states)}
