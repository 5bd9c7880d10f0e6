"""`latephase run`."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import xarray as xr

import latephase as lp
from latephase.cli.problem import Training
from latephase.cli.samples import readable
from latephase.training.methods.table import names

DATA = "--inputs 1,-1 --labels 1,-1 --step-size 0.1"
KEYS = ["t", "log10_t", "weights", "biases", "boundary", "robustness_margin", "margin_deficit"]
KEYS += ["log_margin_deficit", "log_loss", "error", "margin_error", "rigour"]
TIMES = ["1e3", "0", "1", "1e1000"]


def refuse(token: str) -> None:
    raise AssertionError(f"bare {token}")


def parsed(text: str) -> Any:
    """The one JSON object, without the tokens that Python writes and JSON lacks."""
    assert text.count("\n") == 1
    return json.loads(text, parse_constant=refuse)


def simulated(at: list[str]) -> lp.Run:
    data = lp.Dataset([1.0, -1.0], [1, -1])
    network = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    return lp.simulate(network, data, lp.GradientDescent(0.1), until=at[-1], at=at)


def test_json_is_what_simulate_returns(latephase, problem):
    """Ground truth: lp.simulate, called with the same doubles."""
    ended = latephase("run", *problem, "--until", "1e1000", "--at", ",".join(TIMES), "--json")
    assert (ended.code, ended.err) == (0, "")
    found, run = parsed(ended.out), simulated(TIMES)
    assert list(found) == ["outcome", "regime", "law", "rigour", "samples"]
    assert (found["outcome"], found["regime"]) == ("settled", "specialised")
    names = run.law.__dataclass_fields__.keys() - {"constant_shares"}  # which take their time
    expected = {name: getattr(run.law, name) for name in names}
    assert found["law"] == {**expected, "shares": run.law.shares.tolist()}
    assert [sample["t"] for sample in found["samples"]] == TIMES
    for i, sample in enumerate(found["samples"]):
        assert list(sample) == KEYS
        at = run.trajectory.isel(time=i)
        assert sample["weights"] == at.weights.values[:, 0].tolist()
        assert sample["biases"] == at.biases.values.tolist()
        assert [sample[key] for key in KEYS[4:-1]] == [float(at[key]) for key in KEYS[4:-1]]
        assert sample["rigour"] == at.rigour == found["rigour"] == "exact"


def test_undefined_and_infinite_numbers_are_null(latephase, dead):
    """Ground truth: a network dead on both points has no boundary, and t = 0 no logarithm."""
    ended = latephase("run", *dead, "--until", "10", "--at", "0,10", "--json")
    found = parsed(ended.out)
    assert (found["regime"], found["law"]) == ("both_dead", None)
    assert found["samples"][0]["log10_t"] is None
    assert found["samples"][1]["boundary"] is None


@pytest.mark.parametrize(
    "signs",
    [
        "--inputs -1,1 --labels -1,1 --weights -0.4,0.7 --biases -0.1,0.2 --output-weights -1,1",
        "--inputs=-1,1 --labels=-1,1 --weights=-0.4,0.7 --biases=-0.1,0.2 --output-weights=-1,1",
    ],
)
def test_values_may_begin_with_a_minus_sign(latephase, signs):
    """Ground truth: the sample at t = 0 is the network that was given."""
    ended = latephase(
        "run", *signs.split(), "--step-size", "0.1", "--until", "5", "--at", "0", "--json"
    )
    start = parsed(ended.out)["samples"][0]
    assert (start["weights"], start["biases"]) == ([-0.4, 0.7], [-0.1, 0.2])


def test_gradient_flow_takes_times_that_are_no_integers(latephase, problem):
    """Ground truth: on symmetric data GF's loss, summed over two points, shrinks from below 2."""
    flow = [word for word in problem if word not in ("--step-size", "0.1")]
    times = ["--method", "gf", "--until", "2.5", "--at", "0.5,2.5", "--json"]
    samples = parsed(latephase("run", *flow, *times).out)["samples"]
    assert [sample["t"] for sample in samples] == ["0.5", "2.5"]
    assert samples[1]["log_loss"] < samples[0]["log_loss"] < math.log(2.0)


