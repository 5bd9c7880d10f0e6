"""Pairs with both layers trained, through all pieces: steps, flows, orbits, and how they end."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import latephase as lp
from helpers import relative_error, shares
from latephase.late.engine import Goal
from latephase.late.engines.layered_pieces import LayeredPhase, follow_layered_trials
from latephase.problem import TwoPointGeometry
from references.both_layers import descend, distance
from references.problems import Problem

PLANES = [(1.0, -1.0), (3.0, -1.0), (-0.2, 5.0), (100.0, -1.0), (2.0, -0.5)]


def drawn(seed: int, trials: int, points: tuple[float, float]):
    """Networks of several sizes: w, b, v (T, 2), and a step size that suits the points."""
    rng = np.random.default_rng(seed)
    w, b, v = rng.normal(size=(3, trials, 2)) * rng.choice([0.1, 1.0, 2.0], size=(trials, 1))
    length = math.sqrt(1 + max(x * x for x in points))
    return w / length, b / length, v, 0.3 / length


def followed(points, w, b, v, method, times, until="1e1000") -> LayeredPhase:
    """Networks on points whose labels are +1 and -1."""
    geometry = TwoPointGeometry.of(lp.Dataset(list(points), [1, -1]))
    flow = not method.discrete
    samples = [lp.LogTime.parse(t, flow=flow) for t in times]
    return follow_layered_trials(geometry, w, b, v, method, samples, Goal(lp.LogTime.parse(until)))


def network(found: LayeredPhase, trial: int):
    """theta (S, m, 2) and v (S, m) of a trial."""
    return np.moveaxis(found.seen.parameters[:, :, trial], -1, 0), found.seen.output_weights[
        :, trial
    ].T


def against_steps(part: int, trials: int, times: list[int]) -> None:
    points = PLANES[part]
    w, b, v, eta = drawn(100 + part, trials, points)
    found = followed(points, w, b, v, lp.GradientDescent(eta), times)
    inputs, labels = np.array(points)[:, None], np.array([1.0, -1.0])
    batch = [
        Problem("", w[k][:, None], b[k], v[k], inputs, labels, eta, "exponential")
        for k in range(trials)
    ]
    followed_on = 0
    settled = [outcome is lp.Outcome.settled for outcome in found.journey.outcome]
    assert np.isfinite(found.seen.error[settled]).all()
    for k, truth in enumerate(descend(batch, times)):
        if not (found.seen.error[k] < 1e-3).all():
            continue  # thrown far away by its first steps
        off = distance(network(found, k), truth)
        assert (off <= np.maximum(found.seen.error[k], 1e-15)).all(), (k, off)
        followed_on += 1
    assert followed_on > 0.8 * trials


@pytest.mark.parametrize("part", range(2))
def test_descent_against_single_steps(part):
    """Ground truth: 20,000 compensated steps by definition; the error is the one reported."""
    against_steps(part, 40, [1, 30, 1000, 20_000])


@pytest.mark.parametrize("part", shares(len(PLANES), everyday=()))
def test_descent_against_three_million_steps(part):
    """Ground truth: compensated steps by definition."""
    against_steps(part, 100, [1, 100, 10_000, 300_000, 3_000_000])


def flowed(points, start, times):
    """The flow (S, 6) by DOP853 in ln t, started again at every kink."""
    z, y, s, flat = np.stack([points, np.ones(2)], axis=1), np.array([1.0, -1.0]), -27.0, start
    active = flat[:4].reshape(2, 2) @ z.T > 0

    def field(s, flat):
        theta, outer = flat[:4].reshape(2, 2), flat[4:]
        felt = np.where(active, theta @ z.T, 0.0)
        pull = np.exp(s - y * (outer @ felt)) * y
        return np.concatenate([(outer[:, None] * ((active * pull) @ z)).ravel(), felt @ pull])

    def kink(j, i):
        def height(s, flat):
            return (flat[:4].reshape(2, 2) @ z.T)[j, i] * (1.0 if active[j, i] else -1.0) + 1e-13

        height.terminal, height.direction = True, -1
        return height

    seen = []
    for end in np.log(times):
        while s < end:
            kinks = [kink(j, i) for j in (0, 1) for i in (0, 1)]
            run = solve_ivp(field, (s, end), flat, "DOP853", events=kinks, rtol=1e-11, atol=1e-13)
            s, flat = run.t[-1], run.y[:, -1]
            for k, met in enumerate(run.t_events):
                active[k // 2, k % 2] ^= bool(met.size)
        seen.append(flat)
    return np.array(seen)


@pytest.mark.parametrize("points", [(1.0, -1.0), (3.0, -1.0)])
def test_flow_against_another_solver(points):
    """Ground truth: SciPy's DOP853 in ln t, in parameters, kinks as events."""
    w, b, v, _ = drawn(7, 8, points)
    times = [1e-2, 1.0, 1e2, 1e4]
    found = followed(points, w, b, v, lp.GradientFlow(), times)
    for k in range(len(w)):
        start = np.concatenate([np.stack([w[k], b[k]], axis=1).ravel(), v[k]])
        theta, outer = network(found, k)
        got = np.concatenate([theta.reshape(4, 4), outer], axis=1)
        want = flowed(points, start, times)
        assert np.abs(got - want).max() / np.abs(want).max() < 1e-9, k


