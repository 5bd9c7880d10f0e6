"""Dual acceleration: momentum on the softmax weights of the points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp

from latephase.training.method import Step, SteppedMethod, View, parameter
from latephase.training.parameters import Array


@dataclass(frozen=True)
class DualAcceleration(SteppedMethod):
    """g_t = t/(t+1) (g_{t-1} + G_t), theta_{t+1} = theta_t - step_size (g_t + G_t), G = grad L / L.

    Source: [jisrebrotelgarsky2021], their Algorithm 1 with beta_t = t/(t+1) and the constant
    theta_t = step_size. Ours deviates: G_t is the gradient of a ReLU network, where theirs is
    Z^T q_t of a linear one.
    """

    name: ClassVar[str] = "dual_acceleration"
    step_size: float = parameter("> 0")

    def init(self, view: View) -> Array:
        """g_{-1} = 0."""
        return jnp.zeros_like(view.parameters)

    def step(self, view: View, memory: Any) -> Step:
        """One update."""
        now = view.gradient()
        averaged = view.time / (view.time + 1.0) * (memory + now.direction)
        change = -self.step_size * (averaged + now.direction)
        return Step(view.moved(change), averaged, now)