def test_a_budget_too_small_leaves_nothing_said(latephase):
    """Ground truth: the contract: no law, and nothing said of what could not be reached."""
    problem = ["--inputs", "2,1", "--labels", "1,-1", "--weights", "0.1,0.2", "--biases", "1,1"]
    ended = latephase(
        *("run", *problem, "--step-size", "0.1", "--until", "1e9", "--at", "1e9"),
        *("--max-steps", "3", "--json"),
    )
    found = parsed(ended.out)
    assert (found["outcome"], found["law"]) == ("budget_exhausted", None)
    assert found["samples"][0]["weights"] == [None, None]


def test_the_horizon_is_that_of_simulate_unless_said(latephase, problem):
    """Ground truth: the default of lp.simulate."""
    found = parsed(latephase("run", *problem, "--samples", "2", "--json").out)
    assert [sample["t"] for sample in found["samples"]] == ["0", "1e1000"]


def test_arithmetic_and_tolerances(latephase, problem):
    """Ground truth: lp.simulate with the same options, and its refusals."""
    data, net = lp.Dataset([1.0, -1.0], [1, -1]), lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    late = ["--until", "1e5", "--at", "1e5", "--json"]
    ended = latephase("run", *problem, "--dtype", "float16", *late)
    with pytest.warns(UserWarning, match="stalled"):
        run = lp.simulate(
            net, data, lp.GradientDescent(0.1), until="1e5", at=["1e5"], dtype="float16"
        )
    assert (ended.code, parsed(ended.out)["outcome"]) == (0, "stalled")
    assert parsed(ended.out)["samples"][0]["biases"] == run.trajectory.biases.values[0].tolist()
    assert ended.err.startswith("latephase: warning: float16 stalled at update")
    assert len(ended.err.splitlines()) == 1
    logistic = ["--loss", "logistic", "--tolerance", "1e-6", "--slide-tolerance", "1e-3"]
    assert latephase("run", *problem, *logistic, *late).code == 0
    for flags in (["--tolerance", "1e-6"], ["--dtype", "int8"], ["--tolerance", "x"]):
        refused = latephase("run", *problem, *flags, *late)
        assert (refused.code, refused.out, len(refused.err.splitlines())) == (2, "", 1)


def test_points_in_the_plane_are_rows(latephase):
    """Ground truth: at t = 0 the weights (2, 2) that were given, nested in the JSON."""
    plane = ["--inputs", "1,0;0,1", "--labels", "1,-1", "--weights", "1,0.5;0,1"]
    more = ["--biases", "0.1,0.2", "--step-size", "0.1", "--until", "3", "--at", "0", "--json"]
    found = parsed(latephase("run", *plane, *more).out)
    assert found["samples"][0]["weights"] == [[1.0, 0.5], [0.0, 1.0]]


def test_the_table_shows_times_numbers_and_what_to_do_next(latephase, problem):
    """Ground truth: the numbers of lp.simulate, to the digits shown."""
    ended = latephase("run", *problem, "--until", "1e1000", "--at", "0,1e1000")
    last = simulated(["0", "1e1000"]).trajectory.isel(time=1)
    assert ended.code == 0
    for text in (f"{float(last.boundary):.6g}", f"{float(last.log_margin_deficit):.6g}", "1e1000"):
        assert text in ended.out
    assert "specialised" in ended.out
    hint = ended.out.split("latephase predict ")[1]
    assert sorted(hint.split()) == sorted(problem)


def test_a_readable_selection_of_many_samples_is_shown_on_the_terminal_only(latephase, problem):
    """Ground truth: 200 samples by default; the start, decades and the end among those shown."""
    run = ["run", *problem, "--until", "1e1000"]
    times = [sample["t"] for sample in parsed(latephase(*run, "--json").out)["samples"]]
    out = latephase(*run).out
    table, _, below = out.partition("\n\n")
    shown = [line.split()[0] for line in table.splitlines()[2:]]
    assert len(times) == 200
    assert 10 <= len(shown) <= 20
    assert (shown[0], shown[-1]) == ("0", "1e1000")
    assert f"{len(shown)} of 200 shown" in below


