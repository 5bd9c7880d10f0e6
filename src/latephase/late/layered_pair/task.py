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

_LOG_REFERENCE = 1e6 / 64  # or twice that of the entry, if it is later


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
    exact (T,): nothing but rounding has entered;
    later_margins (2 points, T): those at the `reference` time of orbits that never end."""

    state: LayeredPairState
    outcome: NDArray[np.object_]
    regime: NDArray[np.object_]
    log_entry: Floats
    steps: Ints
    exact: Bools
    later_margins: Floats

    @classmethod
    def begun(cls, state: LayeredPairState) -> LayeredJourney:
        """At the start."""
        trials = state.log_time.size
        nothing = np.full(trials, None, object)
        entry, steps = np.full(trials, -np.inf), np.zeros(trials, np.int64)
        unknown, later = np.ones(trials, bool), np.full((2, trials), np.nan)
        return cls(state, nothing, nothing.copy(), entry, steps, unknown, later)

    @property
    def under_way(self) -> Ints:
        """Trials that have no outcome yet."""
        return self.still(np.arange(self.outcome.size))

    def still(self, rows: Ints) -> Ints:
        """Those of the trials (R,) that have none."""
        return np.asarray(rows[self.outcome[rows] == np.array(None)])


def reference(log_time: Floats) -> Floats:
    """ln of the times (R,) at which ln t + the law's offset is the smaller margin, which grows like
    ln t + ln ln t, of orbits from exp(log_time) on."""
    return np.maximum(_LOG_REFERENCE, 2 * log_time)


def alone(active: Bools) -> tuple[Bools, Bools]:
    """Which neuron is active on which point alone, (2, 2, T), and which trials are decoupled, (T,):
    no neuron is active on both points."""
    single = active & ~active[:, ::-1]
    return single, np.asarray((single == active).all(axis=(0, 1)))


_ENDINGS = (
    (Outcome.settled, Regime.both_dead),
    (Outcome.settled, Regime.one_dead),
    (Outcome.settled, Regime.specialised),
    (Outcome.unfitted, None),  # both on one point
)


def endings(single: Bools) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """How trials end, outcomes and regimes (R,), in which these neurons (2, 2, R) are active alone
    for ever."""
    alive = single.sum(axis=(0, 1))
    kind = np.where((alive == 2) & ~single.any(axis=0).all(axis=0), 3, alive)
    outcomes, regimes = np.array(_ENDINGS, object).T
    return outcomes[kind], regimes[kind]
