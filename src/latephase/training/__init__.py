"""How a network moves, one step at a time: training methods stepped in JAX, many trials at once."""

from __future__ import annotations

from latephase.training.gradient_descent import Stepped, advance
from latephase.training.method import Method, SteppedMethod

__all__ = ["Method", "Stepped", "SteppedMethod", "advance"]
