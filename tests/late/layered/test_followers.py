"""The followers of a mode of both layers, in machine code and in NumPy: one another, and SciPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import latephase as lp
from helpers import norm_error, relative_error
from latephase.late.layered import follow
from latephase.late.layered.dynamics import LayeredDynamics
from latephase.late.layered.field import LayeredField
from latephase.late.layered.mode import LayeredMode
from latephase.late.layered.segment import LayeredSegment
from latephase.late.modes.filippov import kink_statuses
from latephase.late.pattern import SLIDING
from latephase.problem import Problem

KINDS = [(0.0, True), (0.0, False), (0.1, True), (0.5, False), (1.0, True)]
SIZES = [(4, 6), (2, 20)]  # fewer points than coordinates, and more: two ways to solve
METHODS = [lp.GradientFlow(), lp.GradientDescent(0.01)]

needs_kernel = pytest.mark.skipif(not follow.COMPILED, reason="no compiler at installation")


def entered(
    seed: int, size: tuple[int, int], kind: tuple[float, bool], method, loss, share: float = 1.0
) -> LayeredMode:
    """A mode of some neurons and points, with each neuron put on a kink where it may be held;
    share: what its output weights are multiplied by."""
    (m, n), (slope, biased), rng = size, kind, np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    x[1], x[3] = x[0], -2 * x[2]
    labels = np.where(np.arange(n) % 3 == 2, -1, 1)
    labels[3] = 1
    outer = share * np.array([1.0, -0.7, 0.4, -1.3])[:m]
    biases = rng.normal(size=m) if biased else None
    net = lp.ShallowReLU(
        rng.normal(size=(m, 2)), biases, outer, train_output=True, negative_slope=slope
    )
    dynamics = LayeredDynamics.of(Problem.of(net, lp.Dataset(x, labels), method, loss))
    theta, near = net.parameters.copy(), []
    for j, i in enumerate([5, 4, 5, 4][:m]):
        z = dynamics.points[i]
        theta[j] -= (theta[j] @ z) / (z @ z) * z
        near.append(np.arange(n) == i)
    state = np.column_stack([theta, outer])
    hidden, log_pull = dynamics.at(state), dynamics.log_pull(dynamics.margins(state))
    seen = dynamics.statuses(dynamics.preactivations(state))
    near = dynamics.bends & np.array(near)
    return LayeredMode.of(dynamics, state, kink_statuses(hidden, seen, near, log_pull)).on_kinks


def both(mode: LayeredMode, *told) -> tuple[LayeredSegment, LayeredSegment]:
    """The segments of a mode by the kernel and by NumPy."""
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        found = follow.follow(mode, *told)
        patch.setattr(follow, "COMPILED", False)
        return found, follow.follow(mode, *told)


def once(triggered: np.ndarray) -> np.ndarray:
    """Pairs with the two points that are one as one: rounding may show either alone."""
    return np.hstack([triggered[:, :2].any(axis=1, keepdims=True), triggered[:, 2:]])


@needs_kernel
@pytest.mark.parametrize("loss", ["exponential", "logistic"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_followers_agree(size, kind, loss):
    """Ground truth: each other, to the first event or ln t = 5."""
    events = slides = 0
    for seed in range(4):
        for method in METHODS:
            mode = entered(seed, size, kind, method, loss)
            order = 2 if method.discrete and not mode.sliding else 0
            ours, numpys = both(mode, order, np.array([-3.0, -2.0, 1.0]), 5.0, 1e-12)
            assert not ours.failed
            assert not numpys.failed
            assert (once(ours.triggered) == once(numpys.triggered)).all()
            assert (ours.released_to == numpys.released_to).all()
            assert norm_error(np.array(ours.sampled), np.array(numpys.sampled)) < 1e-9
            assert norm_error(ours.state, numpys.state) < 1e-9
            assert relative_error(np.expm1(ours.log_time), np.expm1(numpys.log_time)) < 1e-8
            events, slides = events + ours.triggered.any(), slides + mode.sliding
    if size == (4, 6) and kind[0] <= 0.1:
        assert events
        assert slides


@needs_kernel
@pytest.mark.parametrize(("step_size", "rough"), [(0.72, True), (0.5, False)])
def test_a_flow_ends_where_steps_leave_it(step_size, rough):
    """Ground truth: closed form of w = v on x = 1, -1: steps relax by 4 eta q e^-q, which grows to
    1.47 eta at q = 1."""
    size = np.sqrt(0.5)
    net = lp.ShallowReLU([size], output_weights=[size], train_output=True, negative_slope=1.0)
    problem = Problem.of(net, lp.Dataset([1.0, -1.0], [1, -1]), lp.GradientDescent(step_size))
    dynamics, state = LayeredDynamics.of(problem), np.array([[size, size]])
    mode = LayeredMode.of(dynamics, state, dynamics.statuses(dynamics.preactivations(state)))
    for found in both(mode, 0, np.array([]), 10.0, 1e-11):
        assert found.rough == rough
        if rough:
            q = dynamics.margins(found.state)[0]
            assert relative_error(4 * step_size * q * np.exp(-q), 1.0) < 1e-5
            assert 0.5 < q < 1


@needs_kernel
def test_followers_take_the_same_steps_to_rest():
    """Ground truth: NumPy, to ln t = 200: points that linear neurons cannot fit rest."""
    mode = entered(1, (2, 20), (1.0, True), lp.GradientFlow(), "exponential")
    ours, numpys = both(mode, 0, np.array([5.0, 20.0]), 200.0, 1e-11)
    assert not ours.failed
    assert norm_error(np.array(ours.sampled), np.array(numpys.sampled)) < 1e-9
    assert norm_error(ours.state, numpys.state) < 1e-9
    assert ours.work < 1.5 * numpys.work + 10


@needs_kernel
@pytest.mark.parametrize("order", [0, 2])
@pytest.mark.parametrize("loss", ["exponential", "logistic"])
def test_kernel_against_another_solver(order, loss):
    """Ground truth: SciPy's DOP853 on the field in NumPy, whose definition has tests of its own."""
    mode = entered(2, (4, 6), (1.0, True), lp.GradientDescent(0.01), loss)
    field, ends = LayeredField.of(mode, order), np.array([2.0, 4.0, 6.0])
    found = follow.follow(mode, order, ends, 7.0, 1e-12)
    s = np.logaddexp(ends - field.log_origin, 0.0)
    truth = solve_ivp(
        lambda s, y: field(np.array([s]), y[:, None])[:, 0],
        (0.0, s[-1]), mode.start, "DOP853", s, rtol=1e-13, atol=1e-13,
    )  # fmt: skip
    states = np.array([mode.parameters(y) for y in truth.y.T])
    assert norm_error(np.array(found.sampled), states) < 1e-10


