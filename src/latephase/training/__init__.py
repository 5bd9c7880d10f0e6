"""How a network moves, one step at a time: training methods stepped in JAX, many trials at once.

parameters     as compensated sums, in units that XLA can tell from 0; trials are the last axis
gradient       the gradient as (ln L, grad L / L), for methods
method         what a method is;  user_code  how a user's own is called and checked
schedule       the step sizes of a user's function of the step number
methods/       one file for each family of methods
loops/         `gradient_descent` has `advance`, for any network, with an error estimate;
               `follow` steps all other methods side by side and samples them on the way;
               `blocks` is what they share: blocks of trials, each with its own number of steps
arithmetic/    gradient descent as a machine rounds it, to its stall
by_definition  gradient descent on plain numbers, which the others are held against
"""

from __future__ import annotations

from latephase.training.loops.gradient_descent import Stepped, advance
from latephase.training.method import Method, SteppedMethod

__all__ = ["Method", "Stepped", "SteppedMethod", "advance"]
