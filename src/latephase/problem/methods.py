"""Records that name a training method and its parameters; how it moves is training's business."""

from __future__ import annotations

from dataclasses import dataclass

from latephase.core import InputError
from latephase.core.calls import public
from latephase.problem.checks import real_number


@public
@dataclass(frozen=True)
class GradientDescent:
    """theta <- theta - step_size * grad L(theta), L the *sum* over points; relu'(0) = 0.

    `step_size` is the exact double given (finite, > 0; a mean loss is half the step size on two
    points).  Raises InputError otherwise.  Time counts updates done.  Source: [smorodinsky2026].
    """

    step_size: float

    def __post_init__(self) -> None:
        step_size = real_number(self.step_size, "step_size", "a finite number > 0")
        if step_size <= 0:
            raise InputError("step_size > 0", self.step_size, "give a positive step size")
        object.__setattr__(self, "step_size", step_size)


@public
@dataclass(frozen=True)
class GradientFlow:
    """theta' = -grad L(theta), read in Filippov's sense at kinks.

    Time is flow time: step n of gradient descent corresponds to step_size * n.
    Source: [smorodinsky2026]; closed form in docs/theory.md.
    """


Method = GradientDescent | GradientFlow
"""The methods whose late phase is known."""
