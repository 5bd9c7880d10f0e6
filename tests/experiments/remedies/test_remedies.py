"""The claims on remedies, arithmetic and attacks: in small, and with planted failures."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

import references.decimal_methods as exact
from latephase.core import Regime
from latephase.experiments import BEYOND, Bench, Support
from latephase.experiments.beyond import arithmetic, attacks, stalls
from latephase.experiments.remedies import adam as remedies_adam
from latephase.experiments.remedies import clocks as remedies
from latephase.experiments.remedies import constant as remedies_constant
from latephase.experiments.remedies import rescaling as remedies_rescaling
from latephase.experiments.remedies import sharpness as remedies_sharpness
from latephase.experiments.remedies import sign as remedies_sign
from latephase.experiments.remedies.compared import _shifts, effect, null_free_constant
from latephase.experiments.remedies.constant import ScaledInputs
from latephase.experiments.remedies.runs import MethodRuns, compared
from latephase.late.pair.law import laws
from latephase.problem import Dataset, TwoPointGeometry

BENCH = Bench(trials=128, seed=0)
TRIALS = 128


@pytest.fixture(scope="module")
def runs() -> list[MethodRuns]:
    return compared(BENCH)


@pytest.mark.campaign
def test_every_claim_is_supported_by_its_own_numbers(runs):
    """Ground truth: the verdicts at 128 trials; claims 15 to 20 share the runs."""
    for claim in BEYOND:
        if claim.key.startswith("remedies"):
            finding = claim.examine(BENCH)
            assert finding.verdict is Support.SUPPORTED, claim.key
            assert all(np.isfinite(n.value) for n in finding.numbers if n.value != "")


def planted(runs: list[MethodRuns], method: str, **changes: float) -> list[MethodRuns]:
    """The runs with the rows of one method changed."""
    return [
        replace(
            one,
            rows=[replace(r, **changes) if r.method == method else r for r in one.rows],
        )
        for one in runs
        if one.specialises
    ]


@pytest.mark.campaign
def test_a_method_off_the_law_refutes_claim_15(runs):
    good = [one for one in runs if one.specialises]
    assert remedies.decide(good, TRIALS) is Support.SUPPORTED
    for changes in ({"ratio": 1.3}, {"ratio": 1.06}, {"kept": 0.5}, {"shift": 0.3}):
        bad = planted(runs, "loss_scaled", **changes)
        assert remedies.decide(bad, TRIALS) is Support.NOT_SUPPORTED
    kept = planted(runs, "heavy_ball", shift=0.0)
    assert remedies.decide(kept, TRIALS) is Support.NOT_SUPPORTED
    assert remedies.decide(planted(runs, "adam", ratio=9.0), TRIALS) is Support.SUPPORTED
    assert remedies.decide(good, 10) is Support.UNDECIDED


@pytest.mark.campaign
def test_constants_are_compared_from_the_same_start(runs):
    """Ground truth: gradient descent is its own yardstick; made-up constants of three trials.

    Medians of |C| alone would call the second method the same.
    """
    assert all(one.row("gd").shift == 0.0 for one in runs if one.specialises)
    constants = np.array([[1.0, 2.0, -3.0], [-3.0, 1.0, 2.0]])
    fitted = np.ones((2, 3), bool)
    assert _shifts(constants, fitted) == [0.0, 4.0 / 2.0]
    fitted[1, 2] = False
    assert _shifts(constants, fitted) == [0.0, 2.5 / 1.5]


@pytest.mark.campaign
def test_a_constant_that_stays_refutes_claim_16(runs):
    bad = planted(runs, "fixed_radius", constant=1.0)
    assert remedies_constant.decide(bad, TRIALS) is Support.NOT_SUPPORTED


@pytest.mark.campaign
def test_inputs_that_stay_slow_refute_claim_16(runs):
    """Ground truth: the criterion, on made-up deficits."""
    good = [one for one in runs if one.specialises]
    fast = ScaledInputs("1, -1", 9, np.full(4, 1e-2), np.full(4, 1e-6))
    slow = replace(fast, scaled=np.full(4, 1e-3))
    for scaled, steps, verdict in (
        (fast, (1e-2, 1e-6), Support.SUPPORTED),
        (slow, (1e-2, 1e-6), Support.NOT_SUPPORTED),
        (fast, (1e-2, 1e-3), Support.NOT_SUPPORTED),
    ):
        assert remedies_constant.decide(good, TRIALS, [scaled], steps) is verdict


def test_what_is_left_of_the_constant_is_that_of_no_null_components():
    """Ground truth: the law of a network whose neurons are multiples of their points."""
    for inputs in ([3.0, -1.0], [2.0, -0.5], [1.0, -1.0]):
        g = TwoPointGeometry.of(Dataset(inputs, [1, -1]))
        theta = np.array([[g.x1, 1.0], [g.x2, 1.0]]) * 5.0
        a = (theta[:, :1] * np.array([g.x1, g.x2]) + theta[:, 1:])[..., None]
        law = laws(g, np.array([Regime.specialised], object), a, 0.0)
        want = abs(float(law.constant[0]))
        np.testing.assert_allclose(null_free_constant(Dataset(inputs, [1, -1])), want, atol=1e-12)


@pytest.mark.campaign
def test_rescaling_that_moves_on_refutes_claim_17(runs):
    good = [remedies_rescaling.stall(one) for one in runs if one.specialises]
    assert remedies_rescaling.decide(good) is Support.SUPPORTED
    assert all(one.exponential for one in good)
    for changes in (
        {"gap": 1e-5},
        {"left": 0.1},
        {"together": 0.2},
        {"rates": (0.1, 0.001)},
        {"end": 1e-3},
    ):
        bad = [replace(good[0], **changes), *good[1:]]
        assert remedies_rescaling.decide(bad) is Support.NOT_SUPPORTED


def test_adam_decisions():
    """Ground truth: the criterion, on made-up numbers."""
    assert remedies_adam.decide(0.1, (1.1, 30.0), 20) is Support.SUPPORTED
    assert remedies_adam.decide(2.0, (1.1, 30.0), 20) is Support.NOT_SUPPORTED
    assert remedies_adam.decide(0.1, (1.2, 30.0), 20) is Support.NOT_SUPPORTED
    assert remedies_adam.decide(0.1, (3.0, 30.0), 20) is Support.NOT_SUPPORTED
    assert remedies_adam.decide(0.1, (1.1, 1.0), 20) is Support.NOT_SUPPORTED
    assert remedies_adam.decide(0.1, (1.1, 30.0), 3) is Support.UNDECIDED


@pytest.mark.campaign
def test_the_ascent_of_claim_19_is_the_gradients(runs):
    """Ground truth: the 60-digit gradient, moved along by the radius."""
    one = runs[1]
    run = one.found.sel(algorithm="sam:radius=1").isel(time=-1, trial=slice(20))
    w, b = run.weights.values[..., 0], run.biases.values
    _, there = remedies_sharpness._own(one, w, b)
    problem = exact.Problem([3.0, -1.0], [1, -1], [1.0, -1.0], "exponential")
    for trial in range(len(w)):
        theta = [Decimal(float(v)) for pair in zip(w[trial], b[trial]) for v in pair]
        _, g = problem.gradient(theta)
        moved = exact.plus(theta, g, Decimal(1) / exact.size(g)) if any(g) else theta
        want = [float(moved[0] * 3 + moved[1]), float(-moved[2] + moved[3])]
        np.testing.assert_allclose(there[trial], want, rtol=1e-9, atol=1e-9)


@pytest.mark.campaign
def test_sharpness_that_trains_refutes_claim_19(runs):
    good = [remedies_sharpness.outcome(one) for one in runs]
    assert remedies_sharpness.decide(good) is Support.SUPPORTED
    for changes in ({"large": 0.1}, {"dead": 0.0, "blind": 0.5}):
        bad = [replace(good[0], **changes), *good[1:]]
        assert remedies_sharpness.decide(bad) is Support.NOT_SUPPORTED


@pytest.mark.parametrize(
    ("inputs", "limit"), [([3.0, -1.0], 0.0), ([2.0, -0.5], 0.25), ([1.0, -1.0], 0.0)]
)
def test_limits_of_sign_descent(inputs, limit):
    """Ground truth: by hand; on 2, -0.5 neuron 1 slides along b = w/2, neuron 2 along b = -w."""
    data = Dataset(inputs, [1, -1])
    np.testing.assert_allclose(remedies_sign.predicted_limit(data), limit, atol=1e-9)


@pytest.mark.campaign
def test_effects_in_words(runs):
    """Ground truth: docs/theory.md, "Remedies"."""
    one, wide = runs[0], runs[1]
    said = {row.method: effect(row, one.rows[0], one.data) for row in one.rows}
    assert said["gd"] == "the slow rate"
    assert said["loss_scaled"] == "own clock, same C"
    assert said["heavy_ball"] == "own clock, another C"
    assert said["dual_acceleration"] == "own clock, C drifts"
    assert said["sam:radius=1"] == "breaks: training stops"
    assert said["prgd"] == "stalls"
    assert said["weight_decay"] == "removes the null part"
    beyond = {row.method: effect(row, wide.rows[0], wide.data) for row in wide.rows}
    assert beyond["fixed_radius"].startswith("removes the null part")


def test_arithmetic_decisions():
    """Ground truth: the criterion of claim 21, on made-up rows."""
    ten = np.full(10, 100.0)
    row = stalls.Stalled("1, -1", "float32", False, ten, ten, ten, ten, ten, ten > 1e9, ten)
    assert arithmetic.decide([row]) is Support.SUPPORTED
    unseen = np.where(np.arange(10) < 2, np.nan, 100.0)
    for changes in ({"stalled": unseen}, {"predicted": ten * 2}, {"predicted_gap": ten * 1.5}):
        assert arithmetic.decide([replace(row, **changes)]) is Support.NOT_SUPPORTED
    few = replace(row, stalled=ten[:3])
    assert arithmetic.decide([few]) is Support.UNDECIDED


def test_attack_decisions():
    """Ground truth: the criterion of claim 22, on made-up attacks."""
    share = np.array([0.0, 0.4, 1.0])
    good = attacks.Failure("pgd", "exponential", "float32", share, 46.0, 45.6)
    assert attacks.decide([good], 20) is Support.SUPPORTED
    assert attacks.decide([replace(good, measured=60.0)], 20) is Support.NOT_SUPPORTED
    assert attacks.decide([replace(good, share=1 - share)], 20) is Support.NOT_SUPPORTED
    assert attacks.decide([good], 3) is Support.UNDECIDED


def test_attacks_go_blind_when_predicted():
    """Ground truth: the margin at which the slope rounds to 0, on the clock of the law."""
    _, found, trials = attacks.failures(Bench(trials=40, seed=1))
    assert attacks.decide(found, trials) is Support.SUPPORTED
