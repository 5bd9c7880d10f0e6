"""Constants, offsets and limit directions of the late phase, read off trajectories to 10^1000."""

from __future__ import annotations

from math import cosh, exp, expm1, log
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import latephase as lp
from fatou import remainder
from helpers import norm_error, relative_error
from latephase.core.balls import exact, precision
from latephase.late.pair.fatou import coefficients

SPECIALISED = [(3, -1), (2, -3), (-1.5, 2), (1.2, -1.2), (1, -1), (2, -0.5), (-4, 0.25)]
DOUBLE = [(0.2, -3), (0.9, -0.4), (-0.7, 0.5), (0.5, -0.5)]
SINGLE = [
    (1, 3),
    (0.3, 0.9),
    (-0.5, -4),
    (3, 1),
    (5, 0.5),
]  # the last two are mirrors: neuron 2 serves both
TIMES = ["1e300", "1e500", "1e1000"]
LOG_T = np.log(10.0) * np.array([300, 500, 1000])


def network_for(inputs: tuple[float, float]) -> lp.ShallowReLU:
    """A network that is right on both points, so that the loss tends to 0 whatever the data."""
    x1, x2 = inputs
    a = np.array([[1.3, -0.2], [-0.45, 0.8]])  # pre-activations (neuron, point)
    slopes = (a[:, 0] - a[:, 1]) / (x1 - x2)
    return lp.ShallowReLU(slopes, a[:, 0] - slopes * x1)


def run_to_the_end(inputs, step_size=0.2, network=None, method=None) -> lp.Run:
    run = lp.simulate(
        network or network_for(inputs),
        lp.Dataset(inputs, [1, -1]),
        method or lp.GradientDescent(step_size),
        until="1e1000",
        at=TIMES,
    )
    assert run.outcome is lp.Outcome.settled
    return run


def gram(inputs) -> tuple[float, float, float, float]:
    x1, x2 = inputs
    return 1 + x1 * x1, 1 + x2 * x2, 1 + x1 * x2, (x1 - x2) ** 2


def fit(run: lp.Run) -> tuple[float, float]:
    """C and beta of 1 / (x* - x_inf) = (ln t + beta) / C, from the boundary at 10^300, 10^1000."""
    y = 1 / (run.trajectory.boundary.values - run.law.limit_boundary)
    slope = (y[2] - y[0]) / (LOG_T[2] - LOG_T[0])
    assert relative_error(y[1], y[0] + slope * (LOG_T[1] - LOG_T[0])) < 1e-9  # affine in ln t
    return 1 / slope, y[0] / slope - LOG_T[0]


def specialised_law(inputs, run, step_size) -> tuple[float, float, float]:
    """x_inf, C, beta of docs/theory.md from the weights of the last sample."""
    (x1, x2), (k11, k22, _, _) = inputs, gram(inputs)
    w, b = run.trajectory.weights.values[-1, :, 0], run.trajectory.biases.values[-1]
    r1, r2 = w[0] - x1 * b[0], w[1] - x2 * b[1]
    apart = 1 - x1 * x2
    constant = k11 * k22 / ((x1 - x2) * apart**2) * (log(k22 / k11) + x1 * r2 - x2 * r1)
    lead = x1 * log(step_size * k11) / k11 - x2 * log(step_size * k22) / k22 + r1 / k11 - r2 / k22
    return (x1 + x2) / apart, constant, lead * k11 * k22 / ((x1 - x2) * apart)


def double_law(inputs, step_size) -> tuple[float, float, float]:
    k11, k22, _, determinant = gram(inputs)
    constant = (inputs[0] - inputs[1]) / 4 * log(k22 / k11)
    return sum(inputs) / 2, constant, log(step_size * determinant) - log(k11 * k22) / 2


