"""What is asked of many trials and stays fixed: the problem, the sample times, and the samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from latephase.core import LogTime
from latephase.core.arrays import Bools, Floats, Ints
from latephase.problem import Method, TwoPointGeometry

from .observe import PairSamples
from .response import Response, response

_BLOCK = 1 << 16  # (trial, time) pairs evaluated at once: a few arrays of this size fit the cache


@dataclass(frozen=True)
class SampleTimes:
    """Sorted sample times `time` (S,), inf beyond 1e308, their logarithms `log`, the horizon."""

    time: Floats
    log: Floats
    horizon: float
    log_horizon: float

    @classmethod
    def of(cls, samples: list[LogTime], until: LogTime | None) -> SampleTimes:
        """until None: no horizon (run until settled)."""
        horizon = (np.inf, np.inf) if until is None else (until.as_float, until.log)
        return cls(
            np.array([t.as_float for t in samples], float),
            np.array([t.log for t in samples], float),
            *horizon,
        )

    def index_after(self, time: Floats, log_time: Floats) -> Ints:
        """Index of the first sample later than `time`, (R,)."""
        finite = np.searchsorted(self.time, time, side="right")
        return np.where(time < 1e300, finite, np.searchsorted(self.log, log_time, side="right"))

    def are_over(self, time: Floats, log_time: Floats) -> Bools:
        """Whether the horizon is reached, (R,), by the measure of `index_after`: the exponential of
        ln 4e157 is 1e-14 off, and a sample between the two measures was in no piece."""
        late = log_time >= self.log_horizon
        return np.asarray(np.where(time < 1e300, time >= self.horizon, late))


@dataclass(frozen=True)
class PairTask:
    """What all pieces share; `samples` are what they fill."""

    geometry: TwoPointGeometry
    method: Method
    times: SampleTimes
    samples: PairSamples
    slide_tolerance: float
    _responses: dict[int, Response] = field(default_factory=dict)

    def response(self, code: int) -> Response:
        if code not in self._responses:
            self._responses[code] = response(self.geometry, code)
        return self._responses[code]

    def by_pattern(self, codes: Ints) -> Iterator[tuple[int, Bools, Response]]:
        """Each pattern among codes (R,), where it is (R,), and its response."""
        for code in np.unique(codes).tolist():
            yield code, codes == code, self.response(code)

    def blocks(self, first: Ints, last: Ints) -> list[tuple[Ints, slice]]:
        """Cut rows with sample ranges [first, last) into blocks (row indices, sample slice)."""
        rows = np.flatnonzero(last > first)
        rows = rows[np.lexsort((last[rows], first[rows]))]
        size = max(1, _BLOCK // max(1, len(self.times.time)))
        parts = [rows[i : i + size] for i in range(0, len(rows), size)]
        return [(part, slice(int(first[part].min()), int(last[part].max()))) for part in parts]
