"""What every training method says of itself, and the two whose late phase is known.

How a method moves is the business of training and late.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from latephase.core import InputError, Words
from latephase.core.calls import public
from latephase.core.closures import written
from latephase.problem.checks import positive_number


class Method:
    """Base of all training methods.

    name: what a text calls it;  step_size: of those that have one;
    discrete: whether its time counts updates (flow time is real);
    spans: whether its updates are combinations of the (x_i, 1) of active points;
    has_late_phase: whether it is known how it moves for ever, so that it is followed to any
    horizon; what has none is stepped;
    follows_flow: whether it moves by gradients at the parameters alone, without a memory, and on
    and on: where each neuron is active on its own point only, that is gradient flow on a clock of
    its own, with gradient flow's limit.
    """

    name: ClassVar[str]
    discrete: ClassVar[bool] = True
    spans: ClassVar[bool] = True
    has_late_phase: bool | property = False
    follows_flow: bool | property = False
    step_size: float

    @property
    def flow_step(self) -> float:
        """Flow time per unit of its own time: the step size; 1 for gradient flow."""
        return float(getattr(self, "step_size", 1.0))

    @property
    def log_step(self) -> float:
        """ln of the step size; 0.0 for a method without one."""
        return math.log(self.flow_step)

    def clock(self, points: int) -> tuple[float, float] | None:
        """(rate, shift) of ln(flow time) = rate ln t + shift + o(1) on so many points; None where
        it is not so."""
        return None


@public
@dataclass(frozen=True)
class GradientDescent(Method):
    """theta <- theta - step_size * grad L(theta), L the *sum* over points; relu'(0) = 0.

    Parameters
    ----------
    step_size : float or callable
        Finite and > 0; the exact double given (`max_stable_step` is 0.0 where none is stable at a
        start of huge loss: rescale that).  A mean loss is half the step size on two points.
        Or a schedule: step_size(t) is the size of step t = 0, 1, ..., of JAX operations or plain
        Python.

    Raises
    ------
    InputError
        On any other step size; on one of a schedule where it is met.

    Notes
    -----
    Time counts updates done.  With a schedule it has no late phase that is known: it is stepped.
    Source: [smorodinsky2026].

    Examples
    --------
    >>> lp.GradientDescent(0.1)
    GradientDescent(step_size=0.1)
    >>> lp.GradientDescent(lambda t: 0.5 / (1 + t) ** 0.5).has_late_phase
    False
    """

    name: ClassVar[str] = "gd"

    step_size: float | Any

    def __post_init__(self) -> None:
        if not callable(self.step_size):
            object.__setattr__(self, "step_size", positive_number(self.step_size, "step_size"))

    @property
    def has_late_phase(self) -> bool:  # type: ignore[override]
        """Of a constant step size only."""
        return not callable(self.step_size)

    def __repr__(self) -> str:
        size = repr(self.step_size) if self.has_late_phase else written(self.step_size)
        return f"GradientDescent(step_size={size})"


@public
@dataclass(frozen=True)
class GradientFlow(Method):
    """theta' = -grad L(theta), read in Filippov's sense at kinks.

    Notes
    -----
    Time is flow time: step n of gradient descent corresponds to step_size * n.
    Source: [smorodinsky2026]; closed form in docs/theory.md.

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> lp.simulate(net, data, lp.GradientFlow()).outcome.name
    'settled'
    """

    name: ClassVar[str] = "gf"
    discrete: ClassVar[bool] = False
    has_late_phase = True


def is_transformation(method: object) -> bool:
    """Whether this is an optax.GradientTransformation, or has what one has."""
    parts = (getattr(method, name, None) for name in ("init", "update"))
    return not isinstance(method, type | Method) and all(map(callable, parts))


def method_of_ours(method: object) -> Method:
    """A method of this package.  Raises InputError on anything else."""
    if isinstance(method, Method):
        return method
    if is_transformation(method):
        got = Words(f"an optax transformation: {written(method)}")
        raise InputError("a method of this package", got, "simulate and compare take it")
    do = "use GradientDescent(step_size), GradientFlow() or one of latephase.training"
    raise InputError("a training method", method, do)


def followed_method(method: object) -> Method:
    """A method that is followed to any horizon.  Raises InputError on anything else."""
    wanted = "GradientDescent(step_size) of a constant step size or GradientFlow()"
    if is_transformation(method):
        got = Words(f"an optax transformation: {written(method)}")
        raise InputError(wanted, got, "use one of these")
    if not (ours := method_of_ours(method)).has_late_phase:
        raise InputError(wanted, ours, "use one of these")
    return ours
