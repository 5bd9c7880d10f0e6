"""Sharpness-aware minimisation: the gradient is taken where the loss is higher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from jax.numpy import exp

from latephase.training.method import Step, SteppedMethod, View, parameter
from latephase.training.methods.optax_steps import ascended


@dataclass(frozen=True)
class SharpnessAware(SteppedMethod):
    """theta <- theta - step_size grad L(theta + radius G / |G|), G the gradient at theta.

    Source: [foret2021], by optax.contrib. Ours deviates: the ascent is normalised trial by trial.
    """

    name: ClassVar[str] = "sam"
    step_size: float = parameter("> 0")
    radius: float = parameter(">= 0", 0.1)

    def step(self, view: View, memory: Any) -> Step:
        """One update, of two gradient evaluations."""
        now = view.gradient()
        direction = ascended(self.radius, view.gradient, view, now)
        change = -self.step_size * exp(now.log_loss) * direction
        return Step(view.moved(change), memory, now, 2.0)
