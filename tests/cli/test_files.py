"""Networks and data in files: --network, --data, --save."""

from __future__ import annotations

import json
import re
import shlex

import numpy as np
import pytest

import latephase as lp

FILES = ["--data", "my points.csv", "--network", "net.npz", "--step-size", "0.1"]
POINTS = "x,label\n1,1\n-1,-1\n"
PLANE = "x1,x2,animal\n0.5,1,cat\n1,-1,dog\n-1,2,cat\n"


@pytest.fixture
def files(latephase, tmp_path):
    """The problem of the fixture `problem`, in files; the command beside them."""
    (tmp_path / "my points.csv").write_text(POINTS)
    lp.ShallowReLU([0.7, -0.4], [0.1, 0.2]).save(tmp_path / "net.npz")
    return latephase


@pytest.fixture
def plane(latephase, tmp_path):
    """Three neurons on three points of the plane, labels in words; the command beside them."""
    (tmp_path / "plane.csv").write_text(PLANE)
    lp.ShallowReLU([[1, 0.5], [0, 1], [0.3, -1]], [0.1, 0, 0], [1, -1, 1]).save(tmp_path / "n")
    return latephase


PLANE_FLAGS = ["--data", "plane.csv", "--label", "animal", "--network", "n", "--step-size", "0.1"]


@pytest.mark.parametrize(
    "command", [["run", "--until", "1e100"], ["predict", "--eps", "0.1"], ["certify"]]
)
def test_files_state_what_typed_numbers_state(files, problem, command):
    """Ground truth: the JSON of the same command with the numbers typed."""
    typed = files(*command, *problem, "--json")
    read = files(*command, *FILES, "--json")
    assert (read.code, read.err) == (0, "")
    assert json.loads(read.out) == json.loads(typed.out)


def test_a_file_and_typed_numbers_go_together(files, problem):
    """Ground truth: the same run, its network typed and its data in a file, and the other way."""
    data, start = problem[:4], problem[6:]
    run = ["run", "--until", "9", "--step-size", "0.1", "--json"]
    outs = {
        files(*run, *data, *start).out,
        files(*run, *FILES[:2], *start).out,
        files(*run, *data, *FILES[2:4]).out,
    }
    assert len(outs) == 1
    assert json.loads(outs.pop())["outcome"] == "settled"


def test_an_ensemble_takes_its_data_from_a_file(files, drawn):
    """Ground truth: the table with the points typed."""
    typed = files("ensemble", *drawn, "--trials", "50")
    read = files("ensemble", *FILES[:2], *drawn[4:], "--trials", "50")
    assert (read.code, read.out) == (0, typed.out)


@pytest.mark.parametrize(
    ("command", "follows"),
    [
        (["run", "--until", "1e1000"], "predict"),
        (["predict"], "run"),
        (["certify"], "certify"),
    ],
)
def test_what_comes_next_names_the_files_again(files, command, follows):
    """Ground truth: the flags that were typed, quoted for a shell; the command printed works."""
    out = files(*command, *FILES, "--label", "label").out
    following = re.search(rf"^next .*?latephase {follows} (.*)$", out, re.M)
    words = shlex.split(following[1])
    assert set(FILES) | {"--label"} <= set(words)
    assert files(follows, *words).code == 0


def test_a_network_in_the_plane_has_no_boundary_column(plane):
    """Ground truth: the numbers of lp.simulate; there is no x* in the plane."""
    ended = plane("run", *PLANE_FLAGS, "--positive", "cat", "--until", "50", "--at", "0,50")
    net = lp.ShallowReLU.load("n")
    data = lp.Dataset([[0.5, 1], [1, -1], [-1, 2]], [1, -1, 1])
    run = lp.simulate(net, data, lp.GradientDescent(0.1), until=50, at=[0, 50])
    assert ended.code == 0
    assert "boundary" not in ended.out
    assert "3 neurons, 3 points in dimension 2" in ended.out
    assert re.search(
        r"^next +(a later --until, or|steps to any).*: latephase predict ", ended.out, re.M
    )
    for t in (0, 1):
        assert f"{float(run.trajectory.log_loss[t]):.6g}" in ended.out


