"""Ensembles: what is drawn, labelled, classified and returned."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import xarray as xr

import latephase as lp
from helpers import message_is_one_line, relative_error
from latephase.problem import Problem, initializers
from latephase.runs.times import sample_times
from latephase.runs.trials import batches, result, settings

SYMMETRIC = lp.Dataset([1.0, -1.0], [1, -1])
METHOD = lp.GradientDescent(0.1)
LAW = ("limit_boundary", "constant", "offset", "exponent", "limit_margin", "margin_constant")
LAWS = tuple(name if "_" in name else f"law_{name}" for name in LAW)
OF_TRIAL = ("regime", "outcome", *LAWS, "limit_normalised_margin", "entry_log10_t")


def ensemble(trials: int, init: str = "he_normal", data=SYMMETRIC, method=METHOD, **options):
    options = {"seed": 3, "until": "1e1000", "samples": 12, **options}
    return lp.ensemble(init, data, method, trials=trials, **options)


def without_settings(found: xr.Dataset) -> xr.Dataset:
    """The data alone: attributes tell `trials` and `batch`, which the data must not depend on."""
    return found.load().drop_attrs(deep=False)


@pytest.mark.parametrize("batch", [1, 7, 40, None])
def test_batches_change_nothing(batch: int | None):
    """Ground truth: the same trials run in one batch of another size, bit by bit."""
    expected = without_settings(ensemble(40, batch=13))
    xr.testing.assert_identical(without_settings(ensemble(40, batch=batch)), expected)


@pytest.mark.parametrize("inputs", [[1.0, -1.0], [1.5, -1.2]])
def test_a_trial_does_not_depend_on_how_many_there_are(inputs: list[float]):
    """Ground truth: the first 10 of 10,000 trials, bit by bit."""
    data = lp.Dataset(inputs, [1, -1])
    few = without_settings(ensemble(10, data=data, samples=3, max_steps=200))
    many = without_settings(ensemble(10_000, data=data, samples=3, max_steps=200))
    xr.testing.assert_identical(few, many.isel(trial=slice(10)))


@pytest.mark.parametrize(
    ("inputs", "labels", "method"),
    [
        ([1.0, -1.0], [1, -1], METHOD),
        ([-1.0, 1.0], [1, -1], lp.GradientFlow()),
        ([0.6, -0.5], [-1, 1], METHOD),
        ([2.0, -1.5], [1, -1], lp.GradientDescent(0.01)),
    ],
)
def test_a_row_is_what_simulate_finds(inputs: list[float], labels: list[int], method):
    """Ground truth: `simulate` on the same network, bit by bit."""
    data = lp.Dataset(inputs, labels)
    at = ["1e1000", "0", "10", "1e6"]
    found = ensemble(12, "standard_normal", data, method, at=at, max_steps=2000)
    weights, biases = initializers.standard_normal(trials=12, seed=3)
    for i in range(12):
        network = lp.ShallowReLU(weights[i], biases[i])
        one = lp.simulate(network, data, method, until="1e1000", at=at, max_steps=2000)
        row = found.isel(trial=i).drop_vars(OF_TRIAL).drop_attrs(deep=False)
        xr.testing.assert_identical(row, one.trajectory.drop_attrs(deep=False))
        assert str(found.outcome[i].values) == one.outcome.name
        assert str(found.regime[i].values) == (one.regime.name if one.regime else "unsettled")
        law = [float(found[name][i]) for name in LAWS]
        expected = [getattr(one.law, name) if one.law else math.nan for name in LAW]
        np.testing.assert_array_equal(law, expected)
        gamma = lp.limit(one).normalised_margin if one.law else math.nan
        assert relative_error(found.limit_normalised_margin[i], gamma) < 1e-13


@pytest.mark.parametrize("inputs", [(0.5, -0.5), (1.0, 3.0), (0.9, -0.4)], ids=str)
def test_a_row_of_many_samples_is_what_simulate_finds(inputs):
    """Ground truth: `simulate`, bit by bit: steps that pass many samples, slides, and runs that
    overflow."""
    data, method = lp.Dataset(inputs, [1, -1]), lp.GradientDescent(0.5)
    found = ensemble(30, "standard_normal", data, method, samples=60, seed=5)
    weights, biases = initializers.standard_normal(trials=30, seed=5)
    for i in range(30):
        network = lp.ShallowReLU(weights[i], biases[i])
        one = lp.simulate(network, data, method, until="1e1000", samples=60)
        row = found.isel(trial=i).drop_vars(OF_TRIAL).drop_attrs(deep=False)
        xr.testing.assert_identical(row, one.trajectory.drop_attrs(deep=False))
    outcomes = set(found.outcome.values)
    assert ("overflowed" in outcomes) == (inputs == (1.0, 3.0))


def test_dims_and_variables_are_those_of_the_contract():
    """Ground truth: the public contract of `lp.ensemble`."""
    found = ensemble(5)
    assert found.sizes == {"trial": 5, "time": 12, "neuron": 2, "feature": 1}
    assert found.weights.dims == ("trial", "time", "neuron", "feature")
    assert found.biases.dims == ("trial", "time", "neuron")
    for name in ("boundary", "robustness_margin", "margin_deficit", "log_loss", "error", "rigour"):
        assert found[name].dims == ("trial", "time")
    assert all(found[name].dims == ("trial",) for name in OF_TRIAL)
    assert found.log10_t.dims == ("time",)
    assert "log10_t" in found.coords


def test_fractions_of_regimes_are_a_quarter_a_half_and_a_quarter():
    """Ground truth: the exact fractions on symmetric data, within 99.9 % Wilson intervals."""
    regimes = ensemble(4000, samples=2).regime.values
    for name, expected in (("specialised", 0.25), ("one_dead", 0.5), ("both_dead", 0.25)):
        low, high = wilson(int((regimes == name).sum()), regimes.size, z=3.2905)
        assert low <= expected <= high, (name, low, high)


def wilson(successes: int, trials: int, z: float) -> tuple[float, float]:
    """Wilson's score interval for a fraction."""
    p, shrink = successes / trials, 1 + z**2 / trials
    middle = (p + z**2 / (2 * trials)) / shrink
    half = z / shrink * math.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    return middle - half, middle + half


