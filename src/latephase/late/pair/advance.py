"""Ordinary steps of two neurons on two points: who makes them.

Ten thousand trials on +-1/2 take 40 million steps before they slide. The kernel makes one in 3 ns
of a processor where margins move little, else in 4.5, XLA in 16 (the best of many, two loaded
cores); and a single run there does without JAX, which takes seconds to load and to compile. Where
there was no compiler at installation JAX does it, sum for sum; tests hold one against the other.
"""

from __future__ import annotations

from latephase.core.arrays import Floats, Ints
from latephase.late.kernels import has_kernel

from .kernel import version
from .state import SteppedPair

COMPILED = has_kernel(
    "latephase.late.pair.kernel.stepper",
    version.SOURCES,
    "JAX makes the steps of pairs instead, more slowly",
)
if COMPILED:
    from .by_kernel import advance_by_kernel


def advance_pair(
    preactivations: Floats,
    preactivation_error: Floats,
    parameter_error: Floats,
    counts: Ints,
    looks: Ints,
    trials: Ints,
    *,
    gram: Floats,
    step_size: float,
) -> SteppedPair:
    """Step trial i of T exactly counts[-1, i] times (fewer once it is not finite: it stays so).

    preactivations, preactivation_error (2, 2, T), parameter_error (T,), gram (2, 2): 1 + x_i x_k;
    counts (M, T): after how many steps, at least one, a trial can be looked at, ascending.
    Returns what is seen of the trials (P,), each at its look (P,).  Rigour: measured; the errors
    are estimates, as those of `training.advance`.
    """
    given = preactivations, preactivation_error, parameter_error, counts, looks, trials
    if COMPILED:
        return advance_by_kernel(*given, gram=gram, step_size=step_size)
    from .by_jax import advance_by_jax  # loads JAX

    return advance_by_jax(*given, gram=gram, step_size=step_size)
