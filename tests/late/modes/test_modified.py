"""The general engine: order of the modified flow, the exact pieces it reproduces, both losses."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from latephase.core import LogTime
from latephase.late.chain.run_chain import run_chain
from latephase.late.chain.state import Controls
from latephase.late.modes.dynamics import Dynamics
from latephase.problem import Problem


def path(run: lp.Run) -> np.ndarray:
    """theta (time, m, d + 1)."""
    t = run.trajectory
    return np.concatenate([t.weights.values, t.biases.values[..., None]], axis=-1)


def off(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """max_j |Delta(w_j, b_j)| / |(w_j, b_j)| (time,); a neuron of length 0 never moves."""
    norms = np.linalg.norm(truth, axis=2)
    with np.errstate(over="ignore", invalid="ignore"):
        return (np.linalg.norm(found - truth, axis=2) / np.where(norms > 0, norms, 1)).max(axis=1)


SMOOTH = lp.Dataset([[1.0, 0.2], [0.3, 1.1], [-1.0, -0.7]], [1, 1, -1])
SMOOTH_NET = lp.ShallowReLU(
    [[0.4, 0.3], [-0.5, -0.2], [0.3, 0.5]], [0.3, 0.2, 0.1], [1.0, -1.0, 0.5]
)


@pytest.mark.parametrize("loss", ["exponential", "logistic"])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_order_of_convergence(order, loss):
    """Ground truth: theory. GD replaced by the flow of order k from t0 on is off by t0^-(k+1)."""
    starts = np.array([100, 200, 400, 800]) * (4 if order == 0 else 1)  # else the solver's error
    defects = handed_over(SMOOTH_NET, loss, order, starts)
    slope = np.polyfit(np.log(starts), np.log(defects), 1)[0]
    assert abs(slope + order + 1) < 0.15


def handed_over(net, loss, order, starts):
    """Errors of runs that are handed over to the modified flow at some starts."""
    setting = Dynamics.of(Problem.of(net, SMOOTH, lp.GradientDescent(0.3), loss))
    theta, careful = net.parameters, Controls(1e-13, 1e-4, 1_000_000, caution=4.0)
    defects = []
    for start in starts.tolist():
        times = [LogTime.parse(start * factor) for factor in (1, 2, 4, 16)]
        truth = run_chain(setting, theta, times, times[-1], careful).samples.theta
        left = [LogTime.parse(t.value - start) for t in times[1:]]
        found = run_chain(setting, truth[0], left, left[-1], Controls(1e3, 1e-4, 1, order=order))
        defects.append(off(found.samples.theta, truth[1:]).max())
    return defects


@pytest.mark.parametrize(("biased", "slope"), [(False, 0.0), (True, 0.3), (True, 1.0)])
def test_order_of_convergence_of_other_kinds(biased, slope):
    """Ground truth: theory. The modified flow from t0 on is off by t0^-3, for every kind."""
    w, b, outer = SMOOTH_NET.weights, SMOOTH_NET.biases, SMOOTH_NET.output_weights
    net = lp.ShallowReLU(w, b if biased else None, outer, negative_slope=slope)
    defects = handed_over(net, "exponential", 2, np.array([100, 200, 400, 800]))
    assert abs(np.polyfit(np.log([100, 200, 400, 800]), np.log(defects), 1)[0] + 3) < 0.15


@pytest.mark.parametrize("inputs", [(1.0, -1.0), (2.0, -0.5), (3.0, -1.0)])
def test_exact_pieces_are_reproduced(inputs):
    """Ground truth: the exact pieces of two neurons on two points, to 10^1000."""
    net, data = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2]), lp.Dataset(inputs, [1, -1])
    times = [LogTime.parse(t) for t in ("1e3", "1e6", "1e30", "1e1000")]
    gd = lp.GradientDescent(0.1)
    truth = lp.simulate(net, data, gd, until="1e1000", at=times)
    assert (truth.trajectory.error.values < 1e-13).all()
    setting = Dynamics.of(Problem.of(net, data, gd))
    theta = np.c_[net.weights, net.biases]
    chain = run_chain(setting, theta, times, times[-1], Controls(1e-12, 1e-4, 100_000))
    assert (off(chain.samples.theta, path(truth)) < 1e-10).all()


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
    assert not (runs[0].trajectory.weights.values == runs[1].trajectory.weights.values).all()
