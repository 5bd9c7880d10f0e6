"""Ensembles and comparisons of networks whose layers are both trained."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import latephase as lp
from helpers import refusal, relative_error
from latephase.problem import initializers
from latephase.problem.output_weights import output_weights

DATA = lp.Dataset([[1.0, 0.5], [-1.0, 1.0], [0.5, -2.0]], [1, -1, 1])
GD = lp.GradientDescent(0.0078125)
MANY = {"width": 3, "train_output": True, "trials": 6, "seed": 4, "until": 50, "at": [0, 50]}
MANY |= {"negative_slope": 0.25, "loss": "logistic"}


def by_hand(choice: object) -> list[lp.ShallowReLU]:
    w, b = initializers.standard_normal(trials=6, seed=4, width=3, d=2)
    outer = output_weights(choice, w, b, seed=4)
    kind = {"train_output": True, "negative_slope": 0.25}
    return [lp.ShallowReLU(*parts, **kind) for parts in zip(w, b, outer, strict=True)]


@pytest.mark.parametrize("choice", ["he_normal", "balanced", "alternating", [1.0, -0.5, 2.0]])
def test_an_ensemble_is_its_trials(choice):
    """Ground truth: `simulate` of each network, drawn by hand."""
    found = lp.ensemble("standard_normal", DATA, GD, output_weights=choice, max_steps=40, **MANY)
    assert found.output_weights.dims == ("trial", "time", "neuron")
    assert found.attrs["train_output"] is True
    for k, network in enumerate(by_hand(choice)):
        assert (found.output_weights[k, 0] == network.output_weights).all()
        run = lp.simulate(network, DATA, GD, until=50, at=[0, 50], loss="logistic", max_steps=40)
        for name in ("weights", "biases", "output_weights", "log_loss", "robustness_margin"):
            one = found.isel(trial=k)[name].values
            assert np.array_equal(one, run.trajectory[name].values, equal_nan=True), name
        assert found.outcome[k] == run.outcome.name


def test_a_comparison_is_its_trials():
    """Ground truth: `simulate` of each network by each method; the normalised margin by hand."""
    methods = [GD, lp.Adam(0.0078125)]
    found = lp.compare("standard_normal", DATA, methods, output_weights="balanced", **MANY)
    for k, network in enumerate(by_hand("balanced")):
        for number, method in enumerate(methods):
            run = lp.simulate(network, DATA, method, until=50, at=[0, 50], loss="logistic")
            one = found.isel(algorithm=number, trial=k)
            for name in ("weights", "biases", "output_weights", "log_loss", "robustness_margin"):
                assert relative_error(one[name], run.trajectory[name]) < 1e-12
            last = run.network_at(50)
            squares = (last.parameters**2).sum() + (last.output_weights**2).sum()
            assert relative_error(one.norm[-1], np.sqrt(squares)) < 1e-12
            smallest = (DATA.labels * last(DATA.inputs)).min()
            assert relative_error(one.normalised_margin[-1], smallest / squares) < 1e-11


@pytest.mark.parametrize("inputs", [(1.0, -1.0), (2.0, -1.0)], ids=str)
@pytest.mark.parametrize("method", [GD, lp.GradientDescent(0.5), lp.GradientFlow()], ids=str)
def test_pairs_go_all_at_once(inputs, method):
    """Ground truth: `simulate` of each trial, bit by bit, and `limit`."""
    data, trials = lp.Dataset(inputs, [1, -1]), 8
    many = {"trials": trials, "seed": 1, "train_output": True, "output_weights": "balanced"}
    times = ["1e1000", "1e3", "20"]
    found = lp.ensemble("standard_normal", data, method, at=times, **many)
    w, b = initializers.standard_normal(trials=trials, seed=1)
    outer, fitted = output_weights("balanced", w, b, seed=1), 0
    for k, parts in enumerate(zip(w, b, outer, strict=True)):
        run = lp.simulate(lp.ShallowReLU(*parts, train_output=True), data, method, at=times)
        one = found.isel(trial=k)
        for name, values in run.trajectory.items():
            np.testing.assert_array_equal(one[name].values, values.values, err_msg=str(name))
        assert one.outcome == run.outcome.name
        lasts = run.outcome.name in ("settled", "unfitted")
        assert one.regime == (run.regime.name if run.regime else "" if lasts else "unsettled")
        if run.law is not None:
            fitted += 1
            assert (one.law_constant, one.law_offset) == (run.law.constant, run.law.offset)
            assert (one.law_exponent, one.limit_margin) == (0.5, run.law.limit_margin)
            gamma = lp.limit(run).normalised_margin
            assert relative_error(one.limit_normalised_margin, gamma) < 1e-9
    assert fitted >= 1


@pytest.mark.slow
def test_a_batch_of_one_pair_holds_the_same(tmp_path):
    """Ground truth: all trials in one batch, in memory, bit by bit."""
    data, gd = lp.Dataset([2.0, -1.5], [1, -1]), lp.GradientDescent(0.1)
    many = {"trials": 3, "seed": 1, "train_output": True, "output_weights": "he_normal"}
    many |= {"at": ["1e50", "0", "1000"], "until": "1e50"}
    whole = lp.ensemble("pytorch_default", data, gd, **many)
    stored = lp.ensemble("pytorch_default", data, gd, out=tmp_path / "x.zarr", batch=2, **many)
    assert stored.load().equals(whole)


@pytest.mark.parametrize(
    ("choice", "trained"), [("he_normal", False), ("balanced", False), ("he", True), ([1.0], True)]
)
def test_what_cannot_be_drawn_is_refused(choice, trained):
    """Ground truth: one line; the contract draws output weights only where they are trained."""
    more = MANY | {"train_output": trained, "output_weights": choice}
    assert refusal(lp.ensemble, "standard_normal", DATA, GD, **more)
    assert refusal(lp.compare, "standard_normal", DATA, [GD], **more)


def test_output_weights_may_be_an_initializer(tmp_path):
    """Ground truth: its name; and a store that is read back."""
    more = MANY | {"trials": 3}
    named = lp.ensemble("he_normal", DATA, GD, output_weights="he_uniform", **more)
    own = lp.ensemble(
        "he_normal",
        DATA,
        GD,
        output_weights=initializers.he_uniform,
        out=tmp_path / "runs.zarr",
        **more,
    )
    assert own.output_weights.equals(named.output_weights)
    assert own.attrs["output_weights"] == "he_uniform"


def test_batches_and_stores_hold_the_same(tmp_path):
    """Ground truth: all trials in one batch, in memory."""
    pair, method = lp.Dataset([2.0, -1.5], [1, -1]), lp.GradientDescent(0.1)
    many = {"train_output": True, "output_weights": "he_normal", "trials": 3, "seed": 1}
    many |= {"at": ["1e50", "0", "1000"], "until": "1e50"}  # the last batch is of one trial
    place = tmp_path / "runs.zarr"
    stored = lp.ensemble("pytorch_default", pair, method, out=place, batch=2, **many).load()
    whole = lp.ensemble("pytorch_default", pair, method, **many)
    stored.attrs["batch"] = whole.attrs["batch"]
    xr.testing.assert_identical(stored, whole)
    assert whole.attrs["train_output"]
    assert whole.attrs["output_weights"] == "he_normal"
