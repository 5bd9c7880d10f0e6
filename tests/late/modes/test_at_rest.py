"""Runs whose slides begin and end without end where they come to rest; wide runs on two cores."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import latephase as lp
from latephase.core.workers import workers
from latephase.experiments.beyond.wider import problem
from latephase.late.chain import run_twice
from latephase.late.modes import follow
from references.problems import problems

needs_kernel = pytest.mark.skipif(not follow.COMPILED, reason="no compiler at installation")
ENGINES = [pytest.param(True, marks=needs_kernel), False]

# (m, n, d): grazes a kink at rest; kinks within an ulp; a neuron that passes 0; a force at rest
# that rounding hides from the solver; kinks of neurons that serve points at rest; a slide at rest.
RESTLESS = [(4, 10, 1), (4, 20, 2), (32, 10, 1), (2, 10, 1)]
RESTLESS += [pytest.param(*p, marks=pytest.mark.campaign) for p in ((16, 20, 2), (8, 20, 1))]


@pytest.mark.parametrize(("m", "n", "d"), RESTLESS)
def test_runs_come_to_rest(m, n, d):
    """Each of these ended as budget_exhausted once."""
    net, data = problem(m, n, d, seed=0, restart=0)
    run = lp.simulate(net, data, lp.GradientFlow(), until="1e1000", at=["1e6", "1e1000"])
    assert run.outcome in (lp.Outcome.settled, lp.Outcome.unfitted)
    assert np.isfinite(run.trajectory.error.values).all()


def test_a_neuron_let_go_of_a_kink_keeps_its_status():
    """It rests an ulp beyond the kink that it left: its sign there is rounding, not its status."""
    net, data = problem(64, 2, 1, seed=0, restart=0)
    run = lp.simulate(net, data, lp.GradientFlow(), until="1e1000", at=["1e1000"])
    end = lp.limit(run)
    assert end.settled, end.reason
    assert end.distance < 0.01


@pytest.mark.parametrize("compiled", ENGINES)
@pytest.mark.parametrize("name", ["inseparable-10", "inseparable-07"])
def test_points_at_rest_stand_still(monkeypatch, compiled, name):
    """Ground truth: nothing moves at a minimum. Rounding of the forces moved neurons by 1e-16 in a
    unit of time, along differences of neurons that move alike, in which there is no gradient."""
    monkeypatch.setattr(follow, "COMPILED", compiled)
    (p,) = [p for p in problems() if p.name == name]
    net = lp.ShallowReLU(p.weights, p.biases, p.output_weights)
    data, far = lp.Dataset(p.inputs, p.labels), ["1e6", "1e9", "1e12", "1e1000"]
    run = lp.simulate(net, data, lp.GradientFlow(), until=far[-1], at=far, loss=p.loss)
    assert run.outcome is lp.Outcome.unfitted
    path = np.concatenate([run.trajectory.weights, run.trajectory.biases.values[..., None]], 2)
    lengths = np.linalg.norm(path[0], axis=1)
    assert (np.linalg.norm(path - path[0], axis=2) <= 1e-13 * lengths).all()
    assert run.trajectory.error.max() < 1e-8


def nearly_in_line(offset: float, far: bool) -> tuple[lp.ShallowReLU, lp.Dataset]:
    """Two neurons that are active on three points, the middle one of another label and off the line
    of the two others by `offset`; and on a fourth one far from it."""
    ends, off = np.array([[0.0, 1.0], [1.0, 2.25]]), offset * np.array([-1.0, 1.0])
    inputs, labels = np.vstack([ends, ends.mean(axis=0) + off, [3.0, -2.0]]), [1, 1, -1, 1]
    kept = 4 if far else 3
    net = lp.ShallowReLU([[0.1, -0.1], [0.05, 0.1]], [20.0, 20.0], [1.0, -0.7])
    return net, lp.Dataset(inputs[:kept], labels[:kept])


def affine_flow(net: lp.ShallowReLU, data: lp.Dataset, offset: float, times: list[float]):
    """Margins (time, n) of such a network: N(x) = c z while all are active, c' = |v|^2 sum l y z.
    Radau in ln t, with the offset in units of itself as one of the coordinates T z; it is a matter
    of rounding whether that comes to the last time."""
    z, y, v = np.c_[data.inputs, np.ones(data.n)], data.labels, net.output_weights
    across = np.array([1.25, -1.0, 1.0])  # 0 on the line
    to = np.array([across / offset, [1.0, 0, 0], [0, 0, 1.0]])
    exact = [[sum(Fraction(a) * Fraction(b) for a, b in zip(r, x)) for r in to] for x in z]
    points, back = np.array(exact, float), np.linalg.inv(to)
    gram = (v @ v) * back.T @ back
    start = back.T @ (v @ np.c_[net.weights, net.biases])

    def field(s: float, c: np.ndarray) -> np.ndarray:
        return np.exp(s) * (gram @ (points.T @ (y * np.exp(-y * (points @ c)))))

    def slope(s: float, c: np.ndarray) -> np.ndarray:
        return -np.exp(s) * (gram @ ((points.T * np.exp(-y * (points @ c))) @ points))

    first = np.log(1e-9)
    told = {"rtol": 1e-11, "atol": 1e-13, "t_eval": np.log(times), "jac": slope}
    begun = start + field(first, start)
    found = solve_ivp(field, (first, np.log(times[-1])), begun, method="Radau", **told)
    return y * (found.y.T @ points.T)


@pytest.mark.parametrize("compiled", ENGINES)
@pytest.mark.parametrize(("offset", "far"), [(1e-8, True), (1e-8, False), (1e-7, True)])
def test_points_nearly_in_line_do_not_rest(monkeypatch, compiled, offset, far):
    """Ground truth: the flow in coordinates that have the offset. They hold one another but for
    1e-8 of their forces, and that tells them apart in time; so much were they taken to rest."""
    monkeypatch.setattr(follow, "COMPILED", compiled)
    net, data = nearly_in_line(offset, far)
    times = [1e2, 1e5, 1e7, 1e8]
    run = lp.simulate(net, data, lp.GradientFlow(), until=times[-1], at=times)
    assert run.outcome is lp.Outcome.transient
    theta = np.concatenate([run.trajectory.weights, run.trajectory.biases.values[..., None]], 2)
    z = np.c_[data.inputs, np.ones(data.n)]
    q = np.einsum("m,tmk,nk->tn", net.output_weights, theta, z) * data.labels
    truth = affine_flow(net, data, offset, times)
    come = len(truth)
    assert come >= len(times) - 1
    off = (np.abs(q[:come] - truth) / (1 + np.abs(truth))).max(axis=1)
    said = run.trajectory.margin_error.values
    assert (off <= said[:come]).all(), (off, said)
    assert said.max() < 1e-5


@pytest.mark.campaign
def test_two_processes_change_nothing(monkeypatch):
    """The run that is compared is the same one wherever it goes: beside the other one by itself,
    where the network is wide."""
    begun = []
    monkeypatch.setattr(run_twice, "workers", lambda n: begun.append(n) or workers(n))
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(2), raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 5))
    data = lp.Dataset(x, np.where(x[:, 0] > 0, 1, -1))
    outer = np.where(np.arange(50) % 2 == 0, 1.0, -1.0)
    net = lp.ShallowReLU(rng.normal(size=(50, 5)) / 7, rng.normal(size=50) / 7, outer)
    one, two = (
        lp.simulate(net, data, lp.GradientFlow(), until=10.0, at=[1.0, 10.0], processes=k)
        for k in (1, None)
    )
    assert begun == [1]
    assert one.trajectory.identical(two.trajectory)
