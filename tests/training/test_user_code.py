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
