"""Gradient descent whose step size follows a rule: theta <- theta - h_t grad L(theta).

All rules for h_t keep theta in its start plus the span of the active points, so that on two
points they keep the constant C of the late phase and change the clock only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import jax.numpy as jnp

from latephase.training.gradient import Gradient, squares
from latephase.training.method import Step, SteppedMethod, View, parameter
from latephase.training.parameters import Array, Parts
from latephase.training.schedule import tabulated


@dataclass(frozen=True)
class PowerStep(SteppedMethod):
    """h_t = step_size (t + 1)^exponent; exponent 0 is gradient descent.

    Source: docs/theory.md, "Remedies"; growing steps as in [nacson2019].
    """

    name: ClassVar[str] = "power_step"
    follows_flow = True
    step_size: float = parameter("> 0")
    exponent: float = parameter("> -1", 1.0)

    def clock(self, points: int) -> tuple[float, float]:
        """The sum of h_t is step_size t^(1 + exponent) / (1 + exponent)."""
        rate = 1.0 + self.exponent
        return rate, self.log_step - math.log(rate)

    def step(self, view: View, memory: Any) -> Step:
        now = view.gradient()
        rate = self.step_size * (view.time + 1.0) ** self.exponent
        return Step(view.moved(-rate * now.unscaled), memory, now)


@dataclass(frozen=True)
class Scheduled(SteppedMethod):
    """h_t = sizes[t]: gradient descent of a schedule, whose step sizes are a table once it is known
    how many there are.
    """

    name: ClassVar[str] = "gd"
    schedule: Any = field(metadata={"static": True})
    sizes: Any = None

    def __post_init__(self) -> None:
        """The sizes are checked where they are made."""

    def ahead(self, updates: int, parts: Parts) -> Scheduled:
        """With the sizes of so many steps, and without the schedule: its program is any other's."""
        return Scheduled(None, tabulated(self.schedule, updates))

    def step(self, view: View, memory: Any) -> Step:
        now = view.gradient()
        rate = self.sizes[view.time.astype(int)]
        return Step(view.moved(-rate * now.unscaled), memory, now)


@dataclass(frozen=True)
class LossScaled(SteppedMethod):
    """h_t = step_size / (L(theta_t) (t + 1)^decay): decay 0 is constant, 1/2 is Nacson's.

    Sources: [jitelgarsky2019] (constant), [nacson2019] (1/sqrt(t + 1)). Ours deviates in dividing
    by the loss summed over points; both papers use the mean, which rescales the step.
    """

    name: ClassVar[str] = "loss_scaled"
    step_size: float = parameter("> 0")
    decay: float = parameter(">= 0", 0.0)

    @property
    def follows_flow(self) -> bool:  # type: ignore[override]
        """Steps that shrink faster add up to a loss above 0."""
        return self.decay <= 1

    def step(self, view: View, memory: Any) -> Step:
        now = view.gradient()
        rate = self.step_size * (view.time + 1.0) ** -self.decay
        return Step(view.moved(-rate * now.direction), memory, now)


@dataclass(frozen=True)
class NormalizedGradientDescent(SteppedMethod):
    """h_t = step_size / |grad L(theta_t)|: every step has the length step_size.

    Source: [nacson2019]. A gradient of 0 (every neuron dead) leaves theta where it is.
    """

    name: ClassVar[str] = "normalized_gd"
    follows_flow = True
    step_size: float = parameter("> 0")

    def step(self, view: View, memory: Any) -> Step:
        now = view.gradient()
        return Step(view.moved(-self.step_size * unit(now)), memory, now)


@dataclass(frozen=True)
class PolyakStep(SteppedMethod):
    """h_t = scale L(theta_t) / |grad L(theta_t)|^2: Polyak's step for the least loss 0.

    Source: [polyak1987]; scale 1 is his. A gradient of 0 leaves theta where it is.
    """

    name: ClassVar[str] = "polyak_step"
    follows_flow = True
    scale: float = parameter("> 0", 1.0)

    def step(self, view: View, memory: Any) -> Step:
        now = view.gradient()
        change = -self.scale * over(now.direction, squares(now.direction))
        return Step(view.moved(change), memory, now)


def over(direction: Array, size: Array) -> Array:
    """direction / size, 0 where both are."""
    return jnp.where(size > 0.0, direction / jnp.where(size > 0.0, size, 1.0), 0.0)


def unit(gradient: Gradient) -> Array:
    """The gradient over its length."""
    return over(gradient.direction, gradient.length)
