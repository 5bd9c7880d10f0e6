"""The records of a run: when it is sampled, and what it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latephase.core import InputError, Law, LogTime, Outcome, Regime, Rigour, Words, log_spaced
from latephase.core.arrays import Ints
from latephase.core.calls import public
from latephase.problem import Dataset, Method, Problem, ShallowReLU
from latephase.problem.checks import whole_number

if TYPE_CHECKING:
    import xarray as xr

MOST_SAMPLES = 10**7  # a slip of the pen beyond: they would fill the memory


@public
@dataclass(frozen=True)
class Run:
    """What `simulate` found.

    trajectory: xarray.Dataset over (time, neuron, feature), see `latephase.simulate`;
    outcome: why the simulation stopped;  regime: how the run ends, None while unsettled;
    law: x* - limit_boundary ~ constant / (ln t + offset), given iff the loss tends to 0 in a known
    regime;  rigour: the weakest of the samples' rigours;  loss: its name;
    pattern (neuron, point): statuses at the last time reached (0 inactive, 1 active, 2 sliding);
    dtype: the arithmetic, None where the mathematics was followed.
    """

    network: ShallowReLU
    data: Dataset
    method: Method
    trajectory: xr.Dataset
    outcome: Outcome
    regime: Regime | None
    law: Law | None
    rigour: Rigour
    loss: str = "exponential"
    pattern: Ints | None = None
    dtype: str | None = None

    @property
    def problem(self) -> Problem:
        """Network, data, method and loss in one."""
        return Problem.of(self.network, self.data, self.method, self.loss)


@dataclass(frozen=True)
class Times:
    """Sample times as given (order kept), sorted without repeats, and the horizon."""

    given: list[LogTime]
    sorted: list[LogTime]
    until: LogTime

    @property
    def positions(self) -> list[int]:
        """Where each given time stands among the sorted ones."""
        place = {t: i for i, t in enumerate(self.sorted)}
        return [place[t] for t in self.given]


def sample_times(method: Method, until: object, at: Sequence[object] | None, samples: int) -> Times:
    """Check the horizon and the sample times.  Raises InputError."""
    flow = not method.discrete
    horizon = LogTime.parse(until, flow=flow, name="until")
    if at is None:
        given = log_spaced(horizon, whole_number(samples, "samples", 2, MOST_SAMPLES), flow)
    elif not _is_list(at):
        raise InputError("a list of times as `at`", at, 'pass for example ["0", "1", "1e1000"]')
    else:
        given = [LogTime.parse(t, flow=flow, name="at") for t in at]
    for t in given:
        if t > horizon:
            raise InputError(f"times `at` up to until = {horizon}", Words(str(t)), "raise until")
    return Times(given, sorted(set(given)), horizon)


def _is_list(at: object) -> bool:
    """Whether these may be times: a list that is not empty, no text, nothing of more dimensions."""
    if isinstance(at, np.ndarray):
        return at.ndim == 1 and at.size > 0 and not isinstance(at, np.ma.MaskedArray)
    return isinstance(at, Sequence) and not isinstance(at, str | bytes) and len(at) > 0
