"""The interface of a training method that is stepped, and how its parameters are declared.

For developers. A stepped method is a frozen dataclass with a `name` and two functions of arrays,
`init` and `step`; one new file, and one line in `methods/table.py`. Its parameters are declared by
`parameter` with the range they must lie in; inside `init` and `step` they are traced, so that
changing them compiles nothing anew (`static` ones are plain values instead). A step says how the
parameters change, what the method remembers, and what it has spent; adding, counting and sampling
are `loops/follow.py`'s business alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax.numpy as jnp
from jax.core import Tracer
from jax.tree_util import register_pytree_node

from latephase.core import InputError, Words
from latephase.problem import methods
from latephase.problem.checks import real_number, whole_number
from latephase.training.gradient import Gradient
from latephase.training.parameters import (
    SMALLEST_NORMAL,
    Array,
    Data,
    DoubleDouble,
    Parts,
    add,
    kept,
)

RANGES: dict[str, Callable[[float], bool]] = {
    "> 0": lambda value: value > 0,
    ">= 0": lambda value: value >= 0,
    "> 1": lambda value: value > 1,
    "in [0, 1)": lambda value: 0 <= value < 1,
    "> -1": lambda value: value > -1,
}


class Step(NamedTuple):
    """What one update does.

    parameters: the new ones, (neuron, feature, trial);  memory: for the next step;
    gradient: the one that the update began with;  evaluations: of the gradient of the whole loss.
    """

    parameters: DoubleDouble
    memory: Any
    gradient: Gradient
    evaluations: float | Array = 1.0


class At(Protocol):
    """The gradient at the parameters, moved by `shift`, of the points `keep` (point, trial)."""

    def __call__(self, shift: Array | None = None, keep: Array | None = None) -> Gradient: ...


class View(NamedTuple):
    """What a step sees.

    pair: the parameters as high + low, each (neuron, feature, trial), bias last, or before the
    output weight where that is trained (a last row has an output bias), times `unit` where some are
    too small for XLA;
    time: updates done, a float64;  gradient: where asked for;
    neuron_directions: the gradient with each neuron's rows scaled by themselves;  data: points,
    labels, output weights;
    trials (trial,): their numbers in the ensemble;  elsewhere: the gradient at other parameters,
    of any number of trials.
    """

    pair: DoubleDouble
    time: Array
    gradient: At
    neuron_directions: Callable[[], Array]
    data: Data
    trials: Array
    unit: Array | None = None
    elsewhere: Callable[[Array], Gradient] | None = None

    @property
    def parameters(self) -> Array:
        """(neuron, feature, trial), rounded to float64."""
        return self.pair.high if self.unit is None else self.pair.high / self.unit

    def moved(self, change: Array) -> DoubleDouble:
        """The parameters plus a change, without losing its low digits.

        Raises InputError on another shape, which would be spread over neurons or trials.
        """
        if jnp.shape(change) not in ((), self.pair.high.shape):
            got = Words(f"shape {jnp.shape(change)}")
            raise InputError(f"a change of shape {self.pair.high.shape}", got, "see View")
        return add(self.pair, kept(change, self.unit))

    def scaled(self, factor: Array, change: Array) -> DoubleDouble:
        """factor (parameters + change), factor (trial,)."""
        moved = factor * (self.pair.high + kept(change, self.unit))
        return DoubleDouble(moved, jnp.zeros_like(moved))

    def placed(self, parameters: Array) -> DoubleDouble:
        """Other parameters in place of these."""
        return DoubleDouble(kept(parameters, self.unit), jnp.zeros_like(parameters))


def parameter(range_: str, default: float | Any = MISSING) -> Any:
    """A real number in one of RANGES; traced in steps."""
    return field(default=default, metadata={"range": range_})


def static(default: Any) -> Any:
    """A whole number >= 0 or a bool that steps see as a plain value."""
    return field(default=default, metadata={"static": True})


@dataclass(frozen=True)
class SteppedMethod(methods.Method):
    """A method that is made step by step.  Raises InputError on a parameter outside its range."""

    def __init_subclass__(cls) -> None:
        """Make instances known to JAX: parameters are leaves, static ones part of the type."""
        super().__init_subclass__()
        register_pytree_node(cls, _flatten, partial(_built, cls))

    def __post_init__(self) -> None:
        for one in fields(self):
            object.__setattr__(self, one.name, _checked(one, getattr(self, one.name)))

    def init(self, view: View) -> Any:
        """What the method remembers before its first step, any pytree."""
        return ()

    def step(self, view: View, memory: Any) -> Step:
        """One update."""
        raise NotImplementedError

    def ahead(self, updates: int, parts: Parts) -> SteppedMethod:
        """The method for so many updates of networks of these parts; what is no function of arrays
        is done here."""
        return self

    def check(self, memory: Any) -> None:
        """Raises InputError on what a step has remembered as wrong: compiled code cannot."""


Method = SteppedMethod
"""Its name in 0.1, which methods of users may still have."""


def described(cls: type[SteppedMethod]) -> type[SteppedMethod]:
    """The method, its docstring followed by the parameters that its fields declare, and one made of
    those that have no default."""
    lines = ["", "    Parameters", "    ----------"]
    for one in fields(cls):
        kind = f"float {one.metadata['range']}" if "range" in one.metadata else "method"
        kind = type(one.default).__name__ if _static(one) else kind
        default = "" if one.default is MISSING else f", default {one.default}"
        lines.append(f"    {one.name} : {kind}{default}")
    lines += ["", "    Raises", "    ------", "    InputError"]
    lines += ["        On a parameter outside its range."]
    made = cls(**{one.name: 0.1 for one in fields(cls) if one.default is MISSING})
    given = ", ".join(f"{one.name}=0.1" for one in fields(cls) if one.default is MISSING)
    lines += ["", "    Examples", "    --------"]
    lines += [f"    >>> lp.{cls.__name__}({given})", f"    {made!r}", "    "]
    cls.__doc__ = (cls.__doc__ or "").rstrip() + "\n" + "\n".join(lines)
    return cls


def _checked(one: Any, value: Any) -> Any:
    if isinstance(value, Tracer):  # made inside a step, from parameters that were checked
        return value
    if "range" in one.metadata:
        return _ranged(one.name, one.metadata["range"], value)
    if isinstance(one.default, bool):
        if value not in (True, False):
            raise InputError(f"{one.name} to be 0 or 1", value, f"change {one.name}")
        return bool(value)
    if _static(one):
        return whole_number(value, one.name, 0, 2**31 - 1)
    if not isinstance(value, SteppedMethod | None):
        return real_number(value, one.name, "a number or a method")
    return value


def _ranged(name: str, words: str, value: Any) -> float:
    number = real_number(value, name, f"a finite number {words}")
    if not RANGES[words](number):
        raise InputError(f"{name} {words}", value, f"change {name}")
    if 0 < abs(number) < SMALLEST_NORMAL:  # XLA would take it for 0
        raise InputError(f"{name} of at least 2.3e-308", value, f"change {name}")
    return number


def _flatten(method: SteppedMethod) -> tuple[tuple[Any, ...], Any]:
    leaves = {one.name: getattr(method, one.name) for one in fields(method)}
    kept = tuple((one.name, leaves.pop(one.name)) for one in fields(method) if _static(one))
    return tuple(leaves.values()), (tuple(leaves), kept)


def _built(cls: type[SteppedMethod], names: Any, leaves: Any) -> SteppedMethod:
    """The method with traced parameters, unchecked."""
    method, (traced, kept) = object.__new__(cls), names
    for name, value in (*zip(traced, leaves, strict=True), *kept):
        object.__setattr__(method, name, value)
    return method


def _static(one: Any) -> bool:
    return bool(one.metadata.get("static"))
