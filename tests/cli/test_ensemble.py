"""`latephase ensemble` and `latephase reproduce`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import latephase as lp
from latephase import experiments
from latephase.cli.commands import reproduce
from latephase.core import Rigour
from latephase.experiments import Claim, Finding, Number, Support


def expected(trials: int, seed: int) -> xr.Dataset:
    data = lp.Dataset([1.0, -1.0], [1, -1])
    method = lp.GradientDescent(0.1)
    settings = {"trials": trials, "seed": seed, "until": "1e1000", "at": ["0", "1e1000"]}
    return lp.ensemble("he_normal", data, method, **settings)


def test_store_and_table_are_those_of_lp_ensemble(latephase, drawn, tmp_path):
    """Ground truth: lp.ensemble with the same settings, in memory."""
    flags = ["--trials", "300", "--seed", "3", "--at", "0,1e1000", "--batch", "128"]
    ended = latephase("ensemble", *drawn, *flags, "--out", "runs.zarr")
    assert ended.code == 0
    stored, known = xr.open_zarr(tmp_path / "runs.zarr", consolidated=False), expected(300, 3)
    assert np.array_equal(stored.weights.values, known.weights.values)
    for regime, count in zip(*np.unique(known.regime, return_counts=True), strict=True):
        assert re.search(rf"{regime} +{count} +{count / 300:.4f}", ended.out)
    assert "runs.zarr" in ended.out


def test_flags_say_what_is_drawn(latephase, tmp_path):
    """Ground truth: lp.ensemble with the same settings, and the counts and quantiles of it."""
    (tmp_path / "points.csv").write_text("a,b,label\n2,0.5,1\n1,1.5,1\n-2,0.3,-1\n-1.2,-1,-1\n")
    flags = "--init uniform --data points.csv --step-size 0.5 --trials 4 --seed 1 --at 0,1e1000"
    kind = "--width 3 --output-weights {} --no-biases --negative-slope 1 --loss logistic"
    data = lp.Dataset([[2, 0.5], [1, 1.5], [-2, 0.3], [-1.2, -1]], [1, 1, -1, -1])
    more = {"bias": False, "negative_slope": 1.0, "loss": "logistic", "at": ["0", "1e1000"]}
    more |= {"width": 3, "trials": 4, "seed": 1}
    for typed, v in (("alternating", "alternating"), ("1,-2,0.5", [1, -2, 0.5])):
        asked = [*flags.split(), *kind.format(typed).split()]
        ended = latephase("ensemble", *asked, "--out", f"{len(typed)}.zarr")
        assert ended.code == 0, ended.err
        known = lp.ensemble("uniform", data, lp.GradientDescent(0.5), output_weights=v, **more)
        stored = xr.open_zarr(tmp_path / f"{len(typed)}.zarr", consolidated=False)
        assert np.array_equal(stored.weights.values, known.weights.values)
        assert "biases" not in stored
        assert re.search(r"settled +4 +1.0000", ended.out)
        assert f"limit {np.median(known.limit_margin):.4g} (median)" in ended.out


def test_without_out_nothing_is_written(latephase, drawn, tmp_path):
    """Ground truth: the folder, which was empty."""
    ended = latephase("ensemble", *drawn, "--trials", "50", "--samples", "3")
    assert ended.code == 0
    assert "specialised" in ended.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("default:.* is replaced then:UserWarning")
def test_an_own_store_is_replaced_and_a_foreign_folder_needs_force(latephase, drawn, tmp_path):
    """Ground truth: the number of trials in the store after each command."""

    def trials() -> int:
        return xr.open_zarr(tmp_path / "runs.zarr", consolidated=False).sizes["trial"]

    (tmp_path / "runs.zarr").mkdir()
    (tmp_path / "runs.zarr" / "notes.txt").write_text("mine")
    flags = ["ensemble", *drawn, "--samples", "3", "--out", "runs.zarr", "--trials"]
    assert latephase(*flags, "20").code == 2
    assert latephase(*flags, "20", "--force").code == 0
    assert trials() == 20
    other = latephase(*flags, "30")
    assert (other.code, trials()) == (0, 30)
    assert "is replaced then: it has another trials, 20, not 30" in other.err
    again = latephase(*flags, "30")
    assert (again.code, "warning" in again.err) == (0, False)


def claim(number: int, verdict: Support) -> Claim:
    def examine(bench: experiments.Bench) -> Finding:
        numbers = [Number("trials", bench.trials, Rigour.measured)]
        text = f"{bench.trials} trials of seed {bench.seed}"
        return Finding(verdict, text, "nothing", numbers, {"trials": bench.trials})

    title = f"Claim number {number}"
    return Claim(number, f"claim-{number}", title, "It is so.", "Always.", "Nowhere", examine)


@pytest.fixture
def two_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two claims that take no time, in the place of the paper's."""
    claims = (claim(1, Support.SUPPORTED), claim(2, Support.NOT_SUPPORTED))
    monkeypatch.setattr(experiments, "CLAIMS", claims)
    monkeypatch.setattr(experiments, "BEYOND", (claim(3, Support.UNDECIDED),))


@pytest.mark.usefixtures("two_claims")
def test_reproduce_prints_verdicts_and_says_where_the_report_is(latephase, tmp_path):
    """Ground truth: the verdicts of two planted claims; a refuted one is a result, exit code 0."""
    ended = latephase("reproduce", "--trials", "7", "--seed", "5", "--out", "r", "--all")
    assert ended.code == 0
    assert re.search(r"1 +Claim number 1 +SUPPORTED +7 trials of seed 5", ended.out)
    assert re.search(r"2 +Claim number 2 +NOT SUPPORTED", ended.out)
    assert str(tmp_path / "r" / "report.html") in ended.out
    assert "2/3 NOT SUPPORTED: Claim number 2" in ended.err
    assert "3/3 UNDECIDED: Claim number 3" in ended.err  # --all
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r"]
    assert "Claim number 2" in (tmp_path / "r" / "report.html").read_text()


@pytest.mark.usefixtures("two_claims")
def test_reproduce_refuses_a_foreign_folder_before_the_work(latephase, tmp_path, monkeypatch):
    """Ground truth: no claim is examined, and the folder stays as it was."""
    monkeypatch.setattr(reproduce, "_examine", lambda *_: pytest.fail("examined"))
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "thesis.tex").write_text("mine")
    ended = latephase("reproduce", "--out", "r")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert [p.name for p in Path(tmp_path, "r").iterdir()] == ["thesis.tex"]
    assert not (tmp_path / "r.partial").exists()
