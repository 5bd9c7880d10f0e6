"""What is asked of many trials and stays fixed, and how far each has come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latephase.core import Outcome, Regime
from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pair.task import SampleTimes
from latephase.problem import Method, TwoPointGeometry

from .samples import LayeredSamples
from .state import LayeredPairState


@dataclass(frozen=True)
class LayeredPairTask:
    """What all pieces share; `samples` are what they fill."""

    geometry: TwoPointGeometry
    method: Method
    times: SampleTimes
    samples: LayeredSamples

    @property
    def log_step(self) -> float:
        """ln of the step size; 0 for gradient flow."""
        return float(self.method.log_step)

    @property
    def discrete(self) -> bool:
        """Whether this is descent."""
        return bool(self.method.discrete)

    def next_sample(self, log_time: Floats) -> Ints:
        """Index (R,) of the first sample later than exp(log_time)."""
        return np.searchsorted(self.times.log, log_time, side="right")


@dataclass
class LayeredJourney:
    """How far every trial has come: state, outcome and regime (T,) objects, None while under way,
    ln of the time since which the pattern stands (T,), steps taken (T,),
    exact (T,): nothing but rounding has entered."""

    state: LayeredPairState
    outcome: NDArray[np.object_]
    regime: NDArray[np.object_]
    log_entry: Floats
    steps: Ints
    exact: Bools

    @classmethod
    def begun(cls, state: LayeredPairState) -> LayeredJourney:
        """At the start."""
        trials = state.log_time.size
        nothing = np.full(trials, None, object)
        entry, steps = np.full(trials, -np.inf), np.zeros(trials, np.int64)
        return cls(state, nothing, nothing.copy(), entry, steps, np.ones(trials, bool))

    @property
    def under_way(self) -> Ints:
        """Trials that have no outcome yet."""
        return np.flatnonzero([outcome is None for outcome in self.outcome])


def alone(active: Bools) -> tuple[Bools, Bools]:
    """Which neuron is active on which point alone, (2, 2, T), and which trials are decoupled, (T,):
    no neuron is active on both points."""
    single = active & ~active[:, ::-1]
    return single, np.asarray((single == active).all(axis=(0, 1)))


def ending(single: Bools) -> tuple[Outcome, Regime | None]:
    """How a trial ends in which these neurons (2, 2) are active alone for ever."""
    alive = int(single.sum())
    if alive == 2 and not single.any(axis=0).all():
        return Outcome.unfitted, None  # both on one point
    return Outcome.settled, (Regime.both_dead, Regime.one_dead, Regime.specialised)[alive]
