"""A grid of ensembles: each point is the ensemble of its settings."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import latephase as lp
from helpers import message_is_one_line

LINE, HALF = lp.Dataset([1.0, -1.0], [1, -1]), lp.Dataset([0.5, -0.5], [1, -1])
SHARED = {"initializer": "he_normal", "seed": 3, "trials": 6, "at": ["0", "1e1000"]}
DATA = {"one": LINE, "half": HALF}
STEPS = [0.01, 0.1, 1.0]


def same(found: xr.Dataset, wanted: xr.Dataset) -> bool:
    """Whether all variables of `wanted` are the same, to the bit."""
    return all(
        np.array_equal(found[name].values, values.values, equal_nan=values.dtype.kind == "f")
        for name, values in wanted.data_vars.items()
    )


def test_each_point_is_an_ensemble():
    """Ground truth: `ensemble` with the settings of the point."""
    found = lp.sweep({"step_size": STEPS, "data": DATA}, **SHARED)
    assert list(found.margin_constant.dims) == ["step_size", "data", "trial"]
    for step in STEPS:
        for name, data in DATA.items():
            here = found.sel(step_size=step, data=name)
            one = {name: SHARED[name] for name in ("seed", "trials", "at")}
            assert same(here, lp.ensemble("he_normal", data, lp.GradientDescent(step), **one))


def test_points_of_other_shapes_are_padded():
    """Ground truth: `ensemble`; what a narrower network lacks is NaN."""
    kind = {"data": LINE, "method": lp.GradientFlow(), "output_weights": "alternating"}
    found = lp.sweep({"width": [2, 3], "bias": [True, False]}, **kind, **SHARED)
    assert dict(found.sizes) == {
        "width": 2, "bias": 2, "trial": 6, "time": 2, "neuron": 3, "feature": 1,
    }  # fmt: skip
    narrow = found.sel(width=2, bias=True)
    one = lp.ensemble("he_normal", LINE, lp.GradientFlow(), seed=3, trials=6, at=["0", "1e1000"])
    assert np.isnan(narrow.weights.values[..., 2, :]).all()
    assert np.isnan(found.sel(bias=False).biases.values).all()
    assert same(narrow.isel(neuron=slice(2)), one)


@pytest.mark.parametrize(
    "grid",
    [{"method": [lp.GradientDescent(0.1), lp.GradientFlow()]}, {"train_output": [False, True]}],
)
def test_points_may_have_settings_that_others_lack(grid):
    """Ground truth: `ensemble`; a flow has no step size, a fixed output layer no training of it."""
    ((name, values),) = grid.items()
    usual = {"method": lp.GradientDescent(0.1), "train_output": False}
    fixed = {key: value for key, value in usual.items() if key != name}
    found = lp.sweep(grid, data=LINE, **fixed, **SHARED)
    assert len(found.attrs["points"]) == 2
    for k, value in enumerate(values):
        kind = usual | {name: value}
        ways = {"seed": 3, "trials": 6, "at": SHARED["at"], "train_output": kind["train_output"]}
        assert same(found.isel({name: k}), lp.ensemble("he_normal", LINE, kind["method"], **ways))


def test_a_store_is_resumed_and_read_with_its_grid(tmp_path):
    """Ground truth: the sweep in memory, and the undisturbed store."""
    grid, store = {"step_size": STEPS, "data": DATA}, tmp_path / "sweep.zarr"
    whole = lp.sweep(grid, out=tmp_path / "whole.zarr", batch=2, **SHARED)
    assert same(whole, lp.sweep(grid, **SHARED))

    class Gone(BaseException):
        pass

    def stop(done, _):
        if done >= 8:
            raise Gone

    with pytest.raises(Gone):
        lp.sweep(grid, out=store, batch=2, progress=stop, **SHARED)
    left = []
    lp.sweep(
        grid, out=store, batch=2, resume=True, progress=lambda done, _: left.append(done), **SHARED
    )
    assert left[0] > 8
    assert left[-1] == 36
    files = [
        {p.relative_to(at): p.read_bytes() for p in at.rglob("*") if p.is_file()}
        for at in (store, tmp_path / "whole.zarr")
    ]
    assert files[0] == files[1]
    read = xr.open_zarr(store, consolidated=False)
    assert read.step_size.values.tolist() == STEPS
    assert read["data"].values.tolist() == ["one", "half"]
    assert same(read.load(), whole)


def test_another_grid_is_not_gone_on_with(tmp_path):
    lp.sweep({"step_size": [0.1]}, data=LINE, out=tmp_path / "a.zarr", **SHARED)
    with pytest.raises(lp.InputError, match="to resume") as caught:
        lp.sweep({"step_size": [0.2]}, data=LINE, out=tmp_path / "a.zarr", resume=True, **SHARED)
    assert message_is_one_line(caught.value)


BAD = {
    "no grid": ({}, {}, "a grid"),
    "no values": ({"step_size": []}, {}, "values of step_size"),
    "one value": ({"step_size": 0.1}, {}, "several values of step_size"),
    "an unknown name": ({"stepsize": [0.1]}, {}, "names out of"),
    "said twice": ({"seed": [0, 1]}, {"step_size": 0.1}, "what is varied in the grid alone"),
    "no method": ({"width": [2]}, {}, "method, in the grid or beside it"),
    "two methods": ({"step_size": [0.1]}, {"method": lp.GradientFlow()}, "a method or a step_size"),
    "a bad step": ({"step_size": [0.1, -1.0]}, {}, "step_size"),
    "a batch": ({"step_size": [0.1]}, {"batch": 4}, "a batch that divides"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_sweeps_are_refused_in_one_line(case):
    grid, more, said = BAD[case]
    with pytest.raises(lp.InputError, match=said) as caught:
        lp.sweep(grid, data=LINE, **more, **SHARED)
    assert message_is_one_line(caught.value)


@pytest.mark.campaign
def test_a_sweep_on_a_cluster_is_the_same():
    """Ground truth: one process."""
    pytest.importorskip("distributed", reason="Dask is not installed (extra `cluster`)")
    from latephase.core.cluster import connected

    grid = {"step_size": STEPS, "data": DATA}
    with connected("local:2") as client:
        found = lp.sweep(grid, client=client, batch=3, **SHARED)
    assert found.identical(lp.sweep(grid, batch=3, **SHARED))
