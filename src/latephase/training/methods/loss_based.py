"""A step size as large as the loss allows: it grows while the loss falls and shrinks when not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp

from latephase.training.method import Step, SteppedMethod, View, parameter
from latephase.training.parameters import Array, DoubleDouble


class Memory(NamedTuple):
    """ln of the step size (trial,), parameters and ln L before the last step."""

    log_rate: Array
    before: DoubleDouble
    log_loss: Array


@dataclass(frozen=True)
class LossBasedSchedule(SteppedMethod):
    """theta <- theta - h grad L; h grows by 2^(1/5) after a step that lowered the loss; a step that
    did not is taken back and h shrinks by 2^(1/10).

    Source: [lyuli2020], their loss-based learning-rate schedule. Ours deviates: the loss is
    compared after each step, not each epoch, and taking a step back is an update of its own, whose
    gradient evaluation (the one that saw the loss rise) counts.
    """

    name: ClassVar[str] = "loss_based"
    follows_flow = True
    step_size: float = parameter("> 0")

    def init(self, view: View) -> Memory:
        """The first step is not compared with anything."""
        loss = jnp.full(view.parameters.shape[-1], jnp.inf)
        rate = jnp.full_like(loss, jnp.log(self.step_size))
        return Memory(rate, view.pair, loss)

    def step(self, view: View, memory: Any) -> Step:
        """One update, or the last one taken back."""
        now = view.gradient()
        fell = now.log_loss < memory.log_loss
        rate = memory.log_rate + jnp.where(fell, jnp.log(2.0) / 5, -jnp.log(2.0) / 10)
        rate = jnp.where(jnp.isinf(memory.log_loss), memory.log_rate, rate)
        onward = -jnp.exp(rate + now.log_loss) * now.direction
        parts = zip(view.moved(onward), memory.before, strict=True)
        moved = DoubleDouble(*(jnp.where(fell, on, back) for on, back in parts))
        # What was taken back is not compared again: the loss is that of before.
        loss = jnp.where(fell, now.log_loss, jnp.inf)
        return Step(moved, Memory(rate, view.pair, loss), now)
