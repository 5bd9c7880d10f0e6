"""Stochastic gradient descent: one point a step, or some."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from latephase.core import InputError
from latephase.problem.checks import whole_number
from latephase.training.gradient import Gradient
from latephase.training.method import Step, SteppedMethod, View, parameter, static
from latephase.training.parameters import Array


@dataclass(frozen=True)
class StochasticGradientDescent(SteppedMethod):
    """theta <- theta - step_size * (the sum of grad loss_i over `batch` different points i), drawn
    anew at each step, or without replacement every epoch in a new order, its last batch smaller.

    Source: [robbins1951]; [nacsonsgd2019] for separable data. A point costs 1/n of an evaluation
    of the gradient. The draws of a trial follow from seed, step, and the trial's number.
    """

    name: ClassVar[str] = "sgd"
    follows_flow = True
    step_size: float = parameter("> 0")
    replacement: bool = static(True)
    seed: int = static(0)
    batch: int = static(1)

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number(self.batch, "batch", 1)

    def clock(self, points: int) -> tuple[float, float]:
        """Each point has its turn once in n / batch steps, in the mean."""
        turns = self.batch if self.replacement else points / -(-points // self.batch)
        return 1.0, self.log_step + math.log(turns / points)

    def step(self, view: View, memory: Any) -> Step:
        points = view.data.labels.shape[0]
        if self.batch > points:
            raise InputError(f"a batch of at most {points} points", self.batch, "lower batch")
        chosen = self._chosen(view, points)
        share = chosen[:, 0].sum() / points
        now = view.gradient(keep=chosen)
        whole = Gradient(now.log_loss, now.direction / share)  # what it estimates: grad L
        return Step(view.moved(-self.step_size * now.unscaled), memory, whole, share)

    def _chosen(self, view: View, points: int) -> Array:
        """Which points are taken, (point, trial)."""
        block, trials = view.trials[0], len(view.trials)
        time = view.time.astype(jnp.uint32)
        key = jax.random.fold_in(jax.random.key(self.seed), block)
        if self.replacement and self.batch == 1:
            one = jax.random.randint(jax.random.fold_in(key, time), (trials,), 0, points)
            return jnp.arange(points)[:, None] == one
        steps = -(-points // self.batch)  # of an epoch
        drawn, place = (time, 0) if self.replacement else (time // steps, time % steps)
        order = jax.random.bits(jax.random.fold_in(key, drawn), (points, trials))
        rank = jnp.argsort(jnp.argsort(order, axis=0), axis=0)
        return rank // self.batch == place