@pytest.mark.parametrize("end", [-0.3, 0.5, 1.0, 3.0, 6.0, 6.4, 9.0, 30.0, 1000.0, 1e15])
def test_the_selection_has_the_start_the_decades_and_the_end(end):
    """Ground truth: a sample each hundredth of a decade, or as dense in ln ln t."""
    early = np.arange(min(0.0, end - 3), min(end, 6.0), 0.01)
    late = np.geomspace(6.0, end, 9000) if end > 6.0 else []
    log10_t = np.concatenate([[-np.inf], early, late, [end]])
    margins = np.full(len(log10_t), np.nan)
    samples = xr.Dataset({"robustness_margin": ("time", margins)}, {"log10_t": ("time", log10_t)})
    shown = readable(samples)
    assert 12 <= len(shown) <= 18
    assert (shown[0], shown[-1]) == (0, len(log10_t) - 1)
    for decade in range(int(np.floor(end if end < 14.0 else 6.0)) + 1):
        assert np.min(np.abs(log10_t[shown] - decade)) < 0.011


def test_the_selection_has_the_dip_of_the_margin(latephase):
    """Ground truth: the least of a hundred margins, at t = 28 between two decades."""
    start = "--inputs 1,-1 --labels 1,-1 --weights 1.2,-0.3 --biases 0,0 --step-size 0.1"
    words = ["run", *start.split(), "--until", "1000", "--samples", "100"]
    samples = parsed(latephase(*words, "--json").out)["samples"]
    least = min(sample["robustness_margin"] for sample in samples)
    assert least < min(samples[0]["robustness_margin"], samples[-1]["robustness_margin"])
    assert f"{least:.6g}" in latephase(*words).out


def test_json_numbers_are_the_doubles(latephase, problem):
    """Ground truth: Python's shortest representation, which reads back to the same double."""
    ended = latephase("run", *problem, "--until", "1e6", "--at", "1e6", "--json")
    biases = parsed(ended.out)["samples"][0]["biases"]
    assert np.array_equal(biases, simulated(["1e6"]).trajectory.biases.values[0])


def test_numbers_without_a_digit_that_holds_are_zero(latephase):
    """Ground truth: a double slide, whose boundary falls like 1/t: below 1e-990, and not -5e-17.

    The exact pieces know it, and there nothing is left out; the general engine subtracts margins.
    """
    slide = "--inputs 0.5,-0.5 --labels 1,-1 --weights 0.7,-0.4 --biases 0.1,0.2 --step-size 0.1"
    times = ["--until", "1e1000", "--at", "1e3,1e1000"]
    exact = parsed(latephase("run", *slide.split(), *times, "--json").out)["samples"][1]
    assert -2320 < exact["log_margin_deficit"] < -2290
    early, late = parsed(
        latephase("run", *slide.split(), *times, "--loss", "logistic", "--json").out
    )["samples"]
    assert early["boundary"] != 0.0
    assert early["log_margin_deficit"] == pytest.approx(math.log(early["margin_deficit"]))
    assert (late["boundary"], late["margin_deficit"], late["log_margin_deficit"]) == (0, 0, None)


def test_the_error_of_margins_is_told_where_it_is_more_than_rounding(latephase, problem):
    """Ground truth: the largest margin_error of lp.simulate, to two digits; none of exact runs."""
    near = [word.replace("1,-1", "0.5,-0.5") if word == "1,-1" else word for word in problem[:2]]
    words = ["run", *near, *problem[2:], "--until", "1e9", "--at", "0,1e9"]
    samples = parsed(latephase(*words, "--json").out)["samples"]
    worst = max(sample["margin_error"] for sample in samples)
    assert worst > 1e-12
    assert f"off by at most {worst:.2g} (1 +" in latephase(*words).out
    exact = latephase("run", *problem, "--until", "1e9", "--at", "0,1e9").out
    assert "rigour   exact" in exact
    assert "off by" not in exact


