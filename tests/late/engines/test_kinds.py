"""Leaky networks, linear ones and networks without biases: brute force, a stiff solver, programs.

20 problems of each kind in each dimension were looked at by hand beside those of the campaign.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

import latephase as lp
from helpers import norm_error, relative_error, shares
from latephase.margin import kkt_residual
from references.brute import descend, distance
from references.flow import Lost, flow, flow_distance, starts_on_repelling_kink
from references.problems import Floats, Problem, of_kind

KINDS = [
    (0.0, False),
    (0.1, True),
    (0.1, False),
    (0.5, True),
    (0.5, False),
    (1.0, True),
    (1.0, False),
]
SHAPES = [(4, 5), (1, 2), (8, 8), (2, 3), (5, 7), (3, 2), (6, 4), (7, 6), (1, 8), (8, 2)]
STEPS = [0, 1, 10, 100, 1000, 10_000, 100_000]
FLOWS = [(2, 3), (4, 5), (1, 4), (3, 3), (2, 6)]  # shapes: Radau is slow
FAR = [0, 1, 10, 100, 10**4, 10**6, 10**9]
ROUNDING = 1e-12


def batch(seed: int, shape: tuple[int, int], dimensions: tuple[int, ...]) -> list[Problem]:
    """A problem of each kind in each dimension, all of one shape, so that they share programs."""
    return [of_kind(seed, d, *kind, shape) for kind in KINDS for d in dimensions]


def simulated(p: Problem, method: object, times: list[object]) -> tuple[lp.Run, Floats]:
    """The run and theta (time, m, k)."""
    net = lp.ShallowReLU(p.weights, p.biases, p.output_weights, negative_slope=p.slope)
    data = lp.Dataset(p.inputs, p.labels)
    run = lp.simulate(
        net, data, method, until=str(times[-1]), at=list(map(str, times)), loss=p.loss
    )
    w = run.trajectory.weights.values
    if p.biases is None:
        assert "biases" not in run.trajectory
        return run, w
    return run, np.concatenate([w, run.trajectory.biases.values[..., None]], axis=-1)


def scores(p: Problem, theta: Floats) -> Floats:
    """N(x_i), (time, n)."""
    a = theta @ p.z.T
    return np.einsum("m,tmn->tn", p.output_weights, np.where(a > 0, a, p.slope * a))


@pytest.mark.parametrize("chunk", shares(len(SHAPES)))
def test_descent_against_brute_force(chunk: int):
    """Ground truth: 10^5 steps in doubles, parameters in pairs of them."""
    problems = batch(chunk, SHAPES[chunk], (1, 2, 5) if chunk else (1, 2))
    wrong = []
    for p, truth in zip(problems, descend(problems, STEPS)):
        run, theta = simulated(p, lp.GradientDescent(p.step_size), STEPS)
        if not np.abs(truth.theta).max() < 1e100:  # of brute force, whose pulls end at 1e300
            assert run.outcome is lp.Outcome.overflowed
            continue
        off, said = distance(theta, truth.theta), run.trajectory.error.values
        q, true = scores(p, theta), scores(p, truth.theta)
        margins = (np.abs(q - true) / (1 + np.abs(true))).max(axis=1)
        known = run.trajectory.margin_error.values
        if not ((off <= said + ROUNDING).all() and (margins <= known + ROUNDING).all()):
            wrong.append(f"{p.name}: off by {off}, said {said}; margins {margins}, said {known}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("chunk", shares(10))
def test_flow_against_a_stiff_solver(chunk: int):
    """Ground truth: Radau in ln t on smoothed kinks, extrapolated; to t = 10^9 where it arrives."""
    kinds = KINDS[chunk % 2 :: 3] if chunk else KINDS[::3]
    problems = [of_kind(50 + chunk, 1 + chunk % 2, *kind, FLOWS[chunk % 5]) for kind in kinds]
    wrong = []
    for p in problems:
        times = FAR
        if starts_on_repelling_kink(p):
            continue
        try:
            truth = flow(p, times)
        except Lost:
            times = FAR[:4]
            try:
                truth = flow(p, times)
            except Lost:
                continue
        run, theta = simulated(p, lp.GradientFlow(), times)
        lost = np.maximum.accumulate(truth.error)  # once the solver has lost its way it stays lost
        off, said = flow_distance(theta, truth.theta), run.trajectory.error.values + lost
        if not (off <= said).all():
            wrong.append(f"{p.name}: off by {off}, said {said}")
    assert not wrong, "\n".join(wrong)


def test_limits_are_kkt_points_that_runs_come_to():
    """Ground truth: the residual of `margin.kkt_residual`, which finds its own multipliers, and the
    run itself at 10^1000."""
    seen = 0
    for p in batch(3, (3, 3), (1, 2)):
        run, theta = simulated(p, lp.GradientFlow(), ["1e1000"])
        if run.outcome is not lp.Outcome.settled:
            continue
        found, seen = lp.limit(run), seen + 1
        net = found.network
        parts = (net.weights, net.biases, net.output_weights, p.inputs, p.labels)
        assert kkt_residual(*parts, 1e-9, p.slope) < 1e-7
        assert found.kkt_residual < 1e-7
        assert all(p.slope <= share <= 1 for share in found.slide_multipliers.values())
        if not found.degenerate:
            assert (
                norm_error(found.network_at("1e1000").parameters.ravel(), theta[-1].ravel()) < 1e-6
            )
    assert seen > 5


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("loss", ["exponential", "logistic"])
def test_the_linear_model_tends_to_the_hard_margin_classifier(biased: bool, loss: str):
    """Ground truth: [soudry2018, Theorem 3], the quadratic program by SLSQP. Neuron j has its share
    v_j / |v|^2 of the classifier u, whatever the start."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(7, 3))
    y, outer = np.where(x @ [1.0, 2.0, -1.0] > 0.2, 1, -1), np.array([1.0, -2.0, 0.5])
    z = y[:, None] * (np.column_stack([x, np.ones(7)]) if biased else x)
    constraints = {"type": "ineq", "fun": lambda u: z @ u - 1, "jac": lambda u: z}
    start = np.array([5.0, 10.0, -5.0, -1.0][: z.shape[1]])
    options = {"ftol": 1e-15, "maxiter": 500}
    best = minimize(lambda u: u @ u / 2, start, jac=lambda u: u, constraints=constraints,
                    method="SLSQP", options=options)  # fmt: skip
    net = lp.ShallowReLU(rng.normal(size=(3, 3)), rng.normal(size=3) if biased else None, outer,
                         negative_slope=1)  # fmt: skip
    run = lp.simulate(net, lp.Dataset(x, y), lp.GradientDescent(0.1), at=["1e1000"], loss=loss)
    found = lp.limit(run)
    expected = np.outer(outer, best.x) / (outer @ outer)
    assert norm_error(found.network.parameters.ravel(), expected.ravel()) < 1e-6
    assert run.outcome is lp.Outcome.settled
    assert found.settled
    assert found.slide_multipliers == {}


