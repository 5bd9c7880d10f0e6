"""`predict` against the simulated run: regime, law, entry, steps to come within a distance."""

from __future__ import annotations

import dataclasses
import sys
from math import exp, log

import numpy as np
import pytest

import latephase as lp
from helpers import message_is_one_line, relative_error
from latephase.late.engines.choice import engine_for
from latephase.margin import margin_on_line

DATA_SETS = [(1, -1), (2, -0.5), (3, -1), (-1, 2), (0.5, -0.7), (1, 3), (0.9, 0.3), (0, 1)]
NET = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
PLUS_MINUS = lp.Dataset([1, -1], [1, -1])


@pytest.mark.parametrize("inputs", DATA_SETS, ids=str)
def test_agrees_with_simulate(inputs):
    """Ground truth: the regime and the law of the run to 10^1000, five random networks."""
    data, method = lp.Dataset(inputs, [1, -1]), lp.GradientDescent(0.1)
    for seed in range(5):
        net = lp.ShallowReLU(*np.random.default_rng(seed).normal(size=(2, 2)))
        run = lp.simulate(net, data, method, until="1e1000", at=["1e1000"])
        found = lp.predict(net, data, method)
        assert found.outcome is run.outcome
        assert found.regime is run.regime
        assert (found.law is None) == (run.law is None)
        if run.law:
            assert relative_error(found.law.constant, run.law.constant) < 1e-12
            assert relative_error(found.law.offset, run.law.offset) < 1e-12
        assert (found.entry is None) == (found.regime is None)


def test_entry_into_the_specialised_regime():
    """Ground truth: the activation pattern of the simulated run just before and at the entry."""
    net = lp.ShallowReLU([0.4, -0.3], [1.1, 1.2])  # all four pre-activations are positive
    for inputs in [(1, -1), (3, -1), (2, -0.5)]:
        data, method = lp.Dataset(inputs, [1, -1]), lp.GradientDescent(0.01)
        entry = lp.predict(net, data, method).entry.value
        assert entry > 2
        path = lp.simulate(net, data, method, until=entry, at=[entry - 1, entry]).trajectory
        w, b = path.weights.values[:, :, 0], path.biases.values
        a = w[:, :, None] * np.array(inputs) + b[:, :, None]
        wrong = [sorted(side > 0 for side in (at[0, 1], at[1, 0])) for at in a]
        assert wrong[1] == [False, False]
        # For k12 < 0 the entry may be noticed some steps late, at the end of a chunk of steps.
        assert wrong[0] == [False, True] or inputs == (3, -1)


def deficit_at(net, data, method, log_t) -> float:
    """|x* - limit| of the simulated run."""
    t = lp.LogTime.from_log(log_t, flow=isinstance(method, lp.GradientFlow))
    run = lp.simulate(net, data, method, until=t, at=[t])
    return abs(float(run.trajectory.boundary[0]) - run.law.limit_boundary)


def test_samples_at_an_entry_of_which_only_the_logarithm_is_known():
    """Ground truth: the boundary just before and just after, which the sample lies between.

    e^(ln 4e157) is 1e-14 off 4e157: the sample lay beyond the phase, its horizon did not.
    """
    net, method = lp.ShallowReLU([-1.9, -1.5], [192.47, 150.45], [-1, 1]), lp.GradientDescent(1e-5)
    data = lp.Dataset([96.8, 99.2], [1, -1])
    entry = lp.predict(net, data, method).entry
    assert entry.log > log(1e157)
    run = lp.simulate(net, data, method, until=entry, at=[entry])
    around = ["1e157", "1e158"]
    before, after = lp.simulate(net, data, method, until="1e158", at=around).trajectory.boundary
    assert before <= float(run.trajectory.boundary[0]) <= after


