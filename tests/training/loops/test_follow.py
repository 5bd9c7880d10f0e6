"""training/loops/follow.py: samples, overflow, progress, and starts that XLA takes for 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import latephase as lp
from latephase.core import Outcome
from latephase.training.loops.follow import follow
from latephase.training.method import Method

NET, DATA = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2]), lp.Dataset([1.0, -1.0], [1, -1])


@pytest.mark.parametrize("at", [["1e50"], [0, "1e50"], [0, 5, 10**6 + 1]])
def test_samples_beyond_the_budget_are_missing(at: list[Any]) -> None:
    """Ground truth: the samples within max_steps; the others are NaN, whichever come first."""
    run = lp.simulate(NET, DATA, lp.Adam(0.1), until="1e50", at=at, max_steps=1000)
    assert run.outcome is Outcome.budget_exhausted
    reached = np.array([lp.LogTime.parse(t) <= lp.LogTime.parse(1000) for t in at])
    for name in ("weights", "biases", "log_loss", "robustness_margin", "gradient_evaluations"):
        values = run.trajectory[name].values.reshape(len(at), -1)
        np.testing.assert_array_equal(np.isfinite(values).all(axis=1), reached)


def test_what_overflows_is_no_number() -> None:
    """Ground truth: e^800 > 1e308, so that the first step leaves float64."""
    net = lp.ShallowReLU([-800.0, 900.0], [0.0, 0.0])
    for name in (lp.PowerStep(0.1, 0.0), lp.HeavyBall(0.1)):
        run = lp.simulate(net, DATA, name, until=10, at=[0, 1, 10])
        assert run.outcome is Outcome.overflowed
        assert np.isnan(run.trajectory.weights.values[1:]).all()
        assert np.isnan(run.trajectory.log_loss.values[1:]).all()


def test_progress_of_methods_is_told_in_updates() -> None:
    """Ground truth: what is told rises to the number of updates, which comes with it; a run of
    half a second or more tells in between."""
    told: list[tuple[int, int]] = []
    follow(
        np.ones((600, 40, 3)),
        np.zeros((600, 40)),
        [300],
        inputs=np.eye(3),
        labels=np.array([1, -1, 1]),
        output_weights=np.ones(40),
        method=lp.PowerStep(0.01, 0.0),
        progress=lambda done, total: told.append((done, total)),
    )
    done, total = zip(*told, strict=True)
    assert set(total) == {300}
    assert list(done) == sorted(done)
    assert done[-1] == 300
    assert len(done) > 2


SMALL = {"near subnormal": 2.3e-308, "subnormal": 1e-308, "deep": 1e-318}


@pytest.mark.parametrize("size", SMALL)
@pytest.mark.parametrize(
    "name",
    [lp.PowerStep(0.25, 0.0), lp.LossScaled(0.25), lp.HeavyBall(0.25), lp.Adam(0.01),
     lp.FixedRadius(0.25), lp.WeightDecay(0.25), lp.LossBasedSchedule(0.25),
     lp.SpanProjection(0.25, at=3.0)],
    ids=lambda m: m.name,
)  # fmt: skip
def test_subnormal_starts_train(name: Method, size: str) -> None:
    """Ground truth: the start times 2^600, the same signs, and as good as 0 beside one step."""
    w, b = np.array([[0.75], [-1.0], [1.5]]), np.array([0.5, 0.25, 2.0])
    data = lp.Dataset([1.0, -1.0, 0.0], [1, -1, 1])
    near, far = (
        lp.simulate(lp.ShallowReLU(s * w, s * b, [1.0, -1.0, -0.5]), data, name, until=5, at=[1, 5])
        for s in (SMALL[size], SMALL[size] * 2.0**600)
    )
    assert (far.trajectory.weights.values[0] != 0).all()
    np.testing.assert_allclose(
        near.trajectory.weights.values, far.trajectory.weights.values, rtol=1e-12
    )


@pytest.mark.parametrize("size", SMALL.values())
def test_subnormal_starts_train_by_gradient_descent(size: float) -> None:
    """Ground truth: the start times 2^600; a neuron that is dead stays what it was, to the bit; a
    point at 0 sees the biases alone, whatever the weights are."""
    data = lp.Dataset([1.0, -1.0, 0.0], [1, -1, 1])
    gd, outer = lp.GradientDescent(0.25), [1.0, -1.0, -0.5, 1.0]

    def run(s: float) -> Any:
        w, b = s * np.array([0.75, -1.0, 0.0, 0.5]), s * np.array([0.5, 0.25, 2.0, -4.0])
        w[2] = -3.0 * 2.0**-3
        return lp.simulate(lp.ShallowReLU(w, b, outer), data, gd, until=40, at=[0, 1, 40])

    near, far = run(size), run(size * 2.0**600)
    got, want = near.trajectory.weights.values, far.trajectory.weights.values
    np.testing.assert_allclose(got[1:, :3], want[1:, :3], rtol=1e-12)
    assert (near.trajectory.biases.values[1, :3] != 0).all()
    np.testing.assert_array_equal(got[:, 3], size * 0.5)


@pytest.mark.parametrize("x", [[1.0, -1.0], [1.0, 0.5], [1.0, -0.3]])
@pytest.mark.parametrize("size", SMALL.values())
def test_a_subnormal_pair_trains(size: float, x: list[float]) -> None:
    """Ground truth: the start times 2^600, for the exact engine and all couplings of its points."""
    gd, w, b = lp.GradientDescent(0.1), np.array([0.7, -0.4]), np.array([0.5, 0.8])
    near, far = (
        lp.simulate(lp.ShallowReLU(s * w, s * b), lp.Dataset(x, [1, -1]), gd, until=40, at=[1, 40])
        for s in (size, size * 2.0**600)
    )
    for name in ("weights", "biases"):
        got, want = near.trajectory[name].values, far.trajectory[name].values
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-100)
