"""Lists of times to sample a run at."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import lru_cache

from latephase.core.calls import public
from latephase.core.errors import InputError
from latephase.core.logtime import LogTime, rounded_text

MOST_SAMPLES = 10**6  # a kilobyte each, and minutes: a slip of the pen beyond
_DENSE = LogTime.parse("1e6")  # up to which times are even in ln t
_MOST_REMEMBERED = 1000  # samples, up to which many runs with the same times find them made
_WEIGHT = 4.0  # what that part counts for, as a change of ln ln t, in sharing out the samples


@public
def log_times(until: object, samples: int = 200, *, flow: bool = False) -> list[LogTime]:
    """Times that show a whole run: dense early, where it turns, and even in ln ln t late.

    Parameters
    ----------
    until : int, str or LogTime
        The last time, such as ``"1e1000"``.
    samples : int
        How many times, from 2 to 10^6.
    flow : bool
        Real times, from min(1, until)/1000 on, for gradient flow; else whole numbers of updates.

    Returns
    -------
    list of LogTime
        0, then log-spaced times to 10^6, then times even in ln ln t, and `until`; increasing and
        without repeats.  There are fewer than `samples` only where there are not that many integers
        or numbers of six digits.  These are the default times of `simulate`, `ensemble` and
        `compare`.

    Raises
    ------
    InputError
        If `until` is no time or `samples` is not from 2 to 10^6.

    Notes
    -----
    Exact: every time is an integer (of six significant digits) up to 10^10000, beyond 2^53 too, and
    its text parses back to it.  Even in ln t alone, 200 samples to 10^1000 would be 0, 1, 112332,
    ...: the margin's dip after He's initialisation lies between the second and the third.

    Examples
    --------
    >>> print(*lp.log_times("1e1000", 8))
    0 1 1000 1e6 3.61615e21 2.88182e77 2.06904e278 1e1000
    """
    end = LogTime.parse(until, flow=flow)
    if isinstance(samples, bool) or not hasattr(samples, "__index__"):
        raise InputError("a whole number of samples", samples, "pass for example 200")
    if samples > MOST_SAMPLES:
        raise InputError(f"at most {MOST_SAMPLES:,} samples", samples, "ask for fewer")
    before = _remembered if samples <= _MOST_REMEMBERED else _before
    return [*before(end, int(samples), flow), end]


def _before(end: LogTime, samples: int, flow: bool) -> tuple[LogTime, ...]:
    """All of them but the last, `end`."""
    if end <= _DENSE or samples < 3:
        return tuple(log_spaced(end, samples, flow)[:-1])
    spread = math.log(end.log / _DENSE.log)
    late = min(max(round(samples * spread / (_WEIGHT + spread)), 1), samples - 2)
    logs = (_DENSE.log10 * math.exp(spread * k / late) for k in range(1, late))
    inner = {LogTime.parse(rounded_text(Decimal(x), 6, flow), flow=flow) for x in logs}
    early = log_spaced(_DENSE, samples - late, flow)
    return (*early, *sorted(t for t in inner if _DENSE < t < end))


_remembered = lru_cache(maxsize=8)(_before)


def log_spaced(until: LogTime, samples: int = 200, flow: bool = False) -> list[LogTime]:
    """0, log-spaced times, and `until`: increasing, without repeats, at most `samples` of them.

    Ints (six significant digits) from 1 on; with `flow` real times from min(1, until)/1000 on.
    Each text parses back to exactly its time.  There are fewer than `samples` only if there are not
    that many integers, or not that many numbers of six digits, up to `until`.
    Raises InputError if `samples` is below 2.
    """
    if samples < 2:
        raise InputError("at least 2 samples", samples, "raise samples, or pass the times as `at`")
    zero = LogTime.parse(0)
    if until == zero:
        return [until]
    texts = (rounded_text(Decimal(x), 6, flow) for x in _grid(until.log10, samples, flow))
    inner = {LogTime.parse(text, flow=flow) for text in texts}
    return [zero, *sorted(time for time in inner if zero < time < until), until]


def _grid(log10_until: float, samples: int, flow: bool) -> list[float]:
    """Decimal logarithms of the `samples - 2` inner times: a step of 1 where ratios are smaller."""
    log10, grid = (min(0.0, log10_until) - 3.0 if flow else 0.0), []
    for remaining in range(samples - 2, 0, -1):
        grid.append(log10)
        ratio = log10 + (log10_until - log10) / remaining
        if not flow and log10 < 6.0:
            # Rounding small times to integers would repeat them: take the next integer at least.
            here = round(10.0**log10)
            ratio = max(ratio, math.log10(here + 1))
        log10 = ratio
    return grid