@needs_kernel
def test_slides_end_alike():
    """Ground truth: NumPy: multipliers reach their ends, and output weights pass 0."""
    ends = 0
    for seed in range(40):
        mode = entered(seed, (4, 6), (0.0, True), lp.GradientFlow(), "exponential", 0.2)
        if mode.sliding:
            loose = np.full(mode.status.shape, 1e-11)
            ours, numpys = both(mode, 0, np.zeros(0), 30.0, 1e-12, loose)
            assert (once(ours.triggered) == once(numpys.triggered)).all()
            assert (ours.released_to == numpys.released_to).all()
            assert norm_error(ours.state, numpys.state) < 1e-9
            ends += bool(ours.triggered[mode.status == SLIDING].any())
    assert ends > 2


@needs_kernel
def test_a_coordinate_that_is_rounding_of_the_others_is_none():
    """Ground truth: the mode without it: its size is infinite, in NumPy and in the kernel."""
    mode = entered(1, (2, 6), (1.0, True), lp.GradientFlow(), "exponential")
    found = []
    for share in (0.0, 1e-20):
        forms = mode.forms.copy()
        forms[:, :, 0] *= share
        one = replace(mode, forms=forms)
        sizes = LayeredField.of(one, 0).scale
        assert np.isinf(sizes[: forms[:, 0].size : mode.width]).all()
        assert np.isfinite(sizes).sum() == sizes.size - len(mode.moving)
        found += both(one, 0, np.array([1.0]), 5.0, 1e-12)
    assert not any(one.failed for one in found)
    for one in found[1:]:
        assert norm_error(one.state, found[0].state) < 1e-9