def test_the_law_on_plus_minus_one():
    """Ground truth: C = (a21 - a12) / 2^(5/4), the slope of 1/x* over the margin's root, and the
    run: what two terms leave out is 1/ln t of them, times imbalances and squares of null parts."""
    w, b, v, eta = drawn(3, 200, PLANES[0])
    times = ["1e6", "1e1000", "1e100000"]
    found = followed(PLANES[0], w, b, v, lp.GradientDescent(eta), times, until=times[-1])
    fitted = [k for k, r in enumerate(found.journey.regime) if r is lp.Regime.specialised]
    assert len(fitted) > 20
    logs = np.array([1e3, 1e5]) * math.log(10)
    roots = np.sqrt(logs + np.log(logs) + math.log(2 * math.sqrt(2) * eta))
    for k in fitted:
        theta, outer = network(found, k)
        a = theta[-1] @ np.array([[1.0, -1.0], [1.0, 1.0]])
        first = int(outer[-1, 1] > 0)  # the neuron that serves the point +1
        constant = (a[1 - first, 0] - a[first, 1]) / 2**1.25
        assert abs(found.laws.constant[k] - constant) < 1e-10 * (1 + abs(constant))
        boundary = found.seen.observed["boundary"][k, 1:]
        slope = np.subtract(*roots) / np.subtract(*(1 / boundary))
        assert abs(slope - constant) < 0.01 * abs(constant) + 1e-4
        clock = logs + found.laws.offset[k]
        terms = np.array([constant / np.sqrt(clock), found.laws.remainder[k] / clock])
        own = a[[first, 1 - first], [0, 1]]
        spreads = np.abs(own**2 / 2 - outer[-1, [first, 1 - first]] ** 2)
        left_out = 1 + spreads.sum() + a[1 - first, 0] ** 2 + a[first, 1] ** 2
        apart = np.abs(terms.sum(axis=0) - boundary) / np.abs(terms).sum(axis=0)
        assert (apart < 4 * left_out / logs).all()


@pytest.mark.parametrize("method", [lp.GradientDescent(0.05), lp.GradientFlow()])
def test_swapped_neurons_and_mirrored_points(method):
    """Ground truth: the symmetries of the problem."""
    w, b, v, _ = drawn(11, 8, (3.0, -1.0))
    times, many = ["10", "1e4", "1e100"], len(w)
    both = [np.concatenate([part, part[:, ::-1]]) for part in (w, b, v)]  # and swapped
    one = followed((3.0, -1.0), *both, method, times)
    mirrored = followed((-3.0, 1.0), -w, b, v, method, times)
    flipped = followed((-1.0, 3.0), w, b, -v, method, times)
    for k in range(many):
        theta, outer = network(one, k)
        if np.isnan(theta).any():
            continue
        limit = 3 * np.nan_to_num(one.seen.error[k], nan=np.inf).max() + 1e-15
        for got, v_got in (
            (network(one, many + k)[0][:, ::-1], network(one, many + k)[1][:, ::-1]),
            (network(mirrored, k)[0] * np.array([-1.0, 1.0]), network(mirrored, k)[1]),
            (network(flipped, k)[0], -network(flipped, k)[1]),
        ):
            assert np.abs(got - theta).max() <= limit * np.abs(theta).max()
            assert np.abs(v_got - outer).max() <= limit * np.abs(outer).max()


