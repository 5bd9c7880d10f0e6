"""The axis of late times: even in log10 t at first, where runs turn, and in ln ln t later on.

So are the sample times of a run (`log_times`); even in log10 t, a run to 10^1000 would turn within
half a per cent of the axis.  The one goes over into the other without a kink: asinh(log10 t).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter

from latephase.core.arrays import Floats
from latephase.draw.panels.typeset import power_of_ten

_EVEN_UP_TO = 12.0  # log10 t of a last time that needs no other scale
_APART = 0.11  # of the axis: how far t = 0 stands before the first other time
_ROOM = 0.04  # of the axis: at its ends
_CLOSE = 0.058  # of the axis: labels closer than that would touch
_EARLY = (-9.0, -6.0, -3.0, -1.0, 0.0, 1.0, 2.0, 4.0)


def _placed(log10_t: Floats) -> tuple[Floats, float | None]:
    """(x, start): log10 t, and where on the axis t = 0 stands, if it is one of the times."""
    zero = np.isneginf(log10_t)
    if not zero.any():
        return log10_t, None
    if zero.all():
        return np.zeros_like(log10_t), 0.0
    rest = log10_t[~zero]
    turned, back = (np.arcsinh, np.sinh) if rest.max() > _EVEN_UP_TO else (np.array, np.array)
    ends = turned(np.array([rest.min(), rest.max()]))
    start = float(back(ends[0] - max(_APART * np.ptp(ends), 0.05)))
    return np.where(zero, start, log10_t), start


def across(log10_t: Floats, unit: str) -> tuple[Floats, dict[str, Any]]:
    """(x, options of a Panel): times on the axis, which is the same for all panels of a figure."""
    x, start = _placed(log10_t)
    options: dict[str, Any] = {"x_label": f"log10 t (t in {unit})", "x_scale": "late"}
    return x, {**options, "start": start, "x_limits": _limits(x)}


def _limits(x: Floats) -> tuple[float, float] | None:
    """The ends of the axis, with some room; None where all times are one."""
    if not len(x) or x[0] == x[-1]:
        return None
    turned, back = (math.asinh, math.sinh) if x[-1] > _EVEN_UP_TO else (float, float)
    low, high = turned(x[0]), turned(x[-1])
    return back(low - _ROOM * (high - low)), back(high + _ROOM * (high - low))


def scale(axis: Axis, start: float | None, limits: tuple[float, float] | None) -> None:
    """Make the axis one of times, from end to end of the limits or else of its data.

    start: where t = 0 stands.
    """
    low, high = axis.get_data_interval() if limits is None else limits
    if not math.isfinite(high - low):  # of nothing at all
        low, high = 0.0, 1.0
    if late := high > _EVEN_UP_TO:
        axis._set_axes_scale("asinh", linear_width=1.0)  # type: ignore[attr-defined]
    ticks = _late_ticks(low, high) if late else _even_ticks(low, high)
    kept = _apart(ticks, low, high, start, math.asinh if late else float)
    axis.set_major_locator(FixedLocator(kept))
    axis.set_minor_locator(FixedLocator([]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _label(value, start)))


def _even_ticks(low: float, high: float) -> list[float]:
    """Decimal logarithms of times, evenly."""
    step = next(s for s in (0.25, 0.5, 1, 2, 5, 10, math.inf) if high - low <= 7 * s)
    return [step * k for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _late_ticks(low: float, high: float) -> list[float]:
    """Small whole numbers, then 10, 30, 100 and so on."""
    powers = [10.0**k for k in range(1, math.floor(math.log10(high)) + 1)]
    every = [*_EARLY, *powers, *(3.0 * tick for tick in powers if len(powers) < 4)]
    return sorted(tick for tick in every if low <= tick <= high)


def _apart(
    ticks: list[float],
    low: float,
    high: float,
    start: float | None,
    turned: Callable[[float], float],
) -> list[float]:
    """Those of ascending ticks whose labels do not touch the one before; first t = 0, if it is
    there."""
    length = turned(high) - turned(low)
    kept, gap = ([], 0.0) if start is None else ([start], 0.8 * _APART * length)
    for tick in ticks:
        if not kept or turned(tick) - turned(kept[-1]) >= gap:
            kept.append(tick)
            gap = _CLOSE * length
    return kept


def _label(value: float, start: float | None) -> str:
    if value == start:
        return "t = 0"
    if value > 1000:
        return power_of_ten(round(math.log10(value)))
    return f"{value:g}".replace("-", "−")
