"""What runs converge to: closed forms, a second solver, brute force, integrated flows."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import minimize

import latephase as lp
from helpers import augmented, message_is_one_line, norm_error, relative_error
from latephase.late.limits.curve import Curve
from latephase.late.limits.direction import Direction, largest_margin
from latephase.late.limits.gradients import LinearMode, mode_gradients
from latephase.late.limits.mode import mode_limit
from latephase.late.limits.offset import convergence_rate, offset
from latephase.late.limits.settled import settled
from latephase.margin import kkt_residual, zeros_on_line
from references.counted_runs import parameters, stepped_run, theta_of

STEP = 0.2
SPECIALISED = [(3, -1), (2, -3), (1, -1), (-4, 0.25)]
DOUBLE = [(0.2, -3), (0.9, -0.4), (-0.7, 0.5)]
SINGLE = [(1, 3), (-0.5, -4), (3, 1)]  # the last is a mirror: neuron 2 serves both
LOG_T = 300 * np.log(10)


def settled_run(inputs) -> lp.Run:
    """Two neurons that are right on both points, without the law of their regime."""
    x1, x2 = inputs
    a = np.array([[1.3, -0.2], [-0.45, 0.8]])  # pre-activations (neuron, point)
    slopes = (a[:, 0] - a[:, 1]) / (x1 - x2)
    network = lp.ShallowReLU(slopes, a[:, 0] - slopes * x1)
    data, method = lp.Dataset(inputs, [1, -1]), lp.GradientDescent(STEP)
    run = lp.simulate(network, data, method, until="1e1000", at=["1e1000"])
    return dataclasses.replace(run, law=None)


def gram(inputs) -> tuple[float, float, float, float]:
    x1, x2 = inputs
    return 1 + x1 * x1, 1 + x2 * x2, 1 + x1 * x2, (x1 - x2) ** 2


def closed_direction(inputs) -> tuple[np.ndarray, float]:
    """Pre-activations (a11, a12, a21, a22) and squared norm of the direction: docs/theory.md."""
    k11, k22, k12, determinant = gram(inputs)
    if k12 <= 0:
        return np.array([1, k12 / k11, k12 / k22, 1]), 1 / k11 + 1 / k22
    if k12 < min(k11, k22):
        return np.array([1, 0, 0, 1]), (k11 + k22) / determinant
    if k12 >= k11:
        g = (1 + k12 / k11) / 2
        a = np.array([1, g - 1, 0, g])
    else:
        g = (1 + k12 / k22) / 2
        a = np.array([g, 0, g - 1, 1])
    x1, x2 = inputs
    w = (a[::2] - a[1::2]) / (x1 - x2)
    return a, float((w**2 + (a[::2] - w * x1) ** 2).sum())


@pytest.mark.parametrize("inputs", SPECIALISED + DOUBLE + SINGLE)
def test_direction_of_two_neurons(inputs):
    """Ground truth: the closed forms of docs/theory.md, section 1."""
    limit = lp.limit(settled_run(inputs))
    a, squared = closed_direction(inputs)
    found = (limit.network.weights * inputs + limit.network.biases[:, None]).ravel()
    assert norm_error(found, a) < 1e-13
    assert relative_error(limit.normalised_margin, squared**-0.5) < 1e-13
    x_inf = sum(inputs) / 2 if gram(inputs)[2] > 0 else sum(inputs) / (1 - inputs[0] * inputs[1])
    size = max(map(abs, inputs))
    assert abs(limit.boundary - x_inf).max() < 1e-14 * size
    assert limit.settled
    assert not limit.degenerate
    assert limit.remainder < 1e-12 * LOG_T
    assert limit.distance < 0.1


@pytest.mark.parametrize("inputs", SPECIALISED + DOUBLE + SINGLE)
def test_constant_and_offset_of_two_neurons(inputs):
    """Ground truth: C and beta of docs/theory.md, section 3, as `simulate` gives them."""
    run, (x1, x2) = settled_run(inputs), inputs
    law = lp.simulate(run.network, run.data, run.method, until="1e1000", at=["1e1000"]).law
    limit = lp.limit(run)
    assert relative_error(limit.law.constant, law.constant) < 1e-10
    assert relative_error(limit.law.offset, law.offset) < 1e-10
    network = limit.network_at("1e300")
    boundary = -np.diff(network.biases) / np.diff(network.weights[:, 0])
    deviation = float(boundary[0]) - law.limit_boundary
    assert relative_error(deviation, law.constant / (LOG_T + law.offset)) < 1e-9
    assert relative_error(abs(limit.margin_constant), abs(law.constant)) < 1e-9
    assert limit.margin_constant_error < 1e-9 * abs(x1 - x2)
    time = limit.steps_within(0.01 * abs(law.constant))
    assert relative_error(time.log, 100 - law.offset) < 1e-6


def test_flow_counts_time_with_step_size_one():
    """Ground truth: the law of gradient flow on x1 x2 = -1, from its closed form."""
    net, data = lp.ShallowReLU([2, -1.5], [0.3, 0.1]), lp.Dataset([2, -0.5], [1, -1])
    run = lp.simulate(net, data, lp.GradientFlow(), until="1e1000", at=["1e1000"])
    limit = lp.limit(dataclasses.replace(run, law=None))
    assert relative_error(limit.law.constant, run.law.constant) < 1e-11
    assert relative_error(limit.law.offset, run.law.offset) < 1e-11
    assert limit.remainder < 1e-11
    last = parameters(run, -1)
    assert norm_error(theta_of(limit.network_at("1e1000")).ravel(), last.ravel()) < 1e-14
    assert lp.limit(run).law is run.law


@pytest.mark.parametrize("inputs", DOUBLE)
def test_shares_of_a_double_slide(inputs):
    """Ground truth: docs/theory.md: k12/k11 at x2 and k12/k22 at x1."""
    k11, k22, k12, _ = gram(inputs)
    found = lp.limit(settled_run(inputs)).slide_multipliers
    assert relative_error(found[0, 1], k12 / k11) < 1e-10
    assert relative_error(found[1, 0], k12 / k22) < 1e-10


@pytest.mark.parametrize("seed", range(6))
def test_direction_by_a_second_solver(seed):
    """Ground truth: SLSQP on the quadratic program itself."""
    draw = np.random.default_rng(seed)
    gradients = draw.normal(size=(6, 4, 3)) + draw.normal(size=(4, 3))
    flat = gradients.reshape(6, -1)
    found = minimize(
        lambda theta: theta @ theta / 2,
        np.linalg.lstsq(flat, np.full(6, 2.0), rcond=None)[0],
        jac=lambda theta: theta,
        constraints={"type": "ineq", "fun": lambda th: flat @ th - 1, "jac": lambda th: flat},
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 1000},
    )
    direction = largest_margin(gradients)
    assert norm_error(direction.theta.ravel(), found.x) < 1e-6


@pytest.mark.parametrize("shape", [(100, 448, 3), (357, 16, 11), (40, 5, 3)])
def test_large_directions_meet_their_optimality_conditions(shape):
    """Ground truth: the KKT conditions, which are sufficient as the problem is convex."""
    draw = np.random.default_rng(7)
    gradients = draw.normal(size=shape) + 0.6 * draw.normal(size=shape[1:])
    direction = largest_margin(gradients)
    assert direction is not None
    assert direction.margins.min() > 1 - 1e-11
    assert direction.multipliers.min() >= 0
    assert abs(direction.margins[direction.support] - 1).max() < 1e-11
    represented = np.einsum("i,imc->mc", direction.multipliers, gradients)
    assert norm_error(direction.theta.ravel(), represented.ravel()) < 1e-12


def test_small_margins_are_told_from_none():
    """Ground truth: the gradients (1, s), (-1, s) have the direction (0, 1/s); s = 0 has none."""
    for s in (1.0, 1e-4, 1e-8):
        direction = largest_margin(np.array([[[1.0, s]], [[-1.0, s]]]))
        assert relative_error(direction.theta[0, 1], 1 / s) < 1e-7
    assert largest_margin(np.array([[[1.0, 0.0]], [[-1.0, 0.0]]])) is None
    assert largest_margin(np.array([[[1.0, 0.5]], [[0.0, 0.0]]])) is None


def test_repeated_points_share_their_multiplier():
    """Ground truth: k copies of a point are one point whose step size is k times as large."""
    draw = np.random.default_rng(1)
    gradients = draw.normal(size=(3, 2, 3)) + 2 * draw.normal(size=(2, 3))
    theta, copies = draw.normal(size=(2, 3)), np.array([3, 1, 2])
    one, many = largest_margin(gradients), largest_margin(np.repeat(gradients, copies, axis=0))
    assert not many.unique
    assert not many.degenerate
    found = offset(np.repeat(gradients, copies, axis=0), many, theta, 50.0, np.log(STEP))
    shared = np.repeat(one.multipliers / copies, copies)
    assert norm_error(many.theta.ravel(), one.theta.ravel()) < 1e-13
    assert norm_error(found.multipliers, shared) < 1e-12
    margins = np.einsum("imc,mc->i", gradients, found.theta)
    kept = one.support
    expected = np.log(STEP * copies[kept] / one.multipliers[kept])
    assert relative_error(margins[kept], expected) < 1e-12


def test_a_tight_constraint_without_multiplier_is_degenerate():
    """Ground truth: theta = (1, 0) meets (1, 0) and (1, 1) at 1 and needs the first only."""
    direction = largest_margin(np.array([[[1.0, 0.0]], [[1.0, 1.0]]]))
    assert direction.degenerate
    assert direction.support.tolist() == [True, False]
    assert not largest_margin(np.array([[[1.0, 0.0]], [[1.0, 0.5]], [[0.5, 1.0]]])).degenerate


@pytest.mark.parametrize("seed", range(4))
def test_offset_of_an_integrated_flow(seed):
    """Ground truth: theta' = sum_i exp(-q_i) g_i integrated in ln t up to e^400."""
    draw = np.random.default_rng(seed)
    gradients = draw.normal(size=(5, 2, 3)) + 1.5 * draw.normal(size=(2, 3))
    flat, start = gradients.reshape(5, -1), draw.normal(size=6)
    product = flat @ flat.T

    def field(tau, sums):  # theta = start + sums @ flat
        return np.exp(tau - flat @ start - product @ sums)

    def jacobian(tau, sums):
        return -field(tau, sums)[:, None] * product

    times = [60.0, 120.0, 400.0]
    options = {"method": "Radau", "rtol": 1e-11, "atol": 1e-12, "jac": jacobian}
    path = solve_ivp(field, (-20.0, 400.0), np.zeros(5), t_eval=times, **options)
    thetas = start + path.y.T @ flat
    direction = largest_margin(gradients)
    found = offset(gradients, direction, thetas[1].reshape(2, 3), times[1], 0.0)
    rate = convergence_rate(gradients, direction, found.multipliers)
    ahead = np.outer(times, direction.theta.ravel()) + found.theta.ravel()
    assert norm_error(ahead[2], thetas[2]) < 1e-9 + np.exp(-200 * rate)
    left = np.linalg.norm(ahead - thetas, axis=1)
    if left[1] > 1e-7:  # slow enough to be seen
        assert relative_error(np.log(left[0] / left[1]) / (times[1] - times[0]), rate) < 0.01