def test_the_margin_of_the_linear_model_grows_like_its_law():
    """Ground truth: [soudry2018, Theorem 4] by hand. x1 = (2, 1) and x2 = (-1, 2), labels 1, -1,
    one neuron without bias: both support u = sum_i lambda_i y_i x_i, and w(t) = u ln t + rho with
    y_i x_i . rho = c_i = ln(step / lambda_i). Distances to the plane are (ln t + c_i) / |w|, and
    |w| = |u| (ln t + sum_i lambda_i c_i / sum_i lambda_i), up to 1 / ln t."""
    x, y, step = np.array([[2.0, 1.0], [-1.0, 3.0]]), np.array([1, -1]), 0.3
    z = y[:, None] * x
    multipliers = np.linalg.solve(z @ z.T, [1.0, 1.0])
    c, u = np.log(step / multipliers), multipliers @ z
    constant = (multipliers @ c / multipliers.sum() - c.min()) / np.linalg.norm(u)
    net = lp.ShallowReLU([[0.1, 0.4]], None, [1.0], negative_slope=1)
    run = lp.simulate(net, lp.Dataset(x, y), lp.GradientDescent(step), at=["1e500", "1e1000"])
    assert (multipliers > 0).all()
    assert relative_error(run.law.limit_margin, 1 / np.linalg.norm(u)) < 1e-12
    assert relative_error(run.law.margin_constant, constant) < 1e-8
    log_t = np.log(10) * np.array([500.0, 1000.0])
    w = u * log_t[:, None] + np.linalg.solve(z, c)
    margins = np.abs(w @ x.T).min(axis=1) / np.linalg.norm(w, axis=1)
    assert relative_error(run.trajectory.robustness_margin.values, margins) < 1e-12
    offset = log_t[0] * (constant / (log_t[0] * (run.law.limit_margin - margins[0])) - 1)
    assert relative_error(run.law.offset, offset) < 1e-2