def test_unsettled_trials_are_called_so():
    """Ground truth: one step cannot settle a run that starts with both neurons on both points."""
    found = ensemble(200, "standard_normal", lp.Dataset([1.5, -1.2], [1, -1]), until=1, samples=2)
    transient = found.outcome.values == "transient"
    assert transient.any()
    assert (found.regime.values[transient] == "unsettled").all()
    assert np.isnan(found.entry_log10_t.values[transient]).all()
    assert np.isnan(found.law_constant.values[transient]).all()


def test_entry_is_the_last_change_of_the_activation_pattern():
    """Ground truth: 2000 plain steps of gradient descent on the points 1, -1, counted."""
    found = ensemble(200, "standard_normal")
    w, b = initializers.standard_normal(trials=200, seed=3)
    w, signs = w[..., 0], np.array([1.0, -1.0])
    entry, before = np.zeros(200), None
    for step in range(2001):
        on = w[..., None] * signs + b[..., None] > 0  # (trial, neuron, point)
        output = np.einsum("j,tji->ti", signs, np.maximum(w[..., None] * signs + b[..., None], 0))
        push = 0.1 * signs[:, None] * on * (signs * np.exp(-signs * output))[:, None, :]
        w, b = w + (push * signs).sum(axis=-1), b + push.sum(axis=-1)
        if before is not None:
            entry[(on != before).any(axis=(1, 2))] = step
        before = on
    settled = found.entry_log10_t.values < math.log10(2000)
    assert settled.mean() > 0.9
    counted = np.round(10.0 ** found.entry_log10_t.values[settled])
    np.testing.assert_array_equal(counted, entry[settled])
    assert len(set(counted)) > 10


