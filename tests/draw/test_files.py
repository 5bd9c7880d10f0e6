"""`--plot`: pictures in files, refused before the work, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

POINTS = ("--inputs", "1,-1", "--labels", "1,-1", "--step-size", "0.1")
RUN = ("run", *POINTS, "--weights", "0.7,-0.4", "--biases", "0.1,0.2", "--samples", "120")
MAGIC = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}


@pytest.mark.parametrize("kind", MAGIC)
def test_a_run_is_drawn_again_to_the_byte(latephase, tmp_path: Path, kind: str):
    """Ground truth: how files of the three kinds begin, and what the first command wrote."""
    target = tmp_path / f"run.{kind}"
    done = latephase(*RUN, "--plot", target.name)
    assert (done.code, done.err) == (0, "")
    assert f"picture  run.{kind}" in done.out
    first = target.read_bytes()
    assert first.startswith(MAGIC[kind])
    done = latephase(*RUN, "--plot", target.name, "--json")
    assert done.code == 0
    assert json.loads(done.out)["outcome"] == "settled"
    assert target.read_bytes() == first
    assert [file.name for file in tmp_path.iterdir() if file.name[0] != "."] == [target.name]


def test_ensembles_and_comparisons_are_drawn(latephase, tmp_path: Path):
    """Ground truth: the files."""
    many = ("--init", "he_normal", "--trials", "5")
    done = latephase("ensemble", *POINTS, *many, "--at", "0,10,1e100", "--plot", "many.svg")
    assert (done.code, done.err) == (0, "")
    few = ("--methods", "gd,nesterov", "--until", "10", "--trials", "2")
    done = latephase("compare", *few, "--plot", "methods.png")
    assert (done.code, done.err) == (0, "")
    assert "share of trials" in (tmp_path / "many.svg").read_text()
    assert (tmp_path / "methods.png").read_bytes().startswith(MAGIC["png"])


@pytest.mark.parametrize(
    ("name", "told"), [("run.gif", ".svg, .png or .pdf"), ("mine.svg", "that latephase drew")]
)
def test_it_is_refused_before_the_work(latephase, tmp_path, name, told, monkeypatch):
    """Ground truth: one line; no run was made, and a file of somebody else's is as it was."""
    monkeypatch.setattr("latephase.runs.simulate", None)
    (tmp_path / "mine.svg").write_text("<svg/>")
    done = latephase(*RUN, "--plot", name)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert told in done.err
    assert (tmp_path / "mine.svg").read_text() == "<svg/>"