def single_law(inputs, step_size) -> tuple[float, float, float]:
    k11, k22, k12, determinant = gram(inputs)
    if k12 > k11:
        matrix = np.array([[k11, -k12], [-k12, k22 + determinant / k11]])
        ratio = (k22 + determinant / k11 + k12) / (k11 + k12)
    else:
        matrix = np.array([[k11 + determinant / k22, -k12], [-k12, k22]])
        ratio = (k22 + k12) / (k11 + determinant / k22 + k12)
    alpha = np.linalg.solve(matrix, [1.0, 1.0])
    constant = (inputs[0] - inputs[1]) / 4 * log(ratio)
    return sum(inputs) / 2, constant, log(step_size) - log(alpha.prod()) / 2


def check_law(run: lp.Run, limit: float, constant: float, offset: float) -> None:
    law = run.law
    assert relative_error(law.limit_boundary, limit) < 1e-14
    assert relative_error(law.constant, constant) < 1e-12
    assert relative_error(law.offset, offset) < 1e-11
    slope, intercept = fit(run)
    assert relative_error(slope, constant) < 1e-9
    assert relative_error(LOG_T + intercept, LOG_T + offset) < 1e-9
    assert relative_error(intercept, offset) < 1e-6


@pytest.mark.parametrize("inputs", SPECIALISED, ids=str)
def test_specialised_law(inputs):
    """Ground truth: C and beta of docs/theory.md; slope of 1/(x* - x_inf), 10^300 to 10^1000."""
    for step_size in (0.03, 0.7):
        run = run_to_the_end(inputs, step_size)
        assert run.regime is lp.Regime.specialised
        check_law(run, *specialised_law(inputs, run, step_size))


@pytest.mark.parametrize("inputs", DOUBLE[:3], ids=str)
def test_double_slide_law(inputs):
    """Ground truth: C = (x1-x2)/4 ln(k22/k11) and its offset; slope from 10^300 to 10^1000."""
    for step_size in (0.02, 0.1):
        run = run_to_the_end(inputs, step_size)
        assert run.regime is lp.Regime.double_slide
        check_law(run, *double_law(inputs, step_size))


@pytest.mark.parametrize("inputs", SINGLE, ids=str)
def test_single_slide_law(inputs):
    """Ground truth: C = (x1-x2)/4 ln r, beta from M alpha = 1; slope from 10^300 to 10^1000."""
    for step_size in (0.02, 0.2):
        run = run_to_the_end(inputs, step_size)
        assert run.regime is lp.Regime.single_slide
        check_law(run, *single_law(inputs, step_size))


def test_symmetric_sliding_data_have_no_slow_rate():
    """Ground truth: k11 = k22 and k12 > 0 make C exactly 0 and the boundary faster than 1/ln t."""
    run = run_to_the_end((0.5, -0.5))
    assert run.law.constant == 0.0
    assert (run.trajectory.log_margin_deficit.values < -0.9 * LOG_T).all()


def test_constant_of_zero_bias_starts():
    """Ground truth: C = (|w1| - |w2|) / 2 and x*(0) = 0 on (1, -1) with zero biases."""
    for w1, w2 in [(0.9, -0.4), (0.3, -1.7)]:
        run = run_to_the_end((1, -1), network=lp.ShallowReLU([w1, w2], [0.0, 0.0]))
        assert relative_error(run.law.constant, (abs(w1) - abs(w2)) / 2) < 1e-14


@pytest.mark.parametrize("inputs", SPECIALISED + DOUBLE + SINGLE, ids=str)
def test_direction_tends_to_the_kkt_point(inputs):
    """Ground truth: the unique KKT point of docs/theory.md, as d a_ji / d ln t at 10^1000."""
    k11, k22, k12, determinant = gram(inputs)
    run = run_to_the_end(inputs)
    w, b = run.trajectory.weights.values[:, :, 0], run.trajectory.biases.values
    dw, db = ((v[2] - v[0]) / (LOG_T[2] - LOG_T[0]) for v in (w, b))
    point = {
        "specialised": [1, k12 / k11, k12 / k22, 1],
        "double_slide": [1, 0, 0, 1],
        "single_slide": [1, (k12 / k11 - 1) / 2, 0, (1 + k12 / k11) / 2]
        if k12 > k11
        else [(1 + k12 / k22) / 2, 0, (k12 / k22 - 1) / 2, 1],
    }[run.regime.name]
    a = np.array([[dw[j] * x + db[j] for x in inputs] for j in (0, 1)])
    assert norm_error(a.ravel(), np.array(point)) < 1e-11
    square = {
        "specialised": 1 / k11 + 1 / k22,
        "double_slide": (k11 + k22) / determinant,
    }
    if run.regime.name in square:
        assert relative_error((dw**2).sum() + (db**2).sum(), square[run.regime.name]) < 1e-11


