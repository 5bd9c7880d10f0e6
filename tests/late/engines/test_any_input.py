"""Random problems of every kind and size: no run is further off than it says, whatever its horizon.

Ground truth: 64 bits and the definitions, `references.long_descent` and `references.long_flow`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import latephase as lp
from helpers import shares
from latephase.late.layered import follow as layered
from latephase.late.modes import follow
from references import long_descent, long_flow
from references.long_descent import Truth, distance, margins
from references.problems import Floats, Problem, of_any_size

KINDS = [
    (0.0, True),
    (0.0, False),
    (0.1, True),
    (0.1, False),
    (0.5, True),
    (0.5, False),
    (1.0, True),
]
SEEDS, PARTS = 20, 10  # of each kind
STEPS = [0, 1, 10, 100, 1000, 10_000, 100_000]
TIMES = [0, 1e-3, 1, 10, 100, 10_000]
MOST_STEPS = 300  # of a truth of both layers
KNOWN = 1e100  # parameters beyond it are on their way out of float64
FAR = 1e4  # margins whose exponentials are long doubles
pytestmark = pytest.mark.skipif(not long_descent.possible(), reason=long_descent.MISSING)


def simulated(
    p: Problem, method: object, times: list[float], until: str, *, both: bool = False
) -> tuple[lp.Run, Floats]:
    """The run to a horizon, and theta (time, m, k), with output weights as a last column where
    `both` layers are trained."""
    kind = {"negative_slope": p.slope, "train_output": both}
    net = lp.ShallowReLU(p.weights, p.biases, p.output_weights, **kind)
    at, data = list(map(str, times)), lp.Dataset(p.inputs, p.labels)
    run = lp.simulate(net, data, method, until=until, at=at, loss=p.loss)
    seen, columns = run.trajectory, [run.trajectory.weights.values]
    if p.biases is not None:
        columns.append(seen.biases.values[..., None])
    if both:
        columns.append(seen.output_weights.values[..., None])
    return run, np.concatenate(columns, axis=-1)


def log_losses(p: Problem, q: Any) -> Any:
    """ln L (time,) at margins (time, n)."""
    each = -q
    if p.loss == "logistic":
        near = np.log(np.log1p(np.exp(np.clip(-q, -FAR, FAR))))
        each = np.where(q > FAR, -q, np.where(q < -FAR, np.log(np.maximum(-q, 1)), near))
    top = each.max(axis=1, keepdims=True)
    return top[:, 0] + np.log(np.exp(each - top).sum(axis=1))


def beyond(
    p: Problem, truth: Truth, run: lp.Run, theta: Floats, *, both: bool = False
) -> list[str]:
    """What of a run is further off than it says: its parameters, margins and ln of its loss."""
    seen, found = run.trajectory, []
    q, real = (margins(p, one, both=both) for one in (theta, truth.theta))
    size, log_loss = np.abs(real).max(axis=1), log_losses(p, real)
    rounded = 2.0**-48 * np.maximum(size, np.abs(log_loss))  # ln L is a double: ln(ln 2) at q = 0
    off = {
        "error": (distance(theta, truth.theta), seen.error.values),
        "margins": ((np.abs(q - real) / (1 + np.abs(real))).max(axis=1), seen.margin_error.values),
        "log_loss": (
            np.abs(seen.log_loss.values - log_loss),
            seen.margin_error.values * (1 + size) + rounded,
        ),
    }
    for k, time in enumerate(seen.time.values):
        if not np.abs(truth.theta[k]).max() < KNOWN:
            break  # or NaN: nobody knows
        for name, (one, said) in off.items():
            known = np.isfinite(said[k])  # else the run says that it does not know
            if known and not one[k] <= said[k] + 4 * truth.unsure[k]:
                found.append(f"{p.name} at {time}: {name} {one[k]:.2e}, said {said[k]:.2e}")
    return found


def checked(
    p: Problem, method: object, times: list[float], truth: Truth, *, both: bool = False
) -> list[str]:
    """The same of two runs: to the last of the times, and to a horizon far beyond."""
    found = []
    for until in (str(times[-1]), "1e1000"):
        run, theta = simulated(p, method, times, until, both=both)
        found += beyond(p, truth, run, theta, both=both)
    return found


@pytest.mark.parametrize("part", shares(PARTS, (), (0,)))
@pytest.mark.parametrize("kind", range(len(KINDS)))
@np.errstate(over="ignore", invalid="ignore")
def test_descent_of_any_size(kind: int, part: int):
    wrong: list[str] = []
    for seed in range(part, SEEDS, PARTS):
        p = of_any_size(seed, *KINDS[kind])
        method, truth = lp.GradientDescent(p.step_size), long_descent.descend(p, STEPS)
        wrong += checked(p, method, STEPS, truth)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("part", shares(PARTS, (), (0,)))
@pytest.mark.parametrize("kind", range(len(KINDS)))
@np.errstate(over="ignore", invalid="ignore")
def test_flow_of_any_size(kind: int, part: int):
    wrong: list[str] = []
    for seed in range(part, SEEDS, PARTS):
        p = of_any_size(seed, *KINDS[kind])
        wrong += checked(p, lp.GradientFlow(), TIMES, long_flow.flow(p, TIMES))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("part", shares(PARTS, (8,), (0,)))
@pytest.mark.parametrize("kind", range(len(KINDS) - 1))
@np.errstate(over="ignore", invalid="ignore")
def test_flow_of_both_layers_of_any_size(kind: int, part: int):
    """Truths that take longer than MOST_STEPS end before."""
    wrong: list[str] = []
    for seed in range(part, SEEDS, PARTS):
        p = of_any_size(seed, *KINDS[kind])
        truth = long_flow.flow(p, TIMES, MOST_STEPS, both=True)
        wrong += checked(p, lp.GradientFlow(), TIMES, truth, both=True)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("compiled", [layered.COMPILED, False])
def test_a_pair_of_both_layers_that_is_beyond_its_kink_for_a_moment_is_seen(
    monkeypatch, compiled: bool
):
    """That of the next test, its output weights trained: solvers that looked at nodes of their
    steps went by, and were 5e-4 off at t = 0.001, of 2e-10 said, where the horizon was 10."""
    monkeypatch.setattr(layered, "COMPILED", compiled)
    p, times = of_any_size(1, 0.0, True), [0, 1e-3]
    truth, wrong = long_flow.flow(p, times, both=True), []
    assert np.isfinite(truth.theta.astype(float)).all()
    for until in ("0.001", "10"):
        run, theta = simulated(p, lp.GradientFlow(), times, until, both=True)
        wrong += beyond(p, truth, run, theta, both=True)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("compiled", [follow.COMPILED, False])
def test_a_pair_that_is_beyond_its_kink_for_a_moment_is_seen(monkeypatch, compiled: bool):
    """A neuron that is drawn over a kink by 1e-4 of its own size, and would turn back: solvers that
    looked at their steps' ends and nodes went by, and were 13 % off at t = 0.001, of 2e-10 said,
    where the horizon was 10; not where it was 0.001."""
    monkeypatch.setattr(follow, "COMPILED", compiled)
    p, times = of_any_size(1, 0.0, True), [4e-4, 5e-4, 1e-3]
    truth, wrong = long_flow.flow(p, times), []
    assert np.isfinite(truth.theta.astype(float)).all()
    for until in ("0.001", "10"):
        wrong += beyond(p, truth, *simulated(p, lp.GradientFlow(), times, until))
    assert not wrong, "\n".join(wrong)