def test_a_saved_network_goes_on(plane):
    """Ground truth: the run that is not interrupted; its steps are compensated, hence no equality.

    The latest sample is the one of t = 40, though it is not the last that was asked for.
    """
    flags = [*PLANE_FLAGS, "--positive", "cat"]
    ended = plane("run", *flags, "--until", "60", "--at", "40,10", "--save", "half.npz")
    assert "saved    the network at t = 40: half.npz" in ended.out
    flags[flags.index("n")] = "half.npz"
    half = plane("run", *flags, "--until", "20", "--at", "20", "--json").out
    flags[flags.index("half.npz")] = "n"
    whole = plane("run", *flags, "--until", "60", "--at", "60", "--json").out
    one, other = (json.loads(text)["samples"][0]["weights"] for text in (half, whole))
    assert np.max(np.abs(np.array(one) - other)) < 1e-14 * np.max(np.abs(other))


def test_a_network_that_was_not_reached_is_not_saved(latephase, tmp_path):
    """Ground truth: 3 steps of 0.1 do not carry this start out of its coupled pattern."""
    start = ["--inputs", "2,1", "--labels", "1,-1", "--weights", "0.1,0.2", "--biases", "1,1"]
    steps = ["--step-size", "0.1", "--max-steps", "3", "--until", "1e9"]
    ended = latephase("run", *start, *steps, "--at", "1e9", "--save", "last.npz")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "--max-steps" in ended.err
    assert not (tmp_path / "last.npz").exists()
    ended = latephase("run", *start, *steps, "--at", "1e9,2", "--save", "last.npz")
    assert "saved    the network at t = 2: last.npz" in ended.out


RUN = ["run", "--until", "9"]
BAD = {
    "both data": ([*RUN, *FILES, "--inputs", "1,-1"], ["--inputs beside --data"]),
    "both networks": ([*RUN, *FILES, "--biases", "1,1"], ["--biases beside --network"]),
    "output weights": ([*RUN, *FILES, "--output-weights", "1,1"], ["--output-weights beside"]),
    "neither": ([*RUN, "--step-size", "1"], ["--inputs and --labels, or --data", "none"]),
    "no network": ([*RUN, *FILES[:2], *FILES[4:]], ["--weights and --biases, or --network"]),
    "half the data": (["predict", *FILES[2:], "--labels", "1,-1"], ["only --labels"]),
    "half a network": ([*RUN, *FILES[:2], "--weights", "1,1"], ["only --weights"]),
    "label of no file": (
        [*RUN, *FILES[2:], "--inputs", "1,-1", "--labels", "1,-1", "--label", "y"],
        ["--label beside"],
    ),
    "no such data": ([*RUN, *FILES, "--data", "none.csv"], ["none.csv", "No such file"]),
    "no such network": ([*RUN, *FILES, "--network", "none.npz"], ["none.npz", "No such file"]),
    "data as network": ([*RUN, *FILES, "--network", "my points.csv"], ["my points.csv", ".npz"]),
    "network as data": ([*RUN, *FILES, "--data", "net.npz"], ["CSV"]),
    "no such column": ([*RUN, *FILES, "--label", "class"], ["'class'", "x, label"]),
    "no such class": ([*RUN, *FILES, "--positive", "cat"], ["'cat'", "line 2"]),
    "another dimension": ([*RUN, *FILES, "--data", "wide.csv"], ["features"]),
    "nothing proved": (
        ["certify", *FILES, "--data", "three.csv", "--train-output"],
        ["two points"],
    ),
    "saved over something": ([*RUN, *FILES, "--save", "wide.csv"], ["wide.csv", "else"]),
    "saved below a file": ([*RUN, *FILES, "--save", "wide.csv/net.npz"], ["wide.csv"]),
    "drawn and read": (["certify", *FILES, "--init", "he_normal"], ["--network beside"]),
    "read and resumed": (["certify", *FILES, "--resume"], ["--resume"]),
    "read and drawn as by default": (["certify", *FILES, "--trials", "10000"], ["--trials beside"]),
    "nothing to prove": (["certify", *FILES[:2], *FILES[4:]], ["--network, or --init"]),
}  # fmt: skip


@pytest.mark.parametrize(("words", "told"), BAD.values(), ids=BAD.keys())
def test_bad_files_and_flags_end_in_one_line(files, tmp_path, words, told):
    """Ground truth: the contract: exit code 2, one line, nothing written."""
    (tmp_path / "wide.csv").write_text("a,b,label\n1,2,1\n3,4,-1\n")
    (tmp_path / "three.csv").write_text(POINTS + "2,1\n")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    ended = files(*words)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1), ended.err
    assert ended.err.startswith("latephase: expected ")
    assert all(word in ended.err for word in told), ended.err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
