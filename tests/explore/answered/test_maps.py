"""Maps of two numbers of a state."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

import latephase as lp
from helpers import relative_error
from latephase.explore.answered import maps
from latephase.explore.answered.cells import Listed
from latephase.explore.answered.compute import Stopped
from latephase.explore.answered.maps import box_around, finer, is_quick
from latephase.explore.asked.state import State

BOX = (-2.0, 2.0, -2.0, 2.0)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch):
    """A map may take as long as it does on a machine that has other things to do."""
    for name in ("_MOST_SECONDS", "_PATIENCE"):
        monkeypatch.setattr(maps, name, 600.0)


def first(state: State, box: maps.Box = BOX) -> maps.Map:
    """The coarsest map, complete: it may be shown before that."""
    return next(one for one in finer(state, box, lambda: True) if (one.ends != "").all())


def of_cell(state: State, found: maps.Map, row: int, column: int) -> lp.Run:
    """The run of one cell."""
    here = state.with_values({state.map_x: found.x[column], state.map_y: found.y[row]})
    at = ["0", state.at]
    return lp.simulate(here.network, here.data, here.trained_by, at=at, loss=here.loss)


@pytest.mark.parametrize(
    "state",
    [
        State(),
        State(map_x="b2", map_y="w1", loss="exponential", time="50"),
        State(output_weights=(0.5, -1.5), train_output=True, map_x="v1", map_y="w2"),
        State(map_x="x1", map_y="x2"),
        State(inputs=((1.3,), (-1.1,)), map_x="x1", map_y="b2"),
        State(inputs=((1.3,), (-1.1,)), map_x="w2", map_y="x1", method="gf"),
    ],
    ids=["weights", "a bias", "output weights", "inputs", "input and bias", "weight and input"],
)
def test_every_cell_is_its_own_run(state: State):
    """Ground truth: `lp.simulate` on the network, or the data, of the cell."""
    found = first(state)
    for row, column in ((0, 1), (0, 5), (1, 4), (4, 3), (5, 0), (1, 5)):
        run = of_cell(state, found, row, column)
        ends = run.regime.name if run.regime else run.outcome.name
        assert found.ends[row, column] == ends
        margins = run.trajectory.robustness_margin.values
        gain = margins[1] - margins[0] if margins.max() > 0 else np.nan
        assert relative_error(found.worse[row, column], gain) <= 1e-9
        constant = np.nan if run.law is None else run.law.margin_constant
        assert relative_error(found.constant[row, column], constant) <= 1e-9
        entry = np.nan if run.entry is None else run.entry.log10
        assert relative_error(found.entry[row, column], entry) <= 1e-9


def test_maps_grow_finer():
    """Ground truth: sides, and cells whose middles are within the box."""
    steps = list(islice(finer(State(), BOX, lambda: True), 3))
    assert [len(one.x) for one in steps] == [6, 12, 24]
    assert all((one.x > -2).all() and (one.x < 2).all() for one in steps)


def test_a_slow_map_is_shown_while_it_grows(monkeypatch: pytest.MonkeyPatch):
    """Ground truth: fewer cells known at first, and the coarser map below the finer one."""
    monkeypatch.setattr(maps, "_SHOWN_EVERY", -1.0)
    steps = finer(State(slope=0.1, map_x="w1", map_y="b1"), BOX, lambda: True)
    assert not is_quick(State(slope=0.1))
    one, two = next(steps), next(steps)
    assert (one.ends != "").sum() == 1
    assert (two.ends != "").sum() == 2


def test_a_map_that_nobody_wants_stops():
    """Ground truth: the exception, before any cell of a slow map."""
    with pytest.raises(Stopped):
        next(finer(State(slope=0.1), BOX, lambda: False))


def test_what_takes_too_long_is_not_called_impossible(monkeypatch: pytest.MonkeyPatch):
    """Ground truth: no cell is known where there is no time for one; some have no data set."""
    monkeypatch.setattr(maps, "_MOST_SECONDS", -1.0)
    (found,) = finer(State(map_x="x1", map_y="x2"), BOX, lambda: True)
    assert set(np.diag(found.ends)) == {"refused"}
    assert set(found.ends[~np.eye(len(found.x), dtype=bool)]) == {""}


def test_points_in_one_place_are_left_out():
    """Ground truth: cells on the diagonal have no data set."""
    found = first(State(map_x="x1", map_y="x2"))
    assert set(np.diag(found.ends)) == {"refused"}
    assert np.isnan(np.diag(found.worse)).all()


def test_what_is_listed_is_what_an_ensemble_runs():
    """Ground truth: the networks themselves, at t = 0."""
    weights, biases = np.arange(6.0).reshape(3, 2, 1), np.arange(6.0).reshape(3, 2) / 10
    listed = Listed.of(weights, biases, np.ones((3, 2)))
    data = lp.Dataset([1.0, -1.0], [1, -1])
    found = lp.ensemble(listed, data, lp.GradientDescent(0.1), trials=3, seed=9, at=["0"])
    assert np.array_equal(found.weights.values[:, 0], weights)
    assert np.array_equal(found.biases.values[:, 0], biases)


@pytest.mark.quick
def test_the_box_has_the_state_well_inside():
    """Ground truth: both numbers; a box that has them is kept."""
    state = State(weights=((5.0,), (-0.4,)))
    left, right, bottom, top = box_around(state)
    assert left < 5.0 < right
    assert bottom < -0.4 < top
    zoomed = (4.9, 5.1, -0.5, -0.3)
    assert box_around(state, zoomed) == zoomed
    assert box_around(state, BOX) != BOX


@pytest.mark.quick
def test_what_does_not_change_a_map_is_not_in_its_key():
    """Ground truth: the two numbers that it varies, colour, and time unless it is of the time."""
    key = maps.what_decides(State())
    assert key == maps.what_decides(State(weights=((1.5,), (-1.0,)), time="1e6", colour="entry"))
    assert key != maps.what_decides(State(biases=(0.3, 0.2)))
    worse = State(colour="worse")
    assert maps.what_decides(worse) != maps.what_decides(replace(worse, time="1e6"))
