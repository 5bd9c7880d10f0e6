"""Adam, by optax, in units of the current loss."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp

from latephase.training.method import Step, SteppedMethod, View, parameter
from latephase.training.methods import optax_steps

_LEAST = 1e-150  # of |grad L|: eps = 0 divides 0 by 0 for parameters that have no gradient


@dataclass(frozen=True)
class Adam(SteppedMethod):
    """m and v: averages of g and g^2 with weights beta1, beta2, divided by 1 - beta^t; theta <-
    theta - step_size m / (sqrt(v) + eps).

    Source: [kingma2015]. The implicit bias with eps = 0 is the l_inf direction where beta1 <=
    sqrt(beta2) [zhangzoucao2024]; a warning says so where the parameters leave that range. Ours
    deviates: eps is at least 1e-150 of the gradient's length, so that 0 / 0 is 0.
    """

    name: ClassVar[str] = "adam"
    spans: ClassVar[bool] = False
    step_size: float = parameter("> 0")
    beta1: float = parameter("in [0, 1)", 0.9)
    beta2: float = parameter("in [0, 1)", 0.999)
    eps: float = parameter(">= 0", 1e-8)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta2 <= self.beta1**2:
            text = f"Adam with beta2 = {self.beta2:g} <= beta1^2 = {self.beta1**2:g}"
            warnings.warn(f"{text}: theory needs beta2 > beta1^2; it may diverge", stacklevel=4)

    def init(self, view: View) -> optax_steps.Scaled:
        """No averages."""
        return optax_steps.began(optax_steps.adam(), view)

    def step(self, view: View, memory: Any) -> Step:
        now = view.gradient()
        eps = jnp.maximum(self.eps * jnp.exp(-now.log_loss), _LEAST)
        averages = optax_steps.adam(b1=self.beta1, b2=self.beta2, eps=eps)
        moved, memory = optax_steps.updated(averages, now, memory)
        return Step(view.moved(-self.step_size * moved), memory, now)