BRUTE = [(4, 3, 1, 4), (4, 3, 1, 6), (5, 4, 2, 3)]  # neurons, points, features, seed


@pytest.mark.parametrize("loss", ["exponential", "logistic"])
@pytest.mark.parametrize(("m", "n", "d", "seed"), BRUTE)
def test_brute_force(m, n, d, seed, loss):
    """Ground truth: 10^6 steps of gradient descent, and how often each pair is active then."""
    run, shares = stepped_run(seed, m, n, d, step_size=0.05, size=0.5, loss=loss)
    limit = lp.limit(run)
    assert limit.settled
    assert limit.slide_multipliers
    early = lp.limit(dataclasses.replace(run, trajectory=run.trajectory.isel(time=[0])))
    last = parameters(run, -1)
    assert norm_error(theta_of(early.network_at(10**6)).ravel(), last.ravel()) < 2e-4
    assert limit.rate == pytest.approx(1.0, rel=1e-9)
    fallen = np.log(early.remainder / limit.remainder) / np.log(100)
    # The second-order terms of the logistic loss bring a factor ln t.
    assert relative_error(fallen, limit.rate) < (0.05 if loss == "exponential" else 0.25)
    for pair, share in limit.slide_multipliers.items():
        assert relative_error(share, shares[pair]) < 5e-3
    net = limit.network
    independent = kkt_residual(
        net.weights, net.biases, net.output_weights, run.data.inputs, run.data.labels, 1e-9
    )
    assert independent < 1e-12
    assert limit.kkt_residual < 1e-12


