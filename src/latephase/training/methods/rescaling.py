"""Methods that set the length of the parameters: progressive rescaling and a fixed radius."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp

from latephase.training.gradient import length
from latephase.training.method import Step, SteppedMethod, View, parameter
from latephase.training.methods.step_sizes import over, unit
from latephase.training.parameters import Array


@dataclass(frozen=True)
class ProgressiveRescaling(SteppedMethod):
    """PRGD: after `warmup` loss-scaled steps, every `period` updates theta is stretched to the
    radius R_k = R_0 ratio^k; between, theta <- Proj_{|theta| <= R_k}(theta - step_size grad L / L).

    R_0 is |theta| at the end of the warm-up. Source: [wangminwu2024], Algorithm 1, with a geometric
    radius and a constant period. Ours deviates: the radius stays at `largest_radius`, since
    float64 resolves steps of a fixed length less and less; in the paper it grows for ever.
    """

    name: ClassVar[str] = "prgd"
    spans: ClassVar[bool] = False
    step_size: float = parameter("> 0")
    ratio: float = parameter("> 1", 1.2)
    period: float = parameter("> 0", 5.0)
    warmup: float = parameter(">= 0", 50.0)
    largest_radius: float = parameter("> 0", 1e6)

    def init(self, view: View) -> Array:
        """The radius R_k (trial,): none yet."""
        return jnp.full(view.parameters.shape[-1], jnp.inf)

    def step(self, view: View, memory: Any) -> Step:
        """One update: a stretch where one is due, a projected step elsewhere."""
        now = view.gradient()
        size = length(view.parameters)
        due = jnp.mod(view.time - jnp.ceil(self.warmup), jnp.ceil(self.period)) == 0
        first = jnp.isinf(memory)
        due = (view.time >= self.warmup) & due & (first | (memory < self.largest_radius))
        radius = jnp.where(due, jnp.where(first, size, memory * self.ratio), memory)
        stepped = within(view.parameters, -self.step_size * now.direction, radius)
        change = jnp.where(due, (over(radius, size) - 1.0) * view.parameters, stepped)
        return Step(view.moved(change), radius, now)


@dataclass(frozen=True)
class FixedRadius(SteppedMethod):
    """theta <- Proj_{|theta| = radius}(theta - step_size G / |G|): normalised steps on a sphere.

    Source: ours, the limit of [wangminwu2024] with a constant radius. It converges to the least
    loss on the sphere, not to the largest margin: the bias is of the order of 1 / radius.
    """

    name: ClassVar[str] = "fixed_radius"
    spans: ClassVar[bool] = False
    step_size: float = parameter("> 0")
    radius: float = parameter("> 0", 10.0)

    def step(self, view: View, memory: Any) -> Step:
        now = view.gradient()
        change = -self.step_size * unit(now)
        factor = over(jnp.asarray(self.radius), length(view.parameters + change))
        return Step(view.scaled(factor, change), memory, now)


def within(parameters: Array, change: Array, radius: Array) -> Array:
    """The change that ends at the projection of parameters + change on the ball."""
    size = length(parameters + change)
    shrink = jnp.where(size > radius, over(radius, size) - 1.0, 0.0)
    return change + shrink * (parameters + change)
