"""Bad input and failures: one line on stderr, an exit code, nothing written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from latephase.cli.failures import as_flags
from latephase.cli.problem import ProblemFlags

RUN = {
    "--inputs": "1,-1",
    "--labels": "1,-1",
    "--weights": "0.7,-0.4",
    "--biases": "0.1,0.2",
    "--step-size": "0.1",
    "--until": "100",
}
ENSEMBLE = {
    "--init": "he_normal",
    "--inputs": "1,-1",
    "--labels": "1,-1",
    "--step-size": "0.1",
    "--until": "100",
    "--trials": "10",
    "--out": "runs.zarr",
}
PREDICT = {name: text for name, text in RUN.items() if name != "--until"}

DRAWN = {name: text for name, text in ENSEMBLE.items() if name not in ("--until", "--out")}


def changed(command: str, flags: dict[str, str], change: dict[str, str | None]) -> list[str]:
    kept = {name: text for name, text in {**flags, **change}.items() if text is not None}
    return [command, *(word for pair in kept.items() for word in pair)]


# What is changed (None: left out) in a command that works, and a word its line must hold.
BAD_RUNS = {
    "NaN input": ({"--inputs": "nan,-1"}, "nan"),
    "infinite input": ({"--inputs": "1,-inf"}, "inf"),
    "input beyond float64": ({"--inputs": "1e400,-1"}, "1e400"),
    "no inputs": ({"--inputs": ""}, "inputs"),
    "an empty input": ({"--inputs": "1,,-1"}, "--inputs"),
    "inputs in words": ({"--inputs": "one,two"}, "one"),
    "ragged rows": ({"--inputs": "1,2;3"}, "shape"),
    "too few labels": ({"--labels": "1"}, "labels"),
    "label 0": ({"--labels": "1,0"}, "0.0"),
    "one class": ({"--labels": "1,1"}, "classes"),
    "equal inputs": ({"--inputs": "1,1"}, "distinct"),
    "another activation": ({"--activation": "tanh"}, "leaky ReLU with --negative-slope"),
    "more layers": ({"--layers": "3"}, "one hidden layer"),
    "classes": ({"--num-classes": "3"}, "one output"),
    "NaN weight": ({"--weights": "nan,1"}, "nan"),
    "too few biases": ({"--biases": "0.1"}, "biases"),
    "three neurons without output weights": (
        {"--weights": "1,2,3", "--biases": "0,0,0"},
        "output_weights",
    ),
    "weights of other dimension": ({"--weights": "1,2;3,4"}, "features"),
    "negative step size": ({"--step-size": "-0.1"}, "-0.1"),
    "zero step size": ({"--step-size": "0"}, "step_size"),
    "NaN step size": ({"--step-size": "nan"}, "nan"),
    "step size in words": ({"--step-size": "big"}, "big"),
    "gd without step size": ({"--step-size": None}, "--step-size"),
    "gf with step size": ({"--method": "gf"}, "leave it out"),
    "unknown method": ({"--method": "adams"}, "adams"),
    "parameter of no method": ({"--method": "adam:beta=1"}, "'beta'"),
    "two step sizes": ({"--method": "adam:step_size=1"}, "both"),
    "step size of no use": ({"--method": "polyak_step"}, "--step-size"),
    "unknown loss": ({"--loss": "hinge"}, "hinge"),
    "until negative": ({"--until": "-1"}, "-1"),
    "until in words": ({"--until": "abc"}, "abc"),
    "until a tower": ({"--until": "10**10**10"}, "10**10**10"),
    "until a fraction": ({"--until": "0.5"}, "0.5"),
    "until beyond any logarithm": ({"--until": "1e" + "9" * 400}, "until"),
    "at beyond until": ({"--at": "0,101"}, "101"),
    "at empty": ({"--at": ""}, "at"),
    "at in words": ({"--at": "0,later"}, "later"),
    "one sample": ({"--samples": "1"}, "samples"),
    "no steps": ({"--max-steps": "0"}, "max_steps"),
    "samples in words": ({"--samples": "many"}, "--samples"),
}
BAD_ENSEMBLES = {
    "no trials": ({"--trials": "0"}, "trials"),
    "trials negative": ({"--trials": "-5"}, "--trials"),
    "unknown initializer": ({"--init": "glorot"}, "xavier_normal"),
    "one class": ({"--labels": "1,1"}, "classes"),
    "no output weights": ({"--width": "3"}, "alternating"),
    "until in words": ({"--until": "abc"}, "abc"),
    "at beyond until": ({"--at": "101"}, "101"),
    "seed negative": ({"--seed": "-1"}, "--seed"),
    "seed too large": ({"--seed": "1e30"}, "--seed"),
    "empty batches": ({"--batch": "0"}, "batch"),
    "gd without step size": ({"--step-size": None}, "--step-size"),
    "output below a file": ({"--out": "taken/runs.zarr"}, "taken"),
    "output is a file": ({"--out": "taken"}, "taken"),
    "output is this folder": ({"--out": "."}, "folder of its own"),
    "output of somebody else": ({"--out": "theirs"}, "theirs"),
    "output elsewhere": ({"--out": "s3://bucket/runs.zarr"}, "s3://bucket"),
}
BAD_PREDICTIONS = {
    "eps negative": ({"--eps": "-0.1"}, "eps"),
    "eps in words": ({"--eps": "small"}, "--eps"),
    "a deficit in words": ({"--deficit": "small"}, "--deficit"),
    "an unknown dtype": ({"--dtype": "float8"}, "float8"),
    "a method that is stepped": ({"--method": "adam"}, "GradientFlow()"),
    "until is no flag of it": ({"--until": "5"}, "--until"),
}
BAD_LINES = {
    "unknown command": (["train"], "train"),
    "unknown option": (["reproduce", "--turbo"], "--turbo"),
    "an argument too many": (["reproduce", "now"], "now"),
    "no trials to reproduce": (["reproduce", "--trials", "0"], "trials"),
    "report below a file": (["reproduce", "--out", "taken/report"], "taken"),
    "report among other files": (["reproduce", "--out", "theirs"], "theirs"),
    "report elsewhere": (["reproduce", "--out", "gs://bucket/report"], "gs://bucket"),
    "comparison elsewhere": (["compare", "--out", "https://host/runs"], "https://host"),
    "certificate elsewhere": (
        changed("certify", PREDICT, {"--out": "s3://bucket/run.cert.json"}),
        "s3://bucket",
    ),
    "certificates elsewhere": (
        changed("certify", DRAWN, {"--out": "s3://bucket/certs"}),
        "s3://bucket",
    ),
    "network elsewhere": (changed("run", RUN, {"--save": "s3://bucket/n.npz"}), "s3://bucket"),
}


def bad_lines() -> dict[str, tuple[list[str], str]]:
    groups = {"run": (RUN, BAD_RUNS), "ensemble": (ENSEMBLE, BAD_ENSEMBLES)}
    groups["predict"] = (PREDICT, BAD_PREDICTIONS)
    return BAD_LINES | {
        f"{command}: {name}": (changed(command, flags, change), word)
        for command, (flags, cases) in groups.items()
        for name, (change, word) in cases.items()
    }


def contents(folder: Path) -> dict[str, str]:
    return {str(p): p.read_text() if p.is_file() else "" for p in folder.rglob("*")}


@pytest.mark.parametrize(("words", "culprit"), bad_lines().values(), ids=bad_lines().keys())
def test_bad_input_ends_in_one_line(latephase, tmp_path, words, culprit):
    """Ground truth: the contract: exit code 2, "expected ..., got ...; ...", nothing written."""
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "notes.txt").write_text("mine")
    before = contents(tmp_path)
    ended = latephase(*words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.count("\n") == 1, ended.err
    assert ended.err.startswith("latephase: expected ")
    assert "got" in ended.err
    assert ";" in ended.err.partition("got")[2]
    assert culprit in ended.err
    assert "Traceback" not in ended.err
    assert contents(tmp_path) == before


@pytest.mark.parametrize("words", [changed("run", RUN, {}), changed("predict", PREDICT, {})])
def test_the_unchanged_commands_work(latephase, words):
    """Ground truth: what the bad ones change is what is wrong with them."""
    assert latephase(*words).code == 0


def broken(*_: object, **__: object) -> None:
    raise ArithmeticError("the sun went\nout")


def test_unforeseen_errors_are_one_line_with_a_hint(latephase, monkeypatch):
    """Ground truth: an error planted in a command; exit code 1."""
    monkeypatch.setattr(ProblemFlags, "read", broken)
    ended = latephase(*changed("run", RUN, {}))
    assert ended.code == 1
    assert ended.err.count("\n") == 1
    assert "ArithmeticError: the sun went out" in ended.err
    assert "--traceback" in ended.err


ADVICE = [
    (
        [*changed("certify", PREDICT, {"--negative-slope": "0.1"}), "--train-output"],
        "latephase run",
    ),
    (changed("ensemble", ENSEMBLE, {"--out": "theirs"}), "replace it with --force"),
    (changed("run", {"--data": "theirs/notes.csv"}, {"--label": "y"}), "labels with --label"),
    (changed("certify", DRAWN, {"--out": "theirs"}), "replace it with --force"),
]


@pytest.mark.parametrize(("words", "advice"), ADVICE)
def test_what_to_do_is_said_in_flags(latephase, tmp_path, words, advice):
    """Ground truth: the names of commands and flags in --help; it was in Python's words before."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "notes.csv").write_text("x,label\n1,1\n-1,-1\n")
    ended = latephase(*words)
    assert ended.code == 2
    assert advice in ended.err


