"""Span projection: once, each neuron loses what its active points cannot change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from latephase.core import InputError
from latephase.training.method import Step, SteppedMethod, View, parameter
from latephase.training.methods.step_sizes import PowerStep
from latephase.training.parameters import Array, DoubleDouble


@dataclass(frozen=True)
class SpanProjection(SteppedMethod):
    """Any method; at step `at`, each neuron's (w, b) is projected on the span of the (x_i, 1) that
    it is active on, and training goes on. A neuron that is active nowhere stays as it is.

    What is projected away is the null component that keeps C from 0. Source: ours, docs/theory.md,
    "Remedies". Without `method`: gradient descent with the same step size.
    """

    name: ClassVar[str] = "span_projection"
    spans: ClassVar[bool] = False
    step_size: float = parameter("> 0")
    at: float = parameter(">= 0", 1000.0)
    method: SteppedMethod | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.method, SteppedMethod | None):
            raise InputError("a method of latephase.training", self.method, "leave it out")

    def init(self, view: View) -> Any:
        return self._inner.init(view)

    def step(self, view: View, memory: Any) -> Step:
        """One update, followed by the projection where it is due."""
        step = self._inner.step(view, memory)
        due = view.time == jnp.ceil(self.at)
        after = view._replace(pair=step.parameters)
        moved = jax.lax.cond(due, lambda: _projected(after), lambda: after.pair)
        return step._replace(parameters=moved)

    @property
    def _inner(self) -> SteppedMethod:
        return PowerStep(self.step_size, 0.0) if self.method is None else self.method


def _projected(view: View) -> DoubleDouble:
    """The parameters (neuron, feature, trial) after the projection; output weights stay.

    Gram-Schmidt rather than a pseudo-inverse: on one active point it ends at an exact multiple of
    (x_i, 1), whose pre-activation at an orthogonal point is 0 and not a rounding error above it.
    """
    data = view.data
    parameters, outer = jnp.split(view.parameters, [data.points.shape[1]], axis=1)
    active = jnp.einsum("jkt,ik->jit", parameters, data.points) > 0.0
    active |= data.slope is not None  # then every point moves every neuron
    squares = (data.points**2).sum(axis=1)

    def one(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        kept, left = carry  # (neuron, feature, trial), (neuron, point, feature, trial)
        direction = left[:, i]
        size = (direction**2).sum(axis=1, keepdims=True)
        new = size > 1e-20 * squares[i]
        part = (direction * parameters).sum(axis=1, keepdims=True) / jnp.where(new, size, 1.0)
        along = (left * direction[:, None]).sum(axis=2, keepdims=True)
        left = left - along / jnp.where(new, size, 1.0)[:, None] * direction[:, None]
        return kept + jnp.where(new, part, 0.0) * direction, left

    left = active[:, :, None, :] * data.points[None, :, :, None]
    kept, _ = jax.lax.fori_loop(0, len(squares), one, (jnp.zeros_like(parameters), left))
    some = active.any(axis=1)[:, None]
    new = view.placed(jnp.concatenate([kept, outer], axis=1))
    return DoubleDouble(*(jnp.where(some, *parts) for parts in zip(new, view.pair, strict=True)))
