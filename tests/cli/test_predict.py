"""`latephase predict`."""

from __future__ import annotations

import json

import pytest

import latephase as lp


def prediction() -> lp.Prediction:
    data = lp.Dataset([1.0, -1.0], [1, -1])
    return lp.predict(lp.ShallowReLU([0.7, -0.4], [0.1, 0.2]), data, lp.GradientDescent(0.1))


def test_json_is_what_predict_returns(latephase, problem):
    """Ground truth: lp.predict, called with the same doubles."""
    ended = latephase("predict", *problem, "--eps", "0.1,0.01", "--eps", "1e-3", "--json")
    assert (ended.code, ended.err) == (0, "")
    found, expected = json.loads(ended.out), prediction()
    assert (found["outcome"], found["regime"]) == ("settled", "specialised")
    assert found["law"]["constant"] == expected.law.constant
    assert [entry["eps"] for entry in found["within"]] == [0.1, 0.01, 0.001]
    for entry in found["within"]:
        assert entry["t"] == expected.steps_within(entry["eps"]).text


def test_text_tells_regime_law_entry_and_three_distances(latephase, problem):
    """Ground truth: lp.predict, and 0.1, 0.01, 0.001 as distances by default."""
    out = latephase("predict", *problem).out
    expected = prediction()
    assert "specialised" in out
    assert f"entry    t = {expected.entry}" in out
    assert f"constant {expected.law.constant:.6g}\n" in out
    for eps in (0.1, 0.01, 0.001):
        assert expected.steps_within(eps).text in out


def test_any_network_and_when_its_deficit_is_small(latephase):
    """Ground truth: lp.predict, lp.simulate(...).when and lp.stall of the network drawn by hand."""
    flags = "--inputs 2,1,-1 --labels 1,1,-1 --output-weights alternating --negative-slope 0.1"
    flags += " --init he_normal --width 4 --seed 1 --step-size 0.1 --loss logistic"
    flags += " --deficit 0.01 --eps 0.02"
    found = json.loads(latephase("predict", *flags.split(), "--dtype", "bfloat16", "--json").out)
    data, gd = lp.Dataset([2.0, 1.0, -1.0], [1, 1, -1]), lp.GradientDescent(0.1)
    weights, biases = lp.initializers.he_normal(trials=1, seed=1, width=4)
    network = lp.ShallowReLU(weights[0], biases[0], [1, -1, 1, -1], negative_slope=0.1)
    run = lp.simulate(network, data, gd, loss="logistic", at=["1e1000"])
    assert (found["outcome"], found["regime"]) == ("settled", None)
    assert found["law"]["margin_constant"] == run.law.margin_constant
    assert found["within"][0]["t"] == lp.limit(run).steps_within(0.02).text
    assert found["deficits"] == [
        {"deficit": 0.01, "t": (t := run.when(deficit=0.01)).text, "log10_t": t.log10}
    ]
    assert found["stall"]["t"] == lp.stall(network, data, gd, "bfloat16", loss="logistic").step.text
    told = latephase("predict", *flags.split()).out
    assert "margin deficit <=" in told
    assert f"follow it: latephase run {flags.split(' --deficit')[0]}" in " ".join(told.split())


def test_early_steps_are_those_of_the_run(latephase, problem):
    """Ground truth: the run itself, which comes within 0.08 of its limit before the law does."""
    out = latephase("predict", *problem, "--eps", "0.08").out
    step = int(prediction().steps_within(0.08).text)
    run = latephase("run", *problem, "--until", str(step), "--at", f"{step - 1},{step}", "--json")
    before, there = (abs(sample["boundary"]) for sample in json.loads(run.out)["samples"])
    assert before > 0.08 >= there
    assert "rigour   estimated: late steps by the law" in out


def test_without_a_constant_the_steps_are_found_on_the_run(latephase):
    """Ground truth: symmetric inputs below 1, whose law has the constant 0 (docs/theory.md)."""
    start = ["--inputs", "0.5,-0.5", "--labels", "1,-1", "--weights", "0.7,-0.4"]
    out = latephase("predict", *start, "--biases", "0.1,0.2", "--step-size", "0.1").out
    assert "constant 0\n" in out
    assert "law      x* ~ 0 + o(1 / ln t)\n" in out
    assert "rigour   estimated: found by following the run" in out


def test_a_dead_network_has_no_law(latephase, dead):
    """Ground truth: both neurons are inactive on both points, so the loss stays 2."""
    assert "both_dead" in latephase("predict", *dead).out
    found = json.loads(latephase("predict", *dead, "--eps", "0.1", "--json").out)
    assert found["law"] is None
    assert found["within"] == [{"eps": 0.1, "t": None, "log10_t": None}]


def test_a_budget_too_small_is_told(latephase):
    """Ground truth: 3 steps of 0.1 do not carry this start out of its coupled pattern."""
    start = ["--inputs", "2,1", "--labels", "1,-1", "--weights", "0.1,0.2", "--biases", "1,1"]
    ended = latephase("predict", *start, "--step-size", "0.1", "--max-steps", "3")
    assert ended.code == 0
    assert "raise --max-steps" in ended.out


@pytest.mark.slow
def test_a_deficit_below_that_of_the_limit_is_never_kept(latephase):
    """And both layers are predicted, as `run` suggests.  Ground truth: lp.predict."""
    points = ["--inputs", "2,0.5;1.5,-1;1,1.5;-2,0.3;-1.2,-1", "--labels", "1,1,1,-1,-1"]
    start = ["--init", "pytorch_default", "--seed", "2", "--width", "4", "--train-output"]
    more = ["--output-weights", "alternating", "--step-size", "0.5", "--eps", "1e9"]
    out = latephase("predict", *points, *start, *more, "--deficit", "1e-3").out
    data = lp.Dataset([[2, 0.5], [1.5, -1], [1, 1.5], [-2, 0.3], [-1.2, -1]], [1, 1, 1, -1, -1])
    weights, biases = lp.initializers.pytorch_default(trials=1, seed=2, width=4, d=2)
    net = lp.ShallowReLU(weights[0], biases[0], [1, -1, 1, -1], train_output=True)
    found = lp.predict(net, data, lp.GradientDescent(0.5))
    left = data.optimal_margin - found.law.limit_margin
    assert found.when(deficit=1e-3) is None
    assert f"never: the limit's deficit is {left:.4g}" in out
    short = f"largest possible {data.optimal_margin:.6g}; the limit falls short by {left:.6g}"
    assert short in out
