"""The references for arbitrary networks against closed forms, by hand, and against each other."""

from __future__ import annotations

from dataclasses import replace
from math import e, exp

import numpy as np
import pytest

from helpers import norm_error, relative_error, shares
from references.ball_descent import agree, ball_descend, ball_distance, run_balls
from references.brute import Brute, descend, distance
from references.flow import flow, flow_distance, starts_on_repelling_kink
from references.problems import Problem, problems
from references.two_neurons import distance as two_neuron_distance
from references.two_neurons import fatou_reference, reference_run

PROBLEMS = problems()
TIMES = [0, 1, 10, 100, 1000, 10_000]


def problem(theta, outer, inputs, labels, step_size=0.1, loss="exponential") -> Problem:
    """A problem from plain lists; theta holds rows (w_j, b_j)."""
    rows, x = np.array(theta, dtype=float), np.array(inputs, dtype=float)
    v, y = np.array(outer, dtype=float), np.array(labels, dtype=float)
    x = x.reshape(len(y), -1)
    return Problem("by hand", rows[:, :-1], rows[:, -1], v, x, y, step_size, loss)


# x = 0 and 1: K11 = K12 = 1, K22 = 2. Neuron 1 serves x = 0 and slides along its kink at x = 1.
SLIDE = problem([[-1, 1]], [1], [0, 1], [1, -1])


def both_roundings(p: Problem, times: list[int]) -> list[Brute]:
    return [descend([p], times, variant)[0] for variant in (0, 1)]


def test_three_steps_by_hand():
    """Ground truth: three updates written out; a_22 = 0 at the start, and a_12 > 0 after two."""
    p = problem([[-0.5, 0.25], [0.5, -0.5]], [1, -1], [0, 1], [1, -1], step_size=0.25)
    first = 0.25 + 0.25 * exp(-0.25)
    second = first + 0.25 * exp(-first)
    pull = 0.25 * exp(second - 0.5)  # of x = 1, where N = a_12 = second - 1/2
    third = second + 0.25 * exp(-second) - pull
    rows = [(-0.5, 0.25), (-0.5, first), (-0.5, second), (-0.5 - pull, third)]
    truth = np.array([[row, (0.5, -0.5)] for row in rows])
    for run in both_roundings(p, [0, 1, 2, 3]):
        assert norm_error(run.theta, truth) < 1e-15
    balls, proved = ball_descend(p, [0, 1, 2, 3])
    assert proved
    assert max(ball_distance(a, b) for a, b in zip(truth, balls)) < 1e-15


def test_logistic_steps_by_hand():
    """Ground truth: two updates of two neurons, one of output weight -2, that serve one point."""
    p = problem([[1, 0], [0, 1]], [1, -2], [1], [1], step_size=0.5, loss="logistic")
    pull = 0.5 / (1 + exp(1 - 2))
    once = np.array([[1 + pull, pull], [-2 * pull, 1 - 2 * pull]])
    again = 0.5 / (1 + exp(1 + 2 * pull))  # a_2 = 1 - 4 pull < 0: neuron 2 has died
    truth = np.stack([p.theta, once, once + np.array([[again, again], [0, 0]])])
    for run in both_roundings(p, [0, 1, 2]):
        assert norm_error(run.theta, truth) < 1e-15
    balls, _ = ball_descend(p, [0, 1, 2])
    assert max(ball_distance(a, b) for a, b in zip(truth, balls)) < 1e-15


def test_loss_by_hand():
    """Ground truth: ln L of two points, one of them active, written out; padding adds nothing."""
    for loss, each in [("exponential", [exp(-0.5), 1.0]), ("logistic", np.log1p([exp(-0.5), 1]))]:
        p = problem([[0.5, 0]], [1], [1, -1], [1, -1], loss=loss)
        runs = descend([p, PROBLEMS[0]], [0])
        assert relative_error(runs[0].log_loss, [np.log(np.sum(each))]) < 1e-15


def test_orthogonal_points_decouple():
    """Ground truth: 66-digit iteration of m <- m + 2 eta e^-m; K12 = 0, a neuron for each point."""
    times = [1, 10, 1000, 100_000]
    p = problem([[1.5, 0.5], [-1, 0.25]], [1, -1], [1, -1], [1, -1], step_size=0.3)
    for run in both_roundings(p, times):
        for j, start in enumerate([2.0, 1.25]):
            true = fatou_reference(start, 0.6, times)
            level = run.theta[:, j] @ p.z[j]
            assert relative_error(level, [float(true[t]) for t in times]) < 1e-14
        assert relative_error(run.theta[:, 0] @ p.z[1], [-1.0] * 4) < 1e-14


def test_two_neurons_against_their_own_reference():
    """Ground truth: 20,000 steps in 192-bit balls by the reference for two neurons on the line."""
    rng = np.random.default_rng(7)
    for inputs in [(0.5, -0.5), (1, 3), (1, -2)]:
        p = problem(rng.normal(size=(2, 2)), [1, -1], inputs, [1, -1])
        true = reference_run(p.weights[:, 0], p.biases, inputs, (1, -1), 0.1, [100, 20_000])
        for run in both_roundings(p, [100, 20_000]):
            for theta, balls in zip(run.theta, true.values()):
                assert two_neuron_distance(theta[:, 0], theta[:, 1], balls) < 1e-13


