"""Single steps to 10^8, the legs of claims 2 to 4 that rest on them, and the other networks."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

import references.decimal_methods as exact
from helpers import relative_error
from latephase.experiments import BEYOND, CLAIMS, Bench, Support
from latephase.experiments.bench import one_by_one
from latephase.experiments.bench.base import Evidence
from latephase.experiments.beyond import transition
from latephase.experiments.paper import boundary, rate
from latephase.experiments.remedies import constant
from latephase.problem import Dataset, ShallowReLU
from latephase.training import by_definition
from latephase.training.by_definition import descend


@pytest.mark.parametrize(
    ("inputs", "net"),
    [
        ([1.0, -1.0], ShallowReLU([0.7, -0.4], [0.1, 0.2])),
        ([3.0, -0.25], ShallowReLU([-0.3, -0.8], [1.1, 0.2])),
        ([0.5, -0.5], ShallowReLU([0.7, 0.5, -0.4], [0.1, 0.2, 0.2], [1.0, 2.0, -1.0])),
    ],
)
def test_steps_by_definition_are_gradient_descent(inputs: list[float], net: ShallowReLU):
    """Ground truth: the definition, 300 steps in 60-digit arithmetic."""
    problem = exact.Problem(inputs, [1, -1], list(net.output_weights), "exponential")
    pairs = zip(net.weights[:, 0], net.biases, strict=True)
    theta = [Decimal(float(v)) for pair in pairs for v in pair]
    step = 0.1
    for _ in range(300):
        _, g = problem.gradient(theta)
        theta = exact.plus(theta, g, -Decimal(step))
    w, b = descend(net, Dataset(inputs, [1, -1]), step, [100, 300])
    want = np.array([float(v) for v in theta]).reshape(-1, 2)
    assert relative_error(w[1], want[:, 0]) < 1e-13
    assert relative_error(b[1], want[:, 1]) < 1e-13


def test_steps_by_definition_meet_a_certificate():
    """Ground truth: the margin deficit at 10^6 that `latephase certify` proves in README."""
    net, data = ShallowReLU([0.7, -0.4], [0.1, 0.2]), Dataset([1.0, -1.0], [1, -1])
    w, b = descend(net, data, 0.1, [10**6])
    x = -np.diff(b[0]) / np.diff(w[0])
    assert relative_error(x, [0.0158652735699304250]) < 1e-11


def test_steps_that_are_less_than_an_ulp_add_up():
    """Ground truth: the pull of the start times t; 10^6 steps move it by 1e-12 only."""
    w, b, t, step = np.array([0.7, -0.4]), np.array([0.1, 0.2]), 10**6, 1e-18
    after, offsets = descend(ShallowReLU(w, b), Dataset([1.0, -1.0], [1, -1]), step, [t])
    moved = step * t * np.exp(-np.array([0.8, 0.6]))
    assert relative_error((after[0] - w) / [1, -1], moved) < 1e-3
    assert relative_error(offsets[0] - b, moved) < 1e-3


def test_steps_by_definition_share_nothing_with_the_fast_forward():
    """Ground truth: the rule; a leg that used what it tests would test nothing."""
    for module in (one_by_one, by_definition):
        assert "latephase.late" not in Path(module.__file__).read_text()


@pytest.fixture(scope="module")
def runs() -> one_by_one.SteppedRuns:
    return one_by_one.stepped(Bench(trials=100, seed=3))


def test_the_legs_of_claims_2_to_4_turn_on_planted_errors(runs: one_by_one.SteppedRuns):
    """Ground truth: six stepped runs, with laws, weights and margins made false."""
    assert rate.slow_step_by_step(runs).all()
    assert rate.decide([], runs) is Support.SUPPORTED
    assert boundary.decide([], runs) is Support.SUPPORTED
    other = replace(runs, constant=runs.constant * 1.05)
    assert rate.decide([], other) is Support.NOT_SUPPORTED
    assert (runs.constant_error <= runs.allowed).all()
    assert not (other.constant_error <= runs.allowed).any()
    frozen = replace(runs, margin=np.broadcast_to(runs.margin[:, :1], runs.margin.shape))
    assert not rate.slow_step_by_step(frozen).any()
    for wrong in (
        replace(runs, margin=runs.margin * (1 + 1e-9)),
        replace(runs, weights=runs.weights * 1.05, biases=runs.biases * 1.05),
    ):
        assert boundary.decide([], wrong) is Support.NOT_SUPPORTED


def test_stepped_runs_take_the_step_that_claims_are_about(runs: one_by_one.SteppedRuns):
    """Ground truth: closed form; on x = -1, 1 a step adds 2 step (1 + O(1/t)) to e^margin."""
    q = np.stack(
        [runs.weights[..., 0] + runs.biases[..., 0], runs.biases[..., 1] - runs.weights[..., 1]]
    )
    grown = np.exp(q[..., -1]) - np.exp(q[..., -2])
    assert relative_error(grown, np.full_like(grown, 0.2 * 9e6)) < 1e-6


def test_a_slope_may_be_off_by_what_the_law_leaves_out(runs: one_by_one.SteppedRuns):
    """Ground truth: O(1/t) with t the earlier time of the slope."""
    assert (runs.until, runs.allowed) == ("10^7", 1e-2)


def test_other_networks_are_slow_where_two_neurons_are_fast():
    """Ground truth: brute force to 10^8, C = 0.238880 with output weights 2, -1."""
    first, second = transition.other_networks()
    assert relative_error(first.constant, 0.238880) < 1e-4
    assert relative_error(first.stepped, 0.238880) < 2e-3
    assert relative_error(second.constant, 0.14695) < 1e-3
    assert transition.slow_elsewhere([first, second])
    assert not transition.slow_elsewhere([first, replace(second, constant=0.0)])
    assert not transition.slow_elsewhere([replace(first, stepped=0.3), second])


def test_scaled_inputs_leave_the_function_as_it_was():
    """Ground truth: w x = (2 w)(x / 2), exactly, for powers of two."""
    (w, b), data = constant.NETWORK, Dataset([1.0, -1.0], [1, -1])
    small = constant.smaller(data)
    scaled = ShallowReLU(np.array(w) / constant.FACTOR, b)
    assert (ShallowReLU(w, b)(data.inputs) == scaled(small.inputs)).all()


def test_scaled_inputs_are_fast():
    """Ground truth: brute force to 10^6, relative deficits 1.6e-2 and 8.6e-7."""
    plain, scaled = constant.step_by_step()
    assert relative_error(plain, 0.0158652735699) < 1e-9
    assert relative_error(scaled, 8.631e-7) < 1e-3
    found = constant.measure(Dataset([1.0, -1.0], [1, -1]), "standard_normal", 40, 5)
    assert found.networks > 5
    assert found.gain > 100


def test_every_verdict_says_what_it_rests_on():
    """Ground truth: the issue's list; 2 to 4 have an independent leg, 8 has none."""
    kinds = {claim.number: claim.evidence for claim in (*CLAIMS, *BEYOND)}
    assert len(kinds) == 27
    assert {kinds[n] for n in (2, 3, 4, 5)} == {Evidence.both}
    assert kinds[8] is Evidence.consistency
    for claim in (*CLAIMS, *BEYOND):
        if claim.evidence is Evidence.both:
            assert "onsistency" in claim.criterion, claim.key
            assert "independent" in claim.criterion, claim.key