FLOWS = [  # pre-activations a11, a12, a21, a22: both wrong sides positive, one, none
    ((1, -1), (0.3, 0.7, 0.2, 1.1)),
    ((1, -1), (0.3, 0.7, -0.2, 1.1)),
    ((2, -0.5), (0.1, 0.9, 1.5, 0.2)),
    ((-0.25, 4), (0.6, -0.9, -1.5, 0.2)),
]


def from_preactivations(inputs, a) -> lp.ShallowReLU:
    (x1, x2), (a11, a12, a21, a22) = inputs, a
    w = np.array([a11 - a12, a21 - a22]) / (x1 - x2)
    return lp.ShallowReLU(w, np.array([a11, a21]) - w * x1)


def integrated(network, inputs, times) -> np.ndarray:
    """theta = (w1, b1, w2, b2) of the gradient flow at `times`, by SciPy, kink by kink."""
    z = np.array([[inputs[0], 1.0], [inputs[1], 1.0]])
    theta = np.stack([network.weights[:, 0], network.biases], axis=1).ravel()
    active = theta.reshape(2, 2) @ z.T > 0
    sign, now, found = np.array([[1.0, -1.0], [-1.0, 1.0]]), 0.0, []

    def field(t, y):
        a = (y.reshape(2, 2) @ z.T) * active
        loss = np.exp([a[1, 0] - a[0, 0], a[0, 1] - a[1, 1]])
        return ((sign * active * loss) @ z).ravel()

    def nearest(t, y):
        return min((a for a in (y.reshape(2, 2) @ z.T)[active]), default=1.0)

    nearest.terminal, nearest.direction = True, -1
    for t in times:
        while now < t:
            part = solve_ivp(
                field, (now, t), theta, "DOP853", events=nearest, rtol=1e-12, atol=1e-14
            )
            now, theta = part.t[-1], part.y[:, -1]
            if part.status == 1:
                a = np.where(active, theta.reshape(2, 2) @ z.T, np.inf)
                active[np.unravel_index(a.argmin(), (2, 2))] = False
        found.append(theta)
    return np.array(found)


@pytest.mark.parametrize(("inputs", "a"), FLOWS, ids=str)
def test_gradient_flow_against_an_ode_solver(inputs, a):
    """Ground truth: SciPy's DOP853 at rtol 1e-12, restarted at every kink."""
    network, times = from_preactivations(inputs, a), [0.1, 0.5, 2.0, 10.0, 60.0]
    run = lp.simulate(
        network, lp.Dataset(inputs, [1, -1]), lp.GradientFlow(), until=60.0, at=times
    ).trajectory
    got = np.stack([run.weights.values[:, :, 0], run.biases.values], axis=2).reshape(-1, 4)
    assert relative_error(got, integrated(network, inputs, times)) < 1e-9


@pytest.mark.parametrize(("inputs", "a"), FLOWS, ids=str)
def test_gradient_flow_closed_form(inputs, a):
    """Ground truth: e^a_11(t) = k11 t + e^a_11(0) cosh max(a_21(0), 0), landed; a_22 alike."""
    network = from_preactivations(inputs, a)
    log_t = np.log(10.0) * np.array([4, 10, 1000])
    run = lp.simulate(
        network,
        lp.Dataset(inputs, [1, -1]),
        lp.GradientFlow(),
        until="1e1000",
        at=["1e4", "1e10", "1e1000"],
    ).trajectory
    w, b = run.weights.values[:, :, 0], run.biases.values
    for j, k in enumerate(gram(inputs)[:2]):
        right, wrong = a[3 * j], a[2 - j]
        start = right + log(cosh(max(wrong, 0.0)))
        truth = np.logaddexp(log(k) + log_t, start)
        assert relative_error(w[:, j] * inputs[j] + b[:, j], truth) < 1e-13