@pytest.mark.parametrize("inputs", [(1, -1), (3, -1), (-1, 2), (1, 3), (0.9, -0.4)], ids=str)
def test_steps_within(inputs):
    """Ground truth: the simulated boundary is eps away from its limit at the time predicted."""
    data, method = lp.Dataset(inputs, [1, -1]), lp.GradientDescent(0.1)
    a = np.array([[1.3, -0.2], [-0.45, 0.8]])
    w = (a[:, 0] - a[:, 1]) / (inputs[0] - inputs[1])
    net = lp.ShallowReLU(w, a[:, 0] - w * inputs[0])
    found = lp.predict(net, data, method)
    for eps in (1e-2, 1e-3, 1e-4):
        t = found.steps_within(eps * abs(found.law.constant))
        assert (
            relative_error(deficit_at(net, data, method, t.log), eps * abs(found.law.constant))
            < 1e-8
        )
        assert relative_error(t.log, 1 / eps - found.law.offset) < 1e-12


def test_steps_within_without_a_slow_constant():
    """Ground truth: x* = (A2 - A1) / (4 t ln 2t) of gradient flow, where C is exactly 0."""
    net, method = lp.ShallowReLU([-0.2, -0.45], [0.5, 0.65]), lp.GradientFlow()
    found = lp.predict(net, PLUS_MINUS, method)
    assert found.law.constant == 0.0
    a11, a12, a21, a22 = 0.3, 0.7, 0.2, 1.1
    apart = exp(a22) * np.cosh(a12) - exp(a11) * np.cosh(a21)
    for eps in (1e-12, 1e-50):
        t = found.steps_within(eps)
        there = log(apart) - log(4) - t.log - log(log(2) + t.log)
        assert relative_error(there, log(eps)) < 1e-8


def test_steps_within_a_distance_that_always_holds():
    """Ground truth: no margin is 1e3 off its limit, though the entry lies beyond e^28 where all
    four units are on."""
    net = lp.ShallowReLU([14.5, -14.0], [15.5, 15.0])  # a = (30, 1; 1, 29)
    found = lp.predict(net, PLUS_MINUS, lp.GradientDescent(0.1))
    assert found.regime is lp.Regime.specialised
    assert found.entry.log > 28
    assert found.steps_within(1e3).value == 0


def test_passages_on_either_side_of_a_late_entry():
    """Ground truth: the run on either side of them; the entry is at 3.06e10, and C is 0 here."""
    net, data = lp.ShallowReLU([2.6, -5.17], [-0.4, 0.18]), lp.Dataset([0.8, -0.8], [1, -1])
    found = lp.predict(net, data, lp.GradientDescent(0.1))
    assert found.entry.value > 3.06e10
    assert found.steps_within(0.1) < found.entry < found.steps_within(8e-4)
    for eps in (0.1, 1e-3, 8e-4, 1e-9, 1e-30):
        assert passes(found, found.steps_within(eps), eps)


def passes(found: lp.Prediction, t: lp.LogTime, eps: float) -> bool:
    """Whether the simulated run is within eps of its limit at t and later, and not 1e-4 earlier."""
    flow = isinstance(found.method, lp.GradientFlow)
    times = [t, *(lp.LogTime.from_log(max(t.log, 0) + x, flow=flow) for x in (1e-4, 0.1, 1, 3, 10))]
    earlier = []
    if not flow and t.log < 9:  # a step before is farther
        earlier = [lp.LogTime.parse(t.value - 1)] if t.value else []
    elif t.log > -20:
        log_t = t.log - max(1e-4, 2e-6 * t.log)
        earlier = [lp.LogTime.from_log(log_t, flow=flow)]
    times = sorted({*earlier, *times})
    run = lp.simulate(found.network, found.data, found.method, until=times[-1], at=times).trajectory
    off = np.log(np.abs(run.boundary.values - found.law.limit_boundary))
    if found.law.limit_boundary == sum(found.data.inputs[:, 0]) / 2:
        off = run.log_margin_deficit.values
    else:
        off = np.log(np.abs(run.robustness_margin.values - found.law.limit_margin))
    off, late = off - log(eps), len(earlier)
    return bool((off[late:] <= 1e-6).all() and (off[:late] > 0).all())