@pytest.mark.parametrize(
    ("advice", "said"),
    [
        ("wait until it ends, or choose another output", None),
        ("see --max-steps, --step-size and --at", None),
        ("the forces that resumed", None),
        ("raise until, or add `at`", "raise --until, or add --at"),
        ("raise max_steps", "raise --max-steps"),
        ("go on with resume", "go on with --resume"),
    ],
)
def test_only_names_of_flags_become_flags(advice, said):
    """Ground truth: the same words in English, and flags that are flags already."""
    assert as_flags(advice) == (said or advice)


@pytest.mark.parametrize("how", ["flag", "environment"])
def test_the_traceback_can_be_seen(latephase, monkeypatch, how):
    """Ground truth: the name of the function in which the error was planted."""
    monkeypatch.setattr(ProblemFlags, "read", broken)
    if how == "environment":
        monkeypatch.setenv("LATEPHASE_TRACEBACK", "1")
    ended = latephase(*(["--traceback"] if how == "flag" else []), *changed("run", RUN, {}))
    assert ended.code == 1
    assert "in broken" in ended.err


def test_a_reader_that_went_away_is_no_failure_to_speak_of(tmp_path):
    """Ground truth: a pipe whose other end is closed before anything is written."""
    command = [sys.executable, "-m", "latephase", *changed("run", RUN, {}), "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, **pipes) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1