def test_gradient_flow_lands_on_zero_and_is_fast():
    """Ground truth: C = 0 exactly and x* = (A2 - A1) / (4 t ln 2t), both wrong sides positive."""
    a11, a12, a21, a22 = a = (0.3, 0.7, 0.2, 1.1)
    run = lp.simulate(
        from_preactivations((1, -1), a),
        lp.Dataset([1, -1], [1, -1]),
        lp.GradientFlow(),
        until="1e1000",
        at=["1e100", "1e1000"],
    )
    assert run.law.constant == 0.0
    apart = exp(a22) * cosh(a12) - exp(a11) * cosh(a21)
    for k, got in zip((100, 1000), run.trajectory.log_margin_deficit.values):
        log_t = k * log(10)
        truth = log(apart) - log(4) - log_t - log(log(2) + log_t)
        assert abs(expm1(got - truth)) < 4e-16 * log_t * 4  # rounding of a logarithm near -2300
    assert (
        lp.predict(
            from_preactivations((1, -1), a), lp.Dataset([1, -1], [1, -1]), lp.GradientFlow()
        ).law.constant
        == 0.0
    )


def test_flow_and_descent_share_the_constant_of_a_negative_wrong_side():
    """Ground truth: |C_GD - C_GF| = O(step size) if a wrong side starts negative, over a ladder."""
    network, data = (
        from_preactivations((1, -1), (0.3, 0.7, -0.2, 1.1)),
        lp.Dataset([1, -1], [1, -1]),
    )
    flow = lp.predict(network, data, lp.GradientFlow()).law.constant
    assert relative_error(flow, -0.1) < 1e-12  # a_12 lands on 0 and a_21 stays
    for step_size in (1e-1, 1e-3, 1e-5):
        off = lp.predict(network, data, lp.GradientDescent(step_size)).law.constant - flow
        assert 0 <= off < 2 * step_size  # a_12 overshoots by at most one step


def fatou_level(m: float, c: float, n: int):
    """The n-th iterate of m <- m + c e^-m in balls, n huge: 48 terms from s >= 50 on."""
    s, stepped = exact(m).exp() / exact(c), 0
    while not s > 50:
        s, stepped = s * (1 / s).exp(), stepped + 1
    a = [exact(value) for value in coefficients(48)]

    def tail(s):
        return sum(a_k / s**k for k, a_k in enumerate(a, 1))

    target = s - s.log() / 2 + tail(s) + (n - stepped)
    s = target
    for _ in range(60):
        s = target + s.log() / 2 - tail(s)
    return (s * exact(c)).log()


def test_equal_frozen_sides_make_descent_fast():
    """Ground truth: x* from the two orbits in 8192-bit balls; p2 = q1, so C is exactly 0."""
    data, step_size = lp.Dataset([1, -1], [1, -1]), 0.25
    network = lp.ShallowReLU([1.5, -2.0], [0.5, 1.0])  # a = (2, -1; -1, 3)
    times = {k: f"1e{k}" for k in (3, 20, 100, 1000)}
    run = lp.simulate(
        network, data, lp.GradientDescent(step_size), until="1e1000", at=list(times.values())
    )
    assert run.law.constant == 0.0
    assert remainder(48, 50) < 1e-60
    for k, got in zip(times, run.trajectory.log_margin_deficit.values):
        with precision(8192):
            a11, a22 = (fatou_level(m, 2 * step_size, 10**k) for m in (2.0, 3.0))
            truth = float(abs((a22 - a11) / (a11 + a22 + 2)).log())
        assert abs(expm1(got - truth)) < 1e-13 * max(1, abs(truth) / 100)


