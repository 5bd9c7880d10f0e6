"""What experiments share: the runs that a report keeps are those that were run."""

from __future__ import annotations

import xarray as xr

from latephase.experiments.bench.base import Bench
from latephase.problem import Dataset


def test_the_runs_of_the_papers_setting_are_kept():
    """Ground truth: the ensembles themselves: of two of one initializer that with more times, and
    none on other data or to another horizon."""
    bench = Bench(trials=30)
    bench.once("beside", lambda: 1)
    bench.once(("ensemble of another kind", 2), lambda: 2)
    bench.ensemble("he_normal", at=("0", "1e3"))
    most = bench.ensemble("he_normal", at=("0", "1e3", "1e1000"))
    bench.ensemble("uniform", at=("1e3",), until="1e3")
    bench.ensemble("uniform", at=("1e3",), data=Dataset([3.0, -1.0], [1, -1]))
    kept = bench.kept_runs(20)
    assert list(kept) == ["he_normal"]
    xr.testing.assert_equal(kept["he_normal"], most.isel(trial=slice(20)))
    assert kept["he_normal"].attrs == {**most.attrs, "kept": "the first 20 trials"}
