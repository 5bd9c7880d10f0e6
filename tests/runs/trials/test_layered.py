"""Ensembles of networks that train both layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import latephase as lp
from latephase.problem import initializers
from latephase.problem.output_weights import output_weights

PAIR = lp.Dataset([2.0, -1.5], [1, -1])
LINE = lp.Dataset([2.0, 1.0, -1.0], [1, 1, -1])
ENDS = ("law_constant", "law_offset", "limit_boundary", "limit_margin", "margin_constant")
OPTIONS = {"seed": 1, "at": ["1e50", "0", "1000"], "until": "1e50", "train_output": True}
KINDS = {
    "pairs, all at once": (PAIR, 2, 4, "balanced"),
    "others, one by one": (LINE, 3, 2, "balanced"),
}


def ensemble(data: lp.Dataset, width: int, trials: int, outer: object, **more) -> xr.Dataset:
    kind = {"width": width, "trials": trials, "output_weights": outer, "processes": 1}
    return lp.ensemble("pytorch_default", data, lp.GradientDescent(0.1), **OPTIONS | kind | more)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_trial_is_what_simulate_finds_of_the_same_network(kind) -> None:
    """Ground truth: `simulate` and `limit` on networks drawn by hand."""
    data, width, trials, choice = kind
    found = ensemble(*kind)
    weights, biases = initializers.pytorch_default(trials=trials, seed=1, width=width)
    outer = output_weights(choice, weights, biases, seed=1)
    settled = 0
    for k in range(trials):
        net = lp.ShallowReLU(weights[k], biases[k], outer[k], train_output=True)
        run = lp.simulate(net, data, lp.GradientDescent(0.1), at=OPTIONS["at"], until="1e50")
        one = found.isel(trial=k)
        assert one.outcome == run.outcome.name
        for name in ("weights", "biases", "output_weights", "robustness_margin", "log_loss"):
            np.testing.assert_allclose(one[name], run.trajectory[name], rtol=1e-9, err_msg=name)
        assert one.rigour.values.tolist() == run.trajectory.rigour.values.tolist()
        if run.law is None:
            assert np.isnan([one[name] for name in ENDS]).all()
            continue
        settled += 1
        said = [getattr(run.law, name.removeprefix("law_")) for name in ENDS]
        said = [np.nan if value is None else value for value in said]
        np.testing.assert_allclose([one[name] for name in ENDS], said, rtol=1e-9)
        np.testing.assert_allclose([one.law_exponent, run.law.exponent], 0.5, rtol=1e-12)
        gamma = lp.limit(run).normalised_margin
        np.testing.assert_allclose(one.limit_normalised_margin, gamma, rtol=1e-9)
    assert settled


@pytest.mark.slow
def test_batches_and_stores_hold_the_same(tmp_path: Path) -> None:
    """Ground truth: all trials in one batch, in memory."""
    kind = (PAIR, 2, 3, "he_normal")  # the last batch is of one trial
    stored = ensemble(*kind, out=tmp_path / "runs.zarr", batch=2).load()
    whole = ensemble(*kind)
    stored.attrs["batch"] = whole.attrs["batch"]
    xr.testing.assert_identical(stored, whole)
    assert whole.attrs["train_output"]
    assert whole.attrs["output_weights"] == "he_normal"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"outer": "nonsense"}, "an array of output weights, or a name, got 'nonsense'"),
        ({"outer": "he_normal", "train_output": False}, "or train_output=True with what is drawn"),
        ({"train_output": 1}, "train_output"),
        ({"slide_tolerance": 1e-3}, "no slide_tolerance"),
    ],
)
def test_bad_layers_are_refused(more: dict, said: str) -> None:
    with pytest.raises(lp.InputError, match=said):
        ensemble(**{"data": PAIR, "width": 2, "trials": 1, "outer": None} | more)