@pytest.mark.parametrize("inputs", [*SPECIALISED, *DOUBLE, *SINGLE], ids=str)
def test_one_law_for_all_engines(inputs):
    """Ground truth: the closed forms from the weights of the last sample: the logistic loss, whose
    runs no exact piece carries, has the limit, C and beta of the exponential one."""
    start, data = network_for(inputs), lp.Dataset(inputs, [1, -1])
    swapped = lp.ShallowReLU(start.weights[::-1], start.biases[::-1], [-1, 1])
    run = lp.simulate(
        swapped, data, lp.GradientDescent(0.2), until="1e1000", at=["1e1000"], loss="logistic"
    )
    assert run.outcome is lp.Outcome.settled
    k11, k22, k12, _ = gram(inputs)
    if k12 <= 0:
        last = run.trajectory.isel(neuron=[1, 0])
        limit, constant, offset = specialised_law(inputs, SimpleNamespace(trajectory=last), 0.2)
    else:
        law = double_law if k12 < min(k11, k22) else single_law
        limit, constant, offset = law(inputs, 0.2)
    assert relative_error(run.law.limit_boundary, limit) < 1e-14
    assert relative_error(run.law.constant, constant) < 1e-11
    assert relative_error(exp(run.law.offset), exp(offset)) < 1e-11  # a factor of t
    assert lp.limit(run).law is run.law


def test_laws_of_other_networks_on_the_line():
    """Ground truth: the pair's own law, as a third neuron is dead or two halves are one neuron."""
    inputs = (2, -3)
    start = network_for(inputs)
    law = run_to_the_end(inputs).law
    w, b = start.weights[:, 0], start.biases
    dead = lp.ShallowReLU([*w, 0], [*b, -1], [1, -1, 1])
    halves = lp.ShallowReLU([w[0], *w[[0, 1, 1]]], [b[0], *b[[0, 1, 1]]], [0.5, 0.5, -0.5, -0.5])
    for network, step in ((dead, 0.2), (halves, 0.4)):  # halves: theta moves half as far each step
        run = run_to_the_end(inputs, step, network)
        assert relative_error(run.law.limit_boundary, law.limit_boundary) < 1e-14
        assert relative_error(run.law.constant, law.constant) < 1e-9
        assert relative_error(run.law.offset, law.offset) < 1e-9


def test_a_constant_of_rounding_is_zero():
    """Ground truth: C of +-0.8 is exactly 0; five dead neurons leave its limit as it is."""
    network = lp.ShallowReLU([-0.9, -0.1, -1, 0.1, 0.3, 2, -0.2], [0] * 7, [-1, 1, 1, -1, -1, 1, 1])
    run = run_to_the_end((0.8, -0.8), network=network, method=lp.GradientFlow())
    assert run.law.constant == 0.0
    assert run_to_the_end((0.8, -0.8), network=network).law.constant == 0.0


def test_runs_that_fit_nothing_have_no_law():
    """Ground truth: one dead neuron leaves the loss at 1 or ln 2, whatever the engine."""
    network, data = lp.ShallowReLU([1.0, 1.0], [0.0, -2.0]), lp.Dataset([1, -1], [1, -1])
    for loss in ("exponential", "logistic"):
        run = lp.simulate(
            network, data, lp.GradientDescent(0.1), until="1e100", at=["1e100"], loss=loss
        )
        assert run.law is None


@pytest.mark.parametrize("loss", ["exponential", "logistic"])
def test_runs_on_their_way_have_no_law(loss):
    """Ground truth: definition; both neurons serve both points, and let go of one later."""
    network, data = lp.ShallowReLU([0.1, -0.1], [1.0, 1.0]), lp.Dataset([1, -1], [1, -1])
    early, late = (
        lp.simulate(network, data, lp.GradientDescent(0.01), until=t, at=[t], loss=loss)
        for t in (10, 10**9)
    )
    assert (early.outcome, early.law) == (lp.Outcome.transient, None)
    assert late.outcome is lp.Outcome.settled
    assert late.law is not None
