"""Whatever width a terminal claims to have, and wherever a user has no place for caches."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from latephase.cli import surroundings

DEAD = (
    "run --inputs 1,-1 --labels 1,-1 --method gf --weights 0.1,0.1 --biases -1,-1 --until 10 --at 0"
)


@pytest.mark.parametrize("columns", ["20", "0", "1000000", "-5", "wide", "²", ""])
def test_any_width_leaves_tables_and_help_readable(latephase, monkeypatch, columns):
    """Ground truth: the table at 80 columns; lines of 80 to 240 characters in the help."""
    expected = latephase(*DEAD.split()).out
    for name in ("COLUMNS", "LINES", "TERMINAL_WIDTH"):
        monkeypatch.setenv(name, columns)
    assert latephase(*DEAD.split()).out == expected
    shown = latephase("run", "--help")
    assert shown.code == 0
    assert 70 <= max(map(len, shown.out.splitlines())) <= 240


@pytest.mark.parametrize(
    ("names", "quiet"),
    [({"TERM": "dumb"}, True), ({"NO_COLOR": "1"}, True), ({"FORCE_COLOR": "1"}, False)],
)
def test_colours_are_as_asked_for(latephase, monkeypatch, names, quiet):
    """Ground truth: no escape sequence in a pipe, unless it is forced."""
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    found = latephase(*DEAD.split())
    assert found.code == 0
    assert ("\x1b" not in found.out) == quiet
    assert found.err == ""


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No home that could be written in, and no settings of matplotlib's."""
    (tmp_path / "file").touch()
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    return tmp_path


def test_matplotlib_gets_a_folder_only_where_it_has_none(monkeypatch, nowhere):
    """Ground truth: MPLCONFIGDIR: new below TMPDIR for a home that is a file, as it was else."""
    monkeypatch.setattr("tempfile.tempdir", str(nowhere))
    monkeypatch.setenv("MPLCONFIGDIR", str(nowhere / "its own"))
    surroundings.prepare_drawing()
    assert os.environ["MPLCONFIGDIR"] == str(nowhere / "its own")
    monkeypatch.delenv("MPLCONFIGDIR")
    surroundings.prepare_drawing()
    assert os.environ["MPLCONFIGDIR"].startswith(str(nowhere / "latephase-"))


def test_a_user_without_a_home_has_no_folders(monkeypatch, nowhere):
    """Ground truth: what os.path.expanduser gives where there is neither HOME nor an account."""
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert not any(map(surroundings._can_be_written, surroundings._matplotlib_folders()))


def test_a_working_directory_that_is_gone_is_no_failure(tmp_path):
    """Ground truth: exit code 0 where nothing is written, one line and 2 where it would be."""
    gone = tmp_path / "gone"
    inside = (
        "import os, sys; from latephase.cli import main; os.rmdir(os.getcwd()); main(sys.argv[1:])"
    )
    absolute = ["--save", str(tmp_path / "net.npz")]
    for more, code in ([], 0), (["--save", "net.npz"], 2), (absolute, 0):
        gone.mkdir()
        words = [sys.executable, "-c", inside, *DEAD.split(), *more]
        found = subprocess.run(words, cwd=gone, capture_output=True, text=True, timeout=60)
        assert found.returncode == code, found.stderr
        assert found.stderr.count("\n") == (code != 0)


THREE = (
    "run --inputs 1,-1,2 --labels 1,-1,1 --weights 0.7,-0.4 --biases 0.1,0.2 --step-size 0.1 "
    "--until 10 --at 0"
)


@pytest.mark.parametrize(("name", "value"), [("JAX_PLATFORMS", "bogus"), ("JAX_ENABLE_X64", "no?")])
def test_what_jax_cannot_read_is_told_by_its_name(monkeypatch, name, value):
    """Ground truth: the variable that was set; it was "unforeseen" before."""
    monkeypatch.setenv(name, value)
    words = [sys.executable, "-m", "latephase", *THREE.split()]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.splitlines()[-1].startswith(
        f"latephase: expected an environment in which JAX starts, got {name}={value} ("
    )


def test_stores_and_figures_do_not_depend_on_the_environment(tmp_path):
    """Ground truth: format 3 in zarr.json, and a module that loads; both failed before."""
    code = """
from latephase.cli import surroundings
surroundings.prepare_drawing()
import matplotlib, pathlib, sys, xarray
from latephase.report.data import write_runs
import latephase as lp
lp.ensemble("he_normal", lp.Dataset([1.0, -1.0], [1, -1]), lp.GradientDescent(0.1), trials=2,
            seed=0, until="1e3", at=["0"], out="runs.zarr")
write_runs(xarray.Dataset({"a": ("x", [1.0])}), pathlib.Path("page.zarr"))
"""
    there = os.environ | {"ZARR_DEFAULT_ZARR_FORMAT": "2", "MPLBACKEND": "bogus"}
    words = [sys.executable, "-c", code]
    ended = subprocess.run(
        words, cwd=tmp_path, env=there, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    for store in "runs.zarr", "page.zarr":
        assert '"zarr_format": 3' in (tmp_path / store / "zarr.json").read_text()