CASES = [  # inputs, step size, weights, biases; where they end, and what is passed before the entry
    ((0.5, -0.5), 0.3, (0.9, -0.7), (0.5, 0.4)),  # double slide; all of it, in chatter
    ((3, -1), 0.1, (0.2, -0.5), (0.3, 2.2)),  # specialised, from the far side of the midpoint
    ((0, 1), 0.3, (-0.6, 0.8), (0.9, 0.1)),  # single slide
    ((1, -1), 0.3, (0.4, -0.3), (1.1, 1.2)),  # specialised, after all four were active
]


@pytest.mark.parametrize(
    "case", [*CASES[:2], *(pytest.param(c, marks=pytest.mark.campaign) for c in CASES[2:])], ids=str
)
def test_every_entrance_gives_the_last_passage_of_all_steps(case):
    """Ground truth: every margin to 2e4, of steps by the definition of gradient descent."""
    inputs, size, weights, biases = case
    (w, b), x, y = np.array([weights, biases]), np.array(inputs, float), np.array([1.0, -1.0])
    net, data = lp.ShallowReLU(w, b), lp.Dataset(inputs, [1, -1])
    every, outer = [], np.array([1.0, -1.0])
    for _ in range(20_001):
        every.append((w, b))
        a = np.outer(w, x) + b[:, None]
        pull = (a > 0) * y * np.exp(-y * (outer @ np.maximum(a, 0)))
        w, b = w + size * outer * (pull @ x), b + size * outer * pull.sum(axis=1)
    w, b = map(np.array, zip(*every, strict=True))
    margin = margin_on_line(w[..., None], b, outer, x[:, None], y)
    method = lp.GradientDescent(size)
    run, found = lp.simulate(net, data, method, at=["1e1000"]), lp.predict(net, data, method)
    limit, early = lp.limit(run), 0
    for eps in (0.1, 1e-2, 1e-4):
        outside = np.flatnonzero(np.abs(margin - found.law.limit_margin) > eps)
        last = int(outside[-1]) + 1 if len(outside) else 0
        times = [found.steps_within(eps), limit.steps_within(eps)]
        if last > 20_000:
            assert all(t.log > log(2e4) for t in times)
            continue
        early += last < found.entry.value
        assert [t.value for t in times] == [last, last]
        if limit.robustness_margin == data.optimal_margin:  # the deviation is the deficit
            assert run.when(deficit=eps).value == last
    assert early > 0 or inputs == (3, -1)  # whose entry comes first


@pytest.mark.parametrize(
    "inputs",
    [*DATA_SETS, (1.5, -1.5), pytest.param((0.8, -0.8), marks=pytest.mark.campaign)],
    ids=str,
)
def test_steps_within_are_last_passages(inputs):
    """Ground truth: the simulated run, later and shortly before; random starts, eps to 1e-100."""
    draw = np.random.default_rng(5)
    for method in (lp.GradientDescent(0.1), lp.GradientFlow()):
        a = np.abs(draw.normal(size=(2, 2))) * np.array([[1, -0.5], [-0.5, 1]])
        w = (a[:, 0] - a[:, 1]) / (inputs[0] - inputs[1])
        net = lp.ShallowReLU(w, a[:, 0] - w * inputs[0])
        found = lp.predict(net, lp.Dataset(inputs, [1, -1]), method)
        resolved = isinstance(method, lp.GradientDescent) or found.law.constant != 0
        for eps in (0.03, 1e-3, 1e-7, *([1e-100] if resolved else [])):
            t = found.steps_within(eps)
            assert t.log > 1e5 or passes(found, t, eps)


