"""What is asked of many trials and stays fixed: the problem, the sample times, and the samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from latephase.core import LogTime
from latephase.core.arrays import Bools, Floats, Ints
from latephase.problem import Method, TwoPointGeometry

from .observe import PairSamples
from .response import Response, response

if TYPE_CHECKING:
    from .follow_phase import Waiting

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
    waiting: list[Waiting] = field(default_factory=list)
    _responses: dict[int, Response] = field(default_factory=dict)

    def response(self, code: int) -> Response:
        if code not in self._responses:
            self._responses[code] = response(self.geometry, code)
        return self._responses[code]

    def by_pattern(self, codes: Ints) -> Iterator[tuple[int, Bools, Response]]:
        """Each pattern among codes (R,), where it is (R,), and its response."""
        for code in np.flatnonzero(np.bincount(codes)).tolist():
            yield code, codes == code, self.response(code)

    def blocks(self, first: Ints, last: Ints) -> list[tuple[Ints, slice]]:
        """Cut rows with sample ranges [first, last) into blocks (row indices, sample slice), at
        least half of each within the ranges."""
        rows, parts, begin = np.lexsort((last, first)), [], 0
        first, last = first[rows], last[rows]
        while begin < rows.size:
            ahead = slice(begin, begin + _BLOCK // int(last[begin] - first[begin]) + 1)
            until = np.maximum.accumulate(last[ahead])
            pairs = np.arange(1, until.size + 1) * (until - first[begin])
            wanted = np.cumsum(last[ahead] - first[ahead])
            good = (pairs <= np.minimum(_BLOCK, 2 * wanted)) | (pairs == wanted[0])
            size = until.size if good.all() else int(np.argmin(good))
            here = slice(int(first[begin]), int(until[size - 1]))
            parts.append((rows[begin : begin + size], here))
            begin += size
        return parts
