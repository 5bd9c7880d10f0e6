"""Output weights of networks that are drawn: given, by a rule, or drawn by a name."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from latephase.core import InputError
from latephase.core.arrays import Floats
from latephase.problem import initializers
from latephase.problem.checks import finite_array
from latephase.problem.initializers import Initializer

ALTERNATING = "alternating"
"""+1, -1, +1, ..."""
BALANCED = "balanced"
"""|v_j| = |(w_j, b_j)|, which gradient flow of both layers keeps, with alternating signs."""


def alternating(width: int) -> Floats:
    """+1, -1, +1, ..., (width,)."""
    return np.where(np.arange(width) % 2, -1.0, 1.0)


def output_weights(
    choice: ArrayLike | str | Initializer | None,
    weights: Floats,
    biases: Floats | None,
    *,
    seed: int,
    start: int = 0,
) -> Floats:
    """Output weights (trials, width) of the networks of the trials from `start` on.

    choice: an array (width,) for all of them; "alternating"; "balanced"; an initializer or its
    name, of which they are drawn, each trial its own; None: +1, -1 of two neurons.  weights
    (trials, width, d), biases (trials, width) or None: what was drawn of the seed.
    Raises InputError on anything else.
    """
    trials, width = weights.shape[:2]
    if isinstance(choice, str) and choice == BALANCED:
        return alternating(width) * _lengths(weights, biases)
    if isinstance(choice, str) and choice not in (ALTERNATING, *initializers.names()):
        do = f"use {ALTERNATING}, {BALANCED} or one of {', '.join(initializers.names())}"
        raise InputError("an array of output weights, or a name", choice, do)
    if isinstance(choice, str | Initializer) and choice != ALTERNATING:
        draw = initializers.get(choice).output_weights
        return draw(trials=trials, seed=seed, width=width, start=start)
    if choice is None and width != 2:
        do = "pass an array or a name, such as alternating"
        raise InputError("output_weights with other than 2 neurons", None, do)
    given = alternating(width)
    if choice is not None and not isinstance(choice, str | Initializer):
        given = finite_array(choice, "output_weights", f"({width},)")
    if given.shape != (width,):
        more = ": networks have one output" if given.ndim > 1 else ""
        raise InputError(
            f"output_weights of shape ({width},)", choice, f"give one per neuron{more}"
        )
    return np.broadcast_to(given, (trials, width))


def _lengths(weights: Floats, biases: Floats | None) -> Floats:
    """|(w_j, b_j)|, (trials, width), at any size."""
    parts = [weights] if biases is None else [weights, biases[..., None]]
    return np.asarray(np.hypot.reduce(np.concatenate(parts, axis=-1), axis=-1))
