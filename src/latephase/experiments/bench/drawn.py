"""Networks drawn from an initializer and followed through their late phase, as plain arrays.

For experiments that ask what an ensemble does not store: the step of entry into a regime, times
that differ from trial to trial, many data sets with few trials each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from latephase.core import LogTime, Regime
from latephase.core.arrays import Bools, Floats
from latephase.late.engine import Goal
from latephase.late.engines.exact_pieces import LatePhase, follow_trials
from latephase.problem import Dataset, Method, TwoPointGeometry, initializers

from .base import PAPER_DATA, PAPER_METHOD


def draw(initializer: str, trials: int, seed: int) -> tuple[Floats, Floats]:
    """Weights and biases (trials, 2) of two-neuron networks on one feature."""
    weights, biases = initializers.get(initializer)(trials=trials, seed=seed)
    return weights[..., 0], biases


def follow(
    networks: tuple[Floats, Floats],
    data: Dataset,
    method: Method,
    times: Sequence[LogTime | str | int] = (),
) -> LatePhase:
    """Follow networks, weights and biases (T, 2), to the last of `times`; without times, until
    every trial has settled or has used up the engines' largest number of steps."""
    flow = not method.discrete
    parsed = sorted({LogTime.parse(t, flow=flow) for t in times})
    until, geometry = parsed[-1] if parsed else None, TwoPointGeometry.of(data)
    return follow_trials(geometry, *networks, method, parsed, Goal(until))


@cache
def settled(trials: int, seed: int) -> dict[str, LatePhase]:
    """Networks of every initializer, on x = +-1, followed until they have settled."""
    names = initializers.names()
    return {name: follow(draw(name, trials, seed), PAPER_DATA, PAPER_METHOD) for name in names}


def ends_in(found: LatePhase, *regimes: Regime) -> Bools:
    """Which trials (T,) settled in one of the regimes."""
    return np.array([regime in regimes for regime in found.journey.regime], bool)
