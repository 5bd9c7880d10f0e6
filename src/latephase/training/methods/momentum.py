"""Momentum: heavy ball and Nesterov's acceleration, by optax's trace of gradients, and dual
acceleration, momentum on the softmax weights of the points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp

from latephase.training.method import Step, SteppedMethod, View, parameter
from latephase.training.methods import optax_steps
from latephase.training.parameters import Array


@dataclass(frozen=True)
class HeavyBall(SteppedMethod):
    """theta_{t+1} = theta_t - step_size grad L(theta_t) + momentum (theta_t - theta_{t-1}).

    Source: [polyak1964]. A constant momentum multiplies the clock by 1 / (1 - momentum).
    """

    name: ClassVar[str] = "heavy_ball"
    step_size: float = parameter("> 0")
    momentum: float = parameter("in [0, 1)", 0.9)

    def init(self, view: View) -> optax_steps.Scaled:
        """No velocity."""
        return optax_steps.began(optax_steps.trace(0.0), view)

    def step(self, view: View, memory: Any) -> Step:
        now = view.gradient()
        trace, memory = optax_steps.updated(optax_steps.trace(self.momentum), now, memory)
        change = -self.step_size * jnp.exp(now.log_loss) * trace
        return Step(view.moved(change), memory, now)


@dataclass(frozen=True)
class Nesterov(SteppedMethod):
    """y_t = theta_t + b_t (theta_t - theta_{t-1}), theta_{t+1} = y_t - step_size grad L(y_t), with
    b_t = t / (t + 3) for `momentum` 0 and b_t = momentum otherwise.

    Source: [nesterov1983]; t / (t + 3) as in [su2016]. `optax.sgd(nesterov=True)` follows y_t; this
    follows theta_t, by optax's trace.
    """

    name: ClassVar[str] = "nesterov"
    step_size: float = parameter("> 0")
    momentum: float = parameter("in [0, 1)", 0.0)

    def init(self, view: View) -> optax_steps.Scaled:
        """No velocity."""
        return optax_steps.began(optax_steps.trace(0.0), view)

    def step(self, view: View, memory: Any) -> Step:
        fading = view.time / (view.time + 3.0)
        weight = jnp.where(self.momentum > 0.0, self.momentum, fading)
        velocity = -self.step_size * jnp.exp(memory.log_loss) * memory.state.trace
        there = view.gradient(shift=weight * velocity)
        trace, memory = optax_steps.updated(optax_steps.trace(weight), there, memory)
        change = -self.step_size * jnp.exp(there.log_loss) * trace
        return Step(view.moved(change), memory, there)


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
        now = view.gradient()
        averaged = view.time / (view.time + 1.0) * (memory + now.direction)
        change = -self.step_size * (averaged + now.direction)
        return Step(view.moved(change), averaged, now)
