"""Ensembles of networks that go one by one: what `simulate` finds, in any number of processes."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import latephase as lp
from helpers import often
from latephase.core import LatephaseError
from latephase.late.engine import Goal
from latephase.late.engines.choice import engine_for
from latephase.problem import initializers
from latephase.runs.trials import batches

POINTS = [[2.0, 0.5], [1.5, -1.0], [1.0, 1.5], [-2.0, 0.3], [-1.2, -1.0]]
PLANE = lp.Dataset(POINTS, [1, 1, 1, -1, -1])
LINE = lp.Dataset([2.0, 1.0, -1.0], [1, 1, -1])
PAIR = lp.Dataset([1.0, -1.0], [1, -1])
FOUR = {"width": 4, "output_weights": "alternating"}
SETTINGS = {"trials": 6, "seed": 2, "at": ["1e1000", "0", "10"], "processes": 1}
LAW = ("law_constant", "law_offset", "law_exponent", "limit_boundary", "limit_margin")
LAW += ("margin_constant",)


def ensemble(data=PLANE, method=None, init="pytorch_default", **options) -> xr.Dataset:
    method = lp.GradientDescent(0.5) if method is None else method
    return lp.ensemble(init, data, method, **{**SETTINGS, **FOUR, **options})


# data and options of the networks, some of whose trials settle
KINDS = {
    "ReLU": (PLANE, {}),
    "flow": (LINE, {"method": lp.GradientFlow(), "output_weights": [1, -2, 0.5, -1]}),
    "leaky": (PLANE, {"negative_slope": 0.2}),
    "no biases": (LINE, {"bias": False}),
    "linear": (PLANE, {"negative_slope": 1.0}),
    "logistic": (PLANE, {"loss": "logistic"}),
    "a logistic pair": (PAIR, {"loss": "logistic", "width": 2, "output_weights": None}),
    "a pair in the other order": (PAIR, {"width": 2, "output_weights": [-1.0, 1.0]}),
}


CASES = [(kind, trials) for kind in KINDS for trials in (4, 20)]
LONG = ("no biases", "logistic")  # pairs, and comparisons, have them every day
EVERYDAY = [(kind, 4) for kind in KINDS if kind not in LONG]


@pytest.mark.parametrize(("kind", "trials"), often(CASES, EVERYDAY))
def test_a_trial_is_what_simulate_finds_of_the_same_network(kind: str, trials: int):
    """Ground truth: `simulate` and `limit` on networks drawn by hand, bit by bit."""
    data, options = KINDS[kind]
    found = ensemble(data, trials=trials, **options)
    asked = {**FOUR, "method": lp.GradientDescent(0.5), "bias": True, **options}
    shape = {"width": asked["width"], "d": data.d, "bias": asked["bias"]}
    weights, biases = initializers.pytorch_default(trials=trials, seed=2, **shape)
    v = [1, -1, 1, -1] if asked["output_weights"] == "alternating" else asked["output_weights"]
    for k in range(trials):
        slope = asked.get("negative_slope", 0.0)
        start = None if biases is None else biases[k]
        network = lp.ShallowReLU(weights[k], start, v, negative_slope=slope)
        loss, at = asked.get("loss", "exponential"), SETTINGS["at"]
        one = lp.simulate(network, data, asked["method"], at=at, loss=loss)
        row = found.isel(trial=k)
        over_time = row[[name for name in row if "time" in row[name].dims]]
        xr.testing.assert_identical(
            over_time.drop_attrs(deep=False), one.trajectory.drop_attrs(deep=False)
        )
        assert row.outcome == one.outcome.name
        assert row.regime == (one.regime.name if one.regime else "")
        law = [getattr(one.law, name.removeprefix("law_"), None) for name in LAW]
        expected = [math.nan if value is None else value for value in law]
        np.testing.assert_array_equal([float(row[name]) for name in LAW], expected)
        gamma = lp.limit(one).normalised_margin if one.law else math.nan
        np.testing.assert_allclose(row.limit_normalised_margin, gamma, rtol=1e-13)
        goal, times = Goal(one.until), sorted(map(lp.LogTime.parse, at))
        entry = engine_for(one.problem, goal).run(one.problem, times, goal).entry
        assert (entry is None) == (row.outcome not in ("settled", "unfitted"))
        np.testing.assert_array_equal(row.entry_log10_t, math.nan if entry is None else entry.log10)
    assert np.isfinite(found.limit_margin).any()
    assert ("biases" in found) == asked["bias"]


def test_a_trial_does_not_depend_on_how_many_there_are_or_on_the_batch():
    """Ground truth: the same trials in other numbers, bit by bit."""
    few = ensemble(LINE, trials=3, batch=2).drop_attrs(deep=False)
    many = ensemble(LINE, trials=5).drop_attrs(deep=False)
    xr.testing.assert_identical(few, many.isel(trial=slice(3)))


def test_the_network_at_the_start_is_the_one_drawn():
    """Ground truth: the sample at t = 0, and the initializer's own weights without biases."""
    at = {"at": ["0"], "until": 1, "trials": 3}
    with_biases, without = ensemble(**at), ensemble(bias=False, **at)
    weights, biases = initializers.pytorch_default(trials=3, seed=2, width=4, d=2)
    np.testing.assert_array_equal(with_biases.weights[:, 0], weights)
    np.testing.assert_array_equal(with_biases.biases[:, 0], biases)
    np.testing.assert_array_equal(without.weights[:, 0], weights)
    assert (with_biases.regime == "unsettled").all()  # under way at t = 1
    assert without.attrs["bias"] is False
    assert without.attrs["output_weights"] == [1, -1, 1, -1]