def test_a_path_that_is_slow_to_settle_says_so():
    """Ground truth: the same steps; here the remainder falls like t^-0.06 instead of 1/t."""
    run, _ = stepped_run(1, 4, 3, 1, step_size=0.05, size=0.5)
    limit = lp.limit(run)
    early = lp.limit(dataclasses.replace(run, trajectory=run.trajectory.isel(time=[0])))
    assert limit.remainder > 0.5
    assert relative_error(np.log(early.remainder / limit.remainder) / np.log(100), limit.rate) < 0.2


def test_both_losses_have_the_same_limit():
    """Ground truth: ln(1 + e^-q) ~ e^-q: one state, one pattern, one limit."""
    run, _ = stepped_run(4, 4, 3, 1, step_size=0.05, size=0.5, until=10**4)
    both = [lp.limit(dataclasses.replace(run, loss=loss)) for loss in ("exponential", "logistic")]
    assert np.array_equal(theta_of(both[0].offset), theta_of(both[1].offset))


def test_runs_that_do_not_fit_their_data_are_refused():
    """Ground truth: a pattern in which a point has no active neuron keeps its loss."""
    run = settled_run((3, -1))
    dead = dataclasses.replace(run, pattern=np.array([[1, 0], [0, 0]], np.int8))
    for bad in (dead, dataclasses.replace(run, pattern=None)):
        with pytest.raises(lp.InputError) as caught:
            lp.limit(bad)
        assert message_is_one_line(caught.value)
    with pytest.raises(lp.InputError):
        lp.limit(run).network_at(1)
    with pytest.raises(lp.InputError):
        lp.limit(run).steps_within(0)