def test_networks_without_biases_and_with_a_slope(latephase, tmp_path):
    """Ground truth: lp.simulate, called with the same doubles; without biases no such key."""
    flags = "--inputs 1,-2 --labels 1,-1 --weights 0.7,-0.4 --no-biases --negative-slope 0.25"
    network = lp.ShallowReLU([0.7, -0.4], negative_slope=0.25)
    data, gd = lp.Dataset([1.0, -2.0], [1, -1]), lp.GradientDescent(0.1)
    run = lp.simulate(network, data, gd, until=1000, at=["1000"])
    saved = str(tmp_path / "net.npz")
    words = [*flags.split(), "--step-size", "0.1", "--until", "1000", "--at", "1000"]
    found = parsed(latephase("run", *words, "--save", saved, "--json").out)["samples"][0]
    assert list(found) == [key for key in KEYS if key != "biases"]
    assert found["weights"] == run.trajectory.weights.values[0, :, 0].tolist()
    kept = lp.ShallowReLU.load(saved)
    assert (kept.biases, kept.negative_slope) == (None, 0.25)
    assert kept.weights.ravel().tolist() == found["weights"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--weights 1,2 --biases 1,2 --no-biases", "both"),
        ("--network a.npz --no-biases", "--no-biases beside --network"),
        ("--network a.npz --negative-slope 0.5", "--negative-slope beside --network"),
        ("--weights 1,2 --no-biases --negative-slope 2", "from 0 to 1"),
        ("--weights 1,2 --no-biases --negative-slope nan", "from 0 to 1"),
        ("--weights 1,2,3 --no-biases", "output_weights"),
        ("--init he_normal --weights 1,2", "--weights beside it"),
        ("--weights 1,2 --biases 1,2 --seed 0", "--init with --width and --seed"),
        ("--init he_normal --width 3", "alternating"),
        ("--init he_normal --width 0", "width"),
        ("--init kaiming", "the name of an initializer"),
        ("--weights 1,2 --biases 1,2 --output-weights random", "--output-weights"),
    ],
)
def test_kinds_that_do_not_fit_are_refused(latephase, flags, words):
    """Ground truth: the contract: one line that says what to do, exit 2."""
    ended = latephase("run", *DATA.split(), *flags.split(), "--until", "10")
    assert ended.code == 2
    assert words in ended.err


def test_proofs_refuse_other_kinds(latephase):
    """Ground truth: the contract: with both layers they are of ReLU networks with biases."""
    flags = "--weights 0.7,-0.4 --biases 0.1,0.2 --negative-slope 0.1 --train-output"
    ended = latephase("certify", *DATA.split(), *flags.split())
    assert ended.code == 2
    assert "two ReLU neurons with biases" in ended.err


def test_a_network_is_drawn_as_an_ensemble_draws_it(latephase):
    """Ground truth: the initializer called by hand, and the first trial of an ensemble."""
    flags = "--inputs 1,0;0,1;-1,-1 --labels 1,1,-1 --init he_uniform --seed 3 --width 4"
    flags += " --output-weights alternating --no-biases --negative-slope 0.1 --method gf --until 1"
    (found,) = parsed(latephase("run", *flags.split(), "--at", "0", "--json").out)["samples"]
    weights, _ = lp.initializers.he_uniform(trials=1, seed=3, width=4, d=2)
    assert found["weights"] == weights[0].tolist()
    assert "biases" not in found
    data = lp.Dataset([[1, 0], [0, 1], [-1, -1]], [1, 1, -1])
    options = {"output_weights": "alternating", "bias": False, "negative_slope": 0.1, "at": [0]}
    many = lp.ensemble(
        "he_uniform", data, lp.GradientFlow(), width=4, trials=1, seed=3, until=1, **options
    )
    assert many.weights.values[0, 0].tolist() == found["weights"]
    assert many.log_loss.values.item() == found["log_loss"]


@pytest.mark.slow
def test_any_method_of_the_table(latephase, problem):
    """Ground truth: lp.simulate, called with the same doubles."""
    words = [word for word in problem if word not in ("--step-size", "0.1")]
    words += ["--method", "adam:beta1=0.5:step_size=0.25", "--at", "100", "--until", "100"]
    found = parsed(latephase("run", *words, "--json").out)
    data, network = lp.Dataset([1.0, -1.0], [1, -1]), lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    run = lp.simulate(network, data, lp.Adam(0.25, beta1=0.5), until=100, at=[100])
    assert found["outcome"] == run.outcome.name == "transient"
    assert found["samples"][0]["log_loss"] == float(run.trajectory.log_loss[0])
    others = set(names()) - {"polyak_step", "span_projection"}
    for name in others:
        assert Training(method=name, step_size=0.5).trained().name == name
    assert Training(method="polyak_step").trained().name == "polyak_step"
