"""The two followers of a mode, in machine code and by SciPy: one another, and a third solver."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import latephase as lp
from helpers import norm_error, relative_error
from latephase.late.modes import follow
from latephase.late.modes.dynamics import Dynamics
from latephase.late.modes.filippov import _at_one_kink, _of_neuron, kink_statuses
from latephase.late.modes.kernel import tableau
from latephase.late.modes.linear_algebra import complement
from latephase.late.modes.mode import Mode
from latephase.problem import Problem

KINDS = [(0.0, True), (0.0, False), (0.1, True), (0.05, False), (1.0, True)]
SIZES = [1e-150, 1.0, 1e150]

needs_kernel = pytest.mark.skipif(not follow.COMPILED, reason="no compiler at installation")


def drawn(seed: int, kind: tuple[float, bool], method: object, loss: str, d: int = 2) -> Dynamics:
    """The dynamics of four neurons on six points, two of them given twice, two on one ray."""
    rng, (slope, biased) = np.random.default_rng(seed), kind
    x = rng.normal(size=(6, d))
    x[1], x[3] = x[0], -2 * x[2]
    outer = np.array([1.0, -0.7, 0.4, -1.3])
    net = lp.ShallowReLU(rng.normal(size=(4, d)), rng.normal(size=4) if biased else None, outer,
                         negative_slope=slope)  # fmt: skip
    data = lp.Dataset(x, [1, 1, -1, 1, -1, 1])
    return Dynamics.of(Problem.of(net, data, method, loss))


def entered(dynamics: Dynamics, seed: int) -> Mode:
    """A mode of it with each neuron put on a kink that pulls it down, where it may be held."""
    theta, near = np.random.default_rng(seed).normal(size=(4, dynamics.points.shape[1])), []
    for j, i in enumerate([4, 5, 4, 5]):
        z = dynamics.points[i]
        theta[j] -= (theta[j] @ z) / (z @ z) * z
        near.append(np.arange(6) == i)
    a, near = dynamics.preactivations(theta), dynamics.bends & np.array(near)
    log_pull = dynamics.log_pull(dynamics.margins(theta))
    status = kink_statuses(dynamics, dynamics.statuses(a), near, log_pull)
    return Mode.of(dynamics, theta, status, np.zeros(6, bool)).on_kinks()


def both(mode: Mode, order: int, log_times: list[float], log_end: float, **more):
    """The segments of a mode by the kernel and by SciPy, at a tolerance of 1e-12."""
    told = mode, order, np.array(log_times), log_end, 1e-12
    found = follow.follow(*told, **more)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(follow, "COMPILED", False)
        return found, follow.follow(*told, **more)


def once(triggered: np.ndarray) -> np.ndarray:
    """Pairs (4, 5) with the two points that are one as one: rounding may show either alone."""
    return np.hstack([triggered[:, :2].any(axis=1, keepdims=True), triggered[:, 2:]])


@needs_kernel
@pytest.mark.parametrize("loss", ["exponential", "logistic"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", [lp.GradientFlow(), lp.GradientDescent(0.01)])
def test_followers_agree(kind, loss, method):
    """Ground truth: each other, to the first event or ln t = 5: another method, in NumPy."""
    events = slides = 0
    for seed in range(4):
        mode = entered(drawn(seed, kind, method, loss), seed)
        order = 2 if method.discrete and not mode.sliding else 0
        ours, scipys = both(mode, order, [-3.0, -2.0, 1.0], 5.0)
        assert not ours.failed
        assert not scipys.failed
        assert (once(ours.triggered) == once(scipys.triggered)).all()
        assert (ours.released_to == scipys.released_to).all()
        assert (ours.resting == scipys.resting).all()
        assert norm_error(ours.sampled, scipys.sampled) < 1e-8
        if ours.triggered.any():  # else either may stop where all has relaxed
            assert relative_error(np.exp(ours.log_time), np.exp(scipys.log_time)) < 1e-6
            assert norm_error(ours.theta, scipys.theta) < 1e-8
            assert np.abs(ours.margins - scipys.margins).max() < 1e-8
        events, slides = events + ours.triggered.any(), slides + mode.sliding
    assert (events > 0) == (kind[0] < 1)
    assert (slides > 0) == (kind[0] < 1)


@pytest.mark.parametrize("compiled", [pytest.param(True, marks=needs_kernel), False])
@pytest.mark.parametrize("loss", ["exponential", "logistic"])
def test_another_solver_finds_the_same_end(monkeypatch, loss, compiled):
    """Ground truth: DOP853 of SciPy on the flow of (w, b) written out by hand."""
    monkeypatch.setattr(follow, "COMPILED", compiled)
    dynamics = drawn(5, (0.3, True), lp.GradientFlow(), loss)
    theta = np.random.default_rng(5).normal(size=(4, 3))
    status = dynamics.statuses(dynamics.preactivations(theta))
    mode = Mode.of(dynamics, theta, status, np.zeros(6, bool))
    loose = np.full(status.shape, 1e9)
    found = follow.follow(mode, 0, np.array([-3.0]), 1.0, 1e-12, slack=loose)
    serving, logistic = dynamics.signs * np.where(status == 1, 1.0, 0.3), loss == "logistic"

    def flow(_: float, flat: np.ndarray) -> np.ndarray:
        q = (serving * (flat.reshape(theta.shape) @ dynamics.points.T)).sum(axis=0)
        return ((serving / (logistic + np.exp(q))) @ dynamics.points).ravel()

    times = np.exp([-3.0, 1.0])
    truth = solve_ivp(flow, (0.0, times[1]), theta.ravel(), "DOP853", times, rtol=1e-13, atol=1e-13)
    ends = np.stack([*found.sampled, found.theta]).reshape(2, -1)
    assert norm_error(ends, truth.y.T) < 3e-10


@needs_kernel
@pytest.mark.parametrize("size", SIZES)
def test_outputs_of_any_size(size):
    """Ground truth: each other, with inputs and output weights of any size."""
    rng = np.random.default_rng(2)
    net = lp.ShallowReLU(rng.normal(size=(3, 2)) / size, None, np.array([1.0, -1.0, 2.0]))
    data = lp.Dataset(size * rng.normal(size=(3, 2)), [1, -1, 1])
    dynamics = Dynamics.of(Problem.of(net, data, lp.GradientFlow()))
    status = dynamics.statuses(dynamics.preactivations(net.parameters))
    mode = Mode.of(dynamics, net.parameters, status, np.zeros(3, bool))
    ours, scipys = both(mode, 0, [], 3.0 - 2 * np.log(size))
    assert (ours.triggered == scipys.triggered).all()
    assert norm_error(ours.theta * size, scipys.theta * size) < 1e-8


def test_runs_without_a_compiler(monkeypatch):
    """Ground truth: the same run where there is one, within the errors that both report."""
    net = lp.ShallowReLU([[0.5, -0.3], [-0.4, 0.6], [0.2, 0.1]], [0.1, 0.2, -0.1], [1, -1, 0.5])
    data = lp.Dataset([[1.0, 0.2], [-0.3, 0.8], [0.4, -0.9]], [1, -1, 1])
    told = {"until": "1e50", "at": ["1", "1e3", "1e50"]}
    one = lp.simulate(net, data, lp.GradientFlow(), **told)
    monkeypatch.setattr(follow, "COMPILED", False)
    two = lp.simulate(net, data, lp.GradientFlow(), **told)
    assert one.outcome is two.outcome is lp.Outcome.settled
    assert (one.pattern == two.pattern).all()
    apart = norm_error(one.trajectory.weights, two.trajectory.weights)
    assert apart <= (one.trajectory.error + two.trajectory.error).values.max()


def test_the_order_of_the_method_is_nine():
    """Ground truth: the conditions B(9) and C(5) on nodes and matrix, which say so
    [hairer1996, Section IV.5]; and what is made of the matrix gives it back."""
    c, a = tableau.NODES, tableau.MATRIX
    for k in range(1, 10):
        assert relative_error(a[-1] @ c ** (k - 1), 1 / k) < 1e-14
    for k in range(1, 6):
        assert np.abs(a @ c ** (k - 1) - c**k / k).max() < 1e-15
    inverse = (tableau.BACK * tableau.ROOTS) @ tableau.INTO
    assert norm_error(inverse.real, tableau.INVERSE) < 1e-13
    powers = c[:, None] ** np.arange(1, 6)
    assert np.abs(powers @ tableau.COLLOCATION.T - np.eye(5)).max() < 1e-12


def test_one_kink_in_closed_form():
    """Ground truth: the rule for several kinks at once."""
    rng, seen = np.random.default_rng(0), set()
    for k in range(60):
        dynamics = drawn(k, KINDS[k % 4], lp.GradientFlow(), "exponential")
        status, near = rng.integers(0, 2, 6), np.zeros(6, bool)
        near[4] = True
        pulls = dynamics.signs[k % 2] * np.exp(-rng.uniform(0, 8, 6))
        found = _at_one_kink(dynamics, pulls, status, 4)
        assert found == _of_neuron(dynamics, pulls, status, near)[4]
        seen.add(int(found))
    assert seen == {0, 1, 2}


@pytest.mark.parametrize("size", SIZES)
def test_one_column_is_reflected(size):
    """Ground truth: what a complement is; a column given twice goes the general way."""
    rng = np.random.default_rng(1)
    for k in (1, 2, 3, 6):
        scale = np.exp(rng.normal(scale=5, size=k))
        column = (rng.normal(size=k) * scale * size)[:, None]
        off, inverse = complement(column, scale * size)
        assert np.abs(off.T @ off - np.eye(k - 1)).max(initial=0.0) < 1e-14
        units = np.abs(column).max()
        assert np.abs((column / units).T @ off).max(initial=0.0) < 1e-14
        assert relative_error((inverse @ column)[0, 0], 1.0) < 1e-14
        twice, _ = complement(np.hstack([column, column]), scale * size)
        assert np.abs(off @ off.T - twice @ twice.T).max(initial=0.0) < 1e-13


def test_a_mode_is_not_what_is_written_into_its_statuses():
    """Ground truth: the same mode made before; whoever asked for it goes on with the array."""
    dynamics = drawn(1, KINDS[0], lp.GradientFlow(), "exponential")
    theta, resting = np.random.default_rng(1).normal(size=(4, 3)), np.zeros(6, bool)
    status = dynamics.statuses(dynamics.preactivations(theta))
    before, asked = Mode.of(dynamics, theta, status.copy(), resting).pull, 1 - status
    Mode.of(dynamics, theta, asked, resting)
    asked[:2] = status[:2]
    Mode.of(dynamics, theta, asked, resting)
    asked[:] = status
    assert (Mode.of(dynamics, theta, asked, resting).pull == before).all()
    dynamics.modes.clear()
    assert (Mode.of(dynamics, theta, asked, resting).pull == before).all()


def test_a_mode_that_nothing_moves_is_silent(capfd):
    """Ground truth: dead neurons have no gradients; LAPACK prints what it does not like."""
    dynamics = drawn(1, KINDS[0], lp.GradientFlow(), "exponential")
    dead = np.zeros((4, 6), np.int64)
    mode = Mode.of(dynamics, np.ones((4, 3)), dead, np.zeros(6, bool))
    assert mode.live.size == mode.rank == 0
    assert capfd.readouterr() == ("", "")


@needs_kernel
@pytest.mark.parametrize(
    ("kind", "seed", "side"), [(KINDS[0], 29, 0), (KINDS[1], 10, 1), (KINDS[2], 20, 1)]
)
def test_slides_are_released_alike(kind, seed, side):
    """Ground truth: each other, where a multiplier comes to an end, to either side."""
    mode = entered(drawn(seed, kind, lp.GradientFlow(), "exponential"), seed)
    ours, scipys = both(mode, 0, [], 5.0)
    assert ours.released_to.max() == side
    assert (ours.released_to == scipys.released_to).all()
    assert (ours.triggered == scipys.triggered).all()
    assert abs(ours.log_time - scipys.log_time) < 1e-7
    assert norm_error(ours.theta, scipys.theta) < 1e-8


@needs_kernel
@pytest.mark.parametrize("seed", [285, 1628])
def test_a_kink_that_is_crossed_and_crossed_back_within_a_step_is_met(seed):
    """Ground truth: SciPy's solver in place of the kernel. Where only the nodes of the kernel's
    steps are looked at, one pair is missed, and weights of the first are 4e-6 off; where pairs are
    told by the chord of a step, those of the second are 1e-2 off."""
    rng = np.random.default_rng([3, 5, 2, seed])
    x, outer = rng.normal(size=(5, 2)), np.array([1.0, -1.0, 1.0])
    net = lp.ShallowReLU(2 * rng.normal(size=(3, 2)), 0.1 * rng.normal(size=3), outer)
    labels = rng.choice([-1, 1], size=5)
    labels[:2] = 1, -1
    told = net, lp.Dataset(x, labels), lp.GradientFlow()
    ours = lp.simulate(*told, until=100, at=[100]).trajectory
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(follow, "COMPILED", False)
        scipys = lp.simulate(*told, until=100, at=[100]).trajectory
    assert norm_error(ours.weights.values, scipys.weights.values) < 1e-8
    assert ours.error.values[-1] < 1e-8
