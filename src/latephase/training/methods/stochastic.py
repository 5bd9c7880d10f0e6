"""Stochastic gradient descent: one point a step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from latephase.training.gradient import Gradient
from latephase.training.method import Step, SteppedMethod, View, parameter, static
from latephase.training.parameters import Array


@dataclass(frozen=True)
class StochasticGradientDescent(SteppedMethod):
    """theta <- theta - step_size grad loss_i(theta), i one point, drawn with replacement, or every
    epoch of n steps in a new order without.

    Source: [robbins1951]; [nacsonsgd2019] for separable data. An update costs 1/n of an evaluation
    of the gradient. The draws of a trial follow from seed, step, and the trial's number.
    """

    name: ClassVar[str] = "sgd"
    follows_flow = True
    step_size: float = parameter("> 0")
    replacement: bool = static(True)
    seed: int = static(0)

    def clock(self, points: int) -> tuple[float, float]:
        """Each point has its turn once in n steps, in the mean."""
        return 1.0, self.log_step - math.log(points)

    def step(self, view: View, memory: Any) -> Step:
        points = view.data.labels.shape[0]
        chosen = self._chosen(view, points)
        now = view.gradient(keep=jnp.arange(points)[:, None] == chosen)
        whole = Gradient(now.log_loss, points * now.direction)  # what it estimates: grad L
        return Step(view.moved(-self.step_size * now.unscaled), memory, whole, 1.0 / points)

    def _chosen(self, view: View, points: int) -> Array:
        """The number of the point (trial,)."""
        block, trials = view.trials[0], len(view.trials)
        time = view.time.astype(jnp.uint32)
        key = jax.random.fold_in(jax.random.key(self.seed), block)
        if self.replacement:
            return jax.random.randint(jax.random.fold_in(key, time), (trials,), 0, points)
        epoch, place = time // points, time % points
        order = jax.random.bits(jax.random.fold_in(key, epoch), (points, trials))
        return jnp.argsort(order, axis=0)[place]
