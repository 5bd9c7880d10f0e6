"""training/user_code.py: what is wrong in a user's method is told in one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import latephase as lp
from latephase.core import Outcome
from latephase.training.loops.follow import follow
from latephase.training.method import Method, Step, View

NET, DATA = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2]), lp.Dataset([1.0, -1.0], [1, -1])


def method(body: Callable[[View, Any], Any], first: Any = ()) -> Method:
    """A method whose step is `body`."""

    @dataclass(frozen=True)
    class Mine(Method):
        name: ClassVar[str] = "mine"

        def init(self, view: View) -> Any:
            return first

        def step(self, view: View, memory: Any) -> Step:
            return body(view, memory)  # type: ignore[no-any-return]

    return Mine()


def raising(view: View, memory: Any) -> Any:
    raise KeyError("velocity")


def raising_lines(view: View, memory: Any) -> Any:
    raise ValueError("\n  first\nsecond")


def adam(view: View, memory: Any) -> Step:
    moved, memory = optax.adam(0.1).update(view.gradient().direction, memory)
    return Step(view.moved(moved), memory, view.gradient())


BUGS: dict[str, tuple[Callable[[View, Any], Any], str]] = {
    "returns nothing": (lambda view, _: None, r"a Step from Mine\.step, got None"),
    "raises": (raising, r"Mine\.step to run, got KeyError: 'velocity'"),
    "no such thing": (
        lambda view, _: view.grad(),
        r"Mine\.step to run, got AttributeError: .*grad",
    ),
    "branches": (
        lambda view, _: 1 if view.gradient().log_loss[0] > 0 else 2,
        r"Mine\.step to run, got TracerBoolConversionError",
    ),
    "half a change": (
        lambda view, _: Step(view.moved(view.parameters[0]), (), view.gradient()),
        r"shape \(2, 2, 1\) in Mine\.step, got shape \(2, 1\)",
    ),
    "parameters as they are": (
        lambda view, _: Step(view.parameters, (), view.gradient()),  # type: ignore[arg-type]
        r"a DoubleDouble as parameters from Mine\.step, got an array, float64\[2, 2, 1\]",
    ),
    "another memory": (
        lambda view, _: Step(view.pair, jnp.zeros(2), view.gradient()),
        r"memory nested as .* from Mine\.step",
    ),
    "another type": (
        lambda view, _: Step(jax.tree.map(jnp.float32, view.pair), (), view.gradient()),
        r"parameters of float64\[2, 2, 1\] from Mine\.step, got an array, float32\[2, 2, 1\]",
    ),
    "a message of lines": (
        raising_lines,
        r"Mine\.step to run, got ValueError:\s+first; mend",
    ),
    "no gradient": (
        lambda view, _: Step(view.pair, (), view.parameters),  # type: ignore[arg-type]
        r"a Gradient as gradient from Mine\.step",
    ),
    "optax without its state": (adam, r"Mine\.step to run, got ValueError: The number of updates"),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_in_a_users_method_is_told_in_one_line(bug: str) -> None:
    """Ground truth: one line that names the method and what went wrong, nothing of JAX's."""
    body, expected = BUGS[bug]
    with pytest.raises(lp.InputError, match=expected) as told:
        lp.simulate(NET, DATA, method(body), until=10, at=[10])
    assert "\n" not in str(told.value)
    if bug in ("raises", "optax without its state"):
        assert isinstance(told.value.__cause__, KeyError | ValueError)


def test_memory_of_plain_numbers_is_taken() -> None:
    """Ground truth: heavy ball of this package; the velocity begins as zeros of float32."""

    def step(view: View, memory: Any) -> Step:
        now = view.gradient()
        velocity = 0.5 * memory - 0.25 * now.unscaled
        return Step(view.moved(velocity), velocity, now)

    mine = method(step, np.zeros((2, 2, 1), np.float32))
    runs = [lp.simulate(NET, DATA, m, until=20, at=[20]) for m in (mine, lp.HeavyBall(0.25, 0.5))]
    got, want = (run.trajectory.weights.values for run in runs)
    np.testing.assert_allclose(got, want, rtol=1e-13)


def test_a_parameter_that_is_no_number_is_refused() -> None:
    @dataclass(frozen=True)
    class Named(Method):
        name: ClassVar[str] = "named"
        kind: str = "fast"

    with pytest.raises(lp.InputError, match="kind to be a number or a method, got 'fast'"):
        Named()


def test_subnormal_parameters_of_methods_are_refused() -> None:
    """XLA takes 1e-308 for 0, and the method would stand still."""
    with pytest.raises(lp.InputError, match=r"step_size of at least 2\.3e-308, got 1e-308"):
        lp.Adam(1e-308)


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
