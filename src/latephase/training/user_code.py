"""A method's own code, called and checked: what is wrong with it is told in one line.

A method may be its user's. What goes wrong inside is met while JAX traces the loop, far from
anything the user wrote; the original exception stays chained.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from latephase.core import InputError, Words
from latephase.training.gradient import Gradient
from latephase.training.method import Step, SteppedMethod, View
from latephase.training.parameters import DoubleDouble


def began(method: SteppedMethod, view: View) -> Any:
    """What the method remembers before its first step, as arrays of the types that steps give."""
    memory = _called(method, "init", lambda: jax.tree.map(jnp.asarray, method.init(view)))
    leaves = jax.tree.leaves(memory)
    if all(leaf.dtype == jnp.float64 for leaf in leaves if _real(leaf)):
        return memory
    # Zeros of float32 may be float64 after a step, or stay as they are.
    step = _called(method, "step", lambda: jax.eval_shape(lambda: method.step(view, memory)))
    later = jax.tree.leaves(getattr(step, "memory", ()))
    if len(later) != len(leaves):
        return memory  # which `made` refuses
    pairs = zip(leaves, later, strict=True)
    cast = [one.astype(then.dtype) if _real(one) and _real(then) else one for one, then in pairs]
    return jax.tree.unflatten(jax.tree.structure(memory), cast)


def _real(leaf: Any) -> bool:
    return bool(jnp.issubdtype(leaf.dtype, jnp.floating))


def made(method: SteppedMethod, view: View, memory: Any) -> Step:
    """One update, of the shapes that the loop goes on with.  Raises InputError."""
    step = _called(method, "step", lambda: method.step(view, memory))
    if not isinstance(step, Step):
        raise _wrong(method, "a Step", step, "return Step(view.moved(change), memory, gradient)")
    _check(method, "parameters", step.parameters, view.pair)
    _check(method, "memory", step.memory, memory)
    whole = view.pair.high
    like = Gradient(whole[0, 0], whole)
    _check(method, "gradient", step.gradient, like)
    if jnp.ndim(step.evaluations) != 0:
        raise _wrong(method, "one number as evaluations", step.evaluations, "sum them")
    return step


def _called(method: SteppedMethod, name: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except InputError as error:
        expected = f"{error.expected} in {type(method).__name__}.{name}"
        raise InputError(expected, error.got, error.do) from error
    except Exception as error:  # whatever a user's code may raise
        line = next((part for part in str(error).splitlines() if part.strip()), "no message")
        got = Words(f"{type(error).__name__}: {line}")
        where = f"{type(method).__name__}.{name}"
        raise InputError(f"{where} to run", got, f"mend {where}") from error


def _check(method: SteppedMethod, name: str, got: Any, expected: Any) -> None:
    """Check that two trees have the same structure, shapes and types."""
    if isinstance(expected, DoubleDouble | Gradient) and not isinstance(got, type(expected)):
        kind = type(expected).__name__
        raise _wrong(method, f"a {kind} as {name}", got, "see latephase.training.method")
    nested: list[Any] = [jax.tree.structure(tree) for tree in (got, expected)]
    if nested[0] != nested[1]:
        found, wanted = (str(one).removeprefix("PyTreeDef") for one in nested)
        raise _wrong(method, f"{name} nested as {wanted}", Words(found), "keep it as init made it")
    for found, wanted in zip(*map(jax.tree.leaves, (got, expected)), strict=True):
        if _kind(found) != _kind(wanted):
            raise _wrong(method, f"{name} of {_kind(wanted)}", found, "keep shapes and types")


def _kind(value: Any) -> str:
    array = jnp.asarray(value)
    return f"{array.dtype}{list(array.shape)}"


def _wrong(method: SteppedMethod, expected: str, got: Any, do: str) -> InputError:
    got = Words(f"an array, {_kind(got)}") if isinstance(got, jax.Array) else got
    return InputError(f"{expected} from {type(method).__name__}.step", got, do)