def test_the_points_that_are_not_fitted_are_named():
    """Ground truth: drawn by hand; and one-dead runs, whose dead neuron served the other point."""
    from latephase.late.limits.direction import not_separated

    g = np.array([[[1.0, 0.0]], [[-2.0, 0.0]], [[0.3, 1.0]], [[0.0, 0.0]]])
    assert not_separated(g).tolist() == [True, True, False, True]
    assert not not_separated(g[2:3]).any()
    draw, seen = np.random.default_rng(0), []
    for seed in range(30):  # k12 > 0: the living neuron chatters about a kink at the other point
        data = lp.Dataset([(1, 3), (0.5, -0.7), (0.9, 0.3)][seed % 3], [1, -1])
        network = lp.ShallowReLU(*draw.normal(size=(2, 2)))
        run = lp.simulate(network, data, lp.GradientDescent(0.1), until="1e100", at=["1e100"])
        if run.regime is not lp.Regime.one_dead:
            continue
        with pytest.raises(lp.InputError, match=r"1 of 2 points are not fitted: [01];") as caught:
            lp.limit(run)
        assert message_is_one_line(caught.value)
        dead = int(np.argmin((parameters(run, 0) @ augmented(data.inputs).T).max(axis=1)))
        seen.append(f"fitted: {dead};" in str(caught.value))
    assert len(seen) > 5
    assert all(seen)


