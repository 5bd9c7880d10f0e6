"""Weight decay: the gradient of the loss plus a multiple of the parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from latephase.training.method import Step, SteppedMethod, View, parameter


@dataclass(frozen=True)
class WeightDecay(SteppedMethod):
    """theta <- theta - step_size (grad L + strength / (t + 1)^fading theta), coupled.

    fading 0 keeps the strength, 1 lets it fall like 1/t. The biases decay too. Source: [krogh1991];
    a vanishing strength as in [rosset2004].
    """

    name: ClassVar[str] = "weight_decay"
    spans: ClassVar[bool] = False
    step_size: float = parameter("> 0")
    strength: float = parameter(">= 0", 1e-2)
    fading: float = parameter(">= 0", 0.0)

    def step(self, view: View, memory: Any) -> Step:
        now = view.gradient()
        strength = self.strength * (view.time + 1.0) ** -self.fading
        change = -self.step_size * (now.unscaled + strength * view.parameters)
        return Step(view.moved(change), memory, now)
