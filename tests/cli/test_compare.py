"""`latephase compare`."""

from __future__ import annotations

import csv
import sys

import numpy as np
import pytest
import xarray as xr

import latephase as lp

QUICK = ["--methods", "gd,loss_scaled,adam:eps=0", "--trials", "60", "--until", "300"]


def test_a_folder_with_page_table_figures_and_runs(latephase, tmp_path):
    """Ground truth: lp.compare with the same settings."""
    ended = latephase("compare", *QUICK, "--seed", "2", "--out", "found")
    assert ended.code == 0
    names = {path.name for path in (tmp_path / "found").iterdir()}
    assert {"report.html", "findings.json", "tables", "figures", "data"} <= names
    with (tmp_path / "found/tables/compare_gaps.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["gd", "loss_scaled", "adam:eps=0"]
    figures = {path.name for path in (tmp_path / "found/figures").iterdir()}
    clocks = ("steps", "evaluations", "flow_time", "loss", "norm")
    assert figures == {f"compare_{clock}.pdf" for clock in clocks}
    stored = xr.open_zarr(tmp_path / "found/data/runs.zarr", consolidated=False)
    methods = [lp.GradientDescent(0.1), lp.LossScaled(0.1), lp.Adam(0.1, eps=0.0)]
    data = lp.Dataset([1.0, -1.0], [1, -1])
    known = lp.compare("standard_normal", data, methods, trials=60, seed=2, until=300)
    np.testing.assert_array_equal(stored.limit_gap.values, known.limit_gap.values)
    assert all(one.attrs["long_name"] != name for name, one in stored.data_vars.items())
    for row in rows:
        assert row["method"] in ended.out
        assert row["effect"].split(",")[0] in ended.out


def test_any_network_goes_into_a_store(latephase, tmp_path):
    """Ground truth: lp.compare with the same settings; resumed, it is there already."""
    flags = "--inputs 2,1,-1 --labels 1,1,-1 --width 3 --output-weights alternating --no-biases"
    words = [*flags.split(), "--negative-slope", "0.1", "--loss", "logistic", "--init", "he_normal"]
    words += ["--methods", "heavy_ball", "--trials", "6", "--until", "50", "--at", "0,50"]
    ended = latephase("compare", *words, "--batch", "4", "--out", "runs")
    assert ended.code == 0
    assert "heavy_ball" in ended.out
    data = lp.Dataset([2.0, 1.0, -1.0], [1, 1, -1])
    kind = {"output_weights": "alternating", "bias": False, "negative_slope": 0.1}
    asked = {"trials": 6, "seed": 0, "until": 50, "at": ["0", "50"], "loss": "logistic"}
    known = lp.compare("he_normal", data, [lp.HeavyBall(0.1)], width=3, **kind, **asked)
    stored = xr.open_zarr(tmp_path / "runs", consolidated=False)
    np.testing.assert_array_equal(stored.weights.values[:, 0], known.weights.values[0])
    assert stored.algorithm.values.tolist() == ["heavy_ball"]
    again = latephase("compare", *words, "--batch", "4", "--out", "runs", "--resume")
    assert (again.code, again.out) == (0, ended.out)
    other = latephase("compare", *words, "--batch", "4", "--out", "runs", "--resume", "--seed", "1")
    assert other.code == 2
    assert "the seed of the comparison to resume" in other.err


def test_a_page_is_written_anew_from_the_runs_that_are_kept(latephase, tmp_path, monkeypatch):
    """Ground truth: the first run: its runs and its table, with nothing that could step again."""
    words = ["compare", *QUICK, "--out", "found", "--resume"]
    first = latephase(*words)  # nothing is there yet: it begins
    assert (first.code, "resumed" in first.out) == (0, False)
    page = tmp_path / "found/report.html"
    made = page.read_bytes()
    before = xr.open_zarr(tmp_path / "found/data/runs.zarr", consolidated=False).load()

    def steps(*_: object, **__: object) -> None:
        raise AssertionError("stepped again")

    with monkeypatch.context() as patched:
        patched.setattr(sys.modules["latephase.runs.compare"], "compare", steps)
        again = latephase(*words)
    assert again.code == 0, again.err
    assert "the runs of found are kept, only the page is written anew" in again.out
    assert again.out.partition("\n")[2] == first.out
    assert page.read_bytes() == made
    after = xr.open_zarr(tmp_path / "found/data/runs.zarr", consolidated=False).load()
    xr.testing.assert_identical(after, before)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--seed", "3"], "expected the seed of the comparison to resume, 0, got 3; repeat all"),
        (["--methods", "gd"], "expected the methods of the comparison to resume"),
        (["--step-size", "0.2"], "expected the step_size of the comparison to resume, 0.1, got"),
    ],
)
def test_a_page_of_other_runs_is_not_resumed(latephase, tmp_path, change, said):
    """Ground truth: the page that was there."""
    words = ["compare", "--methods", "gd,adam", "--trials", "4", "--until", "10", "--out", "found"]
    assert latephase(*words).code == 0
    made = (tmp_path / "found/report.html").read_bytes()
    ended = latephase(*words, *change, "--resume")
    assert ended.code == 2
    assert said in ended.err
    assert ended.err.count("\n") == 1
    assert (tmp_path / "found/report.html").read_bytes() == made