def test_the_boundary_of_the_linear_model_obeys_its_law():
    """Ground truth: the run itself; N = A x + B with (A, B) = sum_j v_j (w_j, b_j)."""
    net = lp.ShallowReLU([0.2, 0.5], [0.1, 0.4], negative_slope=1)
    data = lp.Dataset([2.0, -0.5, -1.0], [1, -1, -1])
    run = lp.simulate(net, data, lp.GradientDescent(0.1), at=["0", "1e300", "1e1000"])
    assert run.regime is None
    x = run.trajectory.boundary.values
    assert relative_error(x[0], 0.3 / 0.3 * -1.0) < 1e-12  # (0.1 - 0.4) / (0.2 - 0.5), negated
    log_t = np.log(10) * np.array([300.0, 1000.0])
    expected = run.law.limit_boundary + run.law.constant / (log_t + run.law.offset)
    assert relative_error(x[1:], expected) < 1e-12
    assert relative_error(run.law.limit_boundary, 0.75) < 1e-12  # half-way from 2 to -1/2


def test_shares_of_a_leaky_slide_are_those_that_are_counted():
    """Ground truth: single steps, counted: active in a share mu of them, a pair feels
    s + mu (1 - s) of its point's pull."""
    seen = 0
    for seed in (1, 5):
        p = of_kind(seed, 1, 0.1, True, (2, 3))
        truth = descend([p], [0, 10**5])[0]
        run, _ = simulated(p, lp.GradientDescent(p.step_size), [10**5, "1e1000"])
        if run.outcome is lp.Outcome.settled:
            for pair, share in lp.limit(run).slide_multipliers.items():
                counted = p.slope + (1 - p.slope) * truth.active[pair]
                assert abs(counted - share) < 0.03
                seen += 1
    assert seen > 0


def test_a_neuron_without_bias_is_held_at_zero_by_both_sides():
    """Ground truth: by hand. On points of both signs, all of them labelled against it, a neuron on
    the line falls to w = 0 from either side, and chatters there for ever: each kink is that of all
    points, and the shares of the two sides add up to 1. Step by step it does so, too."""
    data = lp.Dataset([1.0, -1.5, 2.0, -0.5], [1, -1, -1, -1])
    net = lp.ShallowReLU([0.4, 0.7, -0.3], None, [1.0, -1.0, 1.0])
    run = lp.simulate(net, data, lp.GradientFlow(), until="1e10", at=["1e10"], loss="logistic")
    p = Problem(
        "", net.weights, None, net.output_weights, data.inputs, data.labels, 1e-3, "logistic"
    )
    truth = descend([p], [0, 200_000])[0].theta[-1]
    early = lp.simulate(net, data, lp.GradientFlow(), until=200, at=[200], loss="logistic")
    assert np.abs(early.trajectory.weights.values[0] - truth).max() < 5e-3
    third = early.trajectory.weights.values[0, 2, 0]
    assert third == 0.0
    assert (run.pattern[2] == 2).all()


def test_other_kinds_go_to_modes_and_are_refused_by_closed_forms():
    """Ground truth: the contract: closed forms are of two ReLU neurons with biases."""
    data, gd = lp.Dataset([1.0, -1.0], [1, -1]), lp.GradientDescent(0.1)
    for kind in ({"biases": None}, {"biases": [0.1, 0.2], "negative_slope": 0.2}):
        net = lp.ShallowReLU([0.7, -0.4], **kind)
        run = lp.simulate(net, data, gd, until="1e100", at=["1e100"], tolerance=1e-9)
        assert run.regime is None
        assert run.outcome is lp.Outcome.settled
        assert lp.predict(net, data, gd).regime is None
        assert isinstance(lp.certify(net, data, gd), lp.GeneralCertificate)


@pytest.mark.parametrize(("biased", "slope"), [(False, 0.0), (True, 0.2)])
def test_stalls_of_other_kinds(biased: bool, slope: float):
    """Ground truth: gradient descent in bfloat16, one operation at a time."""
    net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2] if biased else None, negative_slope=slope)
    data, gd = lp.Dataset([1.0, -2.0], [1, -1]), lp.GradientDescent(0.25)
    with pytest.warns(UserWarning, match="stalled at update") as heard:
        lp.simulate(net, data, gd, until=10**6, at=[10**6], dtype="bfloat16")
    stalled = int(str(heard[0].message).split("update ")[1].split(":")[0])
    assert 0.4 < lp.stall(net, data, gd, "bfloat16").step.as_float / stalled < 2.5
