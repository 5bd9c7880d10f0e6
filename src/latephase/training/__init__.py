"""How a network moves, one step at a time: training methods stepped in JAX, many trials at once."""

from __future__ import annotations

from latephase.training.loop import Stepped, advance
from latephase.training.method import SteppedMethod

Method = SteppedMethod  # as users of 0.1 name it

__all__ = ["Method", "Stepped", "SteppedMethod", "advance"]