def test_steps_within_follow_the_run_into_its_mode():
    """Ground truth: the margins of the run itself, later and shortly before; the entry into the
    regime is at 3.06e10, the asymptotic curve would say 6."""
    net, data = lp.ShallowReLU([2.6, -5.17], [-0.4, 0.18]), lp.Dataset([0.8, -0.8], [1, -1])
    method = lp.GradientDescent(0.1)
    for until in ("1e13", "1e1000"):
        found = lp.limit(lp.simulate(net, data, method, until=until, at=[until]))
        for eps in (1e-3, 1e-9):
            t = found.steps_within(eps)
            times = [lp.LogTime.from_log(t.log + x) for x in (-1e-4, 1e-7, 1e-4, 0.1, 1, 5, 20)]
            path = lp.simulate(net, data, method, until=times[-1], at=times).trajectory
            off = path.log_margin_deficit.values - np.log(eps)
            assert off[0] > 0
            assert (off[1:] < 1e-6).all()
    assert found.steps_within(1e-100).log > 100 * np.log(10)


def test_steps_within_of_a_constant_lost_in_rounding():
    """Ground truth: the flow itself; five of seven neurons are dead, and what is left of C is 1e-13
    of a run that has none: the curve is within any eps at all times (issue 12, entry 19)."""
    weights, outer = [-0.9, -0.1, -1, 0.1, 0.3, 2, -0.2], [-1, 1, 1, -1, -1, 1, 1]
    network, data = lp.ShallowReLU(weights, [0] * 7, outer), lp.Dataset([0.8, -0.8], [1, -1])
    run = lp.simulate(network, data, lp.GradientFlow(), until="1e1000", at=["1e1000"])
    limit = lp.limit(run)
    t = limit.steps_within(np.float32(0.01))
    times = [lp.LogTime.from_log(t.log + x, flow=True) for x in (-1e-4, 1e-7, 0.1, 1, 5)]
    path = lp.simulate(network, data, lp.GradientFlow(), until=times[-1], at=times).trajectory
    off = np.abs(path.robustness_margin.values - limit.robustness_margin)
    assert off[0] > np.float32(0.01)
    assert (off[1:] < np.float32(0.01)).all()
    assert limit.steps_within(1e-30) is None  # no float64 margin tells


@pytest.mark.parametrize(
    ("inputs", "pattern", "pair"),
    [
        ((3, -1), [[1, 1], [0, 1]], (0, 1)),  # the wrong side of neuron 0 falls: k12 < 0
        ((0.9, -0.4), [[1, 0], [2, 1]], (0, 1)),  # it rises: k12 > 0, a half slide
        ((3, -1), [[1, 2], [0, 1]], (0, 1)),  # nothing lifts it to the kink
    ],
)
def test_modes_that_are_left(inputs, pattern, pair):
    """Ground truth: docs/theory.md, section 2: which patterns are terminal."""
    run = dataclasses.replace(settled_run(inputs), pattern=np.array(pattern, np.int8))
    limit = lp.limit(run)
    assert not limit.settled
    assert f"neuron {pair[0]}" in limit.reason
    assert f"point {pair[1]}" in limit.reason
    assert limit.steps_within(0.1) is None


def test_a_kink_that_repels_is_not_held():
    """Ground truth: relu(x) at 0, label +1: its own loss drives a neuron off the kink, not onto it.

    The points 3 (label +1) and 1 (label -1) pull the pre-activation at 0 down by 1 - 2 = -1; half
    of the loss at 0 would balance that.
    """
    points = augmented(np.array([[0.0], [3.0], [1.0]]))
    signs, pattern = np.array([[1.0, 1.0, -1.0]]), np.array([[2, 1, 1]])
    gradients = mode_gradients(pattern, points, np.array([1, 1, -1]), np.ones(1))
    mode = LinearMode(pattern, points, signs, gradients)
    losses, everywhere = np.array([2.0, 1.0, 2.0]), np.ones(3, bool)
    direction = Direction(np.array([[1.0, 0.0]]), losses, np.ones(3), everywhere, True, False)
    found = settled(mode, direction, np.zeros((1, 2)), np.log(losses))
    assert relative_error(found.slide_multipliers[0, 0], 0.5) < 1e-12
    assert found.reason.startswith("neuron 0 cannot slide at point 0")
    assert not found.settled