@pytest.mark.parametrize("chunk", shares(4))
def test_brute_force_against_balls(chunk: int):
    """Ground truth: 10^4 steps in balls; over all problems by hand, see late/modes."""
    batch = PROBLEMS[3 + 8 * chunk :: 32]
    runs = [descend(batch, TIMES, variant) for variant in (0, 1)]
    for k, p in enumerate(batch):
        balls, _ = ball_descend(p, TIMES)
        for run in (runs[0][k], runs[1][k]):
            assert max(ball_distance(a, b) for a, b in zip(run.theta, balls)) < 1e-13, p.name


def test_centres_agree_with_balls():
    """Ground truth: the balls, on a problem where they are proved."""
    p = PROBLEMS[50]
    balls, proved = ball_descend(p, TIMES)
    assert proved
    centres = run_balls(p, TIMES, 192, centred=True)
    assert all(agree(a, b) for a, b in zip(centres, balls))


def test_chattering_is_counted():
    """Ground truth: of the steps K12 g_1 / (K22 g_2) = 1 / (2 e + eta t) are active on a slide."""
    run = descend([SLIDE], [0, 3000])[0]
    share = np.mean(1 / (2 * e + 0.1 * np.arange(2000, 3000)))
    assert run.chatters.tolist() == [[False, True]]
    assert abs(run.active[0, 1] - share) <= 2 / 1000
    assert run.active[0, 0] == 1


def test_flow_of_one_neuron():
    """Ground truth: a_11 = ln(e^a + K11 t) of one point and the exponential loss."""
    times = [0, 1, 100, 1e6, 1e12]
    found = flow(problem([[1.5, 0.5]], [1], [1], [1]), times)
    level = np.log(np.exp(2) + 2 * np.array(times))
    truth = np.array([[1.5, 0.5]]) + ((level - 2) / 2)[:, None, None]
    assert np.all(flow_distance(found.theta, truth) <= found.error)
    assert np.all(found.error <= 1e-8)


def test_flow_along_a_slide():
    """Ground truth: a_12 = 0, a_11 = ln(e + kappa t) with kappa = K11 - K12^2 / K22 = 1/2."""
    times = [0, 1, 100, 1e6]
    found = flow(SLIDE, times)
    level = np.log(e + np.array(times) / 2)
    truth = np.stack([-level, level], axis=-1)[:, None]
    assert np.all(flow_distance(found.theta, truth) <= found.error)
    assert np.all(found.error <= 1e-7)


@pytest.mark.campaign
def test_flow_is_the_limit_of_small_steps():
    """Ground truth: descent in steps of 10^-4 to t = 10, off by 10^-4 to 3 10^-3 in first order."""
    batch = [p for p in PROBLEMS[4::24] if not starts_on_repelling_kink(p)]
    runs = descend([replace(p, step_size=1e-4) for p in batch], [0, 100_000])
    for p, run in zip(batch, runs):
        off = flow_distance(run.theta, flow(p, [0, 10]).theta)
        assert np.all(off <= 5e-3), (p.name, off)


def test_problems_are_what_they_say():
    """Ground truth: the strata asked for, counted on the data."""
    assert len(PROBLEMS) >= 200
    sizes = [(len(p.biases), len(p.labels), p.inputs.shape[1]) for p in PROBLEMS]
    assert max(sizes)[0] <= 8
    assert max(n for _, n, _ in sizes) <= 8
    assert {d for *_, d in sizes} == {1, 2, 3}
    assert all(np.all(p.gram > 0) for p in PROBLEMS if p.name.startswith("positive"))
    assert all(np.any(p.gram < 0) for p in PROBLEMS if p.name.startswith("opposed"))
    entries = [p.gram[~np.eye(len(p.labels), dtype=bool)] for p in PROBLEMS]
    assert sum(np.all(g > 0) for g in entries) >= 60
    assert sum(np.all(g < 0) for g in entries) >= 10
    assert sum(np.any(g > 0) and np.any(g < 0) for g in entries) >= 50
    assert sum(np.any(p.theta @ p.z.T == 0) for p in PROBLEMS) >= 15
    assert {p.loss for p in PROBLEMS} == {"exponential", "logistic"}
    assert all(np.array_equal(a.theta, b.theta) for a, b in zip(PROBLEMS, problems()))


def test_distance_sees_what_is_off():
    """Ground truth: a relative change of 1e-9 in one neuron, a NaN, and a neuron of length 0."""
    truth = np.array([[[3.0, 4.0], [0.0, 0.0]]])
    assert relative_error(distance(truth + np.array([[0, 5e-9], [0, 0]]), truth), [1e-9]) < 1e-6
    assert distance(truth * np.nan, truth)[0] == np.inf
    assert distance(truth + np.array([[0, 0], [1e-3, 0]]), truth)[0] == 1e-3