def test_methods_are_called_what_the_user_calls_them(latephase):
    """Ground truth: the words of the command; the step size of gd is that of all, and stays so."""
    methods = "gd,heavy_ball:step_size=0.3,adam:eps=1e-8"
    words = ["--methods", methods, "--trials", "20", "--until", "10", "--step-size", "0.5"]
    ended = latephase("compare", *words)
    assert ended.code == 0
    first = [line.split()[0] for line in ended.out.splitlines()[2:5]]
    assert first[0] == "gd"
    assert "gd:step_size" not in ended.out
    twice = latephase("compare", *words[2:], "--methods", "gd,gd:step_size=0.5")
    assert twice.code == 2
    assert "expected every method once" in twice.err


def test_without_out_nothing_is_written(latephase, tmp_path):
    """Ground truth: the folder, which was empty."""
    ended = latephase("compare", *QUICK)
    assert ended.code == 0
    assert "--out comparison" in ended.out
    assert list(tmp_path.iterdir()) == []


def test_another_data_set_and_step_size(latephase):
    """Ground truth: on 3, -1 the gap of gradient descent is counted from 1/2, not from 1; Polyak's
    steps follow the law, with a C that is 41 % (median) from gradient descent's of the same start.
    """
    flags = ["--inputs", "3,-1", "--labels", "1,-1", "--step-size", "0.5"]
    ended = latephase("compare", "--methods", "gd,polyak_step", *QUICK[2:], *flags)
    assert ended.code == 0
    assert "own clock, another C" in ended.out


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--methods", "momentum"], "expected the name of a method, got 'momentum' (str); use one"),
        (
            ["--methods", "gd:rate=1"],
            "expected a parameter of gd, got 'rate'; use one of step_size",
        ),
        (["--methods", "heavy_ball:momentum=1.5"], "expected momentum in [0, 1), got 1.5"),
        (["--methods", "weight_decay:strength=-0.1"], "expected strength >= 0, got -0.1"),
        (["--methods", "gd,gd"], "expected every method once, got gd twice"),
        (["--methods", ""], "expected at least one method"),
        (["--until", "1e9"], "expected a horizon of at most 1e8 updates"),
        (["--init", "kaiming"], "expected the name of an initializer"),
        (["--inputs", "1,-1"], "--labels"),
        (["--force"], "--out"),
        (["--resume"], "--out"),
        (["--batch", "4", "--out", "comparison"], "expected --out NAME.zarr with --batch, got"),
        (["--width", "3"], "alternating"),
        (["--width", "0"], "width"),
    ],
)
def test_bad_input_is_one_line_and_code_2(latephase, flags, said):
    ended = latephase("compare", *flags)
    assert ended.code == 2
    assert said in ended.err
    assert ended.err.count("\n") == 1


def test_the_help_names_every_method(latephase):
    """Ground truth: the registry."""
    from latephase.training.methods.table import names

    said = latephase("compare", "--help").out.split("Methods: ")[1].split(";")[0]
    assert said.replace(",", " ").split() == list(names())


@pytest.mark.parametrize("until", ["0", "10"])
def test_nobody_fits_so_soon(latephase, until, tmp_path):
    """Three trials, none of which has both points on their side: dashes instead of numbers."""
    flags = ["--methods", "gd,sam", "--trials", "3", "--until", until, "--seed", "4"]
    ended = latephase("compare", *flags, "--out", "none")
    assert ended.code == 0, ended.err
    assert "–" in ended.out
    assert (tmp_path / "none/report.html").exists()


def test_too_early_is_not_broken(latephase):
    """Ground truth: gradient descent itself, at a loss that is still above e^-3."""
    flags = ["--methods", "gd,adam", "--inputs", "1,2", "--labels", "1,-1"]
    ended = latephase("compare", *flags, "--trials", "40", "--until", "100")
    assert ended.code == 0
    assert "breaks" not in ended.out


def test_a_doubtful_adam_is_a_warning(latephase):
    flags = ["--methods", "adam:beta1=0.9:beta2=0.5", "--until", "50", "--trials", "30"]
    ended = latephase("compare", *flags)
    assert ended.code == 0
    assert "latephase: warning: Adam with beta2 = 0.5 <= beta1^2 = 0.81" in ended.err


def test_a_folder_of_others_is_left_alone(latephase, tmp_path):
    """Ground truth: the file that was there."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("x")
    ended = latephase("compare", *QUICK, "--out", "mine")
    assert ended.code == 2
    assert (tmp_path / "mine/thesis.tex").read_text() == "x"
