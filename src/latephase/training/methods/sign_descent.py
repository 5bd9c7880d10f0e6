"""Sign descent: steps of one size in every parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from latephase.training.method import Step, SteppedMethod, View, parameter
from latephase.training.methods import optax_steps


@dataclass(frozen=True)
class SignDescent(SteppedMethod):
    """theta <- theta - step_size sign(grad L), sign(0) = 0; the signs never underflow.

    Source: steepest descent in the l_inf norm [gunasekar2018]; by optax.
    """

    name: ClassVar[str] = "sign_descent"
    spans: ClassVar[bool] = False
    step_size: float = parameter("> 0")

    def step(self, view: View, memory: Any) -> Step:
        now = view.gradient()
        sign = optax_steps.sign(view.neuron_directions())
        return Step(view.moved(-self.step_size * sign), memory, now)
