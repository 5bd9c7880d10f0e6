"""The one place that calls optax, with its states kept in units of the current loss.

optax is handed G = grad L / L instead of grad L, which underflows. Averages of gradients that it
remembers are therefore multiplied, before each update, by what one loss is in units of the next:
by (L before / L now) for averages of gradients, by its square for averages of squares.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
import optax.contrib

from latephase.training.gradient import Gradient, length
from latephase.training.method import At, View
from latephase.training.methods.step_sizes import over
from latephase.training.parameters import Array

trace = optax.trace
"""The sum of decay^k g_(t-k)."""
adam = optax.scale_by_adam
"""m / (sqrt(v) + eps); eps (trial,) in units of the loss now."""
with_extra_arguments = optax.with_extra_args_support
"""A user's transformation as one that takes any named arguments, and leaves those it has not."""


class Scaled(NamedTuple):
    """optax's state in units of the loss whose logarithm is `log_loss` (trial,)."""

    state: Any
    log_loss: Array


def began(transform: optax.GradientTransformation, view: View) -> Scaled:
    """The state before the first update."""
    return Scaled(transform.init(view.parameters), jnp.full(view.parameters.shape[-1], -jnp.inf))


def updated(
    transform: optax.GradientTransformation, gradient: Gradient, memory: Scaled
) -> tuple[Array, Scaled]:
    """optax's update for G and its new state, both in units of the loss now."""
    state, ratio = memory.state, jnp.exp(memory.log_loss - gradient.log_loss)
    if isinstance(state, optax.TraceState):
        state = state._replace(trace=state.trace * ratio)
    if isinstance(state, optax.ScaleByAdamState):
        state = state._replace(mu=state.mu * ratio, nu=state.nu * ratio**2)
    moved, state = transform.update(gradient.direction, state)
    return moved, Scaled(state, gradient.log_loss)


def sign(direction: Array) -> Array:
    """`optax.scale_by_sign`."""
    moved, _ = optax.scale_by_sign().update(direction, optax.EmptyState())
    return jnp.asarray(moved)


def ascended(radius: float, at: At, view: View, gradient: Gradient) -> Array:
    """The gradient that sharpness-aware minimisation descends, by `optax.contrib.sam`, in units of
    the loss at the parameters: the one at the parameters plus radius G / |G|."""

    def unit_ascent(updates: Array, state: Any, params: Any = None) -> tuple[Array, Any]:
        return -radius * over(updates, length(updates)), state  # per trial, unlike optax's

    def beyond(moved: Array, _: int) -> Array:
        there = at(moved - view.parameters)
        return jnp.exp(there.log_loss - gradient.log_loss) * there.direction

    adversary = optax.GradientTransformation(lambda _: optax.EmptyState(), unit_ascent)
    sam = optax.contrib.sam(optax.identity(), adversary, opaque_mode=True)
    state = sam.init(view.parameters)
    moved, _ = sam.update(gradient.direction, state, view.parameters, grad_fn=beyond)
    return moved
