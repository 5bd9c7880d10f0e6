"""Any optax.GradientTransformation as a stepped method: what a user brings from elsewhere.

optax sees one trial at a time, as {"weights": (neuron, input), "biases": (neuron,)} of float64, and
"output_weights": (neuron,) and "output_bias": () where these are trained, so that norms, clips and
trust ratios are those of one network. It is handed the gradient itself, which underflows to 0 at
losses below 1e-308, as it would in optax's own loop; `optax_steps` has ours.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from latephase.core import InputError, Words
from latephase.core.closures import written
from latephase.problem.methods import is_transformation
from latephase.training.method import Step, SteppedMethod, View
from latephase.training.methods.optax_steps import with_extra_arguments
from latephase.training.parameters import Array, Parts


class Remembered(NamedTuple):
    """The states of all trials, and the first step at which one's update was NaN, else -1."""

    states: Any
    broken: Array


@dataclass(frozen=True, repr=False)
class Transformation(SteppedMethod):
    """theta <- theta + the updates that an optax.GradientTransformation makes of grad L.

    value, grad, value_fn(params) and grad_fn(params, step) are there for those that take them: line
    searches, Polyak's step, sharpness-aware minimisation.
    Random numbers are those that its seed gives, the same ones for every trial.
    """

    name: ClassVar[str] = "optax"
    spans: ClassVar[bool] = False
    transformation: Any = field(metadata={"static": True})
    parts: Parts = field(default=Parts(), metadata={"static": True})

    def __post_init__(self) -> None:
        """Raises InputError on what is no transformation, or cannot be told from others."""
        given = self.transformation
        if not is_transformation(given):
            raise InputError("an optax.GradientTransformation", given, "pass optax.adam(1e-3)")
        if getattr(type(given), "__hash__", None) is None:
            raise InputError("a transformation with a hash", given, "leave out its __eq__")

    def __repr__(self) -> str:
        return f"optax({written(self.transformation)})"

    def ahead(self, updates: int, parts: Parts) -> Transformation:
        """For networks of these parts, which optax sees apart."""
        return Transformation(self.transformation, parts)

    def init(self, view: View) -> Remembered:
        """The state of each trial."""
        begin = partial(self._asked, self.transformation.init)
        states = jax.vmap(begin, -1, -1)(self._tree(view.parameters))
        return Remembered(states, jnp.full(len(view.trials), -1.0))

    def step(self, view: View, memory: Any) -> Step:
        now, theta = view.gradient(), view.parameters
        searched: list[bool] = []  # filled while it is traced, where it looks elsewhere

        def value_fn(tree: Any) -> Array:
            searched.append(True)
            return _loss(view, self._joined(tree))

        def grad_fn(tree: Any, _: Any = None) -> Any:
            return jax.grad(value_fn)(tree)

        def one(theta: Any, grads: Any, value: Array, state: Any) -> Any:
            extra = {"value": value, "grad": grads, "value_fn": value_fn, "grad_fn": grad_fn}
            update = with_extra_arguments(self.transformation).update
            moved, state = self._asked(update, grads, state, theta, **_taken(update, extra))
            self._check_shapes(moved, theta)
            return self._joined(moved), state

        trees = self._tree(theta), self._tree(now.unscaled)
        change, states = jax.vmap(one, -1, -1)(*trees, jnp.exp(now.log_loss), memory.states)
        finite = jnp.isfinite(theta) & jnp.isfinite(now.unscaled)
        wrong = jnp.isnan(change).any((0, 1)) & finite.all((0, 1)) & (memory.broken < 0)
        broken = jnp.where(wrong, view.time, memory.broken)
        # How often a search has looked at the loss is not known.
        evaluations = jnp.nan if searched else 1.0
        return Step(view.moved(change), Remembered(states, broken), now, evaluations)

    def check(self, memory: Any) -> None:
        """Raises InputError on an update that was NaN."""
        if (steps := memory.broken[memory.broken >= 0]).size:
            got = Words(f"NaN at step {int(steps.min())}, of a finite gradient")
            raise InputError(f"numbers as updates of {self!r}", got, "mend it")

    def _asked(self, call: Any, *given: Any, **more: Any) -> Any:
        """What optax answers; what goes wrong inside is told in one line."""
        try:
            return call(*given, **more)
        except Exception as error:  # whatever a user's transformation may raise
            line = next((part for part in str(error).splitlines() if part.strip()), "no message")
            do = "it has updates, state, params, value, grad, value_fn and grad_fn"
            got = Words(f"{type(error).__name__}: {line}")
            raise InputError(f"{self!r} to run", got, do) from error

    def _check_shapes(self, moved: Any, theta: Any) -> None:
        got, want = (jax.tree.map(jnp.shape, tree) for tree in (moved, theta))
        if got != want:
            raise InputError(f"updates of shapes {want} from {self!r}", Words(str(got)), "mend it")

    def _tree(self, parameters: Array) -> dict[str, Array]:
        """What optax sees of (neuron, feature, ...)."""
        columns, last = self._columns, {}
        if self.parts.output_bias:
            parameters, last = parameters[:-1], {"output_bias": parameters[-1, -1]}
        inputs = parameters.shape[1] - len(columns)
        apart = {name: parameters[:, inputs + k] for k, name in enumerate(columns)}
        return {"weights": parameters[:, :inputs], **apart, **last}

    def _joined(self, tree: dict[str, Array]) -> Array:
        """(neuron, feature) of what optax sees."""
        columns = [tree[name][:, None] for name in self._columns]
        whole = jnp.concatenate([tree["weights"], *columns], axis=1)
        if not self.parts.output_bias:
            return whole
        row = jnp.zeros_like(whole[:1]).at[0, -1].set(tree["output_bias"])
        return jnp.concatenate([whole, row])

    @property
    def _columns(self) -> list[str]:
        """What there is behind the weights, one per neuron each."""
        return ["biases"] * self.parts.biases + ["output_weights"] * self.parts.output_weights


def _taken(update: Any, extra: dict[str, Any]) -> dict[str, Any]:
    """Those of the extra arguments that a function takes: grad_fn only where it says so, for line
    searches refuse what they do not know."""
    has = inspect.signature(update).parameters
    every = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in has.values())
    known = {*has, *(("value", "grad", "value_fn") if every else ())}
    return {name: one for name, one in extra.items() if name in known}


def _loss(view: View, parameters: Array) -> Array:
    """The loss of one trial at other parameters (neuron, feature), for searches that
    differentiate it: its derivative is our gradient, 0 at a kink."""
    assert view.elsewhere is not None
    at = view.elsewhere

    @jax.custom_jvp
    def loss(parameters: Array) -> Array:
        return jnp.exp(at(parameters[..., None]).log_loss[0])

    @loss.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        here = at(primals[0][..., None])
        return jnp.exp(here.log_loss[0]), (here.unscaled[..., 0] * tangents[0]).sum()

    return jnp.asarray(loss(parameters))