ENDS = {
    "specialised": ([1.0, -1.0], [0.2, 0.1], [1.0, -1.0]),
    "one_dead": ([1.0, 0.1], [0.2, -1.0], [1.0, -1.0]),
    "both_dead": ([0.1, 0.1], [-1.0, -1.0], [1.0, -1.0]),
    "unfitted": ([1.0, 0.9], [0.2, 0.1], [1.0, 1.0]),  # one sign: both serve the same point
    "turned": ([-1.0, 1.5], [0.2, 0.1], [0.3, -0.3]),  # both change the sign of their output weight
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("method", [lp.GradientDescent(0.05), lp.GradientFlow()])
def test_how_runs_end(end, method):
    """Ground truth: by hand; the loss tends to 0, 1, 2 or 1."""
    net = lp.ShallowReLU(*ENDS[end], train_output=True)
    run = lp.simulate(net, lp.Dataset([1.0, -1.0], [1, -1]), method, at=["0", "1e300", "1e1000"])
    regime = {"unfitted": None, "turned": "specialised"}.get(end, end)
    assert (run.regime.name if run.regime else None) == regime
    assert run.outcome.name == ("unfitted" if end == "unfitted" else "settled")
    log_loss = float(run.trajectory.log_loss[-1])
    if regime == "specialised":
        assert log_loss < -2300
        assert run.law.exponent == 0.5
        assert relative_error(run.law.shares.sum(), 1.0) < 1e-15
        assert run.trajectory.output_weights.dims == ("time", "neuron")
        assert np.prod(run.trajectory.output_weights[-1]) < 0
    else:
        assert run.law is None
        loss = {"both_dead": math.log(2)}.get(end, 0.0)
        assert abs(log_loss - loss) < 1e-12
    if end == "turned":
        assert (np.sign(run.trajectory.output_weights[-1]) != np.sign(net.output_weights)).all()


def test_a_neuron_that_leaves_late():
    """Ground truth: descent in single steps around the departure, which an orbit foretells.

    Neuron 1 has the wrong output weight on the point that neuron 0 serves, and falls on it like
    what is left of m: its kink comes at step 65,000."""
    w, b, v = np.array([[1.6, 0.52]]), np.array([[0.1, 0.3]]), np.array([[2.0, -0.6]])
    method, times = lp.GradientDescent(0.1), [1000, 30_000, 300_000]
    found = followed(PLANES[0], w, b, v, method, times)
    truth = descend(
        [
            Problem(
                "", w.T, b[0], v[0], np.array([[1.0], [-1.0]]), np.array([1.0, -1.0]), 0.1,
                "exponential",
            )
        ],
        times,
    )[0]  # fmt: skip
    assert (distance(network(found, 0), truth) < 1e-11).all()


@pytest.mark.parametrize(
    ("method", "size"),
    [(lp.GradientDescent(0.1), 1e-150), (lp.GradientFlow(), 1e-9)],
)
def test_starts_of_any_size(method, size):
    """Ground truth: on +-1 wrong sides that start negative stay, so C is as homogeneous as these;
    and a start of that size escapes after ln(1/size) / sqrt(2) of flow time."""
    w, b, v = np.array([[1.0, -1.0]]), np.array([[0.2, 0.1]]), np.array([[1.0, -1.0]])
    early, late = 0.8 * math.log(1 / size), 2 * math.log(1 / size)
    flow = 1.0 if not method.discrete else method.step_size
    times = [f"{math.ceil(t / flow)}" for t in (early / math.sqrt(2), late / math.sqrt(2))]
    starts = [np.concatenate([part, size * part]) for part in (w, b, v)]
    found = followed(PLANES[0], *starts, method, times)
    assert found.journey.regime[1] is lp.Regime.specialised
    constant, small = found.laws.constant
    assert relative_error(small, size * constant) < 1e-12
    assert abs(found.seen.observed["log_loss"][1, 0] - math.log(2)) < 0.1
    assert found.seen.observed["log_loss"][1, 1] < 0


def test_trials_do_not_see_one_another():
    """Ground truth: each trial on its own.  One that is late at once was once given the series of
    one that a neuron leaves early."""
    points = PLANES[3]
    w, b, v, eta = drawn(103, 100, points)
    times = ["1", "300000", "1e100"]
    every = followed(points, w, b, v, lp.GradientDescent(eta), times)
    for k in (3, 81):
        alone = followed(
            points, w[k : k + 1], b[k : k + 1], v[k : k + 1], lp.GradientDescent(eta), times
        )
        for got, want in zip(network(every, k), network(alone, 0), strict=True):
            assert np.abs(got - want).max() <= 1e-13 * np.abs(want).max()
        moved = network(every, k)[1][1:] - network(every, k)[1][0]
        want = network(alone, 0)[1][1:] - network(alone, 0)[1][0]
        assert np.abs(moved - want).max() <= 1e-10 * np.abs(want).max()