def test_a_deficit_below_rounding_is_extrapolated():
    """Ground truth: flow on the double slide of +-0.8 in closed form: e^a_ii = k t + A_i, so that
    x* t (ln t + beta) is constant; the A_i are read off a sample in 60 digits' worth of e^a."""
    data, method = lp.Dataset([0.8, -0.8], [1, -1]), lp.GradientFlow()
    found = lp.predict(lp.ShallowReLU([0.7, -0.4], [0.1, 0.2]), data, method)
    assert found.law.constant == 0.0
    early = lp.LogTime.parse(2000, flow=True)
    run = lp.simulate(found.network, data, method, until=early, at=[early]).trajectory
    w, b = run.weights.values[0, :, 0], run.biases.values[0]
    right = w * np.array([0.8, -0.8]) + b
    apart, rate = np.exp(right[1]) - np.exp(right[0]), 1.6**2 / 1.64
    for eps in (1e-20, 1e-100):
        t = found.steps_within(eps)
        # |x*| = 0.8 |a_22 - a_11| / (a_11 + a_22), a_22 - a_11 -> apart / (rate t)
        there = log(0.8 * abs(apart) / rate) - t.log - log(2 * (log(rate) + t.log))
        assert abs(there - log(eps)) < 1e-4


@pytest.mark.parametrize(
    "eps", [np.float32(0.25), np.float16(0.25), np.array(0.25), np.float64(0.25)], ids=repr
)
def test_distances_of_other_types(eps):
    """Ground truth: the Python float of the same value."""
    found = lp.predict(NET, PLUS_MINUS, lp.GradientDescent(0.1))
    assert found.steps_within(eps) == found.steps_within(0.25)
    assert found.steps_within(np.int64(1)) == found.steps_within(1) == found.steps_within(1.0)


def test_no_law_no_steps():
    """Ground truth: a dead neuron leaves the loss at 1: no boundary to come close to."""
    found = lp.predict(lp.ShallowReLU([1.0, 1.0], [0.0, -2.0]), PLUS_MINUS, lp.GradientDescent(0.1))
    assert found.regime is lp.Regime.one_dead
    assert found.law is None
    assert found.steps_within(0.1) is None


def test_phases_too_long_to_step_are_predicted():
    """Ground truth: neuron 1 is wrong and neuron 2 very right: e^(a22+a12) - e^(a22-a12) over
    2 eta k22 steps pass before it dies (leading order of the exact passage).
    """
    method = lp.GradientDescent(0.5)
    for level in (40.0, 300.0, 6654.0):
        a12 = 2.0
        net = lp.ShallowReLU([-3.0, -level / 2 - 1], [a12 - 3.0, level / 2 - 1])
        found = lp.predict(net, PLUS_MINUS, method)
        assert found.regime is lp.Regime.one_dead
        truth = level + log(exp(a12) - exp(-a12)) - log(2.0)
        assert relative_error(found.entry.log, truth) < 1e-12


@pytest.mark.parametrize(
    "eps", [0.0, -1.0, float("nan"), float("inf"), "0.1", None, True, np.True_, 1j, [0.1]], ids=repr
)
def test_bad_eps_is_refused(eps):
    """Ground truth: the contract on bad input."""
    with pytest.raises(lp.InputError) as caught:
        lp.predict(NET, PLUS_MINUS, lp.GradientDescent(0.1)).steps_within(eps)
    assert message_is_one_line(caught.value)


@pytest.mark.parametrize("method", [lp.Adam(0.1), lp.GradientDescent(lambda t: 0.1)], ids=str)
def test_methods_without_a_late_phase_are_refused(method):
    """Ground truth: the contract: it is not known how they go on."""
    with pytest.raises(lp.InputError) as caught:
        lp.predict(NET, PLUS_MINUS, method)
    assert message_is_one_line(caught.value)
    assert "GradientFlow()" in str(caught.value)