def test_dead_neurons_keep_their_constant():
    """Ground truth: a neuron that is inactive on all points never moves again."""
    data, outer = lp.Dataset([3, -1], [1, -1]), np.array([1.0, -1.0, 1.0])
    theta = np.array([[20.0, -3.0], [-15.0, 4.0], [0.5, -7.0]])
    pattern = np.array([[1, 0], [0, 1], [0, 0]])
    kind = lp.ShallowReLU(theta[:, :1], theta[:, 1], outer)
    found = mode_limit(pattern, theta, data, kind, 40.0, 0.0)
    assert found.settled
    assert np.array_equal(found.direction[2], [0, 0])
    assert np.array_equal(found.offset[2], theta[2])


def test_where_nothing_moves_no_point_is_fitted():
    """Ground truth: both neurons dead on both points."""
    run = lp.simulate(
        lp.ShallowReLU([1, 1], [-5, -5]), lp.Dataset([1, -1], [1, -1]), lp.GradientDescent(STEP)
    )
    with pytest.raises(lp.InputError, match="2 of 2 points are not fitted"):
        lp.limit(run)


def test_what_is_left_of_a_dead_neuron_decides_a_zero_region():
    """Ground truth: relu(x - 1) - relu(-x - 1) vanishes on [-1, 1]; lifted, it vanishes at -1."""
    direction = np.array([[1.0, -1.0], [-1.0, -1.0], [0.0, 0.0]])
    lift = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 0.5]])
    outer, data = np.array([1.0, -1.0, 1.0]), lp.Dataset([-3, 2], [-1, 1])
    kind = lp.ShallowReLU(direction[:, :1], direction[:, 1], outer)
    curve = Curve(direction, lift, kind, data)
    assert curve.margin(0.0) == 1.0
    assert relative_error(curve.start, 2.0) < 1e-12
    assert relative_error(-curve.slope[0], 0.5) < 1e-9  # the zero is -1 - e / 2, seen from -3
    assert Curve(direction, 0 * lift, kind, data).start == 1.0


def test_gradients_by_differences():
    """Ground truth: differences of the margins of the network itself, without slides."""
    draw = np.random.default_rng(3)
    theta, inputs = draw.normal(size=(4, 3)), draw.normal(size=(5, 2))
    outer, labels = draw.normal(size=4), np.array([1, -1, 1, -1, 1])
    points = augmented(inputs)
    gradients = mode_gradients(theta @ points.T > 0, points, labels, outer)
    moved, h = theta.copy(), 1e-6
    moved[2, 1] += h
    values = [labels * (outer @ np.maximum(th @ points.T, 0)) for th in (theta, moved)]
    assert norm_error((values[1] - values[0]) / h, gradients[:, 2, 1]) < 1e-9


def test_zeros_of_networks_on_the_line():
    """Ground truth: functions drawn by hand."""
    tent = ([1, 1, 1], [0, -1, -2], [1, -2, 1])  # 0 outside (0, 2)
    assert zeros_on_line(*tent).tolist() == [0, 2]
    cancelled = ([1, 1, 1, 1, 1], [0, -1, -2, 0.5, 0.5], [1, -2, 1, 3, -3])
    assert zeros_on_line(*cancelled).tolist() == [0, 2]
    assert zeros_on_line([1, -1], [-1, -1], [1, -1]).tolist() == [-1, 1]
    assert zeros_on_line([1, -1], [1, 1], [1, -1]).tolist() == [0]
    assert zeros_on_line([1, -1, 0], [0, 0, 1], [1, 1, -1]).tolist() == [-1, 1]  # |x| - 1
    assert zeros_on_line([0, 1], [1, 2], [1, 1]).tolist() == []
