"""The law of the margin: closed forms, runs followed to 10^1000, and single steps to 10^7."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest

import latephase as lp
from helpers import relative_error, shares
from references.brute import descend
from references.problems import Problem, of_kind

PAIRS = [(1, -1), (3, -1), (-4, 0.25), (2, -3), (0.2, -3), (0.9, -0.4), (1, 3), (-0.5, -4), (3, 1)]
TIMES = ["1e100", "1e300", "1e1000"]


def pair_run(inputs, swapped=False, loss="exponential", method=None) -> lp.Run:
    x1, x2 = inputs
    a = np.array([[1.3, -0.2], [-0.45, 0.8]])
    w = (a[:, 0] - a[:, 1]) / (x1 - x2)
    b, order = a[:, 0] - w * x1, [1, 0] if swapped else [0, 1]
    network = lp.ShallowReLU(w[order], b[order], np.array([1.0, -1.0])[order])
    data, method = lp.Dataset(inputs, [1, -1]), method or lp.GradientDescent(0.2)
    return lp.simulate(network, data, method, until="1e1000", at=TIMES, loss=loss)


def logs(run: lp.Run) -> np.ndarray:
    return run.trajectory.log10_t.values * np.log(10)


@pytest.mark.parametrize("inputs", PAIRS, ids=str)
def test_margin_of_two_neurons(inputs):
    """Ground truth: the margins of the run itself; what the law leaves out is rounding."""
    run = pair_run(inputs)
    law, rho = run.law, run.trajectory.robustness_margin.values
    limit = min(abs(x - law.limit_boundary) for x in inputs)
    assert relative_error(law.limit_margin, limit) < 1e-14
    assert law.exponent == 1.0
    gap = law.margin_constant / (logs(run) + law.offset)
    assert np.abs(law.limit_margin - rho - gap).max() < 1e-14 * max(map(abs, inputs))


@pytest.mark.parametrize("inputs", PAIRS, ids=str)
def test_shares_of_two_neurons(inputs):
    """Ground truth: the limit network by another way, `limit` without the law; both orders, both
    losses."""
    for swapped, loss in ((False, "exponential"), (True, "exponential"), (True, "logistic")):
        run = pair_run(inputs, swapped, loss)
        n = lp.limit(dataclasses.replace(run, law=None)).network
        squares = n.weights[:, 0] ** 2 + n.biases**2
        assert relative_error(run.law.shares, squares / squares.sum()) < 1e-13


def test_every_engine_has_the_same_law():
    """Ground truth: the exact pieces: the logistic loss and a dead third neuron go another way."""
    for inputs in ((3, -1), (0.9, -0.4)):
        run = pair_run(inputs)
        w, b = run.network.weights[:, 0], run.network.biases
        wider = lp.ShallowReLU([*w, 0.0], [*b, -1.0], [1, -1, 1])
        other = lp.simulate(wider, run.data, run.method, until="1e1000", at=TIMES).law
        for name in ("limit_boundary", "constant", "offset", "limit_margin", "margin_constant"):
            assert relative_error(getattr(other, name), getattr(run.law, name)) < 1e-9
        assert np.abs(other.shares - [*run.law.shares, 0]).max() < 1e-13


def drawn_run(m: int, n: int, d: int, seed: int) -> lp.Run:
    draw = np.random.default_rng(seed)
    inputs, labels = draw.normal(size=(n, d)), np.where(np.arange(n) % 2 == 0, 1, -1)
    weights, biases = draw.normal(size=(m, d)), draw.normal(size=m) * 0.2
    network = lp.ShallowReLU(weights, biases, np.where(np.arange(m) % 2 == 0, 1.0, -1.0))
    data, method = lp.Dataset(inputs, labels), lp.GradientDescent(0.05)
    return lp.simulate(network, data, method, until="1e1000", at=TIMES)


def margins(run: lp.Run) -> np.ndarray:
    if run.data.d < 3:
        return run.trajectory.robustness_margin.values
    networks = (run.network_at(t) for t in TIMES)
    return np.array([float(lp.robustness_margin(network, run.data)) for network in networks])


@pytest.mark.parametrize(
    ("m", "n", "d", "seed"), [(5, 6, 1, 2), (4, 5, 2, 1), (6, 4, 3, 0), (8, 6, 4, 2)]
)
def test_margin_without_a_point_of_the_line(m, n, d, seed):
    """Ground truth: exact margins of the run to 10^1000: with constant and offset the law leaves
    out 1 / ln^2 t, so that what it is off by, times ln^2 t, stays what it is, up to
    what parameters that are off by 2e-13 add."""
    run = drawn_run(m, n, d, seed)
    law = run.law
    assert run.outcome is lp.Outcome.settled
    assert law.limit_boundary is None
    assert law.constant == -law.margin_constant
    gap = law.margin_constant / (logs(run) + law.offset)
    off = ((law.limit_margin - margins(run)) / gap - 1) * logs(run) ** 2
    assert abs(off[2]) < 500
    unsure = 2e-13 * law.limit_margin / gap * logs(run) ** 2
    assert abs(off[1] - off[2]) < 0.05 * abs(off[2]) + unsure[2]
    assert relative_error(law.shares.sum(), 1.0) < 1e-14
    assert law.shares.shape == (m,)
    assert relative_error(lp.limit(run).margin_constant, law.margin_constant) < 1e-8


def test_no_law_where_the_loss_stays():
    """Ground truth: a run that does not fit its points: no limit to come near to."""
    run = drawn_run(5, 6, 1, 0)
    assert run.outcome is lp.Outcome.unfitted
    assert run.law is None


# Seeds from 1000 on of which the program knows, by `knows`, that 10^7 is late enough: the first
# eight of ReLU with biases, six of every other kind.  They were chosen without a single step.
FIFTY = {
    (0.0, True): (1000, 1006, 1008, 1013, 1016, 1021, 1033, 1041),
    (0.0, False): (1008, 1016, 1021, 1053, 1060, 1073),
    (0.1, True): (1001, 1005, 1006, 1009, 1013, 1017),
    (0.1, False): (1001, 1003, 1008, 1016, 1024, 1025),
    (0.5, True): (1000, 1007, 1008, 1009, 1015, 1016),
    (0.5, False): (1016, 1025, 1044, 1049, 1053, 1079),
    (1.0, True): (1014, 1020, 1021, 1029, 1031, 1040),
    (1.0, False): (1002, 1004, 1152, 1176, 1240, 1248),
}
SHAPES = [(3, 2), (2, 3), (4, 2), (3, 3)]
# These two slide: chatter moves the margin by 1e-8, here more at 10^7 than at 10^6, which the
# criterion did not think of. They miss it by the factors 1.6 and 1.3, at 2e-7 and 2e-5 of the gap.
MISSED = {"1000-1-0.0", "1016-1-0.0"}
FEW, FAR = np.log([1e6, 1e7]), 100 * np.log(10)


def problem_of(seed: int, slope: float, biased: bool) -> Problem:
    """In one or two dimensions, without biases in two or three; both losses occur."""
    d = seed % 2 + (1 if biased else 2)
    return of_kind(seed, d, slope, biased, SHAPES[seed // 2 % 4])


def left_out(law: lp.Law, margin, log_t):
    """What a margin is off its law, relative to the term in 1 / ln t."""
    return (law.limit_margin - margin) * (log_t + law.offset) / law.margin_constant - 1


def knows(run: lp.Run) -> tuple[float, float]:
    """The remainder as the law states it: K of K / ln^2 t, read off the run at 10^100, and the rate
    k of t^-k; having checked that there is a law and that it has begun, on the branch of the margin
    that it is about, by 10^7."""
    law, end = run.law, lp.limit(run)
    assert run.outcome is lp.Outcome.settled
    assert law.exponent == 1.0
    assert np.isfinite([law.offset, 1 / law.margin_constant]).all()
    assert run.entry.log10 <= 4
    assert end.rate >= 0.5
    k = float(left_out(law, lp.robustness_margin(run.network_at("1e100"), run.data), FAR) * FAR**2)
    straight = lp.robustness_margin(end.network_at(10**7), run.data)
    assert abs(left_out(law, straight, FEW[1])) <= 2 * abs(k) / FEW[1] ** 2 + 1e-9
    assert abs(k) / FEW[1] ** 2 <= 0.05
    return k, end.rate


@pytest.mark.parametrize("chunk", shares(len(FIFTY), sample=(2, 5, 7)))
def test_the_constant_of_fifty_problems_stepped_ten_million_times(chunk: int):
    """Ground truth: single steps to 10^7 by another program, and exact margins there.

    Criterion, fixed on problems of seeds 200 to 240 before any of these was stepped: limit - margin
    over the law's C / (ln t + offset) is 1 up to what the law states that it leaves out. That is
    twice K / ln^2 t, K from the run at 10^100, and what falls like t^-k: at 10^7 at most twice
    10^-k of what is left out at 10^6 beside K. And it is 1 to 5 %.
    """
    kind, seeds = list(FIFTY.items())[chunk]
    problems, wrong = [problem_of(seed, *kind) for seed in seeds], {}
    for p, truth in zip(problems, descend(problems, [10**6, 10**7]), strict=True):
        network = partial(lp.ShallowReLU, output_weights=p.output_weights, negative_slope=p.slope)
        data, method = lp.Dataset(p.inputs, p.labels), lp.GradientDescent(p.step_size)
        start = network(p.weights, p.biases)
        run = lp.simulate(start, data, method, until="1e1000", at=["1e100", "1e1000"], loss=p.loss)
        k, rate = knows(run)
        d = p.inputs.shape[1]
        late = [network(one[:, :d], None if p.biases is None else one[:, d]) for one in truth.theta]
        seen = np.array([float(lp.robustness_margin(one, data)) for one in late])
        off = left_out(run.law, seen, FEW)
        beside = 2 * abs(k) / FEW**2
        bound = beside[1] + 2 * 10**-rate * (abs(off[0]) + beside[0]) + 1e-9
        if not abs(off[1]) <= min(bound, 0.05):
            wrong[p.name] = f"off by {off}, K {k:.1e}, rate {rate:.2f}, bound {bound:.1e}"
    assert set(wrong) == MISSED & {p.name for p in problems}, wrong