def test_a_trial_that_fails_does_not_take_the_others_along(monkeypatch: pytest.MonkeyPatch):
    """Ground truth: the same ensemble without the planted error."""
    expected = ensemble(LINE, trials=3)
    second = initializers.pytorch_default(trials=1, seed=2, start=1, width=4)[0]

    def planted(problem, goal):
        if np.array_equal(problem.network.weights, second[0]):
            raise LatephaseError("planted")
        return engine_for(problem, goal)

    monkeypatch.setattr(batches, "engine_for", planted)
    with pytest.warns(UserWarning, match="trial 1 has failed: planted") as caught:
        found = ensemble(LINE, trials=3)
    assert [Path(one.filename).name for one in caught] == [Path(__file__).name]
    others = [0, 2]
    xr.testing.assert_identical(found.isel(trial=others), expected.isel(trial=others))
    assert (found.outcome[1], found.regime[1]) == ("failed", "unsettled")
    assert np.isnan(found.weights[1]).all()
    assert (found.rigour[1] == "").all()


@pytest.mark.campaign
def test_resumed_in_other_processes_it_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Ground truth: the bytes of an uninterrupted run in one process."""

    def interrupt(done: int, _: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    settings = {"data": LINE, "trials": 5, "batch": 2}
    whole = ensemble(**settings, out=tmp_path / "whole.zarr")
    with pytest.raises(KeyboardInterrupt):
        ensemble(**settings, out=tmp_path / "cut.zarr", progress=interrupt)
    seen: list[int] = []
    monkeypatch.setattr(batches, "engine_for", lambda *_: pytest.fail("not in another process"))
    again = {"resume": True, "processes": 2, "progress": lambda done, _: seen.append(done)}
    ensemble(**settings, out=tmp_path / "cut.zarr", **again)
    assert seen == [3, 4, 4, 5, 5]  # the first batch was kept; a trial at a time
    files = [p.relative_to(tmp_path / "whole.zarr") for p in (tmp_path / "whole.zarr").rglob("*")]
    assert len(files) > len(whole.data_vars)
    for name in files:
        if (tmp_path / "whole.zarr" / name).is_file():
            one, other = (tmp_path / folder / name for folder in ("whole.zarr", "cut.zarr"))
            assert one.read_bytes() == other.read_bytes(), name


UNGUARDED = """
import numpy, latephase as lp
data = lp.Dataset([2.0, 1.0, -1.0], [1, 1, -1])
options = dict(width=1, output_weights=[1.0], trials=2, seed=0, until=1, processes=2)
print(lp.ensemble("he_normal", data, lp.GradientFlow(), **options).sizes["trial"])
"""


def test_a_script_without_a_guard_is_not_run_again(tmp_path: Path):
    """Ground truth: what it prints, once: a process started from it would run it again."""
    (tmp_path / "script.py").write_text(UNGUARDED)
    command = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("2\n", "")
