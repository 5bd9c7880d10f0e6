"""Any shallow network against gradient descent by its definition, stepped a million times."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import pytest

import latephase as lp
from ball_descent import Undecided, ball_descend
from brute import Brute, descend
from flow import flow
from latephase.core import LogTime
from latephase.late.chain import Goal, run_chain
from latephase.late.setting import Setting
from problems import Problem, problems

TIMES = (0, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
CHUNK = 29
BALL_PROBLEMS = int(os.environ.get("LATEPHASE_BALL_PROBLEMS", "24"))


def is_dataset(p: Problem) -> bool:
    """Equal inputs with opposite labels are refused by Dataset."""
    seen = {tuple(x): y for x, y in zip(p.inputs.tolist(), p.labels, strict=True)}
    return all(seen[tuple(x)] == y for x, y in zip(p.inputs.tolist(), p.labels, strict=True))


ALL = [p for p in problems() if is_dataset(p)]
CHUNKS = [range(k, min(k + CHUNK, len(ALL))) for k in range(0, len(ALL), CHUNK)]


@cache
def brute(start: int) -> list[Brute]:
    """Brute force of a chunk of problems, once for each process that needs it."""
    return descend([ALL[k] for k in CHUNKS[start]], TIMES)


def parts(p: Problem) -> tuple[lp.ShallowReLU, lp.Dataset]:
    net = lp.ShallowReLU(p.weights, p.biases, p.output_weights)
    return net, lp.Dataset(p.inputs, p.labels.astype(int))


def path(run: lp.Run) -> np.ndarray:
    """theta (time, m, d + 1)."""
    t = run.trajectory
    return np.concatenate([t.weights.values, t.biases.values[..., None]], axis=-1)


def off(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """max_j |Delta(w_j, b_j)| / |(w_j, b_j)| (time,); a neuron of length 0 never moves."""
    norms = np.linalg.norm(truth, axis=2)
    with np.errstate(over="ignore", invalid="ignore"):
        return (np.linalg.norm(found - truth, axis=2) / np.where(norms > 0, norms, 1)).max(axis=1)


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("chunk", range(len(CHUNKS)))
def test_agrees_with_brute_force(chunk):
    """Ground truth: 10^6 steps in compensated float64, independent of the package.

    Agreement within the reported error at every sample, for every problem; the error itself is
    small: 1e-9 on smooth runs and 1e-2 on those that chatter, for most of them.
    """
    smooth, chattering = [], []
    for k, truth in zip(CHUNKS[chunk], brute(chunk), strict=True):
        p = ALL[k]
        net, data = parts(p)
        at = [str(t) for t in TIMES]
        gd = lp.GradientDescent(p.step_size)
        run = lp.simulate(net, data, gd, until=TIMES[-1], at=at, loss=p.loss)
        error = run.trajectory.error.values
        known = np.isfinite(truth.theta).all(axis=(1, 2)) & np.isfinite(error)
        beyond = off(path(run), truth.theta)[known] / (error[known] + 1e-12)
        assert (beyond <= 1).all(), (p.name, TIMES, beyond)
        assert known.sum() > 1 or run.outcome is lp.Outcome.overflowed, p.name
        (chattering if truth.chatters.any() else smooth).append(error[-1])
    assert np.nanmedian(smooth) < 1e-9
    assert not chattering or np.nanmedian(chattering) < 1e-2


def test_a_third_of_the_problems_chatter():
    """Ground truth: pairs active in some of the last 1,000 of 10^5 steps and not in others."""
    count = sum(b.chatters.any() for b in descend(ALL, (100_000,)))
    assert len(ALL) >= 200
    assert count >= len(ALL) / 3


@pytest.mark.parametrize("k", range(0, len(ALL), max(1, len(ALL) // BALL_PROBLEMS)))
def test_agrees_with_balls(k):
    """Ground truth: 10^4 steps in ball arithmetic (LATEPHASE_BALL_PROBLEMS=1000 runs them all)."""
    p = ALL[k]
    net, data = parts(p)
    gd, times = lp.GradientDescent(p.step_size), (100, 10_000)
    run = lp.simulate(net, data, gd, until=10_000, at=["100", "10000"], loss=p.loss)
    try:
        balls = ball_descend(p, times)
    except (Undecided, OverflowError):
        pytest.skip(f"{p.name}: no ball decides a sign on the way")
    truth = np.array([[[float(x) for x in row] for row in ball.table()] for ball in balls])
    assert (off(path(run), truth) <= run.trajectory.error.values + 1e-14).all(), p.name


SMOOTH = lp.Dataset([[1.0, 0.2], [0.3, 1.1], [-1.0, -0.7]], [1, 1, -1])
SMOOTH_NET = lp.ShallowReLU(
    [[0.4, 0.3], [-0.5, -0.2], [0.3, 0.5]], [0.3, 0.2, 0.1], [1.0, -1.0, 0.5]
)


@pytest.mark.parametrize("loss", ["exponential", "logistic"])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_order_of_convergence(order, loss):
    """Ground truth: theory. GD replaced by the flow of order k from t0 on is off by t0^-(k+1)."""
    setting = Setting.of(SMOOTH_NET, SMOOTH, lp.GradientDescent(0.3), loss)
    theta = np.c_[SMOOTH_NET.weights, SMOOTH_NET.biases]
    careful = Goal(1e-13, 1e-4, 1_000_000, caution=4.0)
    starts, defects = [400, 800, 1600, 3200], []
    for start in starts:
        times = [LogTime.parse(start * factor) for factor in (1, 2, 4, 16)]
        truth = run_chain(setting, theta, times, times[-1], careful).recorded
        left = [LogTime.parse(t.value - start) for t in times[1:]]
        found = run_chain(setting, truth[0], left, left[-1], Goal(1e3, 1e-4, 1, order=order))
        defects.append(off(found.recorded, truth[1:]).max())
    slope = np.polyfit(np.log(starts), np.log(defects), 1)[0]
    assert abs(slope + order + 1) < 0.15


FLOWS = [
    p
    for p in ALL
    if p.name.split("-")[0] in ("close", "opposed", "two_neurons") and p.theta.size <= 8
][:6]  # the second solver is slow


@pytest.mark.parametrize("p", FLOWS, ids=lambda p: p.name)
def test_gradient_flow_agrees_with_a_second_solver(p):
    """Ground truth: LSODA on all parameters in log time, kinks smoothed and extrapolated."""
    net, data = parts(p)
    times = (0.0, 1.0, 100.0, 10_000.0)
    run = lp.simulate(net, data, lp.GradientFlow(), until="1e4", at=list(times), loss=p.loss)
    truth = flow(p, times)
    assert (off(path(run), truth.theta) <= 10 * truth.error + run.trajectory.error + 1e-7).all()


@pytest.mark.parametrize("inputs", [(1.0, -1.0), (2.0, -0.5), (3.0, -1.0)])
def test_exact_pieces_are_reproduced(inputs):
    """Ground truth: the exact pieces of two neurons on two points, to 10^1000."""
    net, data = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2]), lp.Dataset(inputs, [1, -1])
    times = [LogTime.parse(t) for t in ("1e3", "1e6", "1e30", "1e1000")]
    gd = lp.GradientDescent(0.1)
    truth = lp.simulate(net, data, gd, until="1e1000", at=times)
    assert (truth.trajectory.error.values < 1e-13).all()
    setting = Setting.of(net, data, gd, "exponential")
    theta = np.c_[net.weights, net.biases]
    chain = run_chain(setting, theta, times, times[-1], Goal(1e-12, 1e-4, 100_000))
    assert (off(chain.recorded, path(truth)) < 1e-10).all()


def test_logistic_and_exponential_loss_share_their_limit():
    """Ground truth: [soudry2018]: ln(1 + e^-q) ~ e^-q. From the same start the patterns agree."""
    gd = lp.GradientDescent(0.3)
    runs = [
        lp.simulate(SMOOTH_NET, SMOOTH, gd, until="1e1000", at=["1e1000"], loss=loss)
        for loss in ("exponential", "logistic")
    ]
    one, two = (lp.limit(run) for run in runs)
    assert (runs[0].pattern == runs[1].pattern).all()
    assert off(one.network.weights[None], two.network.weights[None]) < 1e-12
    assert not (runs[0].trajectory.weights.values == runs[1].trajectory.weights.values).any()
