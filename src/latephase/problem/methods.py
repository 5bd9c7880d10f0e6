"""What every training method says of itself, and the two whose late phase is known.

How a method moves is the business of training and late.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from latephase.core import InputError
from latephase.core.calls import public
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
    has_late_phase: ClassVar[bool] = False
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
    step_size : float
        Finite and > 0; the exact double given.  A mean loss is half the step size on two points.

    Raises
    ------
    InputError
        On any other step size.

    Notes
    -----
    Time counts updates done.  Source: [smorodinsky2026].
    """

    name: ClassVar[str] = "gd"
    has_late_phase: ClassVar[bool] = True

    step_size: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "step_size", positive_number(self.step_size, "step_size"))


@public
@dataclass(frozen=True)
class GradientFlow(Method):
    """theta' = -grad L(theta), read in Filippov's sense at kinks.

    Notes
    -----
    Time is flow time: step n of gradient descent corresponds to step_size * n.
    Source: [smorodinsky2026]; closed form in docs/theory.md.
    """

    name: ClassVar[str] = "gf"
    discrete: ClassVar[bool] = False
    has_late_phase: ClassVar[bool] = True


def followed_method(method: object) -> Method:
    """A method that is followed to any horizon.  Raises InputError on anything else."""
    if not (isinstance(method, Method) and method.has_late_phase):
        raise InputError("GradientDescent(step_size) or GradientFlow()", method, "use one of these")
    return method
