"""The times that the slider stops at."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache

from latephase.core import LogTime, log_times

from .state import UNTIL, State

_SAMPLES = 200
_ROUND = (*range(13), 15, 20, 30, 40, 50, 70, 100, 150, 200, 300, 400, 500, 700)  # powers of ten


@lru_cache(maxsize=4)
def stops(flow: bool) -> tuple[LogTime, ...]:
    """The times of the slider, ascending: those of `log_times`, and round ones between them."""
    round_ones = (LogTime.parse(f"1e{power}", flow=flow) for power in _ROUND)
    return tuple(sorted({*log_times(UNTIL, _SAMPLES, flow=flow), *round_ones}))


def stop_of(state: State) -> int:
    """The stop of the time slider that is nearest to the time looked at, from below."""
    return max(bisect_right(stops(state.flow), state.at) - 1, 0)
