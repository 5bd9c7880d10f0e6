"""Comparisons of any network: what `simulate` finds of each trial, and their store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import optax
import pytest
import xarray as xr

import latephase as lp
from latephase.problem import initializers
from latephase.runs.trials.planned import Planned
from latephase.training.methods.table import stepped

PLANE = lp.Dataset([[2.0, 0.5], [1.5, -1.0], [-2.0, 0.3], [-1.2, -1.0]], [1, 1, -1, -1])
LINE = lp.Dataset([2.0, 1.0, -1.0], [1, 1, -1])
PAIR = lp.Dataset([1.0, -1.0], [-1, 1])
FOUR = {"width": 4, "output_weights": "alternating"}
SETTINGS = {"trials": 3, "seed": 2, "until": 60, "at": ["60", "0", "7"], "processes": 1}
METHODS = [lp.GradientDescent(0.25), lp.HeavyBall(0.25)]
OF_TRIAL = ("regime", "outcome", "law_constant", "law_offset", "law_exponent", "limit_boundary")
OF_TRIAL += ("limit_margin", "margin_constant", "limit_normalised_margin", "entry_log10_t")


def compare(data: lp.Dataset, **options) -> xr.Dataset:
    options = {**SETTINGS, **FOUR, **options}
    return lp.compare("pytorch_default", data, options.pop("methods", METHODS), **options)


def whole(value: object) -> object:
    """A campaign."""
    return pytest.param(value, marks=pytest.mark.campaign)


# data and options of the networks
KINDS = {
    "plane": (PLANE, {}),
    "leaky, without biases": (LINE, {"bias": False, "negative_slope": 0.2, "loss": "logistic"}),
    "linear": (PLANE, {"negative_slope": 1.0}),
    "a pair in the other order": (PAIR, {"width": 2, "output_weights": [-1.0, 1.0]}),
    "one neuron": (LINE, {"width": 1, "output_weights": [1.0]}),
}
EVERYDAY = ("plane", "leaky, without biases")


@pytest.mark.parametrize("kind", [kind if kind in EVERYDAY else whole(kind) for kind in KINDS])
def test_a_trial_is_what_simulate_finds_of_the_same_network(kind: str) -> None:
    """Ground truth: `simulate` on networks drawn by hand, to the bit where nothing but the network
    is measured; and `ensemble` for what a trial has one of."""
    data, options = KINDS[kind]
    found = compare(data, **options)
    asked = {**FOUR, "bias": True, "negative_slope": 0.0, "loss": "exponential", **options}
    shape = {"width": asked["width"], "d": data.d, "bias": asked["bias"]}
    weights, biases = initializers.pytorch_default(trials=3, seed=2, **shape)
    v = [1, -1, 1, -1] if asked["output_weights"] == "alternating" else asked["output_weights"]
    assert ("biases" in found) == asked["bias"]
    for name, method in (("gd", lp.PowerStep(0.25, exponent=0)), ("heavy_ball", METHODS[1])):
        for k in range(3):
            start = None if biases is None else biases[k]
            slope = asked["negative_slope"]
            network = lp.ShallowReLU(weights[k], start, v, negative_slope=slope)
            times = {"until": 60, "at": SETTINGS["at"]}
            one = lp.simulate(network, data, method, loss=asked["loss"], **times).trajectory
            row = found.sel(algorithm=name).isel(trial=k)
            for variable in one.data_vars:
                got, want = row[variable].values, one[variable].values
                if variable in ("weights", "biases", "rigour", "gradient_evaluations", "error"):
                    np.testing.assert_array_equal(got, want, err_msg=variable)
                elif variable in ("margin_deficit", "log_margin_deficit"):
                    close = row.robustness_margin.values, one.robustness_margin.values
                    np.testing.assert_allclose(*close, rtol=1e-13)
                else:
                    np.testing.assert_allclose(got, want, rtol=1e-12, err_msg=variable)
            theta = (
                row.weights.values
                if biases is None
                else np.append(row.weights.values, row.biases.values[..., None], axis=-1)
            )
            np.testing.assert_allclose(row.norm, np.sqrt((theta**2).sum((1, 2))), rtol=1e-14)
    known = lp.ensemble("pytorch_default", data, METHODS[0], **{**SETTINGS, **FOUR, **options})
    for name in OF_TRIAL:
        np.testing.assert_array_equal(found[name].values[0], known[name].values, err_msg=name)
    if kind != "a pair in the other order":
        assert "limit_gap" not in found
        assert set(found.regime.values[1]) == {"unsettled"}
        assert set(found.law_rigour.values[1]) == {""}


def decaying(rate: float) -> lp.GradientDescent:
    return lp.GradientDescent(lambda t: rate / (t + 1))


# pairs of methods of which one parameter differs, by what holds it
ALIKE = {
    "steps": [lp.GradientDescent(0.25), lp.GradientDescent(0.125)],
    "momenta": [lp.HeavyBall(0.25, 0.5), lp.HeavyBall(0.25, 0.75)],
    "closures": [decaying(0.5), decaying(0.25)],
    "transformations": [optax.adam(0.01, b1=0.9), optax.adam(0.01, b1=0.8)],
    "inner methods": [lp.SpanProjection(0.25, 5, lp.HeavyBall(0.25, b)) for b in (0.5, 0.75)],
}


@pytest.mark.everyday
def test_methods_that_differ_in_one_parameter_are_each_their_own() -> None:
    """Ground truth: `simulate` of each method on the network drawn by hand, to the bit."""
    methods = [one for pair in ALIKE.values() for one in pair]
    found = compare(LINE, methods=methods, trials=1, until=9, at=["9"])
    labels = [str(name) for name in found.algorithm.values]
    assert len(set(labels)) == len(methods)
    weights, biases = initializers.pytorch_default(trials=1, seed=2, width=4, d=1, bias=True)
    network = lp.ShallowReLU(weights[0], biases[0], [1, -1, 1, -1])
    for k, (method, label) in enumerate(zip(methods, labels, strict=True)):
        run = lp.simulate(network, LINE, stepped(method), until=9, at=["9"]).trajectory
        for name in ("weights", "biases"):
            got = found[name].values[k, 0]
            np.testing.assert_array_equal(got, run[name].values, err_msg=label)
    ends = found.weights.values[:, 0, -1].reshape(len(methods), -1)
    assert len(np.unique(ends, axis=0)) == len(methods)


def test_an_interrupted_comparison_ends_the_same_byte_for_byte(tmp_path: Path) -> None:
    """Ground truth: the store of a comparison that was not interrupted; what is in memory."""

    def interrupt(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    asked = {"methods": METHODS[1:], "trials": 3, "batch": 2}
    one, other = tmp_path / "one.zarr", tmp_path / "other.zarr"
    complete = compare(LINE, **asked, out=one)
    with pytest.raises(KeyboardInterrupt):
        compare(LINE, **asked, out=other, progress=interrupt)
    assert not other.exists()
    seen: list[tuple[int, int]] = []
    again = compare(LINE, **asked, out=other, resume=True, progress=lambda *done: seen.append(done))
    assert min(done for done, _ in seen) > 60  # the first batch was kept
    files = [path.relative_to(one) for path in one.rglob("*") if path.is_file()]
    assert len(files) > len(complete.data_vars)
    for name in files:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    xr.testing.assert_identical(again.load(), compare(LINE, **asked).load())
    assert again.weights.dims == ("algorithm", "trial", "time", "neuron", "feature")
    assert again.gradient_evaluations.dims == ("algorithm", "time")
    with pytest.raises(lp.InputError, match="the seed of the comparison to resume, 2"):
        compare(LINE, **asked | {"seed": 3}, out=other, resume=True)
    with pytest.raises(lp.InputError, match="the methods of the comparison to resume"):
        compare(LINE, **asked | {"methods": [lp.HeavyBall(0.25, 0.5)]}, out=other, resume=True)


def test_a_store_is_resumed_by_the_same_methods_only(tmp_path: Path) -> None:
    """Whether they were called before, and however long the text is in which they differ."""

    def schedule(begin: int, rate: float = 0.05) -> optax.GradientTransformation:
        late = optax.polynomial_schedule(1.0, 0.1, 2, 100, transition_begin=begin)
        clip = optax.chain(optax.clip(0.5), optax.add_decayed_weights(1e-4), optax.trace(0.9))
        cosine = optax.cosine_decay_schedule(rate, 2000)
        return optax.chain(clip, optax.scale_by_schedule(late), optax.sgd(cosine))

    asked = {"trials": 1, "until": 1, "at": ["1"], "out": tmp_path / "runs.zarr"}
    found = compare(LINE, **asked, methods=[schedule(0)])
    assert len(found.algorithm.item()) <= 200 < len(found.attrs["methods"][0])
    compare(LINE, **asked, methods=[schedule(0)], resume=True)
    with pytest.raises(lp.InputError, match=r"transition_begin=0.*got .*transition_begin=7"):
        compare(LINE, **asked, methods=[schedule(7)], resume=True)
    one, other = lp.GradientDescent(lambda t: 0.1 / (t + 1)), lp.GradientDescent(lambda t: 0.2)
    assert Planned.of([one]).settings != Planned.of([other]).settings
    assert "method_digests" not in Planned.of(METHODS).settings


def test_methods_go_by_the_labels_of_a_dict() -> None:
    methods = {"mine": optax.sgd(0.25), "yardstick": lp.GradientDescent(0.25)}
    found = compare(LINE, until=1, at=["1"], trials=1, methods={"mine": METHODS[0]})
    assert found.algorithm.values.tolist() == ["mine"]
    assert found.attrs["methods"] == ["gd"]
    assert Planned.of(methods).labels == ("mine", "yardstick")
    assert (
        Planned.of(methods).settings["methods"]
        == Planned.of(list(methods.values())).settings["methods"]
    )
    for labels in ("two\nlines", "", 3, "x" * 201):
        with pytest.raises(lp.InputError, match="labels of methods"):
            Planned.of({labels: lp.GradientDescent(0.25)})


def test_an_initializer_of_the_same_name_is_another_one(tmp_path: Path) -> None:
    asked = {**SETTINGS, "out": tmp_path / "runs.zarr", "width": 2, "trials": 1, "until": 5}
    asked = {**asked, "at": ["5"]}
    he = initializers.he_normal
    for scale in (1.0, 2.0):
        mine = replace(he, scale=lambda i, o, scale=scale: scale)
        if scale == 1.0:
            lp.ensemble(mine, PAIR, METHODS[0], **asked)
            continue
        with pytest.raises(lp.InputError, match="the initializer_digest of the ensemble to resume"):
            lp.ensemble(mine, PAIR, METHODS[0], **asked, resume=True)


def test_a_large_comparison_goes_into_a_temporary_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ground truth: the same comparison in memory."""
    from latephase.runs.trials import result

    asked = {"methods": METHODS[1:], "trials": 3, "batch": 2}
    expected = compare(LINE, **asked)
    monkeypatch.setattr(result, "IN_MEMORY", 100)
    lazy = compare(LINE, **asked)
    assert not lazy.variables["weights"]._in_memory
    xr.testing.assert_identical(lazy.load(), expected)
