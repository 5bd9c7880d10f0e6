"""When a run is sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latephase.core import InputError, LogTime, Words, log_times
from latephase.core.log_times import MOST_SAMPLES
from latephase.problem import Method
from latephase.problem.checks import whole_number


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


def sample_times(
    method: Method,
    until: object,
    at: Sequence[object] | None,
    samples: int,
    max_steps: int | None = None,
) -> Times:
    """Check the horizon and the sample times.  Raises InputError.

    max_steps: of what is stepped: default times end there.
    """
    flow = not method.discrete
    horizon = LogTime.parse(until, flow=flow, name="until")
    if at is None:
        count = whole_number(samples, "samples", 2, MOST_SAMPLES)
        end = horizon if max_steps is None else LogTime.parse(max_steps)
        given = log_times(min(horizon, end), count, flow=flow)
    elif not _is_list(at):
        raise InputError("a list of times as `at`", at, 'pass for example ["0", "1", "1e1000"]')
    elif len(at) > MOST_SAMPLES:
        raise InputError(
            f"at most {MOST_SAMPLES:,} times `at`", Words(f"{len(at):,}"), "ask for fewer"
        )
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
