"""How a network moves, one step at a time: training methods stepped in JAX, many trials at once.

base              the arrays: parameters as compensated sums, data; the trial axis is the last one
stepping          what the loops share: blocks of trials, each with its own number of steps
gradient_descent  `advance`: gradient descent of any network, with an error estimate
two_points        the same in the pre-activations of two neurons on two points
follow            the loop of all other methods, which keep step and are sampled on the way
gradient          the gradient as (ln L, grad L / L), for `follow`
method, users     what a method is, and how a user's own code is called and checked
units             parameters below what XLA can tell from 0
methods/          one file for each family of methods
arithmetic/       gradient descent as a machine rounds it, to its stall
single_steps      gradient descent by its definition, to hold the others against
"""

from __future__ import annotations

from latephase.training.gradient_descent import Stepped, advance
from latephase.training.method import Method, SteppedMethod

__all__ = ["Method", "Stepped", "SteppedMethod", "advance"]