PLANE = lp.Dataset([[2.0, 0.5], [1.5, -1.0], [-2.0, 0.3], [-1.2, -1.0]], [1, 1, -1, -1])
LINE = lp.Dataset([2.0, 1.0, -1.0], [1, 1, -1])
# data, width, negative slope, biases, method, loss
KINDS = {
    "plane": (PLANE, 4, 0.0, True, lp.GradientDescent(0.1), "exponential"),
    "leaky": (LINE, 4, 0.1, True, lp.GradientFlow(), "logistic"),
    "linear": (PLANE, 3, 1.0, True, lp.GradientFlow(), "exponential"),
    "no biases": (PLANE, 4, 0.0, False, lp.GradientFlow(), "exponential"),
    "logistic pair": (PLUS_MINUS, 2, 0.0, True, lp.GradientDescent(0.1), "logistic"),
}


EVERYDAY = ("leaky",)


@pytest.mark.parametrize(
    "kind", [k if k in EVERYDAY else pytest.param(k, marks=pytest.mark.campaign) for k in KINDS]
)
def test_any_network_is_predicted(kind):
    """Ground truth: the run itself, its law, and its margins just before and at the time told."""
    data, m, slope, biased, method, loss = KINDS[kind]
    rng = np.random.default_rng(5)
    weights, biases = rng.normal(size=(m, data.d)), rng.normal(size=m)
    weights, biases = (NET.weights, NET.biases) if m == 2 else (weights, biases)
    outer = np.where(np.arange(m) % 2, -1.0, 1.0)
    net = lp.ShallowReLU(weights, biases if biased else None, outer, negative_slope=slope)
    found = lp.predict(net, data, method, loss=loss)
    assert found.outcome is lp.Outcome.settled
    run = lp.simulate(net, data, method, loss=loss, at=["1e1000"])
    assert (found.law, found.regime, found.outcome) == (run.law, run.regime, run.outcome)
    eps = 2e-3 * data.optimal_margin
    there = found.steps_within(eps)
    log = there.log
    times = [lp.LogTime.from_log(x, flow=run.flow) for x in (log * (1 - 1e-6), log * (1 + 1e-6))]
    around = lp.simulate(net, data, method, loss=loss, until=times[1], at=times).trajectory
    off = np.abs(around.robustness_margin.values - run.law.limit_margin)
    assert off[0] > eps > off[1]
    deficit = data.optimal_margin - run.law.limit_margin + eps
    assert found.when(deficit=deficit) == run.when(deficit=deficit)


BOTH = {"uncoupled": ([1.0, -1.0], 0.0), "coupled": ([3.0, -1.0], 0.0), "leaky": ([1.0, -1.0], 0.1)}


def law_error(law: lp.Law, run: lp.Run) -> float:
    """What both terms of a law of both layers leave out of x*, relative to the first."""
    path = run.trajectory
    log = path.log10_t.values * np.log(10) + law.offset
    first, rest = law.constant / log**law.exponent, law.remainder_constant / log
    assert law.remainder_exponent == 1.0
    return float(np.abs((path.boundary - law.limit_boundary - rest) / first - 1).max())


@pytest.mark.parametrize("kind", BOTH)
def test_a_wrong_constant_of_both_layers_is_noticed(kind, monkeypatch):
    """Ground truth: boundaries of the run itself, which the law meets to higher powers of 1/ln t;
    then one that is 1 % wrong is planted in what the engine says."""
    inputs, slope = BOTH[kind]
    both = {"train_output": True, "negative_slope": slope}
    net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2], [0.5, -1.5], **both)
    data, method = lp.Dataset(inputs, [1, -1]), lp.GradientDescent(0.1)
    run = lp.simulate(net, data, method, until="1e10000", at=["1e3000", "1e10000"])
    assert law_error(lp.predict(net, data, method).law, run) < 1e-3

    class Planted:
        def run(self, problem, times, goal):
            record = engine_for(problem, goal).run(problem, times, goal)
            wrong = dataclasses.replace(record.law, constant=1.01 * record.law.constant)
            return dataclasses.replace(record, law=wrong)

    module = sys.modules["latephase.runs.predict"]  # the room has a function of that name
    monkeypatch.setattr(module, "engine_for", lambda problem, goal: Planted())
    assert law_error(lp.predict(net, data, method).law, run) > 5e-3