def test_attributes_are_plain_json_and_tell_the_settings():
    """Ground truth: the arguments, and json."""
    attributes = ensemble(2).attrs
    assert json.loads(json.dumps(attributes, allow_nan=False)) == attributes
    expected = {"initializer": "he_normal", "seed": 3, "trials": 2, "inputs": [1.0, -1.0]}
    assert expected.items() <= attributes.items()
    assert attributes["method"] == "GradientDescent"
    assert attributes["step_size"] == 0.1
    assert attributes["until"] == "1e1000"
    assert {"latephase_version", "numpy_version", "jax_version", "python_version"} <= set(
        attributes
    )


def test_batches_are_smaller_where_trials_have_many_samples():
    """Ground truth: 10,000 trials of 200 samples are the normal batch."""
    assert settings.batch_size(200) == 10_000
    assert settings.batch_size(40_000) == 100
    assert settings.batch_size(10**9) == 1


def test_a_large_result_goes_into_a_temporary_store(monkeypatch: pytest.MonkeyPatch):
    """Ground truth: the same ensemble in memory."""
    expected = ensemble(20, batch=7)
    monkeypatch.setattr(result, "IN_MEMORY", 100)
    lazy = ensemble(20, batch=7)
    assert not lazy.variables["weights"]._in_memory
    xr.testing.assert_identical(lazy.load(), expected)


def test_size_of_a_trial_is_that_of_the_result():
    """Ground truth: nbytes of a dataset in memory."""
    found = ensemble(64)
    coordinates = found.time.nbytes + found.log10_t.nbytes
    times = sample_times(METHOD, "1e1000", None, 12)
    problem = Problem.of(lp.ShallowReLU([0, 0], [0, 0]), SYMMETRIC, METHOD)
    plan = settings.Settings(lp.initializers.he_normal, problem, 64, 3, times, 64, 10, 1e-4)
    assert 64 * result.bytes_per_trial(batches.template(plan)) == found.nbytes - coordinates


def test_progress_rises_to_the_number_of_trials():
    """Ground truth: done never falls and ends at the total."""
    seen: list[tuple[int, int]] = []
    ensemble(30, batch=8, progress=lambda done, total: seen.append((done, total)))
    done = [d for d, _ in seen]
    assert done == sorted(done)
    assert {total for _, total in seen} == {30}
    assert {8, 16, 24, 30} <= set(done)
    assert done[-1] == 30


BAD = {
    "no trials": {"trials": 0},
    "negative seed": {"seed": -1},
    "seed is text": {"seed": "0"},
    "seed is a float": {"seed": 1.0},
    "bool seed": {"seed": True},
    "unknown initializer": {"init": "he"},
    "no dataset": {"data": [1.0, -1.0]},
    "no neuron": {"width": 0, "output_weights": []},
    "half a neuron": {"width": 1.5},
    "too many neurons": {"width": 10**12, "output_weights": "alternating"},
    "no output weights": {"width": 3},
    "no output weights of one": {"width": 1},
    "two output weights for three": {"width": 3, "output_weights": [1, -1]},
    "other output weights": {"width": 4, "output_weights": "random"},
    "NaN output weight": {"output_weights": [1, math.nan]},
    "biases": {"bias": None},
    "slope": {"negative_slope": 2.0},
    "loss": {"loss": "hinge"},
    "stepped method": {"method": lp.HeavyBall(0.1)},
    "no process": {"processes": 0},
    "no method": {"method": 0.1},
    "negative horizon": {"until": -1},
    "sample beyond the horizon": {"until": 10, "at": [11]},
    "one sample": {"samples": 1},
    "half a sample": {"samples": 2.5},
    "no steps": {"max_steps": 0},
    "no batch": {"batch": 0},
    "no tolerance": {"slide_tolerance": 0.0},
    "resume without a store": {"resume": True},
    "force without a store": {"force": True},
    "out is a number": {"out": 3},
    "out is empty": {"out": ""},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_bad_input_is_refused_in_one_line(bad: dict):
    """Ground truth: the form of an InputError."""
    with pytest.raises(lp.InputError) as caught:
        ensemble(**{"trials": 2, **bad})
    assert message_is_one_line(caught.value)
